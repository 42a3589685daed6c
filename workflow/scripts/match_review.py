"""Classify each image of a review as the class with the nearest centroid.

Inputs: images, the embeddings of the review; reference, those of the set (or the prompts) with the class centroids.
Outputs: predictions, one row per image.
"""

from synthdiv.analysis.experiments import match_centroids, sum_reference
from synthdiv.core.fingerprints import REVIEW
from synthdiv.core.jobs import Script, run_as_job
from synthdiv.core.manifests import read_manifest
from synthdiv.core.tables import write_table
from synthdiv.diagnosis.review import list_predictions
from synthdiv.embeddings.table import EmbeddingTables
from synthdiv.jobs.review import MatchReview
from synthdiv.metrics.centroids import compute_centroids


@run_as_job(MatchReview)
def main(job: MatchReview, smk: Script) -> None:
    """Find the nearest centroids and write the predictions."""
    images = EmbeddingTables(read_manifest(smk.input.images), REVIEW).read()
    blocks = EmbeddingTables(read_manifest(smk.input.reference), "train")
    width = images.vectors.shape[1]
    totals = sum_reference(blocks, job.n_classes, width=width, names=(job.reference, job.images))
    nearest, _ = match_centroids(images, compute_centroids(totals))
    write_table(list_predictions(images.class_ids, images.indices, nearest), smk.output.predictions)


if __name__ == "__main__":
    main()
