"""Compute statistics of a classifier's features, for each seed.

Inputs: features, its embedding table of natural images.
Outputs: statistics, one row per seed and statistic.
"""

from types import SimpleNamespace

import polars as pl

from synthdiv.classifiers.feature_statistics import measure_features
from synthdiv.core.jobs import run_as_job
from synthdiv.core.tables import write_table
from synthdiv.embeddings.table import EmbeddingTables


@run_as_job
def main(smk: SimpleNamespace) -> None:
    """Compute the statistics for each seed and write them."""
    tables = []
    for seed in smk.params.seeds or [None]:
        features = EmbeddingTables([smk.input.features], "evaluation", seed=seed).read()
        found = measure_features(features, **smk.params.options)
        tables.append(found.select(pl.lit(seed, dtype=pl.Int64).alias("seed"), pl.all()))
    write_table(pl.concat(tables), smk.output.statistics)


if __name__ == "__main__":
    main()
