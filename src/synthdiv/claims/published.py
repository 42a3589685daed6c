"""The published numbers of "Diversity and Diffusion" (resources/paper): as printed, with their precision, and audited."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl

from synthdiv.claims.audit import Matrix, Row, check_granularity, check_means, check_same, make_row
from synthdiv.claims.consistency import audit_matrix
from synthdiv.prompts.class_tables import read_csv_rows

STUDIES = {"diversity_and_diffusion": '"Diversity and Diffusion"', "imagenet_sd": '"Fake it till you make it"'}
"""What a config's `published` may name."""
N_CLASSES = 1000
"""Of ImageNet-1K, which every table but Table 4 and Figure 9 is about."""
QUERIES_OF_A_CLASS = {"Table 4": 50, "Figure 9": 1200}
"""Evaluation images a class (Section 3), and images of each prompt (Appendix B)."""


@dataclass(frozen=True)
class PrintedTable:
    """A printed table, percentages as shares, and half a unit of the last digit of each column of figures."""

    rows: list[dict[str, Any]]
    halves: dict[str, float]


def read_printed(path: Path | str, metrics: tuple[str, ...]) -> PrintedTable:
    """Read a printed table.

    Parameters
    ----------
    path : Path or str
        A CSV of resources/paper.
    figures : tuple of str
        Its columns of figures. Those named ``*_pct`` are percentages and lose the ending; an empty figure is None.

    Returns
    -------
    PrintedTable
        A column's precision is that of its figure of most decimals: 100 in a column of 99.6 stands for 100.0.
    """
    rows: list[dict[str, Any]] = [dict(row) for _, row in read_csv_rows(path, required=metrics, what="published table")]
    halves = {}
    for name in metrics:
        share = 100 if name.endswith("_pct") else 1
        texts = [row.pop(name) for row in rows]
        decimals = max(len(text.partition(".")[2]) for text in texts)
        halves[name.removesuffix("_pct")] = 0.5 * 10**-decimals / share
        for row, text in zip(rows, texts, strict=True):
            row[name.removesuffix("_pct")] = float(text) / share if text else None
    return PrintedTable(rows, halves)


def audit_published(files: Mapping[str, Path | str]) -> list[Row]:
    """Audit all published tables.

    Parameters
    ----------
    files : mapping of str to path
        The tables by their stems: sets, table6_experiments, table6_means, table5_modalities, tables_1_2_classifier,
        tables_3_4_and_figure_9, centroid_distance.
    """
    matrix = read_matrix(files["table6_experiments"], files["sets"])
    distances = read_printed(files["centroid_distance"], ("centroid_distance_printed",))
    metrics = [(row["set"], row["class"], row["where"], row["centroid_distance_printed"]) for row in distances.rows]
    whole = {f"{name}-IM": (f"{where}, {name}", value) for name, which, where, value in metrics if which == "all"}
    rows = audit_matrix(matrix, whole)
    most = max(value for _, value in whole.values())
    rows += [
        make_row(
            "units of Centroid Distance",
            f"{where}, {name}, {which}",
            f"about what whole sets have, {most:.3g} at most",
            f"{value:.3g}",
            "note",
            f"{value / most:.0f} times the most varied set: either an uncommon class, or another unit",
        )
        for name, which, where, value in metrics
        if which != "all" and value > most
    ]
    means = read_printed(files["table6_means"], ("printed_pct",))
    half = means.halves["printed"]
    precise = {"knn5_wins": 0.005}  # a whole percentage
    rows += check_means(
        matrix, [(row["where"], row["metric"], row["printed"], precise.get(row["metric"], half)) for row in means.rows]
    )
    rows += _compare_tables(matrix, files)
    return rows + _check_shares(files)


def read_matrix(experiments: Path | str, sets: Path | str) -> Matrix:
    """Table 6, with what the paper says of its sets."""
    described = {row["set"]: row for _, row in read_csv_rows(sets, required=("set", "evaluation_per_class"), what="sets")}
    metrics = ("centroid_accuracy_pct", "knn1_accuracy_pct", "knn5_accuracy_pct", "mean_cosine")
    printed = read_printed(experiments, metrics)
    counts = {name: N_CLASSES * int(row["evaluation_per_class"]) for name, row in described.items()}
    table = pl.DataFrame(
        [row | {"experiment": int(row["experiment"]), "n_queries": counts[row["query"]]} for row in printed.rows],
        infer_schema_length=None,
    )
    return Matrix(
        where="Table 6",
        rows=table,
        printed=True,
        halves=printed.halves,
        prompts_of={name: row["prompts"] for name, row in described.items() if row["prompts"]},
        repeated=[name for name, row in described.items() if row["same_in_both_splits"] == "yes"],
    )


def _compare_tables(matrix: Matrix, files: Mapping[str, Path | str]) -> list[Row]:
    """Tables 3, 4 and 5 repeat figures of Table 6."""
    rows = []
    for name, table in (("table5_modalities", "Table 5"), ("tables_3_4_and_figure_9", None)):
        printed = read_printed(files[name], ("centroid_accuracy_pct", "mean_cosine"))
        for row in printed.rows:
            for metric, half in printed.halves.items():
                given, pair = row[metric], (row["reference"], row["query"])
                if given is None or row.get("class", "all") != "all":
                    continue
                where = f"{table or row['where']}, {pair[0]} x {pair[1]}, {metric}"
                tolerance = half + matrix.halves[metric]
                reason = f"{matrix.name_row(*pair)} has the same figure"
                rows.append(check_same("the same figure twice", where, matrix.find(metric)[pair], given, tolerance, reason))
    return rows


def _check_shares(files: Mapping[str, Path | str]) -> list[Row]:
    """Whether so many images can be right for exactly such percentages: Tables 1, 2 and 4 and Figure 9."""
    classes = read_printed(files["tables_3_4_and_figure_9"], ("centroid_accuracy_pct", "mean_cosine"))
    classifiers = read_printed(files["tables_1_2_classifier"], ("top1_pct",))
    rows = []
    for where, count in QUERIES_OF_A_CLASS.items():
        shares = [
            (f"{row['query']}, {row['class']}", row["centroid_accuracy"]) for row in classes.rows if row["where"] == where
        ]
        rows += check_granularity(where, shares, count, classes.halves["centroid_accuracy"])
    for table in dict.fromkeys(row["table"] for row in classifiers.rows):
        shares = [(f"line {row['line']}", row["top1"]) for row in classifiers.rows if row["table"] == table]
        rows += check_granularity(f"Table {table}", shares, 50 * N_CLASSES, classifiers.halves["top1"])
    return rows
