"""One experiment: the evaluation split of a query set against the training split of a reference set.

"Diversity and Diffusion", Sections 3 and 5 and Table 6: Centroid Accuracy, k-NN accuracy, average cosine similarity.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from synthdiv.centroids import compute_centroids
from synthdiv.classes import ClassRow
from synthdiv.embeddings import Embeddings
from synthdiv.errors import StudyError
from synthdiv.files import replace_atomically
from synthdiv.neighbours import find_nearest, vote

KNN = (1, 5)


def score_experiment(
    reference: Embeddings,
    query: Embeddings,
    n_classes: int,
    *,
    query_kind: str,
    names: tuple[str, str] = ("reference", "query"),
) -> pl.DataFrame:
    """Classify every query by the nearest centroid and by its nearest references.

    Parameters
    ----------
    reference, query : Embeddings
        The reference set's training split, and the query set's evaluation split.
    n_classes : int
        C; a reference needs all of them.
    query_kind : {"image", "prompt"}
        k-NN is not applicable to prompts of one a class as queries (Table 6, rows 31 to 36).
    names : (str, str)
        The sets' names, for messages.

    Returns
    -------
    polars.DataFrame
        A row a query: class_id, index, centroid_class (the nearest centroid's), knn1_class, knn5_class (null where not
        applicable), cosine (with the centroid of the query's own class).

    Raises
    ------
    StudyError
        If the two sets have vectors of different lengths, or the reference lacks a class.
    """
    if reference.vectors.shape[1] != query.vectors.shape[1]:
        raise StudyError(
            f"the sets {names[0]!r} and {names[1]!r} can't be compared: their vectors have "
            f"{reference.vectors.shape[1]} and {query.vectors.shape[1]} values; were they made by different encoders?"
        )
    missing = sorted(set(range(n_classes)) - set(reference.class_ids.tolist()))
    if missing:
        raise StudyError(f"the reference set {names[0]!r} has no vector of class_id {missing[0]} in its training split")
    centroids = compute_centroids(reference, n_classes)
    query_names = [f"{c}/{i}" for c, i in zip(query.class_ids.tolist(), query.indices.tolist(), strict=True)]
    ids = np.arange(n_classes)
    nearest = find_nearest(query.vectors, query_names, centroids, ids, [f"centroid {c}" for c in range(n_classes)], 1)
    columns: dict[str, Any] = {
        "class_id": query.class_ids,
        "index": query.indices,
        "centroid_class": [int(rows[0]) for rows, _ in nearest],
    }
    for k in KNN:
        columns[f"knn{k}_class"] = [None] * len(query)
    if not is_knn_inapplicable(query, query_kind):
        names_of = [f"{c}/{i}" for c, i in zip(reference.class_ids.tolist(), reference.indices.tolist(), strict=True)]
        found = [
            reference.class_ids[rows]
            for rows, _ in find_nearest(
                query.vectors, query_names, reference.vectors, reference.class_ids, names_of, max(KNN)
            )
        ]
        for k in KNN:
            columns[f"knn{k}_class"] = [vote(classes[:k]) for classes in found]
    own = centroids[query.class_ids]
    rows = query.vectors.astype(np.float64)
    columns["cosine"] = (rows * own).sum(axis=1) / np.sqrt((rows * rows).sum(axis=1))
    kinds = {"class_id": pl.Int32, "index": pl.Int32, "centroid_class": pl.Int32, "cosine": pl.Float64}
    return pl.DataFrame(columns, schema=kinds | {f"knn{k}_class": pl.Int32 for k in KNN}, strict=False)


def is_knn_inapplicable(query: Embeddings, query_kind: str) -> bool:
    """Whether the queries are prompts of one a class: too few for a k-NN accuracy."""
    return query_kind == "prompt" and len(np.unique(query.class_ids)) == len(query)


def summarise_predictions(predictions: pl.DataFrame) -> dict[str, Any]:
    """The figures of a table row: n_queries, centroid_accuracy, knn1_accuracy, knn5_accuracy, mean_cosine.

    Accuracies are fractions; None where not applicable.
    """
    figures: dict[str, Any] = {"n_queries": len(predictions)}
    for name in ("centroid", *(f"knn{k}" for k in KNN)):
        predicted = predictions[f"{name}_class"]
        right = int((predicted == predictions["class_id"]).sum())
        figures[f"{name}_accuracy"] = None if predicted.null_count() else right / len(predictions)
    figures["mean_cosine"] = math.fsum(predictions["cosine"]) / len(predictions)
    return figures


def tabulate_experiments(
    rows: Sequence[tuple[int, str, str, Path | str]], classes: list[ClassRow]
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """The matrix and its per-class form, from the experiments' predictions.

    Parameters
    ----------
    rows : sequence of (number, reference, query, path)
        The experiments in order, and where the predictions of each lie.
    classes : list of ClassRow
        The study's.

    Returns
    -------
    experiments : polars.DataFrame
        experiment, reference, query, n_queries, centroid_accuracy, knn1_accuracy, knn5_accuracy, mean_cosine.
    per_class : polars.DataFrame
        The same for each class, with class_id and name.
    """
    experiments, per_class = [], []
    for number, reference, query, path in rows:
        predictions = pl.read_parquet(path)
        head = {"experiment": number, "reference": reference, "query": query}
        experiments.append(head | summarise_predictions(predictions))
        for part in predictions.partition_by("class_id", maintain_order=True):
            class_id = part["class_id"][0]
            per_class.append(head | {"class_id": class_id, "name": classes[class_id].name} | summarise_predictions(part))
    kinds = {f"knn{k}_accuracy": pl.Float64 for k in KNN}
    return (
        pl.DataFrame(experiments, schema_overrides=kinds, infer_schema_length=None),
        pl.DataFrame(per_class, schema_overrides=kinds, infer_schema_length=None),
    )


def write_table(table: pl.DataFrame, path: Path | str) -> None:
    """Write a table as CSV or Parquet, by the path's ending."""
    with replace_atomically(path) as temporary:
        if str(path).endswith(".csv"):
            table.write_csv(temporary)
        else:
            table.write_parquet(temporary)
