"""Plot the positions of images, class centroids and prompts in the embedding space.

Inputs: images, prompts, the embedding tables of an image set and a prompt set; the class table.
Outputs: figure, a PNG.
"""

from types import SimpleNamespace

from synthdiv.core.jobs import run_as_job
from synthdiv.core.manifests import read_manifest
from synthdiv.embeddings.table import EmbeddingTables
from synthdiv.metrics.centroids import compute_centroids, sum_classes
from synthdiv.metrics.set_metrics import subsample_classes
from synthdiv.prompts.class_tables import read_classes
from synthdiv.report.figures import save_figure
from synthdiv.report.geometry_figure import SHOWN, choose_classes, plot_geometry


@run_as_job
def main(smk: SimpleNamespace) -> None:
    """Choose the classes, plot and save the figure."""
    classes = read_classes(smk.input.classes)
    images, prompts = (
        subsample_classes(EmbeddingTables(read_manifest(path), "train"), SHOWN, smk.params.seed)
        for path in (smk.input.images, smk.input.prompts)
    )
    chosen = choose_classes(images, compute_centroids(sum_classes([prompts], len(classes))))
    names = [row.name for row in classes]
    save_figure(plot_geometry(images, prompts, names, names=smk.params.sets, classes=chosen), smk.output.figure)


if __name__ == "__main__":
    main()
