"""Plot statistics and accuracies of features: the spider plot of the ImageNet-SD study.

Inputs: statistics of the features; classifiers, mean accuracies over seeds; transfer, means on transfer sets, if any.
Outputs: figure, a PNG.
"""

from types import SimpleNamespace

from synthdiv.core.jobs import run_as_job
from synthdiv.core.tables import read_table
from synthdiv.report.feature_figures import gather_axes, plot_spider
from synthdiv.report.figures import save_figure


@run_as_job
def main(smk: SimpleNamespace) -> None:
    """Plot and save the figure."""
    transfer = read_table(smk.input.transfer[0]) if smk.input.transfer else None
    axes = gather_axes(read_table(smk.input.statistics), read_table(smk.input.classifiers), transfer)
    save_figure(plot_spider(axes, smk.params.natural), smk.output.figure)


if __name__ == "__main__":
    main()
