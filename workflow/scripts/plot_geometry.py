"""Plot how images, their centroids and prompts lie in the space of embeddings.

Inputs: images, prompts, the embedding tables of a set of images and one of prompts; the class table.
Outputs: figure, a PNG.
"""

from types import SimpleNamespace

from synthdiv.centroids import compute_centroids, sum_classes
from synthdiv.classes import read_classes
from synthdiv.embeddings import EmbeddingTables
from synthdiv.figures import save_figure
from synthdiv.geometry_figure import SHOWN, choose_classes, plot_geometry
from synthdiv.jobs import limit_threads, start_job
from synthdiv.listings import read_listing
from synthdiv.set_metrics import take_equal


def main(smk: SimpleNamespace) -> None:
    """Choose the classes and plot."""
    start_job(smk.log[0])
    limit_threads(smk.threads)
    classes = read_classes(smk.input.classes)
    images, prompts = (
        take_equal(EmbeddingTables(read_listing(path), "train"), SHOWN, smk.params.seed)
        for path in (smk.input.images, smk.input.prompts)
    )
    chosen = choose_classes(images, compute_centroids(sum_classes([prompts], len(classes))))
    names = [row.name for row in classes]
    save_figure(plot_geometry(images, prompts, names, names=smk.params.sets, classes=chosen), smk.output.figure)


if __name__ == "__main__":
    main(snakemake)  # noqa: F821
