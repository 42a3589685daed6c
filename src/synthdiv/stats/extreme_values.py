"""Quantiles of maxima beyond the observed ones, from Gumbel's distribution."""

from __future__ import annotations

import math

import numpy as np


def gumbel_quantile(maxima: np.ndarray, share: float) -> float:
    """Return the quantile of Gumbel's distribution with the same quartiles as some values.

    Gumbel's is the distribution of a maximum of many similar values, so its tail says what a sample is too small to show.
    Quartiles, unlike moments, do not change with a few outliers.

    Parameters
    ----------
    maxima : float array of shape (n,)
        Each the maximum of many values.
    share : float
        The share of values below the quantile, 0 to 1.

    Returns
    -------
    float

    References
    ----------
    E. J. Gumbel, "Statistics of Extremes" (1958).
    """
    low, high = np.quantile(maxima, [0.25, 0.75])
    scale = (high - low) / (_standard_quantile(0.75) - _standard_quantile(0.25))
    return float(low + scale * (_standard_quantile(share) - _standard_quantile(0.25)))


def _standard_quantile(share: float) -> float:
    return -math.log(-math.log(share))
