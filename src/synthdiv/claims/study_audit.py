"""Audit a study's own tables: they must agree with each other, and pass the checks of printed tables."""

from __future__ import annotations

from collections.abc import Collection, Mapping

import polars as pl

from synthdiv.analysis.matrix import METRICS
from synthdiv.claims.audit import Matrix, Row, check_granularity, check_means, check_same
from synthdiv.claims.consistency import audit_matrix


def audit_study(
    experiments: pl.DataFrame,
    per_class: pl.DataFrame,
    summary: pl.DataFrame,
    *,
    distances: pl.DataFrame | None,
    classifiers: pl.DataFrame | None,
    prompts_of: Mapping[str, str],
    repeated: Collection[str],
) -> list[Row]:
    """Audit the tables of a study.

    Parameters
    ----------
    experiments, per_class : polars.DataFrame
        From :func:`synthdiv.analysis.matrix.tabulate_experiments`.
    summary : polars.DataFrame
        From :func:`synthdiv.analysis.matrix.summarise_matrix`.
    distances : polars.DataFrame or None
        set, split, centroid_distance; only training splits are used.
    classifiers : polars.DataFrame or None
        One row per trained classifier, seed and evaluation set: n_evaluation, top1, top5 (which may be empty).
    prompts_of, repeated
        As in :class:`synthdiv.claims.audit.Matrix`.
    """
    matrix = Matrix("experiments.csv", experiments, printed=False, prompts_of=prompts_of, repeated=repeated)
    spread = (
        {} if distances is None else dict(distances.filter(split="train").select("set", "centroid_distance").iter_rows())
    )
    rows = audit_matrix(matrix, {name: (f"centroid_distance.csv, {name}, train", value) for name, value in spread.items()})
    given = summary.filter(rows="with k-NN")
    means = [(name, given[name][0]) for name in (*METRICS, "knn5_wins")] if len(given) else []
    rows += check_means(matrix, [("matrix_summary.csv", name, value, 0.0) for name, value in means if value is not None])
    rows += _compare_classes(matrix, per_class)
    if classifiers is not None:
        for (name, count), part in classifiers.group_by("evaluation_set", "n_evaluation", maintain_order=True):
            shares = [
                (f"{row['classifier']} on {row['train_set']}, seed {row['seed']}, {metric}", row[metric])
                for row in part.iter_rows(named=True)
                for metric in ("top1", "top5")
                if row[metric] is not None
            ]
            rows += check_granularity(f"classifiers.csv, evaluation set {name}", shares, int(count))
    return rows


def _compare_classes(matrix: Matrix, per_class: pl.DataFrame) -> list[Row]:
    """Check that the mean over classes, weighted by queries, is the whole set's value: the worst row of each metric."""
    rows = []
    for metric in METRICS:
        weighted = (
            per_class.drop_nulls(metric)
            .group_by("experiment")
            .agg((pl.col(metric) * pl.col("n_queries")).sum() / pl.col("n_queries").sum())
            .join(matrix.rows.select("experiment", pl.col(metric).alias("whole")), on="experiment")
            .sort((pl.col(metric) - pl.col("whole")).abs(), "experiment", descending=[True, False])
        )
        if len(weighted):
            number, mean, whole = weighted.select("experiment", metric, "whole").row(0)
            where = f"per_class.parquet and {matrix.where}, {metric}, row {number}"
            reason = f"the mean over classes is the value of the whole set; the worst of {len(weighted)} rows"
            rows.append(check_same("repeated values", where, whole, mean, 0.0, reason))
    return rows
