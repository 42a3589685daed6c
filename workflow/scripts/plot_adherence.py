"""Plot the modifier adherence.

Inputs: table, from tabulate_adherence.
Outputs: figure, a PNG.
"""

from types import SimpleNamespace

from synthdiv.analysis.adherence import SCHEMA
from synthdiv.core.jobs import run_as_job
from synthdiv.core.tables import read_table
from synthdiv.report.adherence_figures import plot_adherence
from synthdiv.report.figures import save_figure


@run_as_job
def main(smk: SimpleNamespace) -> None:
    """Plot and save the figure."""
    save_figure(plot_adherence(read_table(smk.input.table, SCHEMA)), smk.output.figure)


if __name__ == "__main__":
    main()
