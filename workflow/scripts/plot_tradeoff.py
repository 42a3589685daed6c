"""Plot diversity against semantic error, and other visual domains.

Inputs: table, a row a set.
Outputs: figure, PNG.
"""

from types import SimpleNamespace

from synthdiv.core.jobs import run_as_job
from synthdiv.core.tables import read_table
from synthdiv.report.figures import save_figure
from synthdiv.report.tradeoff_figure import plot_tradeoff


@run_as_job
def main(smk: SimpleNamespace) -> None:
    """Read and plot."""
    save_figure(plot_tradeoff(read_table(smk.input.table)), smk.output.figure)


if __name__ == "__main__":
    main()
