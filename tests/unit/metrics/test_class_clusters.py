"""Class clusters of unit vectors: moved without changing their shape, scaled without rotation."""

import numpy as np
import pytest
from conftest import make_unit

from synthdiv.metrics.class_clusters import measure_angles, rotate_cluster, scale_cluster


def make_cluster(n=30, d=6, seed=0):
    rng = np.random.default_rng(seed)
    return make_unit(np.eye(d)[0] * 3 + rng.normal(size=(n, d)))


def test_a_rotation_takes_the_start_to_the_end_and_keeps_all_angles():
    cluster = make_cluster()
    start, end = make_unit(np.random.default_rng(1).normal(size=(2, 6)))
    moved = rotate_cluster(cluster, start, end)
    np.testing.assert_allclose(rotate_cluster(start[None], start, end)[0], end, atol=1e-12)
    np.testing.assert_allclose(moved @ moved.T, cluster @ cluster.T, atol=1e-12)
    np.testing.assert_allclose(rotate_cluster(moved, end, start), cluster, atol=1e-12)


def test_a_rotation_fixes_orthogonal_vectors():
    cluster = np.array([[0.0, 0.0, 1.0], [1.0, 0.0, 0.0]])
    moved = rotate_cluster(cluster, np.array([1.0, 0.0, 0.0]), np.array([0.0, 1.0, 0.0]))
    np.testing.assert_allclose(moved, [[0, 0, 1], [0, 1, 0]], atol=1e-15)


def test_opposite_vectors_have_no_shortest_rotation():
    with pytest.raises(ValueError, match="opposite"):
        rotate_cluster(make_cluster(d=3), np.array([1.0, 0, 0]), np.array([-1.0, 0, 0]))


@pytest.mark.parametrize("angle", [0.0, 1e-9, 0.3, np.pi / 2, 3.1])
def test_tiny_angles_are_exact_too(angle):
    vector = np.array([[np.cos(angle), np.sin(angle)]])
    assert measure_angles(vector, np.array([1.0, 0.0]))[0] == pytest.approx(angle, rel=1e-12, abs=1e-15)


def test_scaling_multiplies_the_angles_and_keeps_the_directions():
    cluster, centroid = make_cluster(), np.eye(6)[0]
    for factor in (0.5, 1.0, 1.7):
        scaled = scale_cluster(cluster, centroid, factor)
        np.testing.assert_allclose(np.linalg.norm(scaled, axis=1), 1, atol=1e-12)
        np.testing.assert_allclose(measure_angles(scaled, centroid), factor * measure_angles(cluster, centroid), atol=1e-12)
        across = make_unit(scaled[:, 1:])
        np.testing.assert_allclose(across, make_unit(cluster[:, 1:]), atol=1e-9)


def test_angles_are_capped_at_pi_and_a_vector_on_the_centroid_is_unchanged():
    centroid = np.array([1.0, 0.0])
    np.testing.assert_allclose(scale_cluster(np.array([[0.0, 1.0]]), centroid, 5.0), [[-1, 0]], atol=1e-12)
    np.testing.assert_allclose(scale_cluster(centroid[None], centroid, 5.0), [[1, 0]], atol=1e-15)
