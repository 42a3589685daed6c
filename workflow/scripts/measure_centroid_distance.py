"""Measure the Centroid Distance of every image set, both splits.

Inputs: embeddings, the tables of all image sets.
Outputs: table (CSV) and parquet, a row a set and split; per_class, a row a set, split and class.
"""

from itertools import islice
from types import SimpleNamespace

import numpy as np
import polars as pl

from synthdiv.centroids import compute_centroid_distance
from synthdiv.embeddings import read_embeddings
from synthdiv.experiments import write_table
from synthdiv.identity import SPLITS
from synthdiv.jobs import start_job
from synthdiv.study import Study


def main(smk: SimpleNamespace) -> None:
    """Measure and write."""
    start_job(smk.log[0])
    study = Study(smk.config)
    count = len(study.classes)
    table, per_class = [], []
    tables = iter(smk.input.embeddings)
    for name, n_tables in smk.params.sets:
        paths = list(islice(tables, n_tables))
        for split in SPLITS:
            embeddings = read_embeddings(paths, split)
            distance, distances = compute_centroid_distance(embeddings, count)
            sizes = np.bincount(embeddings.class_ids, minlength=count)
            head = {"set": name, "split": split}
            table.append(head | {"centroid_distance": distance, "n_classes": count, "n_images": len(embeddings)})
            per_class += [
                head
                | {"class_id": row.class_id, "name": row.name}
                | {"centroid_distance": float(distances[row.class_id]), "n_images": int(sizes[row.class_id])}
                for row in study.classes
            ]
    write_table(pl.DataFrame(table), smk.output.table)
    write_table(pl.DataFrame(table), smk.output.parquet)
    write_table(pl.DataFrame(per_class), smk.output.per_class)


if __name__ == "__main__":
    main(snakemake)  # noqa: F821
