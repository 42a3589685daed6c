"""Score an experiment: the evaluation split of a query set against the training split of a reference set.

"Diversity and Diffusion", Sections 3 and 5 and Table 6: Centroid Accuracy, k-NN accuracy, average cosine similarity.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
import polars as pl

from synthdiv.core.errors import StudyError
from synthdiv.embeddings.table import Embeddings
from synthdiv.metrics.centroids import ClassSums, compute_centroids, sum_classes
from synthdiv.metrics.neighbours import find_nearest, multiply_rows, vote

KNN = (1, 5)


def score_experiment(
    reference: Iterable[Embeddings],
    query: Embeddings,
    n_classes: int,
    *,
    query_kind: str,
    names: tuple[str, str] = ("reference", "query"),
    device: str = "cpu",
) -> pl.DataFrame:
    """Classify every query by its nearest centroid and by its nearest references.

    Parameters
    ----------
    reference : iterable of Embeddings
        The reference set's training split, in blocks; iterated over twice.
    query : Embeddings
        The query set's evaluation split.
    n_classes : int
        C; the reference must have all of them.
    query_kind : {"image", "prompt"}
        k-NN is not applicable to queries with one prompt per class (Table 6, rows 31 to 36).
    names : (str, str)
        The sets' names, for error messages.
    device : str
        A torch device.

    Returns
    -------
    polars.DataFrame
        One row per query: class_id, index, centroid_class (class of the nearest centroid), knn1_class, knn5_class (null
        where not applicable), cosine (with the centroid of the query's own class).

    Raises
    ------
    StudyError
        If the vectors of the two sets differ in length, or the reference lacks a class.
    """
    totals = sum_reference(reference, n_classes, width=query.vectors.shape[1], names=names)
    nearest, cosines = match_centroids(query, compute_centroids(totals))
    columns: dict[str, Any] = {
        "class_id": query.class_ids,
        "index": query.indices,
        "centroid_class": nearest,
        "cosine": cosines,
    }
    for k in KNN:
        columns[f"knn{k}_class"] = [None] * len(query)
    if not is_knn_inapplicable(query, query_kind):
        neighbours = find_nearest(query, reference, max(KNN), center=totals.mean, device=device)
        for k in KNN:
            columns[f"knn{k}_class"] = vote(neighbours.class_ids[:, :k])
    kinds = {"class_id": pl.Int32, "index": pl.Int32, "centroid_class": pl.Int32, "cosine": pl.Float64}
    return pl.DataFrame(columns, schema=kinds | {f"knn{k}_class": pl.Int32 for k in KNN}, strict=False)


def sum_reference(reference: Iterable[Embeddings], n_classes: int, *, width: int, names: tuple[str, str]) -> ClassSums:
    """Sum the vectors of each class of a reference set.

    Parameters
    ----------
    reference : iterable of Embeddings
        The reference set's training split, in blocks.
    n_classes : int
        C; the reference must have all of them.
    width : int
        Length of the queries' vectors.
    names : (str, str)
        Names of the reference and query set, for error messages.

    Raises
    ------
    StudyError
        If the reference's vectors have another length, or it lacks a class.
    """
    totals = sum_classes(reference, n_classes)
    if totals.sums.shape[1] != width:
        raise StudyError(
            f"the sets {names[0]!r} and {names[1]!r} can't be compared: their vectors have "
            f"{totals.sums.shape[1]} and {width} values; were they made by different encoders?"
        )
    if not totals.counts.all():
        raise StudyError(
            f"the reference set {names[0]!r} has no vector of class_id {int(np.argmin(totals.counts))} in its training split"
        )
    return totals


def match_centroids(query: Embeddings, centroids: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Compare queries with class centroids.

    Parameters
    ----------
    query : Embeddings
        n queries.
    centroids : float64 array of shape (C, d)
        Unit vectors.

    Returns
    -------
    int64 array of shape (n,)
        The class of the nearest centroid.
    float64 array of shape (n,)
        The cosine with the centroid of the query's own class.
    """
    rows = query.vectors.astype(np.float64)
    cosines = multiply_rows(rows, centroids[query.class_ids]) / np.sqrt(multiply_rows(rows, rows))
    return classify_by_centroids(query, centroids), cosines


def classify_by_centroids(query: Embeddings, centroids: np.ndarray) -> np.ndarray:
    """Return the class of the centroid nearest to each query.

    Parameters
    ----------
    query : Embeddings
        n vectors.
    centroids : float64 array of shape (C, d)
        Unit vectors.

    Returns
    -------
    int64 array of shape (n,)
    """
    ids = np.arange(len(centroids))
    references = Embeddings(ids, np.zeros_like(ids), centroids, np.ones(len(ids), dtype=np.float32))
    return find_nearest(query, [references], 1).class_ids[:, 0]


def is_knn_inapplicable(query: Embeddings, query_kind: str) -> bool:
    """Return whether the queries are one prompt per class: too few for a k-NN accuracy."""
    return query_kind == "prompt" and len(np.unique(query.class_ids)) == len(query)
