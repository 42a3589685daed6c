"""Many comparisons in families: first the families in which something is found, then the comparisons within these."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from synthdiv.stats.differences import adjust_p_values


@dataclass(frozen=True)
class Families:
    """The results of :func:`adjust_families`.

    Attributes
    ----------
    p_values, adjusted : float64 arrays of shape (m,)
        Simes' p-value of each family, and its false discovery rate; NaN for a family without a test.
    members : list of m float64 arrays
        The adjusted p-value of each comparison: below the level if it is found. NaN if it had no test.
    """

    p_values: np.ndarray
    adjusted: np.ndarray
    members: list[np.ndarray]


def adjust_families(families: Sequence[np.ndarray], level: float = 0.05) -> Families:
    """Adjust p-values for many comparisons in families, so that the findings within the selected families are reliable.

    A family is selected if its Simes p-value is significant among those of all families (Benjamini and Hochberg). Within it,
    comparisons are corrected likewise, at the level times the share of families that were selected: so the expected share
    of false findings, averaged over the selected families, is at most the level.

    Parameters
    ----------
    families : sequence of float64 arrays
        The p-values of each family; NaN if a comparison had no test.
    level : float
        The false discovery rate.

    References
    ----------
    Y. Benjamini and M. Bogomolov, "Selective inference on multiple families of hypotheses", Journal of the Royal Statistical
    Society B 76 (2014); R. J. Simes, "An improved Bonferroni procedure for multiple tests of significance", Biometrika 73
    (1986).
    """
    within = [adjust_p_values(one) for one in families]
    simes = np.array([np.nanmin(one) if np.isfinite(one).any() else math.nan for one in within])
    adjusted = adjust_p_values(simes)
    tested, selected = int(np.isfinite(adjusted).sum()), int((adjusted < level).sum())
    factor = tested / max(1, selected)
    members = [np.maximum(np.minimum(1.0, one * factor), own) for one, own in zip(within, adjusted, strict=True)]
    return Families(simes, adjusted, members)
