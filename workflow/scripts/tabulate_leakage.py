"""Tabulate the images that splits share.

Inputs: counts and pairs of each set.
Outputs: table, one row per comparison of two splits; pairs, one row per image that another one resembles.
"""

import polars as pl

from synthdiv.catalog.writing import write_result
from synthdiv.core.jobs import Script, run_as_job
from synthdiv.core.tables import read_table
from synthdiv.jobs.metrics import TabulateLeakage


@run_as_job(TabulateLeakage)
def main(job: TabulateLeakage, smk: Script) -> None:
    """Join the tables of the sets."""
    write_result(pl.concat(map(read_table, smk.input.counts)), smk.output.table)
    write_result(pl.concat(map(read_table, smk.input.pairs)), smk.output.pairs)


if __name__ == "__main__":
    main()
