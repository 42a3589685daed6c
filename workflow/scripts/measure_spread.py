"""Measure the distance of each training image of a set to its class centroid.

Inputs: embeddings, the set's embedding tables.
Outputs: spread, one row per image: class_id, index, and the squared codiff.
"""

import polars as pl

from synthdiv.core.jobs import Script, run_as_job
from synthdiv.core.manifests import read_manifest
from synthdiv.core.tables import write_table
from synthdiv.embeddings.table import EmbeddingTables
from synthdiv.jobs.metrics import MeasureSpread
from synthdiv.metrics.centroids import compute_centroids, measure_spread, sum_classes


@run_as_job(MeasureSpread)
def main(job: MeasureSpread, smk: Script) -> None:
    """Measure the distances and write them."""
    blocks = EmbeddingTables(read_manifest(smk.input.embeddings), "train")
    spread = measure_spread(blocks, compute_centroids(sum_classes(blocks, job.n_classes)))
    columns = {"class_id": spread.class_ids, "index": spread.indices, "square": spread.squares}
    write_table(pl.DataFrame(columns), smk.output.spread)


if __name__ == "__main__":
    main()
