"""Measure what the features of a classifier are like, as each seed trained it.

Inputs: features, its embedding table of natural images.
Outputs: statistics, a row a seed and statistic.
"""

from types import SimpleNamespace

import polars as pl

from synthdiv.embeddings import EmbeddingTables
from synthdiv.feature_statistics import measure_features
from synthdiv.jobs import limit_threads, start_job
from synthdiv.tables import write_table


def main(smk: SimpleNamespace) -> None:
    """Measure and write."""
    start_job(smk.log[0])
    limit_threads(smk.threads)
    tables = []
    for seed in smk.params.seeds or [None]:
        features = EmbeddingTables([smk.input.features], "evaluation", seed=seed).read()
        found = measure_features(features, **smk.params.options)
        tables.append(found.select(pl.lit(seed, dtype=pl.Int64).alias("seed"), pl.all()))
    write_table(pl.concat(tables), smk.output.statistics)


if __name__ == "__main__":
    main(snakemake)  # noqa: F821
