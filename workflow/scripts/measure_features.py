"""Compute statistics of a classifier's features, for each seed.

Inputs: features, its embedding table of natural images.
Outputs: statistics, one row per seed and statistic.
"""

import polars as pl

from synthdiv.classifiers.feature_statistics import measure_features
from synthdiv.core.jobs import Script, run_as_job
from synthdiv.core.tables import write_table
from synthdiv.embeddings.table import EmbeddingTables
from synthdiv.jobs.transfer import MeasureFeatures


@run_as_job(MeasureFeatures)
def main(job: MeasureFeatures, smk: Script) -> None:
    """Compute the statistics for each seed and write them."""
    tables = []
    for seed in job.seeds or [None]:
        features = EmbeddingTables([smk.input.features], "evaluation", seed=seed).read()
        found = measure_features(features, eps=job.eps, threshold=job.threshold)
        tables.append(found.select(pl.lit(seed, dtype=pl.Int64).alias("seed"), pl.all()))
    write_table(pl.concat(tables), smk.output.statistics)


if __name__ == "__main__":
    main()
