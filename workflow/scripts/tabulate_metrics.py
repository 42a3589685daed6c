"""Tabulate the metrics of all sets and comparisons.

Inputs: sets, pairs, the tables of metrics; the class table.
Outputs: table (CSV) and parquet, one row per metric of a set; per_class, one per metric of a class. For the first encoder,
centroid_distance (CSV and Parquet), one row per set and split, with all images; centroid_distance_per_class.
"""

import polars as pl

from synthdiv.catalog.writing import write_result
from synthdiv.core.jobs import Script, find_class_table, run_as_job
from synthdiv.core.tables import read_table
from synthdiv.jobs.metrics import SetTable, TabulateMetrics


@run_as_job(TabulateMetrics)
def main(job: TabulateMetrics, smk: Script) -> None:
    """Read the metrics, separate sets and classes, and write the tables."""
    class_names = job.classes.read_names(find_class_table(smk))
    names = pl.DataFrame({"class_id": range(len(class_names)), "name": class_names})
    paths = [*smk.input.sets, *smk.input.pairs]
    table = pl.concat([_read(path, one) for path, one in zip(paths, job.tables, strict=True)])
    whole, per_class = table.filter(pl.col("class_id").is_null()).drop("class_id"), table.drop_nulls("class_id")
    per_class = per_class.join(names, on="class_id", how="left", maintain_order="left")
    write_result(whole, smk.output.table)
    write_result(whole, smk.output.parquet)
    write_result(per_class, smk.output.per_class)
    chosen = (
        (pl.col("encoder") == job.encoder) & (pl.col("metric") == "centroid_distance") & pl.col("images_per_class").is_null()
    )
    metrics: list[pl.Expr] = [
        pl.col("value").alias("centroid_distance"),
        pl.lit(len(class_names)).alias("n_classes"),
        pl.col("n_images"),
        pl.col("low").alias("centroid_distance_low"),
        pl.col("high").alias("centroid_distance_high"),
    ]
    distances = whole.filter(chosen).select("set", "split", *metrics)
    write_result(distances, smk.output.centroid_distance)
    write_result(distances, smk.output.centroid_distance_parquet)
    write_result(
        per_class.filter(chosen).select("set", "split", "class_id", "name", metrics[0], *metrics[2:]),
        smk.output.centroid_distance_per_class,
    )


def _read(path: str, one: SetTable) -> pl.DataFrame:
    head = [
        pl.lit(one.encoder).alias("encoder"),
        pl.lit(one.set_name).alias("set"),
        pl.lit(one.reference, dtype=pl.String).alias("reference"),
    ]
    return read_table(path).select(*head, pl.all())


if __name__ == "__main__":
    main()
