"""Classifiers fitted to the embeddings of a reference set, beyond centroids and a few neighbours.

"Diversity and Diffusion", Section 5, leaves open "whether more sophisticated methods beyond k-nn can be used to better
exploit the distributions of the individual examples". All use unit vectors, and weight a class by its number of references.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from scipy.special import logsumexp
from sklearn.linear_model import LogisticRegression
from sklearn.mixture import GaussianMixture
from sklearn.model_selection import GridSearchCV, PredefinedSplit

from synthdiv.config.sets import LEAST_PROBED, MAX_CANDIDATES
from synthdiv.embeddings.table import Embeddings, make_unit
from synthdiv.images.subsets import hash_rows
from synthdiv.metrics.centroids import ClassSums, compute_centroids
from synthdiv.metrics.neighbours import find_nearest, split_rows, vote
from synthdiv.metrics.set_metrics import iterate_classes, subsample_classes

BLOCK = 8192
ROWS = 1024
"""Queries whose densities under all mixtures are computed at once."""
MAX_LEFT_OUT = 200
"""Maximum number of vectors per class used to choose a bandwidth."""


def classify_knn(
    reference: Iterable[Embeddings],
    query: Embeddings,
    ks: Sequence[int],
    *,
    center: np.ndarray | None = None,
    device: str = "cpu",
) -> dict[str, np.ndarray]:
    """Classify queries by the vote of their k nearest references, for several k.

    Parameters
    ----------
    reference : iterable of Embeddings
        Read once.
    query : Embeddings
        n vectors.
    ks : sequence of int
    center, device
        As for :func:`synthdiv.metrics.neighbours.find_nearest`.

    Returns
    -------
    dict of str to int64 array of shape (n,)
        Predicted classes, by "knn<k>".
    """
    found = find_nearest(query, reference, max(ks), center=center, device=device).class_ids
    return {f"knn{k}": vote(found[:, :k]) for k in ks}


class LinearDiscriminant:
    """Linear discriminant analysis: Gaussians with one covariance.

    Parameters
    ----------
    reference : iterable of Embeddings
        Read once.
    n_classes : int
        C; every class must have a vector.
    shrinkage : float or "auto"
        From the covariance within classes (0) to a multiple of the identity (1). "auto": the oracle-approximating value.

    Attributes
    ----------
    mean : float64 array of shape (d,)
        The mean of all unit vectors.
    shrinkage : float

    References
    ----------
    Y. Chen, A. Wiesel, Y. C. Eldar and A. O. Hero, "Shrinkage Algorithms for MMSE Covariance Estimation", 2010.
    """

    def __init__(self, reference: Iterable[Embeddings], n_classes: int, shrinkage: float | str = "auto") -> None:
        sums, counts = np.zeros((n_classes, 0)), np.zeros(n_classes)
        scatter = np.zeros((0, 0))
        for block in reference:
            rows = make_unit(block.vectors)
            if not scatter.size:
                sums, scatter = np.zeros((n_classes, rows.shape[1])), np.zeros((rows.shape[1],) * 2)
            np.add.at(sums, block.class_ids, rows)
            counts += np.bincount(block.class_ids, minlength=n_classes)
            scatter += rows.T @ rows
        means = sums / counts[:, None]
        covariance = (scatter - (means.T * counts) @ means) / counts.sum()
        width, mean_variance = len(covariance), np.trace(covariance) / len(covariance)
        if mean_variance <= 1e-15:  # one vector per class, or copies: nearest mean
            covariance, mean_variance = np.eye(width), 1.0
        self.mean = sums.sum(axis=0) / counts.sum()
        self.shrinkage = find_shrinkage(covariance, int(counts.sum())) if shrinkage == "auto" else float(shrinkage)
        covariance = (1 - self.shrinkage) * covariance + self.shrinkage * mean_variance * np.eye(width)
        self.weights = np.linalg.lstsq(covariance, means.T, rcond=None)[0]  # (d, C)
        self.offsets = np.log(counts / counts.sum()) - (means.T * self.weights).sum(axis=0) / 2

    def classify(self, query: Embeddings) -> np.ndarray:
        """Return the most probable class of each query: int64 array of shape (n,)."""
        return (make_unit(query.vectors) @ self.weights + self.offsets).argmax(axis=1)


def find_shrinkage(covariance: np.ndarray, count: int) -> float:
    """Return the oracle-approximating shrinkage of a covariance of ``count`` centred vectors."""
    width = len(covariance)
    alpha, mean_variance = (covariance**2).mean(), np.trace(covariance) / width
    denominator = (count + 1) * (alpha - mean_variance**2 / width)
    return 1.0 if denominator <= 0 else float(min((alpha + mean_variance**2) / denominator, 1.0))


class GaussianMixtures:
    """One mixture of Gaussians with diagonal covariances per class.

    Parameters
    ----------
    reference : iterable of Embeddings
        In the order of the classes, with at least two vectors of each. Read once.
    mean : float64 array of shape (d,)
        The mean of all unit vectors.
    components : int
        Components per class, at most half its number of vectors.
    seed : int
        Seed of the fits' initial values.
    """

    def __init__(self, reference: Iterable[Embeddings], mean: np.ndarray, components: int, seed: int) -> None:
        variance = (1 - float(mean @ mean)) / len(mean)  # of all unit vectors, averaged over the columns
        models, sizes = [], []
        for own in iterate_classes(reference):
            model = GaussianMixture(
                min(components, len(own) // 2),
                covariance_type="diag",
                reg_covar=max(1e-2 * variance, 1e-12),  # so that no component shrinks to a point
                random_state=seed,
                max_iter=200,
            )
            models.append(model.fit(make_unit(own.vectors)))
            sizes.append(len(own))
        # of all components of all classes: x.a - x^2.b/2 + c is the logarithm of weight times density
        self.starts = np.cumsum([0, *(len(model.weights_) for model in models[:-1])])
        self.precisions = np.concatenate([model.precisions_ for model in models])
        means = np.concatenate([model.means_ for model in models])
        self.slopes = means * self.precisions
        self.constants = (np.log(self.precisions) - means * self.slopes - math.log(2 * math.pi)).sum(axis=1) / 2
        shares = zip(models, sizes, strict=True)
        self.constants += np.log(np.concatenate([model.weights_ * size for model, size in shares]) / sum(sizes))

    def classify(self, query: Embeddings) -> np.ndarray:
        """Return the most probable class of each query: int64 array of shape (n,)."""
        found = np.empty(len(query), dtype=np.int64)
        for part in split_rows(len(query), ROWS):
            rows = make_unit(query.vectors[part])
            scores = rows @ self.slopes.T - (rows * rows) @ self.precisions.T / 2 + self.constants
            found[part] = np.logaddexp.reduceat(scores, self.starts, axis=1).argmax(axis=1)
        return found


def find_candidates(query: Embeddings, totals: ClassSums) -> np.ndarray:
    """Return each query's candidates: all classes or, of more than ``MAX_CANDIDATES``, those with the nearest centroids.

    Parameters
    ----------
    query : Embeddings
        n vectors.
    totals : ClassSums
        Class sums of the reference.

    Returns
    -------
    int64 array of shape (n, m)
        In ascending order.
    """
    n_classes = len(totals.counts)
    if n_classes <= MAX_CANDIDATES:
        return np.tile(np.arange(n_classes), (len(query), 1))
    centroids = compute_centroids(totals)
    found = np.empty((len(query), MAX_CANDIDATES), dtype=np.int64)
    for part in split_rows(len(query), BLOCK):
        cosines = make_unit(query.vectors[part]) @ centroids.T
        found[part] = np.sort(np.argsort(-cosines, axis=1, kind="stable")[:, :MAX_CANDIDATES], axis=1)
    return found


def iterate_candidates(candidates: np.ndarray, n_classes: int) -> Iterator[tuple[int, tuple[np.ndarray, np.ndarray]]]:
    """Yield each class that is a candidate, and its places: the rows and columns of ``candidates`` that name it."""
    order = np.argsort(candidates, axis=None, kind="stable")
    bounds = np.searchsorted(candidates.ravel()[order], np.arange(n_classes + 1))
    for class_id in range(n_classes):
        places = order[bounds[class_id] : bounds[class_id + 1]]
        if len(places):
            yield class_id, np.divmod(places, candidates.shape[1])


def choose_candidates(candidates: np.ndarray, scores: np.ndarray) -> np.ndarray:
    """Return each row's candidate with the highest score, the smallest of ties: int64 array of shape (n,)."""
    return np.take_along_axis(candidates, scores.argmax(axis=1)[:, None], axis=1)[:, 0]


