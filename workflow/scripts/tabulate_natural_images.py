"""Tabulate the images and other files that were found in the natural sets, and which are used.

Inputs: counts, the image counts of each set.
Outputs: table, a CSV file.
"""

import polars as pl

from synthdiv.catalog.writing import write_result
from synthdiv.core.jobs import Script, find_class_table, run_as_job
from synthdiv.core.tables import read_table
from synthdiv.images.natural_index import COUNTS
from synthdiv.jobs.images import TabulateNaturalImages


@run_as_job(TabulateNaturalImages)
def main(job: TabulateNaturalImages, smk: Script) -> None:
    """Join the sets' counts and write the table."""
    classes = job.classes.read(find_class_table(smk))
    names = pl.DataFrame({"class_id": [row.class_id for row in classes], "class": [row.name for row in classes]})
    parts = [
        read_table(path, COUNTS).with_columns(set=pl.lit(name))
        for name, path in zip(job.sets, smk.input.counts, strict=True)
    ]
    table = pl.concat(parts).join(names.cast({"class_id": pl.Int32}), on="class_id", how="left", maintain_order="left")
    write_result(
        table.select(
            "set",
            "split",
            "class",
            "n_found",
            pl.col("n_chosen").sub("n_undecodable").alias("n_used"),
            pl.col("n_found").sub("n_chosen").alias("n_not_chosen"),
            "n_undecodable",
            "undecodable",
            "n_left_out",
            "left_out",
        ),
        smk.output.table,
    )


if __name__ == "__main__":
    main()
