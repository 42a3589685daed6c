"""Plot which modifiers reach the images.

Inputs: table, as tabulate_adherence gives it.
Outputs: figure, a PNG.
"""

from types import SimpleNamespace

from synthdiv.adherence import SCHEMA
from synthdiv.adherence_figures import plot_adherence
from synthdiv.figures import save_figure
from synthdiv.jobs import start_job
from synthdiv.tables import read_table


def main(smk: SimpleNamespace) -> None:
    """Plot and write."""
    start_job(smk.log[0])
    save_figure(plot_adherence(read_table(smk.input.table, SCHEMA)), smk.output.figure)


if __name__ == "__main__":
    main(snakemake)  # noqa: F821
