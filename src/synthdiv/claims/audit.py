"""The audited matrix, and checks of single values: their granularity, and whether they agree.

A check returns rows of check, where, expected, found, verdict ("holds", "contradiction" or "note") and reason. The failure
of an exact rule is a contradiction everywhere. The failure of an approximate rule (:mod:`synthdiv.claims.consistency`) is a
contradiction only in printed tables, of which nothing else is known; in a study's own tables, which can be inspected, it is
a note.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field

import polars as pl

from synthdiv.stats.intervals import Z

EXACT = 1e-9
"""Tolerance between two equal fp64 values."""

COLUMNS = ("source", "check", "where", "expected", "found", "verdict", "reason")
"""Columns of the audit table; the source is a study's name, or "this study"."""

Row = dict[str, str]


@dataclass(frozen=True)
class Matrix:
    """A reference x query matrix to audit.

    Attributes
    ----------
    where : str
        Its name in the audit, such as "Table 6".
    rows : polars.DataFrame
        experiment, reference, query, n_queries, centroid_accuracy, knn1_accuracy, knn5_accuracy (fractions, null where not
        applicable), mean_cosine.
    printed : bool
        Whether only these rounded values are known.
    halves : mapping of column to float
        Half a unit of the last digit; empty for exact values.
    prompts_of : mapping of image set to prompt set
        The prompts that each image set was generated from.
    repeated : collection of str
        Sets whose two splits are the same.
    """

    where: str
    rows: pl.DataFrame
    printed: bool
    halves: Mapping[str, float] = field(default_factory=dict)
    prompts_of: Mapping[str, str] = field(default_factory=dict)
    repeated: Collection[str] = ()

    def find(self, column: str) -> dict[tuple[str, str], float]:
        """Return a column's values by (reference, query), without nulls."""
        rows = self.rows.select("reference", "query", column).drop_nulls()
        return {(reference, query): value for reference, query, value in rows.iter_rows()}

    def name_row(self, reference: str, query: str) -> str:
        """Return the name of an experiment's row."""
        number = self.rows.filter(reference=reference, query=query)["experiment"][0]
        return f"{self.where}, row {number} ({reference} x {query})"

    @property
    def sets(self) -> list[str]:
        """Sets that are both reference and query, in the order of the references."""
        queries = set(self.rows["query"])
        return [name for name in self.rows["reference"].unique(maintain_order=True) if name in queries]

    def noise(self, query: str, first: float, second: float) -> float:
        """Return how far chance and rounding may separate two accuracies on a query set; less if their errors correlate."""
        count = self.rows.filter(query=query)["n_queries"][0]
        half = 2 * self.halves.get("centroid_accuracy", 0.0)
        return half + Z * math.sqrt((first * (1 - first) + second * (1 - second)) / count)

    def decide(self, holds: bool) -> str:
        """Return the verdict of an approximate rule."""
        return "holds" if holds else "contradiction" if self.printed else "note"


def make_row(check: str, where: str, expected: str, found: str, verdict: str, reason: str) -> Row:
    """Return a row of the audit."""
    return {"check": check, "where": where, "expected": expected, "found": found, "verdict": verdict, "reason": reason}


def check_granularity(where: str, values: Sequence[tuple[str, float]], count: int, half: float = 0.0) -> list[Row]:
    """Check that each share is a whole number of correct queries out of ``count``.

    Parameters
    ----------
    where : str
    values : sequence of (str, float)
        The name and value of each share.
    count : int
        Queries behind each share.
    half : float
        Half a unit of the last printed digit, as a share.
    """
    check, expected = "granularity", f"shares of {count} queries"
    wrong = [(name, value) for name, value in values if abs(round(value * count) / count - value) > half + EXACT]
    rows = []
    for name, value in wrong:
        below, above = (100 * bound(value * count) / count for bound in (math.floor, math.ceil))
        reason = f"the nearest possible shares are {below:.4g} and {above:.4g} %"
        rows.append(make_row(check, f"{where}, {name}", expected, f"{100 * value:.4g} %", "contradiction", reason))
    if len(wrong) < len(values):
        found = f"{len(values) - len(wrong)} of {len(values)} values are possible"
        vacuous = 1 / count <= 2 * half
        reason = "so many queries allow any printed value: no test" if vacuous else "each is a whole number of queries"
        rows.append(make_row(check, where, expected, found, "note" if vacuous else "holds", reason))
    return rows


def check_same(check: str, where: str, expected: float, found: float, tolerance: float, reason: str) -> Row:
    """Check that a value given in two places, or derived from other values, is the same."""
    digits = 4 if tolerance > EXACT else 6
    verdict = "holds" if abs(expected - found) <= tolerance + EXACT else "contradiction"
    return make_row(check, where, f"{expected:.{digits}f}", f"{found:.{digits}f}", verdict, reason)


def check_means(matrix: Matrix, means: Sequence[tuple[str, str, float, float]]) -> list[Row]:
    """Check the means over the rows with k-NN by recomputing them.

    Parameters
    ----------
    matrix : Matrix
    means : sequence of (where, metric, given mean, half a unit of its last digit)
        The metric is an accuracy, the mean cosine, or "knn5_wins": the share of rows in which k-NN with k = 5 beats Centroid
        Accuracy.
    """
    known = matrix.rows.drop_nulls("knn5_accuracy")
    rows = []
    for where, metric, given, half in means if len(known) else ():
        values = known["knn5_accuracy"] > known["centroid_accuracy"] if metric == "knn5_wins" else known[metric]
        mean = math.fsum(values) / len(known)
        tolerance = half + matrix.halves.get(metric, 0.0)
        reason = f"the mean of {metric} over the {len(known)} rows with k-NN"
        rows.append(check_same("means of rows", f"{where}, {metric}", mean, given, tolerance, reason))
    return rows
