"""Split a set's error into the parts due to its own spread and to the location of its classes.

The paper's split ("Diversity and Diffusion", Section 5): images that are nearest to another class's centroid, even among the
set's own centroids, are wrong because of diversity and the overlap of classes alone; the additional error with another
reference is due to centroid-shift. Natural images overlap, too: the errors of a natural set are given for comparison.

The counterfactual split asks what a set's accuracy would be if its classes had the target's locations or spreads: each class
cluster is rotated onto the target's centroid, its angles with the centroid are scaled, or both. The difference to the
target's accuracy is the sum of three terms: location and spread, each averaged over both orders (Shapley value), and shape,
the remainder. Terms can be negative.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import polars as pl

from synthdiv.analysis.experiments import classify_by_centroids
from synthdiv.embeddings.table import Embeddings, make_unit
from synthdiv.metrics.centroids import compute_centroids, sum_classes
from synthdiv.metrics.class_clusters import measure_angles, rotate_cluster, scale_cluster
from synthdiv.stats.differences import compare_proportions
from synthdiv.stats.intervals import Z, mean_interval, wilson_interval

COUNTERFACTUALS = ("moved", "scaled", "both")
"""Counterfactual versions of the query set."""
TERMS: dict[str, Any] = {
    **dict.fromkeys(("reference", "set", "target"), pl.String),
    "class_id": pl.Int64,
    "name": pl.String,
    "n_queries": pl.Int64,
    **dict.fromkeys(("accuracy", "target_accuracy"), pl.Float64),
    **{name + end: pl.Float64 for name in ("difference", "location", "spread", "shape") for end in ("", "_low", "_high")},
}
"""Columns of the table of the counterfactual split."""


def classify_queries(
    query: Embeddings, own: np.ndarray, references: Mapping[str, np.ndarray], target: Embeddings | None = None
) -> pl.DataFrame:
    """Classify queries by each reference, by their own centroids, and in each counterfactual.

    Parameters
    ----------
    query : Embeddings
        The set's evaluation split.
    own : float64 array of shape (C, d)
        The set's own centroids, from its training split.
    references : mapping of name to float64 array of shape (C, d)
        The centroids of the reference sets.
    target : Embeddings, optional
        The evaluation split of the set whose locations and spreads the counterfactuals use.

    Returns
    -------
    polars.DataFrame
        One row per reference and query: reference, class_id, index; whether the query is correct: correct, own_correct (by
        the own centroids), moved, scaled, both (null without a target).
    """
    counterfactuals = {} if target is None else make_counterfactuals(query, target)
    own_correct = classify_by_centroids(query, own) == query.class_ids
    parts = []
    for name, centroids in references.items():
        columns: dict[str, Any] = {
            "class_id": query.class_ids,
            "index": query.indices,
            "correct": classify_by_centroids(query, centroids) == query.class_ids,
            "own_correct": own_correct,
        }
        for counterfactual in COUNTERFACTUALS:
            columns[counterfactual] = (
                classify_by_centroids(counterfactuals[counterfactual], centroids) == query.class_ids
                if counterfactuals
                else [None] * len(query)
            )
        part = pl.DataFrame(columns, schema_overrides=dict.fromkeys(COUNTERFACTUALS, pl.Boolean))
        parts.append(part.select(pl.lit(name).alias("reference"), pl.all()))
    return pl.concat(parts)


def make_counterfactuals(query: Embeddings, target: Embeddings) -> dict[str, Embeddings]:
    """Move each class cluster of the queries onto the target's centroid, scale it to the target's mean angle, or both.

    Parameters
    ----------
    query, target : Embeddings
        Of the same classes. Locations and spreads are measured on these vectors: with itself as target, a set is unchanged.

    Returns
    -------
    dict of str to Embeddings
        "moved", "scaled" and "both", with float64 vectors in the order of the query.
    """
    n_classes = int(max(query.class_ids.max(), target.class_ids.max())) + 1
    centroids, target_centroids = (compute_centroids(sum_classes([one], n_classes)) for one in (query, target))
    vectors, target_vectors = make_unit(query.vectors), make_unit(target.vectors)
    made = {name: np.empty_like(vectors) for name in COUNTERFACTUALS}
    for class_id in range(n_classes):
        members, start, end = query.class_ids == class_id, centroids[class_id], target_centroids[class_id]
        cluster = vectors[members]
        angle = measure_angles(cluster, start).mean()
        factor = measure_angles(target_vectors[target.class_ids == class_id], end).mean() / angle if angle else 1.0
        scaled = scale_cluster(cluster, start, factor)
        made["moved"][members] = rotate_cluster(cluster, start, end)
        made["scaled"][members] = scaled
        made["both"][members] = rotate_cluster(scaled, start, end)
    return {name: Embeddings(query.class_ids, query.indices, one, query.lengths) for name, one in made.items()}


def _iterate_classes(queries: pl.DataFrame, class_names: Sequence[str]) -> Iterable[tuple[dict[str, Any], pl.DataFrame]]:
    """Yield all queries, then those of each class, each with its first columns."""
    yield {"class_id": None, "name": "all"}, queries
    for part in queries.partition_by("class_id", maintain_order=True):
        class_id = part["class_id"][0]
        yield {"class_id": class_id, "name": class_names[class_id]}, part


def tabulate_split(sets: Mapping[str, pl.DataFrame], class_names: Sequence[str], natural: str | None) -> pl.DataFrame:
    """Tabulate the paper's split of each set's error by each reference, for all classes and per class.

    Parameters
    ----------
    sets : mapping of set name to table
        From :func:`classify_queries`.
    class_names : sequence of str
        The names of the classes, by class_id.
    natural : str or None
        The set whose errors are given for comparison.

    Returns
    -------
    polars.DataFrame
        reference, set, class_id (null for all), name, n_queries, error, own_error, shift (error - own_error, paired by
        query), each with bounds; own_share (own_error / error: in the paper's interpretation the share that is due to the
        variation of diffusion, the rest being due to CLIP's location of the reference) with bounds; natural_error and
        natural_own_error.
    """
    rows = []
    natural_errors: dict[tuple[str, int | None], dict[str, float]] = {}
    for name in sorted(sets, key=lambda one: one != natural):
        for (reference,), part in sets[name].partition_by("reference", maintain_order=True, as_dict=True).items():
            for head, queries in _iterate_classes(part, class_names):
                found = _split(queries)
                key = (reference, head["class_id"])
                if name == natural:
                    natural_errors[key] = {"natural_error": found["error"], "natural_own_error": found["own_error"]}
                rows.append({"reference": reference, "set": name} | head | found | natural_errors.get(key, {}))
    order = {name: n for n, name in enumerate(sets)}
    columns = ("error", "own_error", "shift", "own_share")
    kinds = {name + end: pl.Float64 for name in columns for end in ("", "_low", "_high")}
    kinds |= {"natural_error": pl.Float64, "natural_own_error": pl.Float64}
    table = pl.DataFrame(sorted(rows, key=lambda row: order[row["set"]]), schema_overrides=kinds, infer_schema_length=None)
    missing = [pl.lit(None, pl.Float64).alias(name) for name in kinds if name not in table.columns]
    return table.with_columns(missing)


def _split(queries: pl.DataFrame) -> dict[str, Any]:
    wrong, own_wrong = ~queries["correct"].to_numpy(), ~queries["own_correct"].to_numpy()
    shift = compare_proportions(wrong, own_wrong)
    found: dict[str, Any] = {"n_queries": len(queries)}
    for name, values in (("error", wrong), ("own_error", own_wrong)):
        low, high = wilson_interval(int(values.sum()), len(values))
        found |= {name: int(values.sum()) / len(values), f"{name}_low": low, f"{name}_high": high}
    found |= {"shift": shift.difference, "shift_low": shift.low, "shift_high": shift.high}
    share, *bounds = measure_ratio(own_wrong.astype(float), wrong.astype(float))
    return found | {"own_share": share, "own_share_low": bounds[0], "own_share_high": bounds[1]}


def measure_ratio(numerator: np.ndarray, denominator: np.ndarray) -> tuple[float | None, float | None, float | None]:
    """Return the ratio of two means over the same queries and its interval by linearisation; Nones if the second is zero.

    Parameters
    ----------
    numerator, denominator : float64 arrays of shape (n,)

    References
    ----------
    W. G. Cochran, "Sampling Techniques", 3rd edition (1977), Section 6.3.
    """
    total = math.fsum(denominator)
    if not total:
        return None, None, None
    ratio, count = math.fsum(numerator) / total, len(denominator)
    residual = numerator - ratio * denominator
    error = math.sqrt(float(residual @ residual) / max(1, count - 1) / count) / (total / count)
    return ratio, ratio - Z * error, ratio + Z * error


def tabulate_terms(sets: Mapping[str, pl.DataFrame], class_names: Sequence[str], target: str | None) -> pl.DataFrame:
    """Tabulate the counterfactual split of the difference between each set's accuracy and the target's.

    Parameters
    ----------
    sets : mapping of set name to table
        From :func:`classify_queries`, including the target's.
    class_names : sequence of str
        The names of the classes, by class_id.
    target : str or None
        The set whose locations and spreads were used; None gives an empty table.

    Returns
    -------
    polars.DataFrame
        reference, set, target, class_id (null for all), name, n_queries, accuracy, target_accuracy, difference
        (target_accuracy - accuracy) and its terms location, spread and shape, which sum to it, each with bounds.
    """
    if target is None:
        return pl.DataFrame(schema=TERMS)
    target_parts = {key: part for (key,), part in sets[target].partition_by("reference", as_dict=True).items()}
    rows = []
    for name, table in sets.items():
        if name == target:
            continue
        for (reference,), part in table.partition_by("reference", maintain_order=True, as_dict=True).items():
            targets = dict(_index_classes(target_parts[reference], class_names))
            for head, queries in _iterate_classes(part, class_names):
                row = {"reference": reference, "set": name, "target": target} | head
                rows.append(row | _find_terms(queries, targets[head["class_id"]]))
    return pl.DataFrame(rows, schema=TERMS)


def _index_classes(queries: pl.DataFrame, class_names: Sequence[str]) -> Iterable[tuple[int | None, pl.DataFrame]]:
    return ((head["class_id"], part) for head, part in _iterate_classes(queries, class_names))


def _find_terms(queries: pl.DataFrame, targets: pl.DataFrame) -> dict[str, Any]:
    ids = queries["class_id"].to_numpy()
    actual, moved, scaled, both = (queries[name].to_numpy().astype(float) for name in ("correct", *COUNTERFACTUALS))
    goal = targets["correct"].to_numpy().astype(float)
    found: dict[str, Any] = {
        "n_queries": len(queries),
        "accuracy": math.fsum(actual) / len(actual),
        "target_accuracy": math.fsum(goal) / len(goal),
    }
    terms = {
        "location": ((moved - actual) + (both - scaled)) / 2,
        "spread": ((scaled - actual) + (both - moved)) / 2,
    }
    for name, values in terms.items():
        low, high = mean_interval(values, ids) or (None, None)
        found |= {name: math.fsum(values) / len(values), f"{name}_low": low, f"{name}_high": high}
    for name, values in (("shape", both), ("difference", actual)):
        middle = found["target_accuracy"] - math.fsum(values) / len(values)
        spans = [mean_interval(values, ids), mean_interval(goal, targets["class_id"].to_numpy())]
        half = None if None in spans else math.hypot(*((span[1] - span[0]) / 2 for span in spans if span is not None))
        bounds = (None, None) if half is None else (middle - half, middle + half)
        found |= {name: middle, f"{name}_low": bounds[0], f"{name}_high": bounds[1]}
    return found
