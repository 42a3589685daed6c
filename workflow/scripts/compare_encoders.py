"""Say whether what the first encoder shows survives with the others.

Inputs: experiments, the matrix by every encoder; metrics, the set metrics.
Outputs: table, a row a figure and other encoder.
"""

from types import SimpleNamespace

import polars as pl

from synthdiv.encoder_agreement import compare_encoders
from synthdiv.jobs import start_job
from synthdiv.matrix import FIGURES
from synthdiv.tables import read_table, write_table

ENDS = (("", "value"), ("_low", "low"), ("_high", "high"))


def main(smk: SimpleNamespace) -> None:
    """Gather the figures of the matrix and of the sets, compare and write."""
    start_job(smk.log[0])
    matrix = read_table(smk.input.experiments)
    tables = [
        matrix.select(
            "encoder",
            pl.lit(figure).alias("figure"),
            pl.format("{} x {}", "reference", "query").alias("item"),
            *(pl.col(f"{figure}{end}").cast(pl.Float64).alias(name) for end, name in ENDS),
        )
        for figure in FIGURES
    ]
    metrics = read_table(smk.input.metrics).filter((pl.col("split") == "train") & pl.col("images_per_class").is_not_null())
    tables.append(
        metrics.select(
            "encoder",
            pl.col("metric").alias("figure"),
            pl.concat_str("set", "reference", separator=" x ", ignore_nulls=True).alias("item"),
            "value",
            "low",
            "high",
        )
    )
    write_table(compare_encoders(pl.concat(tables), smk.params.encoders), smk.output.table)


if __name__ == "__main__":
    main(snakemake)  # noqa: F821
