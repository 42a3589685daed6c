"""Plot the suspected causes by set and class.

Inputs: causes, the diagnosis's table.
Outputs: figure, a PNG.
"""

from types import SimpleNamespace

from synthdiv.core.jobs import run_as_job
from synthdiv.core.tables import read_table
from synthdiv.report.diagnosis_figures import plot_causes
from synthdiv.report.figures import save_figure


@run_as_job
def main(smk: SimpleNamespace) -> None:
    """Plot and save the figure."""
    save_figure(plot_causes(read_table(smk.input.causes)), smk.output.figure)


if __name__ == "__main__":
    main()
