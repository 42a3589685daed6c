"""Plot the figures along the guidance scale.

Inputs: table, per_class, choice, as tabulate_guidance gives them.
Outputs: figure, a PNG.
"""

from types import SimpleNamespace

from synthdiv.figures import save_figure
from synthdiv.guidance import CHOICE_SCHEMA, SCHEMA
from synthdiv.guidance_figures import plot_guidance
from synthdiv.jobs import start_job
from synthdiv.tables import read_table


def main(smk: SimpleNamespace) -> None:
    """Plot and write."""
    start_job(smk.log[0])
    whole = read_table(smk.input.table, SCHEMA)
    choice = read_table(smk.input.choice, CHOICE_SCHEMA)
    save_figure(plot_guidance(whole, read_table(smk.input.per_class), choice), smk.output.figure)


if __name__ == "__main__":
    main(snakemake)  # noqa: F821
