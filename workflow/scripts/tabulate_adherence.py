"""Tabulate the modifier adherence of all sets.

Inputs: adherence of each set in order; the class table.
Outputs: table, one row per set and modifier, for all images, each class and each value.
"""

from types import SimpleNamespace

import polars as pl

from synthdiv.analysis.adherence import tabulate_adherence
from synthdiv.core.jobs import run_as_job
from synthdiv.core.tables import read_table, write_table
from synthdiv.prompts.class_tables import read_classes


@run_as_job
def main(smk: SimpleNamespace) -> None:
    """Tabulate each set and write the table."""
    names = [row.name for row in read_classes(smk.input.classes)]
    tables = [
        tabulate_adherence(read_table(path), name, names)
        for name, path in zip(smk.params.sets, smk.input.adherence, strict=True)
    ]
    write_table(pl.concat(tables), smk.output.table)


if __name__ == "__main__":
    main()
