"""Tabulate the metrics of all sets and comparisons.

Inputs: sets, pairs, the tables of metrics; the class table.
Outputs: table (CSV) and parquet, one row per metric of a set; per_class, one per metric of a class. For the first encoder,
centroid_distance (CSV and Parquet), one row per set and split, with all images; centroid_distance_per_class.
"""

from pathlib import Path
from types import SimpleNamespace

import polars as pl

from synthdiv.core.jobs import run_as_job
from synthdiv.core.tables import read_table, write_table
from synthdiv.prompts.class_tables import read_classes


@run_as_job
def main(smk: SimpleNamespace) -> None:
    """Read the metrics, separate sets and classes, and write the tables."""
    classes = read_classes(smk.input.classes)
    names = pl.DataFrame({"class_id": [row.class_id for row in classes], "name": [row.name for row in classes]})
    tables = []
    for path in map(Path, smk.input.sets):
        tables.append(_read(path, path.parents[1].name, path.stem, None))
    for path in map(Path, smk.input.pairs):
        tables.append(_read(path, path.parents[2].name, path.stem, path.parent.name))
    table = pl.concat(tables)
    whole, per_class = table.filter(pl.col("class_id").is_null()).drop("class_id"), table.drop_nulls("class_id")
    per_class = per_class.join(names, on="class_id", how="left", maintain_order="left")
    write_table(whole, smk.output.table)
    write_table(whole, smk.output.parquet)
    write_table(per_class, smk.output.per_class)
    chosen = (
        (pl.col("encoder") == smk.params.encoder)
        & (pl.col("metric") == "centroid_distance")
        & pl.col("images_per_class").is_null()
    )
    metrics: list[pl.Expr] = [
        pl.col("value").alias("centroid_distance"),
        pl.lit(len(classes)).alias("n_classes"),
        pl.col("n_images"),
        pl.col("low").alias("centroid_distance_low"),
        pl.col("high").alias("centroid_distance_high"),
    ]
    distances = whole.filter(chosen).select("set", "split", *metrics)
    write_table(distances, smk.output.centroid_distance)
    write_table(distances, smk.output.centroid_distance_parquet)
    write_table(
        per_class.filter(chosen).select("set", "split", "class_id", "name", metrics[0], *metrics[2:]),
        smk.output.centroid_distance_per_class,
    )


def _read(path: Path, encoder: str, name: str, reference: str | None) -> pl.DataFrame:
    head = [
        pl.lit(encoder).alias("encoder"),
        pl.lit(name).alias("set"),
        pl.lit(reference, dtype=pl.String).alias("reference"),
    ]
    return read_table(path).select(*head, pl.all())


if __name__ == "__main__":
    main()
