"""Intervals and differences against scipy and closed forms, and the coverage of intervals."""

import math

import numpy as np
import pytest
from scipy import stats

from synthdiv.stats.differences import Difference, adjust_p_values, compare_means, compare_proportions, correct_rows
from synthdiv.stats.intervals import (
    Z,
    exact_interval,
    jackknife_interval,
    mean_interval,
    new_classes_interval,
    wilson_interval,
)


@pytest.mark.parametrize(("successes", "count"), [(0, 10), (10, 10), (37, 50), (820, 1000)])
def test_wilson_matches_scipy(successes, count):
    expected = stats.binomtest(successes, count).proportion_ci(method="wilson")
    assert wilson_interval(successes, count) == pytest.approx((expected.low, expected.high), abs=1e-12)


@pytest.mark.parametrize(("successes", "count"), [(0, 1), (5, 5), (4, 5), (37, 50)])
def test_the_exact_interval_matches_scipy(successes, count):
    expected = stats.binomtest(successes, count).proportion_ci(method="exact")
    assert exact_interval(successes, count) == pytest.approx((expected.low, expected.high), abs=1e-12)


def test_without_trials_any_share_is_possible():
    assert exact_interval(0, 0) == (0, 1)


@pytest.mark.parametrize("count", [1, 10, 96, 1000, 12.5])
def test_wilson_bounds_of_no_success_and_of_no_failure_are_exact(count):
    low, high = wilson_interval(0, count)
    assert low == 0
    assert high == pytest.approx(Z * Z / (count + Z * Z), rel=1e-14)
    assert wilson_interval(count, count) == (pytest.approx(1 - high, rel=1e-14), 1)


def test_the_mean_of_one_class_has_the_normal_interval():
    values = np.random.default_rng(0).normal(size=80)
    low, high = mean_interval(values, np.zeros(80, int))
    expected = stats.norm.interval(0.95, values.mean(), stats.sem(values))
    assert (low, high) == pytest.approx(expected, rel=1e-12)


def test_the_spread_between_classes_does_not_count():
    values = np.concatenate([np.full(9, 1.0), np.full(9, 5.0)])
    assert mean_interval(values, np.repeat([0, 1], 9)) == (3.0, 3.0)
    assert mean_interval(values, np.arange(18)) is None  # one per class: its spread is unknown


def test_weights_of_classes_and_of_images():
    values, ids = np.array([0.0, 0.0, 1.0, 1.0, 1.0, 1.0]), np.array([0, 0, 1, 1, 1, 1])
    assert mean_interval(values, ids)[0] == pytest.approx(4 / 6)
    assert mean_interval(values, ids, by_class=True)[0] == pytest.approx(0.5)


@pytest.mark.parametrize("by_class", [False, True])
def test_mean_intervals_cover_the_truth_95_times_in_100(by_class):
    rng = np.random.default_rng(1)
    ids = np.repeat(np.arange(6), [10, 20, 30, 40, 50, 60])
    truth = np.arange(6.0)
    middle = truth.mean() if by_class else truth[ids].mean()
    covered = 0
    for _ in range(1000):
        low, high = mean_interval(truth[ids] + (1 + ids) * rng.normal(size=210), ids, by_class=by_class)
        covered += low <= middle <= high
    assert 0.92 < covered / 1000 < 0.975


def test_an_interval_over_new_classes_needs_fifty():
    values = np.random.default_rng(2).normal(size=60)
    assert new_classes_interval(values[:49]) is None
    expected = stats.t.interval(0.95, 59, values.mean(), stats.sem(values))
    assert new_classes_interval(values) == pytest.approx(expected, rel=1e-12)


def test_the_jackknife_of_a_mean_is_students_interval_of_group_means():
    groups = np.random.default_rng(3).normal(size=(10, 25))
    without = np.array([np.delete(groups, g, axis=0).mean() for g in range(10)])
    means = groups.mean(axis=1)
    expected = stats.t.interval(0.95, 9, means.mean(), stats.sem(means))
    assert jackknife_interval(groups.mean(), without) == pytest.approx(expected, rel=1e-10)


def test_mcnemar():
    first = np.repeat([True, True, False, False], [50, 15, 4, 31])
    second = np.repeat([True, False, True, False], [50, 15, 4, 31])
    found = compare_proportions(first, second)
    assert found.difference == pytest.approx(0.11)
    assert found.p_value == pytest.approx(stats.binomtest(15, 19).pvalue)
    shares = np.array([50, 15, 4, 31]) + 0.5  # Agresti and Min: Wald's interval with half a query more in each cell
    total, (_, p, q, _) = shares.sum(), shares / shares.sum()
    half = stats.norm.ppf(0.975) * np.sqrt((p + q - (p - q) ** 2) / total)
    assert (found.low, found.high) == pytest.approx((p - q - half, p - q + half))
    other = compare_proportions(second, first)  # swapping the two changes only the sign
    assert (other.difference, other.low, other.high) == pytest.approx((-found.difference, -found.high, -found.low))
    same = compare_proportions(first, first)
    assert (same.difference, same.p_value) == (0, 1)
    assert same.low < 0 < same.high


def test_paired_means_on_students_own_data():
    """Student, "The probable error of a mean", 1908: hours of sleep gained by ten patients with two drugs."""
    first = np.array([0.7, -1.6, -0.2, -1.2, -0.1, 3.4, 3.7, 0.8, 0.0, 2.0])
    second = np.array([1.9, 0.8, 1.1, 0.1, -0.1, 4.4, 5.5, 1.6, 4.6, 3.4])
    found, pairs = compare_means(first, second), first - second
    assert found.difference == pytest.approx(-1.58)
    error = pairs.std(ddof=1) / math.sqrt(10)
    assert found.p_value == pytest.approx(2 * stats.t.sf(1.58 / error, 9))
    assert found.p_value == pytest.approx(0.00283, abs=5e-6)
    assert (found.low, found.high) == pytest.approx((-2.4599, -0.7001), abs=5e-5)


def test_pairs_that_all_differ_by_the_same_have_no_spread():
    a = np.arange(5.0)
    assert compare_means(a, a) == Difference(0, 0, 0, 1)
    assert compare_means(a + 1, a) == Difference(1, 1, 1, 0)


def test_the_correction_is_benjamini_and_hochbergs():
    # their own example, 1995: at 0.05 the four smallest of fifteen are significant
    p = [0.0001, 0.0004, 0.0019, 0.0095, 0.0201, 0.0278, 0.0298, 0.0344, 0.0459, 0.3240, 0.4262, 0.5719, 0.6528, 0.7590, 1.0]
    adjusted = adjust_p_values(np.array(p))
    assert (adjusted < 0.05).sum() == 4
    assert adjusted[3] == pytest.approx(0.0095 * 15 / 4)


def test_a_single_pair_has_no_test_and_is_not_counted():
    single = compare_means(np.array([0.75]), np.array([0.5]))
    assert single.difference == 0.25
    assert np.isnan([single.low, single.high, single.p_value]).all()
    rows = correct_rows([{"p_value": p} for p in (0.01, single.p_value, 0.04)])
    assert [row["p_adjusted"] for row in rows] == pytest.approx([0.02, np.nan, 0.04], nan_ok=True)
    assert [row["differs"] for row in rows] == [True, False, True]