def choose_bandwidth(reference: Iterable[Embeddings]) -> float:
    """Return the variance of a Gaussian kernel that maximises the leave-one-out likelihood within classes.

    Parameters
    ----------
    reference : iterable of Embeddings
        The rows of a class are consecutive, at least two of each; up to ``MAX_LEFT_OUT`` are left out in turn. Read once.

    Returns
    -------
    float
        The best of geometrically spaced candidates around the mean squared distance within classes.
    """
    class_squares, width = [], 0
    for own in iterate_classes(reference):
        ranks = hash_rows(own.class_ids, own.indices, 0)
        rows = make_unit(own.vectors[np.argsort(ranks)[:MAX_LEFT_OUT]])
        products, width = rows @ rows.T, rows.shape[1]
        class_squares.append(np.clip(2 - 2 * products[~np.eye(len(rows), dtype=bool)], 0, None).reshape(len(rows), -1))
    typical = max(float(np.mean([squares.mean() for squares in class_squares])) / width, 1e-12)
    best, best_score = typical, -np.inf
    for variance in typical * 2.0 ** np.arange(-6, 3, 0.5):
        scores = []
        for squares in class_squares:
            scores.append(logsumexp(-squares / (2 * variance), axis=1) - math.log(squares.shape[1]))
        score = float(np.concatenate(scores).mean()) - width / 2 * math.log(variance)
        if score > best_score:
            best, best_score = float(variance), score
    return best


