"""Differences between classifiers trained with several seeds: variances, intervals and their coverage."""

import math

import numpy as np
import pytest
from scipy import stats

from synthdiv.stats.crossed import (
    SeedVariance,
    adjust_by_holm,
    measure_effect,
    pool_seed_variance,
    shrink_effects,
)

CLASS_IDS = np.repeat(np.arange(10), 20)


def simulate(rng, shift, *, seeds=3, between_seeds=0.05, between_images=0.3, particular=0.2):
    """Draw values of seeds and images: a mean, and normal deviations of each seed, of each image and of both together."""
    images = between_images * rng.normal(size=len(CLASS_IDS))
    own = [
        mean
        + between_seeds * rng.normal(size=(seeds, 1))
        + images
        + between_images * rng.normal(size=len(CLASS_IDS))
        + particular * rng.normal(size=(seeds, len(CLASS_IDS)))
        for mean in (0.0, shift)
    ]
    return own[0], own[1]


def test_the_pooled_variance_is_the_mean_of_the_sets_variances():
    rng = np.random.default_rng(0)
    sets = [rng.normal(size=(seeds, 7)) for seeds in (3, 3, 1)]
    found = pool_seed_variance(sets)
    assert found.freedom == 4
    assert found.value == pytest.approx(np.mean([one.mean(axis=1).var(ddof=1) for one in sets[:2]]))


def test_without_variance_between_seeds_the_interval_is_that_of_the_images():
    """Equal seeds: Student's interval of the differences, stratified by class."""
    rng = np.random.default_rng(1)
    before, after = (np.repeat(rng.normal(size=(1, 200)), 2, axis=0) for _ in range(2))
    effect = measure_effect(before, after, CLASS_IDS, SeedVariance(0.0, 2))
    gains = (after - before)[0].reshape(10, 20)
    error = math.sqrt(gains.var(axis=1, ddof=1).mean() / 200)
    assert effect.value == pytest.approx(gains.mean())
    assert effect.error == pytest.approx(error)
    assert effect.freedom == pytest.approx(190)
    assert effect.p_value == pytest.approx(2 * stats.t.sf(abs(gains.mean()) / error, 190))


def test_without_variance_between_images_the_interval_is_that_of_the_seeds():
    """Student's interval for two samples of equal variance."""
    rng = np.random.default_rng(2)
    before, after = (np.repeat(rng.normal(size=(4, 1)), 200, axis=1) for _ in range(2))
    after += before.mean() - after.mean()
    effect = measure_effect(before, after, CLASS_IDS, pool_seed_variance([before, after]))
    low, high = stats.ttest_ind(after[:, 0], before[:, 0]).confidence_interval()
    assert effect.interval == pytest.approx((low, high))


@pytest.mark.parametrize(("images", "differs"), [(2, False), (5, False), (20, True)])
def test_a_few_images_that_agree_do_not_show_that_all_do(images, differs):
    """All wrong before and right after, with each seed: the variance is that of these images and one that stays wrong."""
    before, after = np.zeros((3, images)), np.ones((3, images))
    effect = measure_effect(before, after, np.zeros(images), pool_seed_variance([before, after]))
    assert effect.value == 1
    assert effect.error == pytest.approx(np.std([1] * images + [0], ddof=1) / math.sqrt(images))
    assert (effect.p_value < 0.001) == differs


@pytest.mark.parametrize(
    "sizes",
    [{}, {"between_seeds": 0.0}, {"between_images": 0.0}, {"particular": 0.0}, {"particular": 1.0, "between_seeds": 0.2}],
    ids=str,
)
def test_intervals_cover_the_truth(sizes):
    """Of 95 % intervals, 93 to 99 % contain the simulated effect: they are a little too wide where the parts are small."""
    rng = np.random.default_rng(3)
    covered = 0
    for _ in range(1000):
        before, after = simulate(rng, 0.1, **sizes)
        others = [one for _ in range(2) for one in simulate(rng, 0.0, **sizes)]
        low, high = measure_effect(before, after, CLASS_IDS, pool_seed_variance([before, after, *others])).interval
        covered += low <= 0.1 <= high
    assert 930 <= covered <= 990


