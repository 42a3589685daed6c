"""Classify a set's queries unchanged, by their own centroids, and with the location or spread of natural images.

Inputs: embeddings of the set; references, those of the reference sets; target, those of the natural set, if there is one.
Outputs: table, one row per reference and query.
"""

import numpy as np

from synthdiv.core.jobs import Script, run_as_job
from synthdiv.core.manifests import read_manifest
from synthdiv.core.tables import write_table
from synthdiv.diagnosis.error_split import classify_queries
from synthdiv.embeddings.table import EmbeddingTables
from synthdiv.jobs.diagnosis import SplitError
from synthdiv.metrics.centroids import compute_centroids, sum_classes


@run_as_job(SplitError)
def main(job: SplitError, smk: Script) -> None:
    """Compute the centroids, classify the queries and write the table."""

    def read_centroids(manifest: str) -> np.ndarray:
        return compute_centroids(sum_classes(EmbeddingTables(read_manifest(manifest), "train"), job.n_classes))

    references = dict(zip(job.references, map(read_centroids, smk.input.references), strict=True))
    query = EmbeddingTables(read_manifest(smk.input.embeddings), "evaluation").read()
    target = EmbeddingTables(read_manifest(smk.input.target[0]), "evaluation").read() if smk.input.target else None
    write_table(classify_queries(query, read_centroids(smk.input.embeddings), references, target), smk.output.table)


if __name__ == "__main__":
    main()
