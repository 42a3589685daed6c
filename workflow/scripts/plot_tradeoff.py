"""Plot diversity against semantic error, and against other visual domains.

Inputs: table, one row per set.
Outputs: figure, a PNG.
"""

from types import SimpleNamespace

from synthdiv.core.jobs import run_as_job
from synthdiv.core.tables import read_table
from synthdiv.report.figures import save_figure
from synthdiv.report.tradeoff_figure import plot_tradeoff


@run_as_job
def main(smk: SimpleNamespace) -> None:
    """Plot and save the figure."""
    save_figure(plot_tradeoff(read_table(smk.input.table)), smk.output.figure)


if __name__ == "__main__":
    main()
