"""Plot predictors of classifier accuracy: metrics that are known before training.

Inputs: table, the correlations of the metrics; points, the values behind them.
Outputs: figure, a PNG, of the config's first classifier.
"""

from types import SimpleNamespace

import polars as pl

from synthdiv.analysis.predictors import SCHEMA
from synthdiv.core.jobs import run_as_job
from synthdiv.core.tables import read_table
from synthdiv.report.classifier_figures import plot_predictors
from synthdiv.report.figures import save_figure


@run_as_job
def main(smk: SimpleNamespace) -> None:
    """Plot and save the figure."""
    own = pl.col("classifier") == smk.params.classifier
    ranks, points = read_table(smk.input.table, SCHEMA).filter(own), read_table(smk.input.points).filter(own)
    save_figure(plot_predictors(ranks, points), smk.output.figure)


if __name__ == "__main__":
    main()
