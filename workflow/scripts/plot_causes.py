"""Plot the causes by set and class.

Inputs: causes, the diagnosis's table.
Outputs: figure, a PNG.
"""

from types import SimpleNamespace

from synthdiv.diagnosis_figures import plot_causes
from synthdiv.figures import save_figure
from synthdiv.jobs import start_job
from synthdiv.tables import read_table


def main(smk: SimpleNamespace) -> None:
    """Plot and write."""
    start_job(smk.log[0])
    save_figure(plot_causes(read_table(smk.input.causes)), smk.output.figure)


if __name__ == "__main__":
    main(snakemake)  # noqa: F821
