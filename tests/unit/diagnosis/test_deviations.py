"""Deviations of a class's images from natural ones: each test against SciPy, and its errors where nothing deviates."""

import numpy as np
import pytest
from conftest import make_unit
from scipy import stats

from synthdiv.diagnosis.deviations import LEAST, TESTS, ClassImages, compare_counts, measure_deviations

D = 12
NAMES = [f"p_{test.replace(' ', '_')}" for test in TESTS]


def make_class(rng, count, *, spread=0.3, shift=0.0, wrong=0):
    rows = np.eye(D)[0] + spread * rng.normal(size=(count, D)) + shift * np.eye(D)[1]
    return ClassImages(make_unit(rows), np.arange(count) >= wrong)


def measure_angles_to_others(vectors):
    others = [make_unit(np.delete(vectors, n, axis=0).sum(axis=0)[None])[0] for n in range(len(vectors))]
    return np.arccos(np.sum(vectors * others, axis=1))


def test_the_tests_are_those_of_scipy():
    rng = np.random.default_rng(0)
    sets = [make_class(rng, n, wrong=wrong) for n, wrong in ((40, 12), (50, 5), (60, 6))]
    found = measure_deviations(*sets)
    table = [[12, 28], [5, 45]]
    assert found["p_wrong_images"] == pytest.approx(stats.fisher_exact(table, alternative="greater").pvalue)
    correct = [one.vectors[one.correct] for one in sets]
    chosen = [np.sort(np.random.default_rng([len(one), 28]).permutation(len(one))[:28]) for one in correct]
    angles = [measure_angles_to_others(one[rows]) for one, rows in zip(correct, chosen, strict=True)]
    assert found["n_spread"] == 28
    assert (found["spread"], found["natural_spread"]) == pytest.approx((angles[0].mean(), angles[1].mean()))
    welch = [stats.ttest_ind(angles[0], one, equal_var=False, alternative="less").pvalue for one in angles[1:]]
    assert found["p_diversity"] == pytest.approx(min(1, 2 * max(welch)))
    p_values = []
    for half, other in ((correct[0][::2], correct[0][1::2]), (correct[0][1::2], correct[0][::2])):
        direction = np.subtract(*make_unit([half.sum(axis=0), correct[2].sum(axis=0)]))
        pair = other @ direction, correct[1] @ direction
        p_values.append(stats.ttest_ind(*pair, equal_var=False, alternative="greater").pvalue)
    assert found["p_visual_domain"] == pytest.approx(min(1, 2 * min(p_values)))


def test_natural_images_deviate_as_seldom_as_the_level_says():
    rng = np.random.default_rng(1)
    found = [measure_deviations(*(make_class(rng, n, wrong=3) for n in (40, 40, 60))) for _ in range(400)]
    for name in NAMES:
        rejected = sum(one[name] < 0.05 for one in found)
        assert rejected <= stats.binom.ppf(0.999, 400, 0.05), name


@pytest.mark.parametrize(
    ("changes", "name"),
    [
        ({"wrong": 20}, "p_wrong_images"),
        ({"spread": 0.2}, "p_diversity"),
        ({"shift": 0.5}, "p_visual_domain"),
    ],
)
def test_a_deviation_is_found_and_is_no_other_one(changes, name):
    rng = np.random.default_rng(2)
    for _ in range(5):
        found = measure_deviations(make_class(rng, 60, **changes), make_class(rng, 60), make_class(rng, 80))
        assert found[name] < 0.001
        also = "p_diversity" if "shift" in changes else name  # the shift lengthens the vectors, before they are unit ones
        assert all(found[one] > 0.001 for one in set(NAMES) - {name, also})


def test_a_difference_between_the_natural_splits_is_no_deviation():
    """Images that vary as those of one split do, when the other split varies less or more."""
    rng = np.random.default_rng(3)
    for other in (0.2, 0.45):
        found = measure_deviations(make_class(rng, 60), make_class(rng, 60, spread=other), make_class(rng, 60))
        assert found["p_diversity"] > 0.05


def test_repeated_images_count_once():
    rng = np.random.default_rng(4)
    own = make_class(rng, 20)
    three = ClassImages(np.repeat(own.vectors, 3, axis=0), np.repeat(own.correct, 3))
    natural = make_class(rng, 60), make_class(rng, 60)
    once, found = (measure_deviations(one, *natural) for one in (own, three))
    assert (found["n_distinct"], found["repeated"]) == (20, 1.0)
    assert found["p_diversity"] < 1e-9
    assert once["p_diversity"] > 0.05
    assert found["p_visual_domain"] == once["p_visual_domain"]
    assert found["spread"] == once["spread"]


@pytest.mark.parametrize("order", [np.repeat, np.tile])
def test_repeated_images_are_found_among_many_in_any_order(order):
    rng = np.random.default_rng(7)
    own = make_class(rng, 100).vectors
    rows = order(np.arange(100), 2)
    twice = ClassImages(own[rows], np.ones(200, bool))
    assert measure_deviations(twice, make_class(rng, 100), make_class(rng, 200))["p_diversity"] < 0.001


def test_near_duplicates_among_right_images_do_not_make_others_wrong():
    """Few wrong images among many narrow ones: fewer are wrong than among natural images."""
    rng = np.random.default_rng(8)
    own = make_class(rng, 190, spread=0.1).vectors
    mixed = ClassImages(np.concatenate([make_class(rng, 10).vectors, own]), np.arange(200) >= 10)
    found = measure_deviations(mixed, make_class(rng, 50, wrong=5), make_class(rng, 200, wrong=20))
    assert found["p_wrong_images"] > 0.5


def test_repetition_among_natural_images_is_no_deviation_of_others():
    rng = np.random.default_rng(5)
    natural = make_class(rng, 30)
    twice = ClassImages(np.repeat(natural.vectors, 2, axis=0), np.repeat(natural.correct, 2))
    found = measure_deviations(twice, twice, make_class(rng, 60))
    assert found["p_diversity"] > 0.05
    assert found["natural_repeated"] == 1.0


def test_too_few_images_are_not_tested():
    rng = np.random.default_rng(6)
    found = measure_deviations(make_class(rng, LEAST - 1), make_class(rng, 60), make_class(rng, 60))
    assert np.isnan([found[name] for name in NAMES[1:]]).all()
    assert found["p_wrong_images"] == 1.0
    wrong = measure_deviations(make_class(rng, 60, wrong=55), make_class(rng, 60), make_class(rng, 60))
    assert np.isnan(wrong["p_visual_domain"])
    assert wrong["p_wrong_images"] < 1e-9


def test_counts_of_nothing_differ_from_nothing():
    assert compare_counts(0, 10, 0, 10) == 1.0
    assert compare_counts(10, 10, 0, 10) == pytest.approx(stats.fisher_exact([[10, 0], [0, 10]], "greater").pvalue)
