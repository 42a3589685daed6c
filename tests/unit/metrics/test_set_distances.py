"""Frechet and kernel distance, precision, recall, density, coverage, Vendi score: against peers and closed forms."""

import math
import warnings

import numpy as np
import prdc
import pytest
import torch
import torch_fidelity.metric_fid
import torch_fidelity.metric_kid
from conftest import make_unit
from torchmetrics.image.kid import poly_mmd
from vendi_score import vendi

from synthdiv.metrics.arrays import NUMPY, TorchArrays
from synthdiv.metrics.frechet import compute_frechet_distance, join_moments, measure_moments
from synthdiv.metrics.kernel_distance import compute_kernel_distance, sum_kernels
from synthdiv.metrics.precision_recall import measure_manifold
from synthdiv.metrics.vendi import compute_vendi_score, find_pairwise_cosines, measure_similarity

TORCH = TorchArrays("cpu")


def make_clusters(seed=0, n=400, m=300, d=12):
    rng = np.random.default_rng(seed)
    mix = rng.normal(size=(d, d))
    return rng.normal(size=(n, d)) @ mix, 0.5 + 1.3 * rng.normal(size=(m, d)) @ mix


def frechet(first, second):
    return compute_frechet_distance(measure_moments(first), measure_moments(second))


# Frechet distance


def test_frechet_distance_matches_torch_fidelity():
    a, b = make_clusters()
    expected = torch_fidelity.metric_fid.fid_statistics_to_metric(
        *({"mu": x.mean(axis=0), "sigma": np.cov(x, rowvar=False)} for x in (a, b)), verbose=False
    )
    found = frechet(a, b)
    assert found["frechet_distance"] == pytest.approx(next(iter(expected.values())), rel=1e-9)
    assert found["frechet_mean_term"] == pytest.approx(((a.mean(0) - b.mean(0)) ** 2).sum(), rel=1e-12)


def test_frechet_distance_matches_torchmetrics():
    from torchmetrics.image.fid import _compute_fid

    a, b = make_clusters(1)
    moments = [torch.from_numpy(x) for pair in (a, b) for x in (pair.mean(axis=0), np.cov(pair, rowvar=False))]
    assert frechet(a, b)["frechet_distance"] == pytest.approx(float(_compute_fid(*moments)), rel=1e-9)


def test_frechet_distance_of_diagonal_normals_in_closed_form():
    # points +-s on each axis have a diagonal covariance, so the distance is a sum over axes
    def cross(scales, shift):
        d = len(scales)
        return np.concatenate([np.diag(scales), -np.diag(scales)]) + shift * np.eye(d)[0], 2 / (2 * d - 1)

    (a, factor), (b, _) = cross([1.0, 2.0, 3.0], 0.0), cross([2.0, 2.0, 5.0], 0.25)
    expected = factor * sum((s - t) ** 2 for s, t in [(1, 2), (2, 2), (3, 5)])
    found = frechet(a, b)
    assert found["frechet_covariance_term"] == pytest.approx(expected, rel=1e-12)
    assert found["frechet_distance"] == pytest.approx(expected + 0.0625, rel=1e-12)
    assert found["frechet_distance_unsquared"] == pytest.approx(expected + 0.25, rel=1e-12)


def test_frechet_distance_of_a_set_and_its_shift_without_full_rank():
    # fewer vectors than dimensions: the covariance is singular
    a = np.random.default_rng(2).normal(size=(10, 40))
    found = frechet(a, a + 0.1)
    assert found["frechet_mean_term"] == pytest.approx(0.4, rel=1e-12)
    assert abs(found["frechet_covariance_term"]) < 1e-12
    assert abs(frechet(a, a)["frechet_distance"]) < 1e-12


def test_joined_moments_of_parts_match_the_whole():
    a, _ = make_clusters(3, n=1000)
    a += 1000  # far from the origin: a sum of squares would lose digits
    whole, parts = measure_moments(a), join_moments(map(measure_moments, (a[:1], a[1:7], a[7:500], a[500:])))
    np.testing.assert_allclose(parts.mean, a.mean(axis=0), rtol=1e-13)
    np.testing.assert_allclose(parts.covariance, np.cov(a, rowvar=False), rtol=1e-9)
    np.testing.assert_allclose(whole.covariance, parts.covariance, rtol=1e-9)


