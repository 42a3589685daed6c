"""Plot classifier accuracies by training and evaluation set.

Inputs: means of the classifiers over seeds; differences between their training sets.
Outputs: figure, a PNG.
"""

from types import SimpleNamespace

from synthdiv.core.jobs import run_as_job
from synthdiv.core.tables import read_table
from synthdiv.report.classifier_figures import plot_classifiers
from synthdiv.report.figures import save_figure


@run_as_job
def main(smk: SimpleNamespace) -> None:
    """Plot and save the figure."""
    save_figure(plot_classifiers(read_table(smk.input.means), read_table(smk.input.differences)), smk.output.figure)


if __name__ == "__main__":
    main()
