"""Measure the distance of each training image of a set to its class centroid.

Inputs: embeddings, the set's embedding tables.
Outputs: spread, one row per image: class_id, index, and the squared codiff.
"""

from types import SimpleNamespace

import polars as pl

from synthdiv.core.jobs import run_as_job
from synthdiv.core.manifests import read_manifest
from synthdiv.core.tables import write_table
from synthdiv.embeddings.table import EmbeddingTables
from synthdiv.metrics.centroids import compute_centroids, measure_spread, sum_classes


@run_as_job
def main(smk: SimpleNamespace) -> None:
    """Measure the distances and write them."""
    blocks = EmbeddingTables(read_manifest(smk.input.embeddings), "train")
    spread = measure_spread(blocks, compute_centroids(sum_classes(blocks, smk.params.n_classes)))
    columns = {"class_id": spread.class_ids, "index": spread.indices, "square": spread.squares}
    write_table(pl.DataFrame(columns), smk.output.spread)


if __name__ == "__main__":
    main()
