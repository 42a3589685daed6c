"""Rank metrics that are known before training by how well they predict what training gains or loses.

Training sets are compared in pairs: the natural training set with each other one, whose gain is minus its shortfall; and the
two sets of each intervention. What changed in a metric between the two sets is held against what changed in accuracy. So
classes that are hard for every training set do not count as predicted.

A point is a pair of training sets (few points, hence wide intervals), or a class of such a pair (many points, but a class in
one pair is not independent of the same class in another: whole classes are resampled).
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import polars as pl

from synthdiv.analysis.matrix import METRICS
from synthdiv.stats.intervals import exact_interval
from synthdiv.stats.rank_correlation import fisher_interval, rank_correlation, resample_classes

CONTROLS = ("separable", "separation_permuted_separable", "separation_permuted_heldout_accuracy")
"""Metrics that check other metrics and do not describe sets."""
SHORTFALL, INTERVENTION = "shortfall", "intervention"
"""The outcomes: what a pair of training sets is about."""
KEYS = ("classifier", "evaluation_set", "outcome", "level", "metric")
SCHEMA: dict[str, Any] = {
    **dict.fromkeys(KEYS, pl.String),
    **dict.fromkeys(("n_pairs", "n_points"), pl.Int64),
    **dict.fromkeys(("spearman", "spearman_low", "spearman_high"), pl.Float64),
    "n_signs": pl.Int64,
    **dict.fromkeys(("same_sign", "same_sign_low", "same_sign_high"), pl.Float64),
}
"""Columns of the table of predictors."""
MIN_POINTS = 3
"""Minimum number of points for a correlation: that of two is always perfect."""
DECIMALS = 12
"""Differences are rounded, since equal ones would differ in the last digit, and have a rank and a sign of their own."""


def rank_predictors(points: pl.DataFrame, seed: int) -> pl.DataFrame:
    """Correlate the change of each metric with the gain in accuracy, and count how often their signs agree.

    Parameters
    ----------
    points : polars.DataFrame
        From :func:`gather_points`.
    seed : int
        Seed of the resampling of classes.

    Returns
    -------
    polars.DataFrame
        ``SCHEMA``: one row per classifier, outcome, level (set, class) and metric; first those whose interval (of the signs,
        where they are counted: for interventions on sets) is the farthest from "predicts nothing".
    """
    rows: list[dict[str, Any]] = []
    for names, table in points.group_by(KEYS, maintain_order=True):
        head = dict(zip(KEYS, names, strict=True))
        changes, gains = table["change"].to_numpy(), table["gain"].to_numpy()
        correlation = rank_correlation(changes, gains) if len(table) >= MIN_POINTS else math.nan
        if head["level"] == "class":
            generator = np.random.default_rng(seed)  # the same resamples for each metric, whatever others there are
            low, high = resample_classes(changes, gains, table["class_id"].to_numpy(), generator)
        else:
            low, high = fisher_interval(correlation, len(table))
        counted = (head["outcome"], head["level"]) == (INTERVENTION, "set")
        rows.append(
            head
            | {"n_pairs": table.n_unique(["base", "train_set"]), "n_points": len(table)}
            | {"spearman": None if math.isnan(correlation) else correlation, "spearman_low": low, "spearman_high": high}
            | (_compare_signs(changes, gains) if counted else {})
        )
    correlated = pl.max_horizontal("spearman_low", -pl.col("spearman_high"))
    agreeing = pl.max_horizontal(pl.col("same_sign_low") - 0.5, 0.5 - pl.col("same_sign_high"))
    return pl.DataFrame(rows, schema=SCHEMA).sort(
        "classifier",
        pl.col("outcome") == INTERVENTION,
        pl.col("level") == "class",
        pl.coalesce(agreeing, correlated),
        descending=[False, False, False, True],
        maintain_order=True,
    )


def _compare_signs(changes: np.ndarray, gains: np.ndarray) -> dict[str, Any]:
    """Return the share of pairs in which both rise or both fall, among those in which neither stays the same."""
    products = np.sign(changes) * np.sign(gains)
    same, count = int((products > 0).sum()), int((products != 0).sum())
    low, high = exact_interval(same, count)
    share = same / count if count else None
    return {"n_signs": count, "same_sign": share, "same_sign_low": low, "same_sign_high": high}


def gather_points(
    accuracies: pl.DataFrame,
    metrics: pl.DataFrame,
    experiments: pl.DataFrame,
    embedding_classifiers: pl.DataFrame | None = None,
    *,
    encoder: str,
    pairs: pl.DataFrame,
) -> pl.DataFrame:
    """Join the change of each metric between two training sets, or two of their classes, with the gain in accuracy.

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
    pairs : polars.DataFrame
        classifier, outcome, base, train_set: the pairs of training sets.

    Returns
    -------
    polars.DataFrame
        classifier, evaluation_set, outcome, base, train_set, level ("set" or "class"), class_id, metric, change, gain.

    Notes
    -----
    A metric that the natural training set has no value of, such as a distance from natural images, compares each set with
    natural images already: for shortfalls, its value is the change.
    """
    class_key = ["class_id"] if "class_id" in accuracies.columns else []
    accuracies, metrics, experiments = (
        table.with_columns(pl.col(name).cast(pl.Int64) for name in class_key) for table in (accuracies, metrics, experiments)
    )
    keys = ["classifier", "evaluation_set", *class_key]
    measured = _join_values(accuracies, metrics, experiments, embedding_classifiers, encoder=encoder, class_key=class_key)
    base_top1 = accuracies.select(*keys, base="train_set", base_top1="top1")
    base_values = measured.select(*keys, "metric", base="train_set", base_value="value")
    points = pairs.join(measured, on=["classifier", "train_set"], how="inner")
    points = points.join(base_top1, on=["base", *keys], how="inner")
    points = points.join(base_values, on=["base", "metric", *keys], how="left")
    compares = pl.col("base_value").is_null().all().over("classifier", "base", "metric") & (pl.col("outcome") == SHORTFALL)
    points = points.with_columns(
        change=(pl.col("value") - pl.when(compares).then(0.0).otherwise("base_value")).round(DECIMALS),
        gain=(pl.col("top1") - pl.col("base_top1")).round(DECIMALS),
        level=pl.lit("class" if class_key else "set"),
    )
    if not class_key:
        points = points.with_columns(class_id=pl.lit(None, dtype=pl.Int64))
    return (
        points.drop_nulls("change")
        .sort("classifier", pl.col("outcome") == INTERVENTION, "metric", "base", "train_set", "class_id")
        .select(*KEYS[:3], "base", "train_set", "level", "class_id", "metric", "change", "gain")
    )


def _join_values(
    accuracies: pl.DataFrame,
    metrics: pl.DataFrame,
    experiments: pl.DataFrame,
    embedding_classifiers: pl.DataFrame | None,
    *,
    encoder: str,
    class_key: list[str],
) -> pl.DataFrame:
    """Return classifier, evaluation_set, train_set, (class_id,) metric, value and top1."""
    first = metrics["reference"].drop_nulls().unique(maintain_order=True).to_list()[:1]
    wanted = (pl.col("encoder") == encoder) & (pl.col("split") == "train") & ~pl.col("metric").is_in(CONTROLS)
    measured = metrics.filter(wanted).sort("images_per_class", nulls_last=True)
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
        renamed = score.rename({"reference": "train_set", "query": "evaluation_set"})
        tables.append(accuracies.join(renamed, on=["train_set", "evaluation_set", *class_key], how="inner"))
    columns = ["classifier", "evaluation_set", "train_set", *class_key, "metric", "value", "top1"]
    return pl.concat(table.select(columns) for table in tables).drop_nulls("value")
