"""Plot what features are like beside what they are worth: the spider plot of the ImageNet-SD study.

Inputs: statistics, of the features; classifiers, means of accuracies over seeds; transfer, means on transfer sets, if any.
Outputs: figure, a PNG.
"""

from types import SimpleNamespace

from synthdiv.feature_figures import gather_axes, plot_spider
from synthdiv.figures import save_figure
from synthdiv.jobs import start_job
from synthdiv.tables import read_table


def main(smk: SimpleNamespace) -> None:
    """Plot and write."""
    start_job(smk.log[0])
    transfer = read_table(smk.input.transfer[0]) if smk.input.transfer else None
    axes = gather_axes(read_table(smk.input.statistics), read_table(smk.input.classifiers), transfer)
    save_figure(plot_spider(axes, smk.params.natural), smk.output.figure)


if __name__ == "__main__":
    main(snakemake)  # noqa: F821