def test_a_covariance_of_one_vector_is_refused():
    with pytest.raises(ValueError, match="at least two vectors; there are 1"):
        _ = measure_moments(np.ones((1, 3))).covariance


# Kernel distance


def kernel(a, *parts):
    return compute_kernel_distance(*sum_kernels(a, parts))


def test_kernel_distance_matches_torchmetrics_and_torch_fidelity():
    a, b = make_clusters(4, n=250, m=250)
    ones = [torch.from_numpy(one) for one in (a, b)]
    gamma = 1 / a.shape[1]
    k = [(x @ y.T * gamma + 1) ** 3 for x, y in ((ones[0], ones[0]), (ones[0], ones[1]), (ones[1], ones[1]))]
    from torchmetrics.image.kid import maximum_mean_discrepancy

    assert kernel(a, b) == pytest.approx(float(maximum_mean_discrepancy(*k)), rel=1e-9)
    assert kernel(a, b) == pytest.approx(float(poly_mmd(*ones)), rel=1e-9)
    theirs = torch_fidelity.metric_kid.kid_features_to_metric(*ones, kid_subsets=1, kid_subset_size=250, verbose=False)
    assert kernel(a, b) == pytest.approx(theirs["kernel_inception_distance_mean"], rel=1e-9)


def test_kernel_distance_of_unequal_sets_by_hand():
    a, b = make_clusters(5, n=7, m=4, d=3)

    def k(x, y):
        return (x @ y / 3 + 1) ** 3

    expected = sum(k(x, y) for i, x in enumerate(a) for j, y in enumerate(a) if i != j) / 42
    expected += sum(k(x, y) for i, x in enumerate(b) for j, y in enumerate(b) if i != j) / 12
    expected -= 2 * sum(k(x, y) for x in a for y in b) / 28
    assert kernel(a, b) == pytest.approx(expected, rel=1e-12)


def test_torch_sums_the_kernel_up_to_rounding():
    a, b = make_clusters(4, n=250, m=250)
    expected = sum_kernels(a, [b[:100], b[100:]])
    for found, value in zip(sum_kernels(a, [b[:100], b[100:]], TORCH), expected, strict=True):
        np.testing.assert_allclose(found, value, rtol=1e-13)


def test_kernel_sums_without_a_part_match_the_rest():
    a, b = make_clusters(6)
    parts = np.array_split(b, [40, 90, 200])
    assert kernel(a, *parts) == pytest.approx(kernel(a, b), rel=1e-12)
    rest = np.concatenate([parts[0], *parts[2:]])
    assert compute_kernel_distance(*sum_kernels(a, parts).leave_out(1)) == pytest.approx(kernel(a, rest), rel=1e-12)


# Precision, recall, density, coverage


def brute_manifold(real, fake, k):
    """Apply the definitions in fp64, with the boundary inside."""

    def distances(x, y):
        return np.array([[math.sqrt(((u - v) ** 2).sum()) for v in y] for u in x])

    radii = [np.sort(distances(x, x), axis=1)[:, k] for x in (real, fake)]
    across = distances(real, fake)
    inside = across <= radii[0][:, None]
    return inside.any(axis=0), (across <= radii[1]).any(axis=1), inside.sum(axis=0) / k, inside.any(axis=1)


@pytest.mark.parametrize("k", [1, 5])
def test_the_four_metrics_match_prdc_without_ties(k):
    real, fake = make_clusters(7, n=300, m=260, d=5)
    found = measure_manifold(real, fake, k)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        expected = prdc.compute_prdc(real, fake, nearest_k=k)
    for name, value in expected.items():
        assert getattr(found, name).mean() == pytest.approx(value, rel=1e-12), name


@pytest.mark.parametrize("block", [2048, 32])
@pytest.mark.parametrize("arrays", [NUMPY, TORCH], ids=["numpy", "torch"])
@pytest.mark.parametrize("k", [1, 3, 40])
def test_the_four_metrics_match_brute_force_with_ties_and_copies(monkeypatch, k, arrays, block):
    monkeypatch.setattr("synthdiv.metrics.precision_recall.BLOCK", block)
    rng = np.random.default_rng(k)
    real, fake = rng.integers(0, 4, size=(120, 3)) / 4, rng.integers(1, 5, size=(90, 3)) / 4
    found = measure_manifold(real, fake, k, arrays)
    expected = brute_manifold(real, fake, k)
    for name, value in zip(("precision", "recall", "density", "coverage"), expected, strict=True):
        np.testing.assert_array_equal(getattr(found, name), value, err_msg=name)


