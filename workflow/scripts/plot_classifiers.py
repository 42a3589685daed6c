"""Plot the grid of training and evaluation sets.

Inputs: means, of the classifiers over seeds; differences, between their training sets.
Outputs: figure, a PNG.
"""

from types import SimpleNamespace

from synthdiv.classifier_figures import plot_classifiers
from synthdiv.figures import save_figure
from synthdiv.jobs import start_job
from synthdiv.tables import read_table


def main(smk: SimpleNamespace) -> None:
    """Plot and write."""
    start_job(smk.log[0])
    save_figure(plot_classifiers(read_table(smk.input.means), read_table(smk.input.differences)), smk.output.figure)


if __name__ == "__main__":
    main(snakemake)  # noqa: F821
