"""95 % intervals.

Unless a name says otherwise, an interval treats the classes and the reference set as fixed: it covers other queries (or
images) of the same classes.
"""

from __future__ import annotations

import math

import numpy as np
from scipy.special import betaincinv, ndtri, stdtrit

LEVEL = 0.95
Z = float(ndtri((1 + LEVEL) / 2))
MIN_CLASSES = 50
"""Minimum number of classes for an interval over other classes."""


def wilson_interval(successes: float, count: float) -> tuple[float, float]:
    """Return Wilson's score interval of a proportion; valid also at 0 and 1 and for few queries.

    For queries sampled class by class it is slightly too wide, never too narrow: the variance within classes is at most
    the total variance.

    Parameters
    ----------
    successes : float
        Number of successes; its mean if several classifiers were evaluated on the same queries.
    count : float
        Number of trials, above 0; not an integer for an effective sample size.

    Returns
    -------
    (float, float)

    References
    ----------
    E. B. Wilson, "Probable inference, the law of succession, and statistical inference", JASA 22 (1927).
    """
    share, spread = successes / count, Z * Z / count
    half = spread / 2 + Z * math.sqrt(share * (1 - share) / count + spread / (4 * count))
    # the smaller root of a quadratic equation for successes and for failures, in the form in which nothing cancels
    return share**2 / (share + half), 1 - (1 - share) ** 2 / (1 - share + half)


def exact_interval(successes: int, count: int) -> tuple[float, float]:
    """Return Clopper and Pearson's interval of a proportion, for so few trials that Wilson's may be too narrow.

    Parameters
    ----------
    successes, count : int
        Number of successes and of trials.

    Returns
    -------
    (float, float)
        (0, 1) without trials.

    References
    ----------
    C. J. Clopper and E. S. Pearson, "The use of confidence or fiducial limits illustrated in the case of the binomial",
    Biometrika 26 (1934).
    """
    failures, tail = count - successes, (1 - LEVEL) / 2
    low = float(betaincinv(successes, failures + 1, tail)) if successes else 0.0
    high = float(betaincinv(successes + 1, failures, 1 - tail)) if failures else 1.0
    return low, high


def shares_interval(shares: np.ndarray, comparisons: float) -> tuple[float, float]:
    """Return Wilson's interval of a mean of shares, each the outcome of one image's several comparisons.

    The comparisons of an image are correlated, so the count is an effective sample size: that of a proportion with the same
    variance, at least the number of images and at most the number of comparisons.

    Parameters
    ----------
    shares : float64 array of shape (n,)
        One per image, 0 to 1.
    comparisons : float
        Total number over all images.

    Returns
    -------
    (float, float)

    References
    ----------
    C. Franco, R. J. A. Little, T. A. Louis and E. V. Slud, "Comparative study of confidence intervals for proportions in
    complex sample surveys", Journal of Survey Statistics and Methodology 7 (2019): Wilson's with the effective sample size.
    """
    count, share = len(shares), math.fsum(shares) / len(shares)
    variance = float(shares.var(ddof=1)) if count > 1 else 0.0
    proportion = share * (1 - share)
    effective = count * proportion / variance if variance > 0 else float(count)
    effective = min(max(effective, count), comparisons)
    return wilson_interval(share * effective, effective)


def mean_interval(values: np.ndarray, class_ids: np.ndarray, *, by_class: bool = False) -> tuple[float, float] | None:
    """Return the normal interval of a mean whose values are sampled class by class.

    Parameters
    ----------
    values : float64 array of shape (n,)
    class_ids : int array of shape (n,)
        Each value's class.
    by_class : bool
        Whether the mean is over class means rather than over all values.

    Returns
    -------
    (float, float) or None
        None if a class has a single value: its spread is unknown.
    """
    _, inverse, counts = np.unique(class_ids, return_inverse=True, return_counts=True)
    if counts.min() < 2:
        return None
    means = np.bincount(inverse, values) / counts
    squares = np.bincount(inverse, (values - means[inverse]) ** 2) / (counts - 1)
    weights = np.full(len(counts), 1 / len(counts)) if by_class else counts / counts.sum()
    middle, error = float(weights @ means), math.sqrt(float(weights**2 @ (squares / counts)))
    return middle - Z * error, middle + Z * error


def new_classes_interval(per_class: np.ndarray) -> tuple[float, float] | None:
    """Return Student's interval of a mean over classes, for other classes of the same kind: three to four times wider.

    Parameters
    ----------
    per_class : float64 array of shape (C,)
        The value of each class.

    Returns
    -------
    (float, float) or None
        None for fewer than ``MIN_CLASSES`` classes.
    """
    if len(per_class) < MIN_CLASSES:
        return None
    half = float(stdtrit(len(per_class) - 1, (1 + LEVEL) / 2)) * per_class.std(ddof=1) / math.sqrt(len(per_class))
    return float(per_class.mean() - half), float(per_class.mean() + half)


def jackknife_interval(estimate: float, without: np.ndarray) -> tuple[float, float]:
    """Return Student's interval by the delete-a-group jackknife.

    Parameters
    ----------
    estimate : float
        From all groups.
    without : float64 array of shape (g,)
        The estimate without each group; the groups have about equal size.

    Returns
    -------
    (float, float)

    References
    ----------
    P. S. Kott, "The delete-a-group jackknife", Journal of Official Statistics 17 (2001).
    """
    groups = len(without)
    error = math.sqrt((groups - 1) / groups * float(((without - without.mean()) ** 2).sum()))
    half = float(stdtrit(groups - 1, (1 + LEVEL) / 2)) * error
    return estimate - half, estimate + half