def test_identical_sets_have_precision_recall_and_coverage_1():
    real = make_clusters(8)[0]
    found = measure_manifold(real, real, 5)
    assert found.precision.all()
    assert found.recall.all()
    assert found.coverage.all()
    assert found.density.mean() == pytest.approx(6 / 5)  # each with its five neighbours, and itself
    copies = np.repeat(real[:20], 10, axis=0)  # all radii are 0: prdc gives density and coverage 0
    assert measure_manifold(copies, copies, 5).density.min() >= 1


def test_a_collapsed_generator_has_high_precision_and_low_recall():
    rng = np.random.default_rng(9)
    real = rng.normal(size=(500, 8))
    collapsed = 0.05 * rng.normal(size=(500, 8))
    found = measure_manifold(real, collapsed, 5)
    assert found.precision.mean() > 0.95
    assert found.recall.mean() < 0.05
    assert found.coverage.mean() < 0.3
    swapped = measure_manifold(collapsed, real, 5)
    assert swapped.precision.mean() < 0.05
    assert swapped.recall.mean() > 0.95


def test_no_precision_is_lost_far_from_the_origin():
    real, fake = make_clusters(10, n=200, m=200, d=4)
    near, far = measure_manifold(real, fake), measure_manifold(real + 2.0**20, fake + 2.0**20)
    np.testing.assert_array_equal(near.density, far.density)


@pytest.mark.gpu
def test_a_gpu_compares_sets_as_the_cpu_does():
    real, fake = make_clusters(11, n=3000, m=2500, d=64)
    expected, found = measure_manifold(real, fake, 5), measure_manifold(real, fake, 5, TorchArrays("cuda"))
    for name in ("precision", "recall", "density", "coverage"):
        np.testing.assert_array_equal(getattr(found, name), getattr(expected, name), err_msg=name)
    for one, value in zip(sum_kernels(real, [fake], TorchArrays("cuda")), sum_kernels(real, [fake]), strict=True):
        np.testing.assert_allclose(one, value, rtol=1e-12)


def test_k_must_be_less_than_the_sets_sizes():
    with pytest.raises(ValueError, match=r"k is 5; .* 5 and 9"):
        measure_manifold(np.ones((5, 2)), np.ones((9, 2)), 5)


# Vendi score, pairs of a class


def test_vendi_score_matches_vendi_score_package():
    rows = make_clusters(11)[0]
    expected = vendi.score_dual(rows, normalize=True)
    assert compute_vendi_score(measure_similarity(rows)) == pytest.approx(expected, rel=1e-9)
    few = rows[:5]
    unit = make_unit(few)
    expected = vendi.score_K(unit @ unit.T)
    assert compute_vendi_score(measure_similarity(few, smaller=True)) == pytest.approx(expected, rel=1e-9)
    assert compute_vendi_score(measure_similarity(few)) == pytest.approx(expected, rel=1e-9)


def test_vendi_score_counts_different_vectors():
    assert compute_vendi_score(measure_similarity(np.eye(7))) == pytest.approx(7)
    assert compute_vendi_score(measure_similarity(np.repeat(np.eye(7)[:3], 5, axis=0))) == pytest.approx(3)
    assert compute_vendi_score(measure_similarity(np.ones((9, 4)))) == pytest.approx(1)


def test_similarities_of_parts_add_up():
    rows = make_clusters(12)[0]
    parts = [rows[:30], rows[30:]]
    total = sum(measure_similarity(part) * len(part) for part in parts) / len(rows)
    np.testing.assert_allclose(total, measure_similarity(rows), atol=1e-14)


def test_mean_cosine_of_all_pairs():
    rows = make_clusters(13, n=40)[0]
    unit = make_unit(rows)
    pairs = [unit[i] @ unit[j] for i in range(40) for j in range(40) if i != j]
    assert find_pairwise_cosines(rows).mean() == pytest.approx(np.mean(pairs), rel=1e-12)
