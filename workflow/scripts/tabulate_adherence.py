"""Put together which modifiers reach the images.

Inputs: adherence, of each set in order; the class table.
Outputs: table, a row a set and modifier, for all images, each class and each value.
"""

from types import SimpleNamespace

import polars as pl

from synthdiv.adherence import tabulate_adherence
from synthdiv.classes import read_classes
from synthdiv.jobs import start_job
from synthdiv.tables import read_table, write_table


def main(smk: SimpleNamespace) -> None:
    """Tabulate and write."""
    start_job(smk.log[0])
    names = [row.name for row in read_classes(smk.input.classes)]
    tables = [
        tabulate_adherence(read_table(path), name, names)
        for name, path in zip(smk.params.sets, smk.input.adherence, strict=True)
    ]
    write_table(pl.concat(tables), smk.output.table)


if __name__ == "__main__":
    main(snakemake)  # noqa: F821
