"""What two experiments differ by, and whether that is more than noise."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl
from scipy import stats

from synthdiv.stats.intervals import LEVEL, Z


@dataclass(frozen=True)
class Difference:
    """What one experiment has more than another, its interval, and the probability of so much by chance."""

    difference: float
    low: float
    high: float
    p_value: float


def compare_proportions(first: np.ndarray, second: np.ndarray) -> Difference:
    """The difference of two accuracies over the same queries: McNemar's exact test, Agresti and Min's interval.

    Parameters
    ----------
    first, second : bool arrays of shape (n,)
        Which queries each gets right; one at least.

    References
    ----------
    A. Agresti and Y. Min, "Simple improved confidence intervals for comparing matched proportions", Statistics in
    Medicine 24 (2005).
    """
    count, only_first, only_second = len(first), int((first & ~second).sum()), int((second & ~first).sum())
    p_value = stats.binomtest(only_first, only_first + only_second).pvalue if only_first + only_second else 1.0
    b, c, n = only_first + 0.5, only_second + 0.5, count + 2
    middle = (b - c) / n
    half = Z * math.sqrt((b + c) - (b - c) ** 2 / n) / n
    return Difference((only_first - only_second) / count, max(-1.0, middle - half), min(1.0, middle + half), float(p_value))


def compare_means(first: np.ndarray, second: np.ndarray) -> Difference:
    """The mean difference of pairs (of queries, or of classes) by Student's paired t-test.

    Parameters
    ----------
    first, second : float64 arrays of shape (n,)
        One pair at least.

    Returns
    -------
    Difference
        Of a single pair, whose spread is unknown, without interval and probability: they are NaN.
    """
    pairs = first - second
    middle, count = math.fsum(pairs) / len(pairs), len(pairs)
    error = float(pairs.std(ddof=1)) / math.sqrt(count) if count > 1 else math.nan
    if error == 0:
        return Difference(middle, middle, middle, 1.0 if middle == 0 else 0.0)
    half = float(stats.t.ppf((1 + LEVEL) / 2, count - 1)) * error
    p_value = 2 * float(stats.t.sf(abs(middle / error), count - 1))
    return Difference(middle, middle - half, middle + half, p_value)


SCHEMA: dict[str, Any] = {
    "n_pairs": pl.Int64,
    **dict.fromkeys(("difference", "difference_low", "difference_high", "p_value", "p_adjusted"), pl.Float64),
    "differs": pl.Boolean,
}
"""Of the columns that say how two things differ, after those that name them."""


def describe_difference(found: Difference, count: int) -> dict[str, Any]:
    """The columns of a difference between so many pairs; :func:`correct_rows` adds the last two."""
    interval = {"difference_low": found.low, "difference_high": found.high}
    return {"n_pairs": count, "difference": found.difference, **interval, "p_value": found.p_value}


def correct_rows(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Add p_adjusted, corrected for the number of rows, and differs (p_adjusted below 0.05)."""
    if not rows:
        return []
    adjusted = adjust_p_values(np.array([row["p_value"] for row in rows])).tolist()
    return [row | {"p_adjusted": p, "differs": p < 0.05} for row, p in zip(rows, adjusted, strict=True)]


def adjust_p_values(p_values: np.ndarray) -> np.ndarray:
    """Benjamini and Hochberg's correction for many comparisons: the false discovery rate that each would need.

    Parameters
    ----------
    p_values : float64 array of shape (n,)
        NaN where a comparison had no test; those are not counted, and stay.

    Returns
    -------
    float64 array of shape (n,)

    References
    ----------
    Y. Benjamini and Y. Hochberg, "Controlling the false discovery rate: a practical and powerful approach to multiple
    testing", Journal of the Royal Statistical Society B 57 (1995).
    """
    adjusted, tested = np.full(len(p_values), math.nan), ~np.isnan(p_values)
    adjusted[tested] = stats.false_discovery_control(p_values[tested], method="bh")
    return adjusted
