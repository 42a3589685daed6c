"""Plot what training gives along the guidance sweep.

Inputs: means, of the classifiers over seeds.
Outputs: figure, a PNG.
"""

from types import SimpleNamespace

import polars as pl

from synthdiv.classifier_figures import plot_guidance
from synthdiv.classifier_tables import choose_evaluations
from synthdiv.figures import save_figure
from synthdiv.jobs import start_job


def main(smk: SimpleNamespace) -> None:
    """Plot and write."""
    start_job(smk.log[0])
    means = choose_evaluations(pl.read_csv(smk.input.means), smk.params.evaluations)
    save_figure(plot_guidance(means, smk.params.sweep), smk.output.figure)


if __name__ == "__main__":
    main(snakemake)  # noqa: F821
