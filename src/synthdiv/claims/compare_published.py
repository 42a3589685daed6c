"""Published figures beside a study's own, wherever the study has sets of the same names; never mixed with them.

Names are the papers', with the ending that sets of images have here.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import polars as pl

from synthdiv.analysis.matrix import FIGURES
from synthdiv.claims.published import STUDIES, read_printed

SCHEMA: dict[str, Any] = {
    **dict.fromkeys(("source", "where", "reference", "query", "class", "figure"), pl.String),
    **dict.fromkeys(("published", "value", "low", "high"), pl.Float64),
    "note": pl.String,
}
Files = Mapping[str, Path | str]
MATRIX = {
    "table6_experiments": ("Table 6", ("centroid_accuracy_pct", "knn1_accuracy_pct", "knn5_accuracy_pct", "mean_cosine")),
    "tables_3_4_and_figure_9": (None, ("centroid_accuracy_pct", "mean_cosine")),
    "table5_modalities": ("Table 5", ("centroid_accuracy_pct", "mean_cosine")),
}
"""Of each table of experiments its place, None where its rows name it, and its figures."""
TRAININGS = {"tables_1_2_classifier": ("top1_pct",), "imagenet_sd": ("top1_pct", "top5_pct")}
"""Of each table of classifiers, its figures."""


def compare_published(
    study: str,
    files: Files,
    experiments: pl.DataFrame,
    per_class: pl.DataFrame,
    distances: pl.DataFrame | None,
    means: pl.DataFrame | None,
) -> pl.DataFrame:
    """Every printed figure, and ours beside it.

    Parameters
    ----------
    study : str
        Which one was published: a key of :data:`synthdiv.claims.published.STUDIES`.
    files : mapping of str to path
        Its tables, by their stems.
    experiments, per_class : polars.DataFrame
        The study's matrix, from :func:`synthdiv.analysis.matrix.tabulate_experiments`.
    distances : polars.DataFrame, optional
        The sets' Centroid Distances; those of training splits are taken.
    means : polars.DataFrame, optional
        Accuracy of one classifier over its seeds, from :func:`synthdiv.analysis.classifier_tables.average_seeds`.

    Returns
    -------
    polars.DataFrame
        source, where, reference (what a classifier was trained on), query (what it was tried on), class, figure, published,
        value (ours, null where the study lacks it), low, high, note. Accuracies are shares; the reference of a Centroid
        Distance is its own set.
    """
    rows: list[dict[str, Any]] = []
    for stem, (where, figures) in MATRIX.items():
        if stem in files:
            rows += _read_experiments(files[stem], where, figures)
    if "centroid_distance" in files:
        rows += _read_distances(files["centroid_distance"])
    for stem, figures in TRAININGS.items():
        if stem in files:
            rows += _read_trainings(files[stem], figures)
    ours = _index_figures(experiments, per_class, distances, means)
    for row in rows:
        own = ours.get((row["figure"], row["class"], row["reference"], row["query"]), (None, None, None))
        row |= {"source": STUDIES[study]} | dict(zip(("value", "low", "high"), own, strict=True))
    return pl.DataFrame(rows, schema=SCHEMA)


def _read_experiments(path: Path | str, where: str | None, figures: tuple[str, ...]) -> Iterator[dict[str, Any]]:
    printed = read_printed(path, figures)
    for row in printed.rows:
        head = {"where": where or row["where"], "reference": row["reference"], "query": row["query"]}
        head["class"] = row.get("class", "all")
        for figure in printed.halves:
            if row[figure] is not None:
                yield head | {"figure": figure, "published": row[figure]}


def _read_distances(path: Path | str) -> Iterator[dict[str, Any]]:
    for row in read_printed(path, ("centroid_distance_printed",)).rows:
        name = f"{row['set']}-IM"
        head = {"where": row["where"], "reference": name, "query": name, "class": row["class"]}
        yield head | {"figure": "centroid_distance", "published": row["centroid_distance_printed"]}


def _read_trainings(path: Path | str, figures: tuple[str, ...]) -> Iterator[dict[str, Any]]:
    printed = read_printed(path, figures)
    for row in printed.rows:
        where = f"Table {row['table']}, line {row['line']}" if "table" in row else row["where"]
        head = {"where": where, "reference": f"{row['train_set']}-IM", "query": f"{row['evaluation_set']}-IM"}
        for figure in printed.halves:
            if row[figure] is not None:
                yield head | {"class": "all", "figure": figure, "published": row[figure], "note": row.get("note")}


def _index_figures(
    experiments: pl.DataFrame, per_class: pl.DataFrame, distances: pl.DataFrame | None, means: pl.DataFrame | None
) -> dict[tuple[str, str, str, str], tuple[float | None, ...]]:
    """The study's figures with their bounds, by figure, class, reference and query."""
    found = {}

    def add(row: Mapping[str, Any], class_name: str, reference: str, query: str, figures: Iterable[str]) -> None:
        for figure in figures:
            values = tuple(row.get(figure + end) for end in ("", "_low", "_high"))
            found[figure, class_name, reference, query] = values

    for row in experiments.iter_rows(named=True):
        add(row, "all", row["reference"], row["query"], FIGURES)
    for row in per_class.iter_rows(named=True):
        add(row, row["name"], row["reference"], row["query"], FIGURES)
    if distances is not None:
        for row in distances.filter(split="train").iter_rows(named=True):
            add(row, "all", row["set"], row["set"], ["centroid_distance"])
    if means is not None:
        for row in means.iter_rows(named=True):
            add(row, "all", row["train_set"], row["evaluation_set"], ["top1", "top5"])
    return found
