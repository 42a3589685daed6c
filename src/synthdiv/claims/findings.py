"""The result of a comparison that a claim makes, always with an interval or a test, and its verdict."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from synthdiv.stats.differences import Difference, compare_means

Cell = tuple[str, str]
"""A classifier's training and evaluation set, or a reference and a query."""


@dataclass(frozen=True)
class Finding:
    """The result of one comparison.

    Attributes
    ----------
    metric : str
        What was compared, and the unit of pairing.
    value, low, high : float, float or None
        The value with its 95 % interval, where there is one.
    n_pairs : int or None
    p_value : float or None
        Of a paired test.
    sign : {1, -1}
        1 if the claim puts the value above the limit, -1 if below.
    limit : float
    certain : bool or None
        Whether an exact property of the given vectors was verified; it has no interval. None for estimates from samples.
    """

    metric: str
    value: float
    low: float | None = None
    high: float | None = None
    n_pairs: int | None = None
    p_value: float | None = None
    sign: int = 1
    limit: float = 0.0
    certain: bool | None = None

    def decide(self, p_adjusted: float | None) -> str:
        """Return the verdict: undecided if the interval contains the limit, or the corrected p-value is 0.05 or more."""
        if self.certain is not None:
            return "holds" if self.certain else "undecided"
        if self.low is None or self.high is None or self.low <= self.limit <= self.high:
            return "undecided"
        if p_adjusted is not None and p_adjusted >= 0.05:
            return "undecided"
        return "holds" if self.sign * (self.value - self.limit) > 0 else "fails"


def _describe_test(metric: str, found: Difference, count: int) -> Finding:
    """Return the finding of a paired test, without interval and p-value if there were too few pairs."""
    if math.isnan(found.p_value):
        return Finding(metric, found.difference, n_pairs=count)
    return Finding(metric, found.difference, found.low, found.high, count, found.p_value)


def pair_by_class(metric: str, first: Mapping[int, float], second: Mapping[int, float]) -> Iterator[Finding]:
    """Compare two values of each class that has both."""
    common = sorted(first.keys() & second.keys())
    if common:
        one, other = (np.array([values[n] for n in common]) for values in (first, second))
        yield _describe_test(f"{metric}; paired by class", compare_means(one, other), len(common))


def read_difference(metric: str, row: Mapping[str, Any], sign: int) -> Finding:
    """Return the finding of a row of a table of differences, with its sign or the opposite one."""
    low, high = sorted((sign * row["difference_low"], sign * row["difference_high"]))
    return _describe_test(metric, Difference(sign * row["difference"], low, high, row["p_value"]), row["n_pairs"])
