"""Plot the metrics by guidance scale.

Inputs: table, per_class, choice, from tabulate_guidance.
Outputs: figure, a PNG.
"""

from types import SimpleNamespace

from synthdiv.analysis.guidance import CHOICE_SCHEMA, SCHEMA
from synthdiv.core.jobs import run_as_job
from synthdiv.core.tables import read_table
from synthdiv.report.figures import save_figure
from synthdiv.report.guidance_figures import plot_guidance


@run_as_job
def main(smk: SimpleNamespace) -> None:
    """Plot and save the figure."""
    whole = read_table(smk.input.table, SCHEMA)
    choice = read_table(smk.input.choice, CHOICE_SCHEMA)
    save_figure(plot_guidance(whole, read_table(smk.input.per_class), choice), smk.output.figure)


if __name__ == "__main__":
    main()
