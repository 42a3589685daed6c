"""Class centroids and Centroid Distance against closed forms and a direct computation."""

import math

import numpy as np
import pytest
from conftest import make_embeddings, make_unit

from synthdiv.core.errors import StudyError
from synthdiv.metrics.centroids import (
    compute_centroid_shift,
    compute_centroids,
    compute_codiff,
    measure_spread,
    sum_classes,
)


def measure_distance(set_, n_classes):
    per_class = measure_spread([set_], compute_centroids(sum_classes([set_], n_classes))).average_classes(n_classes)
    return per_class.mean(), per_class


def test_two_vectors_at_an_angle():
    # +-theta about the x axis: the centroid is x, and every codiff is 1 - cos(theta)
    theta = 0.3
    set_ = make_embeddings([0, 0], [[math.cos(theta), math.sin(theta)], [math.cos(theta), -math.sin(theta)]])
    np.testing.assert_allclose(compute_centroids(sum_classes([set_], 1)), [[1.0, 0.0]], atol=1e-15)
    distance, per_class = measure_distance(set_, 1)
    assert distance == pytest.approx((1 - math.cos(theta)) ** 2, rel=1e-13)
    assert per_class[0] == distance


def test_identical_images_have_no_distance():
    set_ = make_embeddings([0, 0, 1], [[3.0, 4.0], [3.0, 4.0], [1.0, 0.0]])
    assert measure_distance(set_, 2)[0] < 1e-30


def test_the_sets_value_is_the_mean_over_classes_not_over_images():
    wide = [[1.0, 1.0], [1.0, -1.0]]
    set_ = make_embeddings([0, 0, 1, 1, 1, 1], wide + [[1.0, 0.0]] * 4)
    distance, per_class = measure_distance(set_, 2)
    assert per_class[0] == pytest.approx((1 - math.sqrt(0.5)) ** 2, rel=1e-13)
    assert distance == pytest.approx(per_class[0] / 2, rel=1e-13)


@pytest.mark.parametrize("dtype", [np.float16, np.float64])
def test_a_direct_computation_on_the_stored_values_agrees(dtype):
    rng = np.random.default_rng(3)
    ids = np.repeat(np.arange(7), 40)
    set_ = make_embeddings(ids, rng.normal(size=(280, 96)) + 3 * rng.normal(size=(7, 96))[ids], dtype)
    distance, _ = measure_distance(set_, 7)
    expected = []
    for class_id in range(7):
        rows = set_.vectors[set_.class_ids == class_id].astype(np.longdouble)
        centroid = rows.sum(0)
        cosines = rows @ centroid / np.sqrt((rows**2).sum(1) * (centroid**2).sum())
        expected.append(((1 - cosines) ** 2).mean())
    assert distance == pytest.approx(float(np.mean(expected)), rel=1e-9)


def test_codiff_is_exact_for_tiny_angles():
    angle = 1e-7
    codiff = compute_codiff(np.array([[math.cos(angle), math.sin(angle)]]), np.array([1.0, 0.0]))
    assert codiff[0] == pytest.approx(angle**2 / 2, rel=1e-6)  # 1 - cos would give 0 or 1e-16


def test_a_class_without_a_direction_is_refused():
    with pytest.raises(StudyError, match="class_id 0 has no centroid: its 2 vectors cancel out"):
        compute_centroids(sum_classes([make_embeddings([0, 0], [[1.0, 0.0], [-1.0, 0.0]])], 1))


def test_error_names_a_class_without_a_vector():
    with pytest.raises(StudyError, match="class_id 1 has no vector, so no centroid: do all its images"):
        compute_centroids(sum_classes([make_embeddings([0, 2], np.eye(2))], 3))


def test_fp16_sums_are_exact_in_any_order_and_any_blocks():
    rng = np.random.default_rng(8)
    set_ = make_embeddings(rng.integers(5, size=3000), rng.normal(size=(3000, 32)), np.float16)
    whole = sum_classes([set_], 5)
    shuffled = set_[rng.permutation(3000)]
    parts = sum_classes([shuffled[:7], shuffled[7:1999], shuffled[1999:]], 5)
    np.testing.assert_array_equal(whole.sums, parts.sums)
    np.testing.assert_array_equal(whole.counts, parts.counts)
    np.testing.assert_allclose(whole.mean, set_.vectors.astype(np.float64).mean(axis=0), rtol=1e-12)


def test_the_spread_of_shuffled_images_is_sorted_by_class_and_index():
    set_ = make_embeddings([0, 0, 0, 1, 1], [[1, 0], [1, 0.1], [1, 0.2], [1, 0.3], [1, 0.4]])
    spread = measure_spread([set_[[4, 1]], set_[[0, 3, 2]]], np.array([[1.0, 0.0], [1.0, 0.0]]))
    assert spread.class_ids.tolist() == [0, 0, 0, 1, 1]
    assert spread.indices.tolist() == [0, 1, 2, 0, 1]
    assert (np.diff(spread.squares) > 0).all()
    assert [len(own) for own in spread.split_classes(2)] == [3, 2]


def test_centroid_shift_is_one_minus_the_cosine_of_the_centroids():
    a, b = make_unit([[1.0, 0.0], [1.0, 1.0]]), make_unit([[0.0, 1.0], [1.0, 1.0]])
    np.testing.assert_allclose(compute_centroid_shift(a, b), [1.0, 0.0], atol=1e-15)
