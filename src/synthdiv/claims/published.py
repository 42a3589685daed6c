"""Read and audit the published values of "Diversity and Diffusion" (resources/paper), with their printed precision."""

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
"""The publications that a config's `published` may name."""
N_CLASSES = 1000
"""Classes of ImageNet-1K, which all tables use except Table 4 and Figure 9."""
QUERIES_PER_CLASS = {"Table 4": 50, "Figure 9": 1200}
"""Evaluation images per class (Section 3), and images per prompt (Appendix B)."""


@dataclass(frozen=True)
class PrintedTable:
    """A printed table with percentages as shares, and half a unit of the last digit of each value column."""

    rows: list[dict[str, Any]]
    halves: dict[str, float]


def read_printed(path: Path | str, metrics: tuple[str, ...]) -> PrintedTable:
    """Read a printed table.

    Parameters
    ----------
    path : Path or str
        A CSV of resources/paper.
    metrics : tuple of str
        Its value columns. Those named ``*_pct`` are percentages and lose the suffix; an empty value is None.

    Returns
    -------
    PrintedTable
        A column's precision is that of its value with the most decimals: 100 in a column with 99.6 means 100.0.
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
        The tables by file stem: sets, table6_experiments, table6_means, table5_modalities, tables_1_2_classifier,
        tables_3_4_and_figure_9, centroid_distance.
    """
    matrix = read_matrix(files["table6_experiments"], files["sets"])
    distances = read_printed(files["centroid_distance"], ("centroid_distance_printed",))
    entries = [(row["set"], row["class"], row["where"], row["centroid_distance_printed"]) for row in distances.rows]
    whole = {f"{name}-IM": (f"{where}, {name}", value) for name, which, where, value in entries if which == "all"}
    rows = audit_matrix(matrix, whole)
    most = max(value for _, value in whole.values())
    rows += [
        make_row(
            "units of Centroid Distance",
            f"{where}, {name}, {which}",
            f"similar to whole sets, at most {most:.3g}",
            f"{value:.3g}",
            "note",
            f"{value / most:.0f} times the most varied set: either an unusual class, or another unit",
        )
        for name, which, where, value in entries
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
    """Read Table 6 and the paper's description of its sets."""
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
    """Check that Tables 3, 4 and 5 repeat the values of Table 6."""
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
                reason = f"{matrix.name_row(*pair)} has the same value"
                rows.append(check_same("repeated values", where, matrix.find(metric)[pair], given, tolerance, reason))
    return rows


def _check_shares(files: Mapping[str, Path | str]) -> list[Row]:
    """Check that the percentages of Tables 1, 2 and 4 and Figure 9 are possible for their numbers of images."""
    classes = read_printed(files["tables_3_4_and_figure_9"], ("centroid_accuracy_pct", "mean_cosine"))
    classifiers = read_printed(files["tables_1_2_classifier"], ("top1_pct",))
    rows = []
    for where, count in QUERIES_PER_CLASS.items():
        shares = [
            (f"{row['query']}, {row['class']}", row["centroid_accuracy"]) for row in classes.rows if row["where"] == where
        ]
        rows += check_granularity(where, shares, count, classes.halves["centroid_accuracy"])
    for table in dict.fromkeys(row["table"] for row in classifiers.rows):
        shares = [(f"line {row['line']}", row["top1"]) for row in classifiers.rows if row["table"] == table]
        rows += check_granularity(f"Table {table}", shares, 50 * N_CLASSES, classifiers.halves["top1"])
    return rows