@pytest.mark.parametrize("seeds", [2, 3])
@pytest.mark.parametrize(("classes", "images"), [(1, 20), (10, 10), (10, 100)])
def test_intervals_of_few_correct_answers_are_sane(classes, images, seeds):
    """Two training sets of equal accuracy: at most 7 % are said to differ, no interval is absurd, none is missing."""
    rng, class_ids = np.random.default_rng(5), np.repeat(np.arange(classes), images)
    rejected, tries = 0, 400
    for _ in range(tries):
        easy = rng.beta(2, 2, size=len(class_ids))
        sets = [(rng.random((seeds, len(class_ids))) < easy + 0.05 * rng.normal(size=(seeds, 1))) * 1.0 for _ in range(2)]
        effect = measure_effect(*sets, class_ids, pool_seed_variance(sets))
        low, high = effect.interval
        assert high - low < 20, effect
        assert effect.error > 0 or effect.value == 0
        rejected += effect.p_value < 0.05
    assert rejected <= 0.07 * tries


def test_images_that_agree_within_each_class_alone_are_no_certainty():
    before, after = np.zeros((2, 4)), np.array([[1.0, 1, 0, 0]] * 2)
    effect = measure_effect(before, after, np.array([0, 0, 1, 1]), pool_seed_variance([before, after]))
    assert effect.error == pytest.approx(math.sqrt(2 * (1 / 3) / 16))
    low, high = effect.interval
    assert low < 0.5 < high


def test_classes_with_one_image_count_as_one_class():
    rng = np.random.default_rng(6)
    before, after = rng.normal(size=(2, 3, 52))
    class_ids = np.array([0] * 50 + [1, 2])
    between = pool_seed_variance([before, after])
    joined = measure_effect(before, after, np.array([0] * 50 + [1, 1]), between)
    assert measure_effect(before, after, class_ids, between) == joined
    assert math.isfinite(joined.error)


def test_the_only_class_with_one_image_counts_as_part_of_the_smallest_other():
    rng = np.random.default_rng(7)
    before, after = rng.normal(size=(2, 3, 71))
    between = pool_seed_variance([before, after])
    alone = measure_effect(before, after, np.array([0] * 50 + [1] * 20 + [2]), between)
    assert alone == measure_effect(before, after, np.array([0] * 50 + [1] * 21), between)
    assert math.isnan(measure_effect(before[:, :1], after[:, :1], np.array([0]), between).error)


def test_an_effect_without_a_second_seed_has_no_interval():
    values = np.zeros((1, 200))
    effect = measure_effect(values, values + 0.5, CLASS_IDS, pool_seed_variance([values, values]))
    assert effect.value == 0.5
    assert all(map(math.isnan, (*effect.interval, effect.p_value)))


def test_shrinking_lowers_the_error_and_leaves_certain_effects():
    rng = np.random.default_rng(4)
    truth = 0.1 + 0.05 * rng.normal(size=2000)
    seen = truth + 0.1 * rng.normal(size=2000)
    shrunk = shrink_effects(seen, np.full(2000, 0.1), 0.1)
    assert ((shrunk - truth) ** 2).mean() == pytest.approx(1 / (1 / 0.05**2 + 1 / 0.1**2), rel=0.1)  # the best possible
    np.testing.assert_allclose(shrink_effects(seen, np.zeros(2000), 0.1), seen)
    assert shrink_effects(np.array([0.1, 0.3]), np.array([5.0, 5.0]), 0.2).tolist() == [0.2, 0.2]
    np.testing.assert_allclose(shrink_effects(np.array([0.1, 0.9]), np.array([0.0, math.nan]), 0.2), [0.1, 0.2])


def test_holms_method_by_hand():
    found = adjust_by_holm(np.array([0.03, math.nan, 0.01, 0.04]))
    np.testing.assert_allclose(found, [0.06, math.nan, 0.03, 0.06])
    assert adjust_by_holm(np.array([0.9, 0.8])).tolist() == [1.0, 1.0]
    assert len(adjust_by_holm(np.empty(0))) == 0
