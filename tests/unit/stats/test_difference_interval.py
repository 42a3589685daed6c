"""The interval of a difference of two independent estimates."""

import numpy as np
import pytest

from synthdiv.stats.differences import difference_interval
from synthdiv.stats.intervals import Z, wilson_interval


def test_for_proportions_it_is_newcombes():
    """Newcombe, "Interval estimation for the difference between independent proportions" (1998), Table II, example a."""
    found = difference_interval(48 / 80, wilson_interval(48, 80), 56 / 70, wilson_interval(56, 70))
    assert found == pytest.approx((0.0524, 0.3339), abs=5e-5)


def test_for_symmetric_intervals_variances_add():
    low, high = difference_interval(5.0, (5 - 3 * Z, 5 + 3 * Z), 1.0, (1 - 4 * Z, 1 + 4 * Z))
    assert np.allclose((low, high), (-4 - 5 * Z, -4 + 5 * Z))


def test_exchanged_estimates_give_the_negative_interval():
    first, second = (0.2, (0.1, 0.35)), (0.9, (0.7, 0.95))
    low, high = difference_interval(*first, *second)
    assert difference_interval(*second, *first) == pytest.approx((-high, -low))
