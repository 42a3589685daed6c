"""Tabulate the modifier adherence of all sets.

Inputs: adherence of each set in order; the class table.
Outputs: table, one row per set and modifier, for all images, each class and each value.
"""

import polars as pl

from synthdiv.analysis.adherence import tabulate_adherence
from synthdiv.core.jobs import Script, run_as_job
from synthdiv.core.tables import read_table, write_table
from synthdiv.jobs.prompts import TabulateAdherence


@run_as_job(TabulateAdherence)
def main(job: TabulateAdherence, smk: Script) -> None:
    """Tabulate each set and write the table."""
    pairs = zip(job.sets, smk.input.adherence, strict=True)
    tables = [tabulate_adherence(read_table(path), name, job.class_names) for name, path in pairs]
    write_table(pl.concat(tables), smk.output.table)


if __name__ == "__main__":
    main()
