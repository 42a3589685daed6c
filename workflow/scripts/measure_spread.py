"""Measure how far each training image of a set lies from the centroid of its class.

Inputs: embeddings, the set's embedding tables.
Outputs: spread, a row an image: class_id, index, and the squared codiff.
"""

from types import SimpleNamespace

import polars as pl

from synthdiv.centroids import compute_centroids, measure_spread, sum_classes
from synthdiv.embeddings import EmbeddingTables
from synthdiv.jobs import limit_threads, start_job
from synthdiv.listings import read_listing
from synthdiv.tables import write_table


def main(smk: SimpleNamespace) -> None:
    """Measure and write."""
    start_job(smk.log[0])
    limit_threads(smk.threads)
    blocks = EmbeddingTables(read_listing(smk.input.embeddings), "train")
    spread = measure_spread(blocks, compute_centroids(sum_classes(blocks, smk.params.n_classes)))
    columns = {"class_id": spread.class_ids, "index": spread.indices, "square": spread.squares}
    write_table(pl.DataFrame(columns), smk.output.spread)


if __name__ == "__main__":
    main(snakemake)  # noqa: F821
