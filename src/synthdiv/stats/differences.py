"""Differences between two experiments, and their significance."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl

from synthdiv.stats.intervals import LEVEL, Z


@dataclass(frozen=True)
class Difference:
    """The first experiment minus the second, with the interval and the p-value."""

    difference: float
    low: float
    high: float
    p_value: float


def compare_proportions(first: np.ndarray, second: np.ndarray) -> Difference:
    """Compare two accuracies on the same queries: McNemar's exact test, Agresti and Min's interval.

    Parameters
    ----------
    first, second : bool arrays of shape (n,)
        Whether each classifies a query correctly; at least one query.

    References
    ----------
    A. Agresti and Y. Min, "Simple improved confidence intervals for comparing matched proportions", Statistics in
    Medicine 24 (2005).
    """
    from scipy import stats  # takes long to import, and most jobs do not need it

    count, only_first, only_second = len(first), int((first & ~second).sum()), int((second & ~first).sum())
    p_value = stats.binomtest(only_first, only_first + only_second).pvalue if only_first + only_second else 1.0
    b, c, n = only_first + 0.5, only_second + 0.5, count + 2
    middle = (b - c) / n
    half = Z * math.sqrt((b + c) - (b - c) ** 2 / n) / n
    return Difference((only_first - only_second) / count, max(-1.0, middle - half), min(1.0, middle + half), float(p_value))


def compare_means(first: np.ndarray, second: np.ndarray) -> Difference:
    """Return the mean difference of pairs (of queries, or of classes) by Student's paired t-test.

    Parameters
    ----------
    first, second : float64 arrays of shape (n,)
        At least one pair.

    Returns
    -------
    Difference
        For a single pair, whose spread is unknown, interval and p-value are NaN.
    """
    pairs = first - second
    middle, count = math.fsum(pairs) / len(pairs), len(pairs)
    if count == 1:
        return Difference(middle, math.nan, math.nan, math.nan)
    if pairs.std() == 0:
        return Difference(middle, middle, middle, 1.0 if middle == 0 else 0.0)
    from scipy import stats  # as above

    test = stats.ttest_rel(first, second)
    low, high = test.confidence_interval(LEVEL)
    return Difference(middle, float(low), float(high), float(test.pvalue))


SCHEMA: dict[str, Any] = {
    "n_pairs": pl.Int64,
    **dict.fromkeys(("difference", "difference_low", "difference_high", "p_value", "p_adjusted"), pl.Float64),
    "differs": pl.Boolean,
}
"""Columns of a difference, after those that name what is compared."""


def describe_difference(found: Difference, count: int) -> dict[str, Any]:
    """Return the columns of a difference over ``count`` pairs; :func:`correct_rows` adds the last two."""
    interval = {"difference_low": found.low, "difference_high": found.high}
    return {"n_pairs": count, "difference": found.difference, **interval, "p_value": found.p_value}


def correct_rows(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Add p_adjusted, corrected for the number of rows, and differs (p_adjusted below 0.05)."""
    if not rows:
        return []
    adjusted = adjust_p_values(np.array([row["p_value"] for row in rows])).tolist()
    return [row | {"p_adjusted": p, "differs": p < 0.05} for row, p in zip(rows, adjusted, strict=True)]


def adjust_p_values(p_values: np.ndarray) -> np.ndarray:
    """Apply Benjamini and Hochberg's correction for many comparisons: the false discovery rate at which each is significant.

    Parameters
    ----------
    p_values : float64 array of shape (n,)
        NaN if a comparison had no test; NaNs are not counted, and stay.

    Returns
    -------
    float64 array of shape (n,)

    References
    ----------
    Y. Benjamini and Y. Hochberg, "Controlling the false discovery rate: a practical and powerful approach to multiple
    testing", Journal of the Royal Statistical Society B 57 (1995).
    """
    from scipy import stats  # as above

    adjusted, tested = np.full(len(p_values), math.nan), ~np.isnan(p_values)
    adjusted[tested] = stats.false_discovery_control(p_values[tested], method="bh")
    return adjusted


def difference_interval(
    first: float, first_bounds: tuple[float, float], second: float, second_bounds: tuple[float, float]
) -> tuple[float, float]:
    """Return the interval of ``second`` minus ``first`` for two independent estimates with intervals of their own.

    The method of variance estimates recovery (MOVER) takes each side's variance from the bound on that side, so the interval
    of two proportions with Wilson's intervals is Newcombe's. It is too wide if the estimates are positively correlated, as
    accuracies on the same images are.

    Parameters
    ----------
    first, second : float
    first_bounds, second_bounds : (float, float)

    Returns
    -------
    (float, float)

    References
    ----------
    G. Y. Zou and A. Donner, "Construction of confidence limits about effect measures: a general approach", Statistics in
    Medicine 27 (2008), equations 4 and 5.
    """
    difference = second - first
    down = math.hypot(second - second_bounds[0], first_bounds[1] - first)
    up = math.hypot(second_bounds[1] - second, first - first_bounds[0])
    return difference - down, difference + up
