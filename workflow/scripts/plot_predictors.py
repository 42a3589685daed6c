"""Plot which metrics, computed before any training, rank what training gives.

Inputs: table, the metrics' correlations; points, what they rest on.
Outputs: figure, a PNG, of the config's first classifier.
"""

from types import SimpleNamespace

import polars as pl

from synthdiv.classifier_figures import plot_predictors
from synthdiv.figures import save_figure
from synthdiv.jobs import start_job
from synthdiv.predictors import SCHEMA
from synthdiv.tables import read_table


def main(smk: SimpleNamespace) -> None:
    """Plot and write."""
    start_job(smk.log[0])
    own = pl.col("classifier") == smk.params.classifier
    ranks, points = read_table(smk.input.table, SCHEMA).filter(own), read_table(smk.input.points).filter(own)
    save_figure(plot_predictors(ranks, points), smk.output.figure)


if __name__ == "__main__":
    main(snakemake)  # noqa: F821
