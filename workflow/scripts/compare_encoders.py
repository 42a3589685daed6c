"""Test whether the other encoders agree with the first one's metrics.

Inputs: experiments, the matrix by every encoder; metrics, the set metrics.
Outputs: table, one row per metric and other encoder.
"""

import polars as pl

from synthdiv.analysis.encoder_agreement import compare_encoders
from synthdiv.analysis.matrix import METRICS
from synthdiv.catalog.writing import write_result
from synthdiv.core.jobs import Script, run_as_job
from synthdiv.core.tables import read_table
from synthdiv.jobs.experiments import CompareEncoders

ENDS = (("", "value"), ("_low", "low"), ("_high", "high"))


@run_as_job(CompareEncoders)
def main(job: CompareEncoders, smk: Script) -> None:
    """Gather the metrics of the matrix and of the sets, compare them and write the table."""
    matrix = read_table(smk.input.experiments)
    tables = [
        matrix.select(
            "encoder",
            pl.lit(metric).alias("metric"),
            pl.format("{} x {}", "reference", "query").alias("item"),
            *(pl.col(f"{metric}{end}").cast(pl.Float64).alias(name) for end, name in ENDS),
        )
        for metric in METRICS
    ]
    metrics = read_table(smk.input.metrics).filter((pl.col("split") == "train") & pl.col("images_per_class").is_not_null())
    tables.append(
        metrics.select(
            "encoder",
            "metric",
            pl.concat_str("set", "reference", separator=" x ", ignore_nulls=True).alias("item"),
            "value",
            "low",
            "high",
        )
    )
    write_result(compare_encoders(pl.concat(tables), job.encoders), smk.output.table)


if __name__ == "__main__":
    main()
