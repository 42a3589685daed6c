"""Gumbel's quantiles against scipy, and with outliers."""

import numpy as np
import pytest
from scipy.stats import gumbel_r

from synthdiv.stats.extreme_values import gumbel_quantile

EXACT = gumbel_r.ppf((np.arange(1000) + 0.5) / 1000, loc=2, scale=0.3)


@pytest.mark.parametrize("share", [0.5, 0.99, 0.999])
def test_the_quantile_is_that_of_the_distribution_of_the_values(share):
    assert gumbel_quantile(EXACT, share) == pytest.approx(gumbel_r.ppf(share, loc=2, scale=0.3), abs=0.005)


def test_few_outliers_change_it_little():
    spoilt = np.concatenate([EXACT, np.full(20, 100.0)])
    assert gumbel_quantile(spoilt, 0.999) == pytest.approx(gumbel_quantile(EXACT, 0.999), abs=0.1)


def test_equal_values_have_one_quantile():
    assert gumbel_quantile(np.full(5, 0.4), 0.999) == pytest.approx(0.4)
