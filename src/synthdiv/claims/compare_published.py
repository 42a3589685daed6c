"""Compare published values with a study's own where it has sets of the same names; the two are never mixed.

Names are the papers', with the suffix of image sets in this project.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import polars as pl

from synthdiv.analysis.matrix import METRICS
from synthdiv.claims.published import STUDIES, read_printed

SCHEMA: dict[str, Any] = {
    **dict.fromkeys(("source", "where", "reference", "query", "class", "metric"), pl.String),
    **dict.fromkeys(("published", "value", "low", "high"), pl.Float64),
    "note": pl.String,
}
Files = Mapping[str, Path | str]
MATRIX = {
    "table6_experiments": ("Table 6", ("centroid_accuracy_pct", "knn1_accuracy_pct", "knn5_accuracy_pct", "mean_cosine")),
    "tables_3_4_and_figure_9": (None, ("centroid_accuracy_pct", "mean_cosine")),
    "table5_modalities": ("Table 5", ("centroid_accuracy_pct", "mean_cosine")),
}
"""Place and metrics of each table of experiments; the place is None where the rows name it."""
TRAININGS = {"tables_1_2_classifier": ("top1_pct",), "imagenet_sd": ("top1_pct", "top5_pct")}
"""Metrics of each table of classifiers."""


def compare_published(
    study: str,
    files: Files,
    experiments: pl.DataFrame,
    per_class: pl.DataFrame,
    distances: pl.DataFrame | None,
    means: pl.DataFrame | None,
) -> pl.DataFrame:
    """Tabulate every printed value with the study's own.

    Parameters
    ----------
    study : str
        The publication: a key of :data:`synthdiv.claims.published.STUDIES`.
    files : mapping of str to path
        Its tables, by file stem.
    experiments, per_class : polars.DataFrame
        The study's matrix, from :func:`synthdiv.analysis.matrix.tabulate_experiments`.
    distances : polars.DataFrame, optional
        The sets' Centroid Distances; those of training splits are used.
    means : polars.DataFrame, optional
        Accuracy of one classifier over its seeds, from :func:`synthdiv.analysis.classifier_tables.average_seeds`.

    Returns
    -------
    polars.DataFrame
        source, where, reference (or a classifier's training set), query (or its evaluation set), class, metric, published,
        value (the study's own, null where it has none), low, high, note. Accuracies are shares; the reference of a Centroid
        Distance is the set itself.
    """
    rows: list[dict[str, Any]] = []
    for stem, (where, metrics) in MATRIX.items():
        if stem in files:
            rows += _read_experiments(files[stem], where, metrics)
    if "centroid_distance" in files:
        rows += _read_distances(files["centroid_distance"])
    for stem, metrics in TRAININGS.items():
        if stem in files:
            rows += _read_trainings(files[stem], metrics)
    own_values = _index_metrics(experiments, per_class, distances, means)
    for row in rows:
        own = own_values.get((row["metric"], row["class"], row["reference"], row["query"]), (None, None, None))
        row |= {"source": STUDIES[study]} | dict(zip(("value", "low", "high"), own, strict=True))
    return pl.DataFrame(rows, schema=SCHEMA)


def _read_experiments(path: Path | str, where: str | None, metrics: tuple[str, ...]) -> Iterator[dict[str, Any]]:
    printed = read_printed(path, metrics)
    for row in printed.rows:
        head = {"where": where or row["where"], "reference": row["reference"], "query": row["query"]}
        head["class"] = row.get("class", "all")
        for metric in printed.halves:
            if row[metric] is not None:
                yield head | {"metric": metric, "published": row[metric]}


def _read_distances(path: Path | str) -> Iterator[dict[str, Any]]:
    for row in read_printed(path, ("centroid_distance_printed",)).rows:
        name = f"{row['set']}-IM"
        head = {"where": row["where"], "reference": name, "query": name, "class": row["class"]}
        yield head | {"metric": "centroid_distance", "published": row["centroid_distance_printed"]}


def _read_trainings(path: Path | str, metrics: tuple[str, ...]) -> Iterator[dict[str, Any]]:
    printed = read_printed(path, metrics)
    for row in printed.rows:
        where = f"Table {row['table']}, line {row['line']}" if "table" in row else row["where"]
        head = {"where": where, "reference": f"{row['train_set']}-IM", "query": f"{row['evaluation_set']}-IM"}
        for metric in printed.halves:
            if row[metric] is not None:
                yield head | {"class": "all", "metric": metric, "published": row[metric], "note": row.get("note")}


def _index_metrics(
    experiments: pl.DataFrame, per_class: pl.DataFrame, distances: pl.DataFrame | None, means: pl.DataFrame | None
) -> dict[tuple[str, str, str, str], tuple[float | None, ...]]:
    """Return the study's values with their bounds, by metric, class, reference and query."""
    found = {}

    def add(row: Mapping[str, Any], class_name: str, reference: str, query: str, metrics: Iterable[str]) -> None:
        for metric in metrics:
            values = tuple(row.get(metric + end) for end in ("", "_low", "_high"))
            found[metric, class_name, reference, query] = values

    for row in experiments.iter_rows(named=True):
        add(row, "all", row["reference"], row["query"], METRICS)
    for row in per_class.iter_rows(named=True):
        add(row, row["name"], row["reference"], row["query"], METRICS)
    if distances is not None:
        for row in distances.filter(split="train").iter_rows(named=True):
            add(row, "all", row["set"], row["set"], ["centroid_distance"])
    if means is not None:
        for row in means.iter_rows(named=True):
            add(row, "all", row["train_set"], row["evaluation_set"], ["top1", "top5"])
    return found
