"""Plot how images, their centroids and prompts lie in the space of embeddings.

Inputs: images, prompts, the embedding tables of a set of images and one of prompts; the class table.
Outputs: figure, a PNG.
"""

from types import SimpleNamespace

from synthdiv.core.jobs import run_as_job
from synthdiv.core.manifests import read_manifest
from synthdiv.embeddings.table import EmbeddingTables
from synthdiv.metrics.centroids import compute_centroids, sum_classes
from synthdiv.metrics.set_metrics import take_equal
from synthdiv.prompts.class_tables import read_classes
from synthdiv.report.figures import save_figure
from synthdiv.report.geometry_figure import SHOWN, choose_classes, plot_geometry


@run_as_job
def main(smk: SimpleNamespace) -> None:
    """Choose the classes and plot."""
    classes = read_classes(smk.input.classes)
    images, prompts = (
        take_equal(EmbeddingTables(read_manifest(path), "train"), SHOWN, smk.params.seed)
        for path in (smk.input.images, smk.input.prompts)
    )
    chosen = choose_classes(images, compute_centroids(sum_classes([prompts], len(classes))))
    names = [row.name for row in classes]
    save_figure(plot_geometry(images, prompts, names, names=smk.params.sets, classes=chosen), smk.output.figure)


if __name__ == "__main__":
    main()