def classify_density(
    reference: Iterable[Embeddings], query: Embeddings, candidates: np.ndarray, n_classes: int, variance: float
) -> np.ndarray:
    """Return each query's candidate with the highest Gaussian kernel density, weighted by class size.

    scikit-learn's KernelDensity is ten times slower, and in many dimensions its log densities are wrong
    (https://github.com/scikit-learn/scikit-learn/issues/7492).

    Parameters
    ----------
    reference : iterable of Embeddings
    query : Embeddings
    candidates : int64 array of shape (n, m)
        Classes, from :func:`find_candidates`.
    n_classes : int
        C.
    variance : float
        Kernel variance, from :func:`choose_bandwidth`.

    Returns
    -------
    int64 array of shape (n,)
    """
    rows = make_unit(query.vectors).astype(np.float32)
    logs = np.full(candidates.shape, -np.inf)
    places_of = dict(iterate_candidates(candidates, n_classes))
    for block in reference:
        others = make_unit(block.vectors).astype(np.float32)
        for class_id, (places, columns) in places_of.items():
            own = others[block.class_ids == class_id]
            for part in split_rows(len(places) if len(own) else 0, BLOCK):
                scores = (rows[places[part]] @ own.T).astype(np.float64) / variance
                where = places[part], columns[part]
                logs[where] = np.logaddexp(logs[where], logsumexp(scores, axis=1))
    return choose_candidates(candidates, logs)


