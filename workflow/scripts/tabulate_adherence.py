"""Tabulate the modifier adherence of all sets.

Inputs: adherence of each set in order; the class table.
Outputs: table, one row per set and modifier, for all images, each class and each value.
"""

import polars as pl

from synthdiv.analysis.adherence import tabulate_adherence
from synthdiv.catalog.writing import write_result
from synthdiv.core.jobs import Script, find_class_table, run_as_job
from synthdiv.core.tables import read_table
from synthdiv.jobs.prompts import TabulateAdherence


@run_as_job(TabulateAdherence)
def main(job: TabulateAdherence, smk: Script) -> None:
    """Tabulate each set and write the table."""
    names = job.classes.read_names(find_class_table(smk))
    pairs = zip(job.sets, smk.input.adherence, strict=True)
    tables = [tabulate_adherence(read_table(path), name, names) for name, path in pairs]
    write_result(pl.concat(tables), smk.output.table)


if __name__ == "__main__":
    main()
