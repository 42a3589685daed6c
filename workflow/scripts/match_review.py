"""Take each image of a review for the class whose centroid is nearest.

Inputs: images, the embeddings of the review; reference, those of the set (or the prompts) whose class centroids judge.
Outputs: predictions, a row an image.
"""

from types import SimpleNamespace

from synthdiv.centroids import compute_centroids
from synthdiv.embeddings import EmbeddingTables
from synthdiv.experiments import match_centroids, sum_reference
from synthdiv.identity import REVIEW
from synthdiv.jobs import limit_threads, start_job
from synthdiv.listings import read_listing
from synthdiv.review import list_predictions
from synthdiv.tables import write_table


def main(smk: SimpleNamespace) -> None:
    """Find the nearest centroids, and write."""
    start_job(smk.log[0])
    limit_threads(smk.threads)
    images = EmbeddingTables(read_listing(smk.input.images), REVIEW).read()
    blocks = EmbeddingTables(read_listing(smk.input.reference), "train")
    width = images.vectors.shape[1]
    totals = sum_reference(blocks, smk.params.n_classes, width=width, names=tuple(smk.params.names))
    nearest, _ = match_centroids(images, compute_centroids(totals))
    write_table(list_predictions(images.class_ids, images.indices, nearest), smk.output.predictions)


if __name__ == "__main__":
    main(snakemake)  # noqa: F821
