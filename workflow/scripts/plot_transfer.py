"""Plot what frozen features are worth on transfer sets.

Inputs: means, over seeds.
Outputs: figure, a PNG.
"""

from types import SimpleNamespace

from synthdiv.feature_figures import plot_transfer
from synthdiv.figures import save_figure
from synthdiv.jobs import start_job
from synthdiv.tables import read_table


def main(smk: SimpleNamespace) -> None:
    """Plot and write."""
    start_job(smk.log[0])
    save_figure(plot_transfer(read_table(smk.input.means)), smk.output.figure)


if __name__ == "__main__":
    main(snakemake)  # noqa: F821
