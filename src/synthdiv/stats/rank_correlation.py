"""Spearman's rank correlation, and its interval for independent points or for points grouped by class."""

from __future__ import annotations

import math
from itertools import groupby

import numpy as np

from synthdiv.stats.intervals import LEVEL, Z

RESAMPLES = 2000
MIN_POINTS = 4
"""Minimum number of points, or classes, for an interval that says anything."""
UNKNOWN = (-1.0, 1.0)
"""The interval of a correlation about which nothing is known."""


def rank_correlation(first: np.ndarray, second: np.ndarray) -> float:
    """Return Spearman's rank correlation, with mean ranks for ties; NaN if either side does not vary.

    Parameters
    ----------
    first, second : float arrays of shape (n,)
        At least two values.

    References
    ----------
    C. Spearman, "The proof and measurement of association between two things", American Journal of Psychology 15 (1904).
    """
    return float(_correlate_rows(first[None], second[None])[0])


def _correlate_rows(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Return Spearman's correlation of each row of two arrays of shape (samples, n)."""
    from scipy.stats import rankdata  # takes long to import, and most jobs do not need it

    ranks = [rankdata(values, axis=1) - (values.shape[1] + 1) / 2 for values in (first, second)]
    products = [(ranks[a] * ranks[b]).sum(axis=1) for a, b in ((0, 1), (0, 0), (1, 1))]
    norms = np.sqrt(products[1] * products[2])
    return np.divide(products[0], norms, out=np.full(len(norms), np.nan), where=norms > 0)


def fisher_interval(correlation: float, count: int) -> tuple[float, float]:
    """Return the 95 % interval of Spearman's correlation between independent points.

    Each bound is that of a correlation half a step away, where a step is the least difference between two correlations of
    this many points without ties. So the interval has a width even if the correlation is perfect.

    Parameters
    ----------
    correlation : float
    count : int
        Number of points.

    Returns
    -------
    (float, float)
        (-1, 1) for fewer than four points, or if the correlation is NaN.

    References
    ----------
    D. G. Bonett and T. A. Wright, "Sample size requirements for estimating Pearson, Kendall and Spearman correlations",
    Psychometrika 65 (2000): Fisher's z with variance (1 + r^2 / 2) / (n - 3).
    M. G. Kendall, "Rank correlation methods" (4th edition, 1970): the correction for continuity.
    """
    if count < MIN_POINTS or math.isnan(correlation):
        return UNKNOWN
    half_step = 6 / (count**3 - count)

    def find_bound(nearer: float, side: int) -> float:
        if abs(nearer) >= 1:
            return math.copysign(1.0, nearer)
        return math.tanh(math.atanh(nearer) + side * Z * math.sqrt((1 + nearer**2 / 2) / (count - 3)))

    return find_bound(correlation - half_step, -1), find_bound(correlation + half_step, 1)


def resample_classes(
    first: np.ndarray, second: np.ndarray, class_ids: np.ndarray, generator: np.random.Generator
) -> tuple[float, float]:
    """Return the 95 % percentile interval of Spearman's correlation when whole classes are resampled.

    It includes the interval of as many independent points: percentiles of few classes are too narrow, and those of a perfect
    correlation have no width.

    Parameters
    ----------
    first, second : float arrays of shape (n,)
        The points.
    class_ids : int array of shape (n,)
        The class of each.
    generator : numpy.random.Generator
        Draws the resamples.

    Returns
    -------
    (float, float)
        (-1, 1) for fewer than four classes, or if the correlation is NaN.

    References
    ----------
    A. C. Davison and D. V. Hinkley, "Bootstrap methods and their application" (1997), section 3.8 (strategy 1).
    """
    members = [np.flatnonzero(class_ids == class_id) for class_id in np.unique(class_ids)]
    correlation = rank_correlation(first, second)
    if len(members) < MIN_POINTS or math.isnan(correlation):
        return UNKNOWN
    resampled = (generator.integers(len(members), size=len(members)) for _ in range(RESAMPLES))
    samples = [np.concatenate([members[n] for n in numbers]) for numbers in resampled]
    by_length = sorted(samples, key=len)  # samples of equal length are ranked together
    parts = [np.stack(list(rows)) for _, rows in groupby(by_length, key=len)]
    found = np.concatenate([_correlate_rows(first[rows], second[rows]) for rows in parts])
    low, high = np.nanquantile(found, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    independent = fisher_interval(correlation, len(first))
    return min(float(low), independent[0]), max(float(high), independent[1])
