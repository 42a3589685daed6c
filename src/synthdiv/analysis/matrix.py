"""Tabulate the matrix of experiments, its per-class form, its significant differences, and the paper's summaries of it."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from itertools import combinations
from typing import Any

import numpy as np
import polars as pl

from synthdiv.analysis.experiments import KNN
from synthdiv.stats.differences import SCHEMA as DIFFERENCE_SCHEMA
from synthdiv.stats.differences import compare_means, compare_proportions, correct_rows, describe_difference
from synthdiv.stats.intervals import mean_interval, new_classes_interval, wilson_interval

ACCURACIES = ("centroid_accuracy", *(f"knn{k}_accuracy" for k in KNN))
METRICS = (*ACCURACIES, "mean_cosine")


def summarise_predictions(predictions: pl.DataFrame) -> dict[str, Any]:
    """Return the metrics of a table row, each with its 95 % interval.

    Parameters
    ----------
    predictions : polars.DataFrame
        From :func:`synthdiv.analysis.experiments.score_experiment`, or a part of its rows.

    Returns
    -------
    dict
        n_queries; centroid_accuracy, knn1_accuracy, knn5_accuracy (fractions), mean_cosine; ``*_low`` and ``*_high`` of
        each. None where not applicable. Intervals are for other queries of the same classes: Wilson's for accuracies,
        normal for the cosine.
    """
    metrics: dict[str, Any] = {"n_queries": len(predictions)}
    spans: dict[str, tuple[float, float] | None] = {}
    for name in ACCURACIES:
        correct = find_correct(predictions, name)
        metrics[name] = None if correct is None else int(correct.sum()) / len(correct)
        spans[name] = None if correct is None else wilson_interval(int(correct.sum()), len(correct))
    metrics["mean_cosine"] = math.fsum(predictions["cosine"]) / len(predictions)
    spans["mean_cosine"] = mean_interval(predictions["cosine"].to_numpy(), predictions["class_id"].to_numpy())
    return metrics | _name_bounds(spans)


def find_correct(predictions: pl.DataFrame, accuracy: str) -> np.ndarray | None:
    """Return which queries an accuracy counts as correct, as a bool array; None where not applicable."""
    predicted = predictions[accuracy.replace("_accuracy", "_class")]
    return None if predicted.null_count() else (predicted == predictions["class_id"]).to_numpy()


def _name_bounds(spans: Mapping[str, tuple[float, float] | None], suffix: str = "") -> dict[str, float | None]:
    return {
        f"{name}{suffix}_{end}": None if span is None else span[n]
        for name, span in spans.items()
        for n, end in enumerate(("low", "high"))
    }


def tabulate_experiments(
    rows: Sequence[tuple[int, str, str, pl.DataFrame]], class_names: Sequence[str]
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Tabulate the matrix and its per-class form from the experiments' predictions.

    Parameters
    ----------
    rows : sequence of (number, reference, query, predictions)
        The experiments in order.
    class_names : sequence of str
        The names of the classes, by class_id.

    Returns
    -------
    experiments : polars.DataFrame
        experiment, reference, query, n_queries, centroid_accuracy, knn1_accuracy, knn5_accuracy, mean_cosine; the bounds of
        each (``*_low``, ``*_high``), and its bounds for new classes (``*_new_classes_low``, ``*_new_classes_high``).
    per_class : polars.DataFrame
        The same per class, with class_id and name, and without bounds for new classes.
    """
    experiments, per_class = [], []
    for number, reference, query, predictions in rows:
        head = {"experiment": number, "reference": reference, "query": query}
        class_rows = [
            head | {"class_id": part["class_id"][0], "name": class_names[part["class_id"][0]]} | summarise_predictions(part)
            for part in predictions.partition_by("class_id", maintain_order=True)
        ]
        per_class += class_rows
        new: dict[str, tuple[float, float] | None] = {}
        for name in METRICS:
            values = [row[name] for row in class_rows]
            new[name] = None if None in values else new_classes_interval(np.array(values))
        experiments.append(head | summarise_predictions(predictions) | _name_bounds(new, "_new_classes"))
    return _make_table(experiments), _make_table(per_class)


def _make_table(rows: list[dict[str, Any]]) -> pl.DataFrame:
    kinds = {name: pl.Float64 for name in rows[0] if name.startswith(METRICS)}
    return pl.DataFrame(rows, schema_overrides=kinds, infer_schema_length=None)


