"""Plot the accuracy of frozen features on transfer sets.

Inputs: means over seeds.
Outputs: figure, a PNG.
"""

from types import SimpleNamespace

from synthdiv.core.jobs import run_as_job
from synthdiv.core.tables import read_table
from synthdiv.report.feature_figures import plot_transfer
from synthdiv.report.figures import save_figure


@run_as_job
def main(smk: SimpleNamespace) -> None:
    """Plot and save the figure."""
    save_figure(plot_transfer(read_table(smk.input.means)), smk.output.figure)


if __name__ == "__main__":
    main()
