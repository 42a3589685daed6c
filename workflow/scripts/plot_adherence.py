"""Plot which modifiers reach the images.

Inputs: table, as tabulate_adherence gives it.
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
    """Plot and write."""
    save_figure(plot_adherence(read_table(smk.input.table, SCHEMA)), smk.output.figure)


if __name__ == "__main__":
    main()
