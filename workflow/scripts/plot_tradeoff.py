"""Plot diversity against semantic error, and other visual domains.

Inputs: table, a row a set.
Outputs: figure, PNG.
"""

from types import SimpleNamespace

from synthdiv.figures import save_figure
from synthdiv.jobs import start_job
from synthdiv.tables import read_table
from synthdiv.tradeoff import plot_tradeoff


def main(smk: SimpleNamespace) -> None:
    """Read and plot."""
    start_job(smk.log[0])
    save_figure(plot_tradeoff(read_table(smk.input.table)), smk.output.figure)


if __name__ == "__main__":
    main(snakemake)  # noqa: F821
