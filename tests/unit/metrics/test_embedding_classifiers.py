"""Classifiers on embeddings against scikit-learn's."""

import numpy as np
import pytest
from conftest import make_embeddings
from sklearn.covariance import oas
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.linear_model import LogisticRegression
from sklearn.mixture import GaussianMixture
from sklearn.neighbors import KernelDensity

from synthdiv.embeddings.table import make_unit
from synthdiv.metrics import embedding_classifiers as module
from synthdiv.metrics.centroids import compute_centroids, sum_classes
from synthdiv.metrics.embedding_classifiers import (
    GaussianMixtures,
    LinearDiscriminant,
    choose_bandwidth,
    classify_by_linear_probe,
    classify_density,
    classify_knn,
    find_candidates,
    find_shrinkage,
    fit_classifiers,
    train_linear_probe,
)

OPTIONS = {"knn": [1, 5], "lda_shrinkage": "auto", "mixture_components": 2, "density": True, "seed": 0}


def make_set(seed, sizes=(30, 50, 20, 40), d=10, spread=0.7):
    rng = np.random.default_rng(seed)
    centres = np.random.default_rng(0).normal(size=(len(sizes), d))
    ids = np.repeat(np.arange(len(sizes)), sizes)
    return make_embeddings(ids, centres[ids] + spread * rng.normal(size=(len(ids), d)) * (1 + np.arange(d) / d))


def split(set_, size):
    return [set_[start : start + size] for start in range(0, len(set_), size)]


REFERENCE, QUERY = make_set(1), make_set(2, spread=1.0)
X, Z = make_unit(REFERENCE.vectors), make_unit(QUERY.vectors)
ALL = np.tile(np.arange(4), (len(QUERY), 1))


@pytest.mark.parametrize("shrinkage", [0.0, 0.3, 1.0])
def test_lda_matches_scikit_learn(shrinkage):
    ours = LinearDiscriminant(split(REFERENCE, 17), 4, shrinkage).classify(QUERY)
    theirs = LinearDiscriminantAnalysis(solver="lsqr", shrinkage=shrinkage).fit(X, REFERENCE.class_ids).predict(Z)
    assert ours.tolist() == theirs.tolist()


def test_the_shrinkage_matches_scikit_learn():
    means = np.stack([X[REFERENCE.class_ids == c].mean(axis=0) for c in range(4)])
    centred = X - means[REFERENCE.class_ids]
    _, expected = oas(centred, assume_centered=True)
    assert find_shrinkage(centred.T @ centred / len(X), len(X)) == pytest.approx(expected, rel=1e-9)
    assert LinearDiscriminant([REFERENCE], 4).shrinkage == pytest.approx(expected, rel=1e-9)


def test_mixtures_match_scikit_learn():
    ours = GaussianMixtures(split(REFERENCE, 13), X.mean(axis=0), 2, seed=3).classify(QUERY)
    floor = 1e-2 * X.var(axis=0).mean()
    scores = []
    for c in range(4):
        own = X[REFERENCE.class_ids == c]
        model = GaussianMixture(2, covariance_type="diag", reg_covar=floor, random_state=3, max_iter=200).fit(own)
        scores.append(model.score_samples(Z) + np.log(len(own) / len(X)))
    assert ours.tolist() == np.argmax(scores, axis=0).tolist()


def test_densities_match_scikit_learn():
    variance = choose_bandwidth([REFERENCE])
    scores = []
    for c in range(4):
        own = X[REFERENCE.class_ids == c]
        scores.append(KernelDensity(bandwidth=variance**0.5).fit(own).score_samples(Z) + np.log(len(own)))
    order = np.random.default_rng(0).permutation(len(REFERENCE))
    for blocks in (split(REFERENCE, 13), [REFERENCE[order]]):
        assert classify_density(blocks, QUERY, ALL, 4, variance).tolist() == np.argmax(scores, axis=0).tolist()


def test_the_candidates_are_the_classes_with_the_nearest_centroids(monkeypatch):
    totals = sum_classes([REFERENCE], 4)
    assert (find_candidates(QUERY, totals) == ALL).all()
    monkeypatch.setattr(module, "MAX_CANDIDATES", 2)
    found = find_candidates(QUERY, totals)
    cosines = Z @ compute_centroids(totals).T
    assert found.tolist() == [sorted(np.argsort(-row)[:2].tolist()) for row in cosines]