def train_linear_probe(reference: Iterable[Embeddings], *, c_values: Sequence[float], seed: int) -> dict[str, Any]:
    """Fit a logistic regression to unit vectors, with validated regularisation.

    Parameters
    ----------
    reference : iterable of Embeddings
        The rows of a class are consecutive, and there are at least two classes. Of more than ``MAX_CANDIDATES`` classes, a
        seeded subset of each is used, so that the time grows with the number of classes and not with its square. Read
        twice.
    c_values : sequence of float
        Values of C (inverse regularisation). The best on a fifth of each class is chosen, the smallest of ties; then the
        whole reference is fitted. If a class has fewer than five vectors, the middle value is used.
    seed : int
        Selects the fifth and the subset.

    Returns
    -------
    dict
        weights (float64 array of shape (C, d)), offsets (float64 array of shape (C,)), classes (int64), c, n_train,
        iterations.
    """
    chosen = _reduce(reference, seed)
    rows = _make_all_unit(chosen.vectors)
    rows *= math.sqrt(rows.shape[1])  # values of about 1
    ordered = sorted(c_values)
    model = LogisticRegression(C=ordered[len(ordered) // 2], max_iter=2000)
    counts = np.unique(chosen.class_ids, return_counts=True)[1]
    if len(ordered) > 1 and counts.min() >= 5:
        split = PredefinedSplit(np.where(hold_out(chosen, seed), 0, -1))
        model = GridSearchCV(model, {"C": ordered}, cv=split).fit(rows, chosen.class_ids).best_estimator_
    else:
        model.fit(rows, chosen.class_ids)
    weights, offsets = model.coef_, model.intercept_
    if len(model.classes_) == 2:
        weights, offsets = np.concatenate([-weights, weights]), np.concatenate([-offsets, offsets])
    return {
        "weights": weights,
        "offsets": offsets,
        "classes": model.classes_,
        "C": model.C,
        "n_train": len(rows),
        "iterations": int(np.max(model.n_iter_)),
    }


def _reduce(reference: Iterable[Embeddings], seed: int) -> Embeddings:
    """Return at most as many vectors as ``MAX_CANDIDATES`` classes have on average, but five of each class."""
    sizes = [len(own) for own in iterate_classes(reference)]
    limit = max(LEAST_PROBED, sum(sizes) * MAX_CANDIDATES // len(sizes) ** 2) if len(sizes) > MAX_CANDIDATES else max(sizes)
    return subsample_classes(reference, limit, seed)


def _make_all_unit(vectors: np.ndarray) -> np.ndarray:
    """Like :func:`synthdiv.embeddings.table.make_unit`, without a second array of that size: gigabytes for a reference."""
    rows = np.empty(vectors.shape)
    for part in split_rows(len(vectors), BLOCK):
        rows[part] = make_unit(vectors[part])
    return rows


def hold_out(embeddings: Embeddings, seed: int) -> np.ndarray:
    """Select a random fifth of each class: bool array of shape (n,). Of two to nine vectors one, of a single one none."""
    ranks = hash_rows(embeddings.class_ids, embeddings.indices, seed)
    order = np.lexsort((ranks, embeddings.class_ids))
    ordered = embeddings.class_ids[order]
    _, inverse, counts = np.unique(embeddings.class_ids, return_inverse=True, return_counts=True)
    position = np.empty(len(embeddings), dtype=np.int64)
    position[order] = np.arange(len(embeddings)) - np.searchsorted(ordered, ordered)
    return position < np.minimum(np.maximum(counts // 5, 1), counts - 1)[inverse]


def classify_by_linear_probe(probe: Mapping[str, Any], query: Embeddings) -> np.ndarray:
    """Return the classes that a linear probe predicts for queries: int64 array of shape (n,)."""
    rows = make_unit(query.vectors) * math.sqrt(query.vectors.shape[1])
    return np.asarray(probe["classes"])[(rows @ probe["weights"].T + probe["offsets"]).argmax(axis=1)]


def fit_classifiers(
    reference: Iterable[Embeddings],
    totals: ClassSums,
    *,
    knn: Sequence[int],
    lda_shrinkage: float | str,
    mixture_components: int,
    density: bool,
    probe: Mapping[str, Any] | None,
    seed: int,
    device: str = "cpu",
) -> Callable[[Embeddings], dict[str, np.ndarray]]:
    """Fit all requested classifiers to a reference set.

    Parameters
    ----------
    reference : iterable of Embeddings
        The training split, read several times.
    totals : ClassSums
        Class sums of the reference; every class must have a vector.
    knn, lda_shrinkage, mixture_components, density
        As in the config's ``embedding_classifiers``. A mixture and a density need two vectors per class, and are left out
        if there are fewer.
    probe : mapping or None
        From :func:`train_linear_probe`.
    seed : int
        Seed of the mixtures' initial values.
    device : str
        A torch device, on which neighbours are searched.

    Returns
    -------
    callable
        Maps queries to their predicted classes, by the classifier's name.
    """
    n_classes, several = len(totals.counts), totals.counts.min() >= 2
    discriminant = LinearDiscriminant(reference, n_classes, lda_shrinkage)
    mixtures = (
        GaussianMixtures(reference, discriminant.mean, mixture_components, seed) if several and mixture_components else None
    )
    variance = choose_bandwidth(reference) if several and density else None

    def classify(query: Embeddings) -> dict[str, np.ndarray]:
        found = classify_knn(reference, query, knn, center=totals.mean, device=device) if knn else {}
        found["lda"] = discriminant.classify(query)
        if mixtures is not None:
            found["gaussian_mixture"] = mixtures.classify(query)
        if variance is not None:
            candidates = find_candidates(query, totals)
            found["kernel_density"] = classify_density(reference, query, candidates, n_classes, variance)
        if probe is not None:
            found["logistic_regression"] = classify_by_linear_probe(probe, query)
        return found

    return classify
