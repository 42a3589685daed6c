"""Rank correlation against scipy, and the coverage of its intervals."""

import math

import numpy as np
import pytest
from scipy.stats import norm, spearmanr

from synthdiv.stats.rank_correlation import RESAMPLES, fisher_interval, rank_correlation, resample_classes


def test_the_correlation_matches_scipy():
    generator = np.random.default_rng(0)
    for _ in range(20):
        first, second = generator.integers(0, 6, size=(2, 15)).astype(float)
        assert rank_correlation(first, second) == pytest.approx(spearmanr(first, second).statistic, abs=1e-12)
    assert math.isnan(rank_correlation(np.ones(5), np.arange(5.0)))


def test_few_points_give_a_wide_interval():
    assert fisher_interval(0.9, 3) == fisher_interval(math.nan, 7) == (-1, 1)
    low, high = fisher_interval(0.9, 7)
    assert low < 0.35
    assert high > 0.98
    narrow = fisher_interval(0.9, 700)
    assert narrow[1] - narrow[0] < 0.05


def test_many_points_give_bonett_and_wrights_interval():
    correlation, count = 0.6, 100_000
    half = norm.ppf(0.975) * math.sqrt((1 + correlation**2 / 2) / (count - 3))
    expected = [math.tanh(math.atanh(correlation) + side * half) for side in (-1, 1)]
    np.testing.assert_allclose(fisher_interval(correlation, count), expected, rtol=1e-12)


@pytest.mark.parametrize("count", [4, 5, 6, 8])
def test_a_perfect_correlation_has_an_interval_that_excludes_0_if_chance_rarely_makes_one(count):
    """Of independent points, a share of 2 / n! is in perfect order, one way or the other."""
    low, high = fisher_interval(1.0, count)
    assert high == 1
    assert (low > 0) == (2 / math.factorial(count) < 0.05)
    assert fisher_interval(-1.0, count) == (-1, -low)
    assert fisher_interval(1.0, count + 1)[0] > low


@pytest.mark.parametrize("normal", [0.0, 0.5, 0.9])
@pytest.mark.parametrize("count", [4, 6, 10])
def test_the_fisher_interval_of_few_points_rarely_misses_the_truth(count, normal):
    """A perfect correlation is then frequent."""
    generator = np.random.default_rng(3)
    truth = 6 / np.pi * math.asin(normal / 2)
    samples = generator.normal(size=(2, 2000, count))
    samples[1] = normal * samples[0] + math.sqrt(1 - normal**2) * samples[1]
    intervals = [fisher_interval(rank_correlation(*pair), count) for pair in samples.transpose(1, 0, 2)]
    assert np.mean([low <= truth <= high for low, high in intervals]) >= 0.94


def test_the_fisher_interval_has_its_nominal_coverage():
    generator = np.random.default_rng(1)
    truth = 6 / np.pi * math.asin(0.6 / 2)  # Spearman's of a normal pair correlated 0.6
    inside = 0
    for _ in range(1000):
        first = generator.normal(size=40)
        second = 0.6 * first + 0.8 * generator.normal(size=40)
        low, high = fisher_interval(rank_correlation(first, second), 40)
        inside += low <= truth <= high
    assert 0.92 <= inside / 1000 <= 0.98


def test_whole_classes_are_resampled():
    """Twenty sets that repeat the same ten classes have no more information than one of them."""
    generator = np.random.default_rng(2)
    values, accuracies = generator.normal(size=(2, 10))
    accuracies += values
    once = resample_classes(values, accuracies, np.arange(10), np.random.default_rng(0))
    many = resample_classes(
        np.tile(values, 20), np.tile(accuracies, 20), np.tile(np.arange(10), 20), np.random.default_rng(0)
    )
    assert many == pytest.approx(once, abs=0.05)
    assert resample_classes(values[:3], accuracies[:3], np.arange(3), generator) == (-1, 1)
    assert resample_classes(np.ones(10), accuracies, np.arange(10), generator) == (-1, 1)


def test_a_perfect_correlation_of_classes_has_the_interval_of_independent_points():
    """All resamples are perfect, too: their percentiles would say that nothing else is possible."""
    values = np.arange(6.0)
    assert resample_classes(values, values, np.arange(6), np.random.default_rng(0)) == fisher_interval(1.0, 6)


def test_classes_of_unequal_size_are_resampled_as_in_a_loop():
    rng = np.random.default_rng(7)
    class_ids = rng.integers(0, 6, 40)
    values, accuracies = rng.integers(0, 9, 40).astype(float), rng.normal(size=40)
    members = [np.flatnonzero(class_ids == c) for c in range(6)]
    generator, found = np.random.default_rng(1), []
    for _ in range(RESAMPLES):
        rows = np.concatenate([members[n] for n in generator.integers(6, size=6)])
        found.append(spearmanr(values[rows], accuracies[rows]).statistic)
    expected = np.nanquantile(found, [0.025, 0.975])
    interval = resample_classes(values, accuracies, class_ids, np.random.default_rng(1))
    np.testing.assert_allclose(interval, expected, rtol=1e-12)
