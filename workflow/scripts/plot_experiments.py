"""Plot the matrix of experiments as heat maps.

Inputs: table, the experiments.
Outputs: figure, a PNG.
"""

from types import SimpleNamespace

from synthdiv.figures import plot_experiments, save_figure
from synthdiv.jobs import start_job
from synthdiv.tables import read_table


def main(smk: SimpleNamespace) -> None:
    """Plot."""
    start_job(smk.log[0])
    save_figure(plot_experiments(read_table(smk.input.table), **smk.params.order), smk.output.figure)


if __name__ == "__main__":
    main(snakemake)  # noqa: F821