def test_a_density_chooses_only_candidates(monkeypatch):
    """With candidates as with all classes, where the best class of all is a candidate; elsewhere the better candidate."""
    monkeypatch.setattr(module, "MAX_CANDIDATES", 2)
    candidates = find_candidates(QUERY, sum_classes([REFERENCE], 4))

    def classify(among):
        return classify_density(split(REFERENCE, 13), QUERY, among, 4, choose_bandwidth([REFERENCE]))

    freely, bound = classify(ALL), classify(candidates)
    among = (candidates == freely[:, None]).any(axis=1)
    assert 0 < among.sum() < len(QUERY)
    assert (bound == freely)[among].all()
    assert (candidates == bound[:, None]).any(axis=1).all()


def test_with_many_classes_the_linear_probe_is_trained_on_fewer_vectors(monkeypatch):
    monkeypatch.setattr(module, "MAX_CANDIDATES", 3)
    many = make_set(1, sizes=(24,) * 6)
    probe = train_linear_probe([many], c_values=[1.0], seed=0)
    assert probe["n_train"] == 6 * 12  # 3 classes have 72
    assert (classify_by_linear_probe(probe, many) == many.class_ids).mean() > 0.8
    again = train_linear_probe(split(many, 13), c_values=[1.0], seed=0)
    assert (again["weights"] == probe["weights"]).all()
    assert train_linear_probe([make_set(1, sizes=(8,) * 6)], c_values=[1.0], seed=0)["n_train"] == 6 * 5


def test_the_bandwidth_nearly_maximises_the_likelihood():
    """No neighbouring bandwidth has a higher leave-one-out likelihood with scikit-learn's density."""
    small = make_set(5, sizes=(12, 12))
    rows = make_unit(small.vectors)

    def likelihood(variance):
        total = 0.0
        for n in range(len(rows)):
            others = (small.class_ids == small.class_ids[n]) & (np.arange(len(rows)) != n)
            total += KernelDensity(bandwidth=variance**0.5).fit(rows[others]).score_samples(rows[n : n + 1])[0]
        return total

    best = choose_bandwidth([small])
    assert likelihood(best) >= max(likelihood(best * 2**0.5), likelihood(best / 2**0.5))


def test_the_linear_probe_matches_scikit_learns_regression():
    probe = train_linear_probe([REFERENCE], c_values=[2.0], seed=0)
    model = LogisticRegression(C=2.0, max_iter=2000).fit(X * 10**0.5, REFERENCE.class_ids)
    assert classify_by_linear_probe(probe, QUERY).tolist() == model.predict(Z * 10**0.5).tolist()
    assert probe["n_train"] == 140


def test_the_linear_probe_chooses_c_on_a_fifth():
    noisy = make_set(6, sizes=(40,) * 6, d=60, spread=2.5)
    assert train_linear_probe([noisy], c_values=[1e-3, 1e3], seed=0)["C"] == 1e-3
    few = make_set(6, sizes=(2, 2))
    assert train_linear_probe([few], c_values=[0.1, 1.0, 10.0], seed=0)["C"] == 1.0  # too few to choose


def test_a_linear_probe_of_two_classes():
    pair = make_set(7, sizes=(30, 30))
    probe = train_linear_probe([pair], c_values=[1.0], seed=0)
    assert (classify_by_linear_probe(probe, pair) == pair.class_ids).mean() > 0.8


def test_knn_with_any_k():
    found = classify_knn(split(REFERENCE, 40), QUERY, [1, 7, 30])
    assert list(found) == ["knn1", "knn7", "knn30"]
    distances = -Z @ X.T
    order = np.argsort(distances, axis=1)
    classes = REFERENCE.class_ids[order]
    for k in (1, 7, 30):
        expected = [max(row[:k], key=lambda c, row=row, k=k: ((row[:k] == c).sum(), -list(row).index(c))) for row in classes]
        assert found[f"knn{k}"].tolist() == expected


def test_all_classifiers_beat_chance_and_one_vector_per_class_excludes_two():
    probe = train_linear_probe([REFERENCE], c_values=[1.0], seed=0)
    found = fit_classifiers([REFERENCE], sum_classes([REFERENCE], 4), probe=probe, **OPTIONS)(QUERY)
    assert list(found) == ["knn1", "knn5", "lda", "gaussian_mixture", "kernel_density", "logistic_regression"]
    for name, predicted in found.items():
        assert (predicted == QUERY.class_ids).mean() > 0.6, name
    single = make_set(8, sizes=(1,) * 4, spread=0.1)
    found = fit_classifiers([single], sum_classes([single], 4), probe=None, **OPTIONS)(QUERY)
    assert list(found) == ["knn1", "knn5", "lda"]
    assert found["lda"].tolist() == found["knn1"].tolist()  # the nearest mean of unit vectors is the nearest by cosine
