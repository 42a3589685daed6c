"""Feature statistics against closed forms, numpy and scipy, and distinguished from other public definitions."""

import math

import numpy as np
import pytest
from conftest import make_embeddings, make_unit
from scipy.linalg import hadamard
from scipy.spatial.distance import cdist
from scipy.stats import norm

from synthdiv.classifiers.feature_statistics import (
    DEFINITIONS,
    compute_coding_length,
    compute_redundancy,
    measure_distances,
    measure_features,
    measure_sparsity,
    sum_moments,
)
from synthdiv.metrics.set_metrics import group_rows

EPS = 0.5**0.5


def measure(class_ids, rows, threshold=1e-5, eps=EPS):
    table = measure_features(make_embeddings(class_ids, rows), threshold=threshold, eps=eps)
    return {row["statistic"]: row for row in table.to_dicts()}


def code(rows, eps=EPS):
    return compute_coding_length(rows.T @ rows, *rows.shape, eps)


def make_features(seed=0, count=60, d=12):
    """Return features as after a ReLU: correlated, with zeros and a dimension that is never active."""
    rng = np.random.default_rng(seed)
    rows = np.maximum(rng.normal(size=(count, d)) @ rng.normal(size=(d, d)) + 0.3, 0)
    rows[:, 4] = 0
    return rows, np.repeat(np.arange(4), count // 4)


def test_sparsity_counts_values_up_to_the_threshold():
    rows = np.array([[0.0, 0.6, 0.8, 0.0], [-1e-3, 0.0, 1.0, 0.0], [1e-3 + 1e-9, 0, 0, -1.0]])
    assert measure_sparsity(rows, 1e-3).tolist() == [0.5, 0.75, 0.5]
    assert measure_sparsity(rows, 0.0).tolist() == [0.5, 0.5, 0.5]


def test_sparsity_uses_unit_vectors():
    rows = np.array([[3e-5, 4.0], [3e-7, 4e-7]])  # the second is short, but not sparse at all
    assert measure([0, 0], rows)["sparsity"]["value"] == 0.25


def test_distances_of_two_points_of_orthonormal_and_of_constant_features():
    angle = 0.3
    pair = np.array([[1.0, 0.0], [math.cos(angle), math.sin(angle)]])
    assert measure_distances(pair) == pytest.approx([2 * math.sin(angle / 2)] * 2)
    assert measure_distances(np.eye(5)) == pytest.approx([math.sqrt(2)] * 5)
    assert measure_distances(np.ones((4, 3))).tolist() == [0.0] * 4


def test_the_intra_class_distance_is_a_mean_over_classes_not_over_pairs():
    """Classes of four orthonormal vectors (6 pairs of sqrt 2), of two equal vectors (1 pair of 0), and of one vector."""
    rows = np.concatenate([np.eye(4), [[1, 0, 0, 0]] * 2, [[0, 1, 0, 0]]])
    found = measure([0, 0, 0, 0, 1, 1, 2], rows)["intra_class_distance"]
    assert found["value"] == pytest.approx(math.sqrt(2) / 2)
    assert found["value"] != pytest.approx(6 / 7 * math.sqrt(2))
    rows, ids = make_features()
    unit = make_unit(rows)
    expected = [cdist(unit[ids == c], unit[ids == c])[np.triu_indices(15, 1)].mean() for c in range(4)]
    assert measure(ids, rows)["intra_class_distance"]["value"] == pytest.approx(np.mean(expected), rel=1e-12)


def test_without_a_class_of_two_there_is_no_distance():
    found = measure([0, 1, 2], np.eye(3))["intra_class_distance"]
    assert (found["value"], found["low"]) == (None, None)


def test_redundancy_of_orthogonal_and_of_repeated_dimensions():
    columns = hadamard(8)[:, 1:].astype(float)  # of mean zero, orthogonal
    assert compute_redundancy(sum_moments(columns)) == pytest.approx(0, abs=1e-15)
    assert compute_redundancy(sum_moments(np.stack([columns[:, 0], 5 - 2 * columns[:, 0]], axis=1))) == pytest.approx(1)
    # a, a, b, -b: two of the six pairs are correlated
    four = columns[:, [0, 0, 1, 1]] * [1, 1, 1, -1]
    assert compute_redundancy(sum_moments(four)) == pytest.approx(2 / 6)


def test_redundancy_excludes_the_diagonal_unlike_another_definition():
    rows, _ = make_features()
    rows = np.delete(rows, 4, axis=1)
    theirs = np.abs(np.corrcoef(rows, rowvar=False))  # over all pairs, including each with itself
    d, ours = len(theirs), compute_redundancy(sum_moments(rows))
    assert ours == pytest.approx(theirs[~np.eye(d, dtype=bool)].mean(), rel=1e-12)
    assert theirs.mean() == pytest.approx((1 + (d - 1) * ours) / d)
    assert abs(theirs.mean() - ours) > 0.05
    # uncorrelated dimensions have 0 by ours, and 1/d by the other
    columns = hadamard(8)[:, 1:].astype(float)
    assert np.abs(np.corrcoef(columns, rowvar=False)).mean() == pytest.approx(1 / 7)


def test_dead_dimensions_are_excluded_from_redundancy_and_counted():
    rows, ids = make_features()
    without = np.delete(rows, 4, axis=1)
    rows[:, 7] = 0
    found = measure(ids, rows)["feature_redundancy"]
    varying = np.delete(make_unit(rows), [4, 7], axis=1)
    correlations = np.abs(np.corrcoef(varying, rowvar=False))
    assert found["value"] == pytest.approx(correlations[np.triu_indices(10, 1)].mean(), rel=1e-9)
    assert (found["n_dead"], found["d"]) == (2, 12)
    assert measure(ids, without)["feature_redundancy"]["n_dead"] == 0
    # a constant whose sums are not exact is dead too
    constant = np.concatenate([without, np.full((60, 1), 0.1)], axis=1)
    assert compute_redundancy(sum_moments(constant)) == pytest.approx(compute_redundancy(sum_moments(without)), rel=1e-12)
    assert compute_redundancy(sum_moments(np.full((60, 3), 0.1))) == 0


def test_coding_length_of_orthonormal_and_of_constant_features():
    for d in (3, 16):
        assert code(np.eye(d)) == pytest.approx(d / 2 * math.log(1 + 1 / EPS**2))
        constant = np.tile(make_unit(np.arange(1.0, d + 1)[None]), (9, 1))
        assert code(constant) == pytest.approx(math.log(1 + d / EPS**2) / 2)
        assert code(constant, eps=0.1) == pytest.approx(math.log(1 + d / 0.01) / 2)


def test_coding_length_differs_from_other_definitions():
    rows = make_unit(make_features()[0])
    count, d = rows.shape
    ours = code(rows)
    # by its eigenvalues
    values = np.linalg.svd(rows, compute_uv=False) ** 2
    assert ours == pytest.approx(0.5 * np.log1p(d / (count * EPS**2) * values).sum(), rel=1e-12)
    # with the mean subtracted, constant features have length 0
    constant = np.tile(rows[:1], (9, 1))
    assert code(constant - constant.mean(axis=0)) == pytest.approx(0, abs=1e-12)
    assert code(constant) > 1
    assert code(rows - rows.mean(axis=0)) < ours - 0.3
    # Ma et al.'s: of all vectors and their subspace, in bits
    theirs = (count + d) / 2 / math.log(2) * np.log1p(d / (count * EPS**2) * values).sum()
    assert theirs == pytest.approx((count + d) / math.log(2) * ours)


def test_the_smaller_matrix_has_the_same_coding_length():
    rows = make_unit(np.random.default_rng(1).normal(size=(7, 30)))
    assert compute_coding_length(rows @ rows.T, 7, 30, EPS) == pytest.approx(code(rows), rel=1e-12)


def test_moments_add_up_over_blocks_and_parts(monkeypatch):
    rows, _ = make_features()
    whole = sum_moments(rows)
    parts = sum_moments(rows[:20], whole.centre) + sum_moments(rows[20:], whole.centre)
    monkeypatch.setattr("synthdiv.classifiers.feature_statistics.BLOCK", 7)
    for one in (parts, sum_moments(rows), whole + parts - whole):
        assert one.count == 60
        np.testing.assert_allclose(one.multiply(), rows.T @ rows, atol=1e-10)
        assert compute_redundancy(one) == pytest.approx(compute_redundancy(whole), rel=1e-10)


def test_each_statistic_has_a_row_with_its_definition():
    rows, ids = make_features()
    table = measure(ids, rows, threshold=0.01, eps=0.3)
    assert list(table) == list(DEFINITIONS)
    for name, row in table.items():
        assert row["definition"] == DEFINITIONS[name]
        assert (row["n_images"], row["n_classes"], row["d"], row["n_dead"]) == (60, 4, 12, 1)
        assert row["low"] < row["value"] < row["high"]
        assert row["threshold"] == (0.01 if name == "sparsity" else None)
        assert row["eps"] == (0.3 if name == "coding_length" else None)


def test_the_interval_of_a_mean_over_pairs_is_twice_that_over_images():
    """The spread within classes counts: of the images' shares of zeros, and twice that of their mean distances."""
    rows, ids = make_features()
    unit, found = make_unit(rows), measure(ids, rows, threshold=0.1)
    zeros = (unit <= 0.1).mean(axis=1)
    distances = np.concatenate([cdist(unit[ids == c], unit[ids == c]).sum(axis=1) / 14 for c in range(4)])
    for name, values, factor in (("sparsity", zeros, 1), ("intra_class_distance", distances, 2)):
        error = math.sqrt(np.mean([values[ids == c].var(ddof=1) / 15 for c in range(4)]) / 4)  # four classes of 15 images
        half = factor * norm.ppf(0.975) * error
        assert (found[name]["low"], found[name]["high"]) == pytest.approx((values.mean() - half, values.mean() + half))


def test_the_jackknife_leaves_a_group_of_images_out():
    rows, ids = make_features()
    embeddings = make_embeddings(ids, rows)
    groups, unit = group_rows(embeddings), make_unit(rows)
    lengths = np.array([code(unit[groups != g]) for g in range(10)])
    row = measure(ids, rows)["coding_length"]
    error = math.sqrt(9 / 10 * ((lengths - lengths.mean()) ** 2).sum())
    assert (row["high"] - row["low"]) / 2 == pytest.approx(2.2621571628 * error, rel=1e-6)  # Student's t, 9 degrees


def test_no_value_depends_on_the_order_of_the_rows():
    rows, ids = make_features()
    embeddings = make_embeddings(ids, rows)
    order = np.lexsort((np.random.default_rng(3).permutation(60), embeddings.class_ids))
    first, second = (measure_features(one, threshold=1e-5, eps=EPS) for one in (embeddings, embeddings[order]))
    for column in ("value", "low", "high"):
        np.testing.assert_allclose(first[column], second[column], rtol=1e-9)
