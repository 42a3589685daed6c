"""Plot what of each set's error is diversity and what is shift, and what clouds like natural ones would change.

Inputs: split, terms, the diagnosis's tables.
Outputs: figure, a PNG.
"""

from types import SimpleNamespace

from synthdiv.diagnosis_figures import plot_error_split
from synthdiv.figures import save_figure
from synthdiv.jobs import start_job
from synthdiv.tables import read_table


def main(smk: SimpleNamespace) -> None:
    """Plot and write."""
    start_job(smk.log[0])
    split, terms = read_table(smk.input.split), read_table(smk.input.terms)
    save_figure(plot_error_split(split, terms, smk.params.reference), smk.output.figure)


if __name__ == "__main__":
    main(snakemake)  # noqa: F821
