"""Plot each set's error as diversity and shift, and the gain if its class clusters were like natural ones.

Inputs: split, terms, tables of the diagnosis.
Outputs: figure, a PNG.
"""

from types import SimpleNamespace

from synthdiv.core.jobs import run_as_job
from synthdiv.core.tables import read_table
from synthdiv.report.diagnosis_figures import plot_error_split
from synthdiv.report.figures import save_figure


@run_as_job
def main(smk: SimpleNamespace) -> None:
    """Plot and save the figure."""
    split, terms = read_table(smk.input.split), read_table(smk.input.terms)
    save_figure(plot_error_split(split, terms, smk.params.reference), smk.output.figure)


if __name__ == "__main__":
    main()
