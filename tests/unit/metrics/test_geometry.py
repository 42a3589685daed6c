"""Separability and the modality gap on constructed sets."""

import numpy as np
import pytest
from conftest import make_embeddings, make_unit

from synthdiv.metrics.modality_gap import measure_modality_gap
from synthdiv.metrics.separability import fit_direction, measure_gap, measure_separability


def test_a_known_margin():
    rng = np.random.default_rng(0)
    first, second = rng.uniform(-1, 1, size=(2, 200, 3))
    first[:, 0], second[:, 0] = 1 + abs(first[:, 0]), -1 - abs(second[:, 0])
    first[0], second[0] = [1, 0, 0], [-1, 0, 0]  # the widest plane is x = 0, with margin 1
    found = measure_separability(first, second, rng)
    assert found["separable"] == 1
    assert found["separation_margin"] == pytest.approx(1, abs=0.02)
    assert found["separation_heldout_accuracy"] == 1
    assert found["separation_permuted_separable"] == 0
    assert 0.3 < found["separation_permuted_heldout_accuracy"] < 0.7


def test_overlapping_sets_are_not_separable():
    first, second = np.random.default_rng(1).normal(size=(2, 300, 4))
    found = measure_separability(first, second, np.random.default_rng(2))
    assert found["separable"] == 0
    assert found["separation_margin"] < 0
    assert found["separation_heldout_accuracy"] < 0.65


def test_in_many_dimensions_any_labels_are_separable_and_the_control_shows_it():
    first, second = np.random.default_rng(3).normal(size=(2, 50, 300))
    found = measure_separability(first, second, np.random.default_rng(4))
    assert found["separable"] == 1
    assert found["separation_permuted_separable"] == 1
    assert found["separation_heldout_accuracy"] < 0.7


def test_the_gap_is_checked_on_every_vector():
    first, second = np.array([[2.0, 0], [3.0, 1]]), np.array([[0.5, 0], [1.5, 5]])
    assert measure_gap(np.array([1.0, 0.0]), first, second) == 0.5
    assert np.linalg.norm(fit_direction(first, second)) == pytest.approx(1)


def test_a_gap_that_hides_the_classes():
    """Images are prompts plus one vector: that vector is the gap, and without it every class is predicted correctly."""
    rng = np.random.default_rng(5)
    prompts = np.eye(12)[:10]
    ids = np.repeat(np.arange(10), 20)
    images = prompts[ids] + 0.05 * rng.normal(size=(200, 12)) + 4 * np.eye(12)[3]
    found = measure_modality_gap(make_embeddings(range(10), prompts), make_embeddings(ids, images), 10)
    assert found["modality_gap"] > 0.8
    assert found["centroid_accuracy_with_gap"] < 0.2  # all look like class 3
    assert found["centroid_accuracy_without_gap"] == 1


def test_a_direct_computation_of_the_gap_agrees():
    """Each set has its own mean, which averages the class means: classes have 4, 8, 12, ... images."""
    rng = np.random.default_rng(7)
    ids, centres = np.repeat(np.arange(6), 4 * np.arange(1, 7)), rng.normal(size=(6, 5))
    rows = [make_unit(centres[ids] + rng.normal(size=(84, 5)) + 2 * rng.normal(size=5)) for _ in range(2)]
    found = measure_modality_gap(make_embeddings(ids, rows[0]), make_embeddings(ids, rows[1]), 6)
    means = [np.mean([one[ids == c].mean(axis=0) for c in range(6)], axis=0) for one in rows]

    def score(reference, query):
        centroids = make_unit([make_unit(reference)[ids == c].sum(axis=0) for c in range(6)])
        return ((make_unit(query) @ centroids.T).argmax(axis=1) == ids).mean()

    assert found["modality_gap"] == pytest.approx(np.linalg.norm(means[0] - means[1]), rel=1e-12)
    assert found["centroid_accuracy_with_gap"] == score(*rows)
    assert found["centroid_accuracy_without_gap"] == score(rows[0] - means[0], rows[1] - means[1])


def test_identical_sets_have_no_gap():
    set_ = make_embeddings(np.repeat(np.arange(4), 5), np.random.default_rng(6).normal(size=(20, 8)))
    found = measure_modality_gap(set_, set_, 4)
    assert found["modality_gap"] == 0
    assert found["centroid_accuracy_with_gap"] > 0.5