def compare_experiments(rows: Sequence[tuple[int, str, str, pl.DataFrame]]) -> pl.DataFrame:
    """Test which experiments differ significantly: every pair of experiments, for each metric.

    Experiments with the same query set are paired by query, others by class. P-values are corrected for the number of pairs
    of a metric by Benjamini and Hochberg's procedure; the intervals are not.

    Parameters
    ----------
    rows : sequence of (number, reference, query, predictions)
        The experiments.

    Returns
    -------
    polars.DataFrame
        metric, experiment_a, experiment_b, paired_by (query or class), n_pairs, difference (a - b), difference_low,
        difference_high, p_value, p_adjusted, differs (p_adjusted below 0.05).
    """
    found: list[dict[str, Any]] = []
    for metric in METRICS:
        part: list[dict[str, Any]] = []
        values = {number: _values_of(metric, predictions) for number, _, _, predictions in rows}
        class_means = {
            number: _average_classes(predictions, own)
            for (number, _, _, predictions), own in zip(rows, values.values(), strict=True)
            if own is not None
        }
        for (a, _, query_a, _), (b, _, query_b, _) in combinations(rows, 2):
            x, y = values[a], values[b]
            if x is None or y is None:
                continue
            if query_a == query_b:
                result, count = (compare_means if metric == "mean_cosine" else compare_proportions)(x, y), len(x)
            else:
                means_a, means_b = class_means[a], class_means[b]
                common = sorted(means_a.keys() & means_b.keys())
                result = compare_means(np.array([means_a[c] for c in common]), np.array([means_b[c] for c in common]))
                count = len(common)
            part.append(
                {"metric": metric, "experiment_a": a, "experiment_b": b}
                | {"paired_by": "query" if query_a == query_b else "class"}
                | describe_difference(result, count)
            )
        found += correct_rows(part)
    kinds = {
        "metric": pl.String,
        "experiment_a": pl.Int64,
        "experiment_b": pl.Int64,
        "paired_by": pl.String,
    }
    return pl.DataFrame(found, schema=kinds | DIFFERENCE_SCHEMA)


def _values_of(metric: str, predictions: pl.DataFrame) -> np.ndarray | None:
    return predictions["cosine"].to_numpy() if metric == "mean_cosine" else find_correct(predictions, metric)


def _average_classes(predictions: pl.DataFrame, values: np.ndarray) -> dict[int, float]:
    table = pl.DataFrame({"class_id": predictions["class_id"], "value": values.astype(np.float64)})
    return dict(table.group_by("class_id", maintain_order=True).agg(pl.col("value").mean()).iter_rows())


def summarise_matrix(experiments: pl.DataFrame, kinds: Mapping[str, str]) -> pl.DataFrame:
    """Compute the paper's summaries: averages over the rows with k-NN (Table 6), within and across modalities (Table 5).

    Parameters
    ----------
    experiments : polars.DataFrame
        From :func:`tabulate_experiments`.
    kinds : mapping of set name to "image" or "prompt"
        The sets' modalities.

    Returns
    -------
    polars.DataFrame
        rows (of the matrix, by name), n_experiments, the means of the metrics over those rows, and knn5_wins: the share of
        rows in which k-NN with k = 5 beats Centroid Accuracy. None where a metric is not applicable to one of the rows.
    """
    modality = {name: pl.Series([kinds[n] for n in experiments[name]]) for name in ("reference", "query")}
    blocks = {
        "all": pl.Series([True] * len(experiments)),
        "with k-NN": experiments["knn5_accuracy"].is_not_null(),
    }
    for reference in ("image", "prompt"):
        for query in ("image", "prompt"):
            blocks[f"{reference} reference, {query} query"] = (modality["reference"] == reference) & (
                modality["query"] == query
            )
    found: list[dict[str, Any]] = []
    for name, wanted in blocks.items():
        part = experiments.filter(wanted)
        if not len(part):
            continue
        means = {metric: None if part[metric].null_count() else math.fsum(part[metric]) / len(part) for metric in METRICS}
        wins = (
            None if means["knn5_accuracy"] is None else (part["knn5_accuracy"] > part["centroid_accuracy"]).sum() / len(part)
        )
        found.append({"rows": name, "n_experiments": len(part)} | means | {"knn5_wins": wins})
    return pl.DataFrame(found, schema_overrides=dict.fromkeys((*METRICS, "knn5_wins"), pl.Float64), infer_schema_length=None)
