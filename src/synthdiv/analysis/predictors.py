"""Rank metrics that are computed before training by how well they predict classifier accuracy.

A point is a training set (few points, hence wide intervals), or a class of a training set (many points, but a class in one
set is not independent of the same class in another: whole classes are resampled).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import polars as pl

from synthdiv.analysis.matrix import METRICS
from synthdiv.stats.rank_correlation import fisher_interval, rank_correlation, resample_classes

CONTROLS = ("separable", "separation_permuted_separable", "separation_permuted_heldout_accuracy")
"""Metrics that check other metrics and do not describe sets."""
KEYS = ("classifier", "evaluation_set", "level", "metric")
SCHEMA: dict[str, Any] = {
    **dict.fromkeys(KEYS, pl.String),
    **dict.fromkeys(("n_sets", "n_points"), pl.Int64),
    **dict.fromkeys(("spearman", "spearman_low", "spearman_high"), pl.Float64),
}
"""Columns of the table of predictors."""


def rank_predictors(points: pl.DataFrame, seed: int) -> pl.DataFrame:
    """Correlate each metric with accuracy.

    Parameters
    ----------
    points : polars.DataFrame
        From :func:`gather_points`.
    seed : int
        Seed of the resampling of classes.

    Returns
    -------
    polars.DataFrame
        ``SCHEMA``: one row per classifier, level (set, class) and metric with at least three points; strongest correlation
        first, ties in the order of the points.
    """
    rows: list[dict[str, Any]] = []
    for names, table in points.group_by(KEYS, maintain_order=True):
        values, accuracies = table["value"].to_numpy(), table["top1"].to_numpy()
        if len(table) < 3:
            continue
        correlation = rank_correlation(values, accuracies)
        if names[2] == "class":
            generator = np.random.default_rng(seed)  # the same resamples for each metric, whatever others there are
            interval = resample_classes(values, accuracies, table["class_id"].to_numpy(), generator)
        else:
            interval = fisher_interval(correlation, len(table))
        low, high = interval or (None, None)
        rows.append(
            dict(zip(KEYS, names, strict=True))
            | {"n_sets": table["train_set"].n_unique(), "n_points": len(table)}
            | {"spearman": None if math.isnan(correlation) else correlation, "spearman_low": low, "spearman_high": high}
        )
    return pl.DataFrame(rows, schema=SCHEMA).sort(
        "classifier",
        pl.col("level") == "class",
        pl.col("spearman").abs(),
        descending=[False, False, True],
        nulls_last=True,
        maintain_order=True,
    )


def gather_points(
    accuracies: pl.DataFrame,
    metrics: pl.DataFrame,
    experiments: pl.DataFrame,
    embedding_classifiers: pl.DataFrame | None = None,
    *,
    encoder: str,
    sets: Sequence[str],
) -> pl.DataFrame:
    """Join the metrics of training sets, or of their classes, with the accuracy of the classifiers trained on them.

    Parameters
    ----------
    accuracies : polars.DataFrame
        classifier, train_set, evaluation_set, top1, and class_id for classes.
    metrics : polars.DataFrame
        The set metrics, of sets or of classes. Metrics of training splits are used, with equal numbers of images per class
        where available, and compared with the first reference.
    experiments : polars.DataFrame
        The matrix, of sets or of classes: the training set as reference, the evaluation set as query.
    embedding_classifiers : polars.DataFrame, optional
        Embedding classifiers of whole sets; reference and query as in the matrix.
    encoder : str
        The encoder whose metrics are used.
    sets : sequence of str
        The training sets.

    Returns
    -------
    polars.DataFrame
        classifier, evaluation_set, train_set, level ("set" or "class"), class_id, metric, value, top1.
    """
    by_class = "class_id" in accuracies.columns
    class_key = ["class_id"] if by_class else []
    accuracies, metrics, experiments = (
        table.with_columns(pl.col(name).cast(pl.Int64) for name in class_key) for table in (accuracies, metrics, experiments)
    )
    first = metrics["reference"].drop_nulls().unique(maintain_order=True).to_list()[:1]
    wanted = (pl.col("encoder") == encoder) & (pl.col("split") == "train") & ~pl.col("metric").is_in(CONTROLS)
    measured = metrics.filter(wanted, pl.col("set").is_in(list(sets)))
    measured = measured.sort("images_per_class", nulls_last=True)
    measured = measured.unique(["set", "reference", "metric", *class_key], keep="first")
    measured = measured.filter(pl.col("reference").is_null() | pl.col("reference").is_in(first))
    measured = measured.select(pl.col("set").alias("train_set"), *class_key, "metric", "value")
    tables = [accuracies.join(measured, on=["train_set", *class_key], how="inner")]
    scores = [experiments.unpivot(on=list(METRICS), index=["reference", "query", *class_key], variable_name="metric")]
    if embedding_classifiers is not None:
        name = pl.format("{} on embeddings", "classifier").alias("metric")
        evaluated = embedding_classifiers.filter(pl.col("encoder") == encoder, ~pl.col("classifier").str.starts_with("knn"))
        scores.append(evaluated.select("reference", "query", name, pl.col("accuracy").alias("value")))
    for score in scores:
        renamed = score.filter(pl.col("reference").is_in(list(sets)))
        renamed = renamed.rename({"reference": "train_set", "query": "evaluation_set"})
        tables.append(accuracies.join(renamed, on=["train_set", "evaluation_set", *class_key], how="inner"))
    columns = ["classifier", "evaluation_set", "train_set", "class_id", "metric", "value", "top1"]
    points = pl.concat(
        [
            (table if by_class else table.with_columns(class_id=pl.lit(None, dtype=pl.Int64)))
            .select(columns)
            .drop_nulls("value")
            for table in tables
        ]
    )
    return points.with_columns(level=pl.lit("class" if by_class else "set")).sort(
        "classifier", "metric", "train_set", "class_id", maintain_order=True
    )
