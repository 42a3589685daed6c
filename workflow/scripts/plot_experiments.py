"""Plot the matrix of experiments as heat maps.

Inputs: table, the experiments.
Outputs: figure, a PNG.
"""

from types import SimpleNamespace

from synthdiv.core.jobs import run_as_job
from synthdiv.core.tables import read_table
from synthdiv.report.figures import plot_experiments, save_figure


@run_as_job
def main(smk: SimpleNamespace) -> None:
    """Plot and save the figure."""
    save_figure(plot_experiments(read_table(smk.input.table), **smk.params.order), smk.output.figure)


if __name__ == "__main__":
    main()
