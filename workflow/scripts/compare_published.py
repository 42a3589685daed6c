"""Put the published figures of the matrix beside this study's.

Inputs: experiments and per_class, of the matrix; distances, where there are such; published, the paper's tables.
Outputs: table, a row a published figure.
"""

from pathlib import Path
from types import SimpleNamespace

import polars as pl

from synthdiv.jobs import start_job
from synthdiv.published import compare_published
from synthdiv.tables import write_table


def main(smk: SimpleNamespace) -> None:
    """Read, compare and write."""
    start_job(smk.log[0])
    files = {Path(path).stem: path for path in smk.input.published}
    distances = pl.read_parquet(smk.input.distances[0]) if smk.input.distances else None
    matrix = [pl.read_parquet(path) for path in (smk.input.experiments, smk.input.per_class)]
    write_table(compare_published(files, *matrix, distances), smk.output.table)


if __name__ == "__main__":
    main(snakemake)  # noqa: F821
