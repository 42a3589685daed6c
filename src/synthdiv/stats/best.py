"""Which of several means may be the highest: multiple comparisons with the best."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.special import stdtr, stdtrit

from synthdiv.stats.intervals import LEVEL

MOST_FREEDOM = 10_000.0
"""Degrees of freedom, at most: with more, Student's distribution is the normal one to four digits."""
RIDGE = 1e-6
"""What makes a correlation matrix regular: the numerical integral is wrong for singular ones."""


@dataclass(frozen=True)
class ComparisonWithBest:
    """For each of k means, simultaneous bounds of its difference from the best of the others.

    Attributes
    ----------
    low, high : float64 arrays of shape (k,)
        ``low`` is at most 0, and ``high`` at least. A mean that is not the best has a ``high`` of 0.
    may_be_best : bool array of shape (k,)
    """

    low: np.ndarray
    high: np.ndarray
    may_be_best: np.ndarray


@dataclass(frozen=True)
class Critical:
    """By how many standard errors a mean must be behind another one to be no candidate for the best.

    Attributes
    ----------
    value : float
    tail : float
        The probability that a single difference is as far off in this direction.
    """

    value: float
    tail: float


def find_criticals(errors: np.ndarray, freedoms: np.ndarray) -> list[Critical]:
    """Find each mean's one-sided critical value of Dunnett's comparison of all others with it.

    The correlation of two differences from the same mean follows from the errors of the three pairs. The degrees of freedom
    are those of the pair with the fewest, at most ``MOST_FREEDOM``.

    Parameters
    ----------
    errors : float64 array of shape (k, k)
        The standard error of the difference of each pair, symmetric.
    freedoms : float64 array of shape (k, k)
        Their degrees of freedom.

    Returns
    -------
    list of k Critical
        0 standard errors for a mean that does not vary from any other.

    References
    ----------
    C. W. Dunnett, "A multiple comparison procedure for comparing several treatments with a control", JASA 50 (1955).
    """
    return [_find_critical(errors, freedoms, n) for n in range(len(errors))]


def _find_critical(errors: np.ndarray, freedoms: np.ndarray, control: int) -> Critical:
    from scipy import optimize, stats  # takes long to import, and most jobs do not need it

    others = [n for n in range(len(errors)) if n != control and errors[control, n] > 0]
    if not others:
        return Critical(0.0, 0.5)
    freedom = min(float(freedoms[control, others].min()), MOST_FREEDOM)
    smallest, largest = (float(stdtrit(freedom, 1 - (1 - LEVEL) / count)) for count in (1, len(others)))
    value = smallest
    if len(others) > 1:
        own, between = errors[control, others], errors[np.ix_(others, others)]
        correlation = _correct((own[:, None] ** 2 + own**2 - between**2) / (2 * own[:, None] * own))
        joint = stats.multivariate_t(shape=correlation, df=freedom, seed=0)

        def miss(at: float) -> float:
            return float(joint.cdf(np.full(len(others), at))) - LEVEL

        if miss(largest) <= 0:  # the integral is numerical: the bound holds in any case
            value = largest
        elif miss(smallest) < 0:
            value = float(optimize.brentq(miss, smallest, largest, xtol=1e-4))
    return Critical(value, float(stdtr(freedom, -value)))


def _correct(correlation: np.ndarray) -> np.ndarray:
    """Return the nearest regular matrix: errors of pairs that were estimated one by one may contradict each other."""
    values, vectors = np.linalg.eigh(correlation)
    whole = (vectors * np.maximum(values, 0)) @ vectors.T + RIDGE * np.eye(len(values))
    scale = np.sqrt(np.diag(whole))
    return whole / scale[:, None] / scale


def compare_with_best(means: np.ndarray, errors: np.ndarray, criticals: list[Critical]) -> ComparisonWithBest:
    """Compare each mean with the best of the others, so that all bounds hold at once in 95 % of samples.

    Parameters
    ----------
    means : float64 array of shape (k,)
        At least two.
    errors : float64 array of shape (k, k)
        As for :func:`find_criticals`, which gives ``criticals``.
    criticals : list of k Critical

    Returns
    -------
    ComparisonWithBest
        The highest mean always may be the best; so may an equal one.

    References
    ----------
    J. C. Hsu, "Constrained simultaneous confidence intervals for multiple comparisons with the best", Annals of Statistics
    12 (1984); "Multiple Comparisons: Theory and Methods" (1996), chapter 4, for unequal errors.
    """
    ahead, reach = means[:, None] - means, np.array([one.value for one in criticals])[:, None] * errors
    others = ~np.eye(len(means), dtype=bool)
    high = np.where(others, ahead + reach, np.inf).min(axis=1)
    may_be_best = high >= 0
    rivals = others & may_be_best  # by column
    low = np.where(rivals, ahead - reach.T, np.inf).min(axis=1)  # a rival's own critical value
    return ComparisonWithBest(np.minimum(low, 0.0), np.maximum(high, 0.0), may_be_best)
