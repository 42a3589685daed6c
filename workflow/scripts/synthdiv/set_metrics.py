"""The metrics of one set, and of a set against a reference: which are computed, on which images, with which interval.

A row is a figure: metric, split, images_per_class (how many of each class it rests on; empty for all), class_id (empty for
the whole set), value, low, high (95 %, empty where there is none), n_images.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import numpy as np
import polars as pl

from synthdiv.centroids import (
    ClassSums,
    compute_centroid_shift,
    compute_centroids,
    measure_spread,
    sum_classes,
)
from synthdiv.embeddings import Embeddings, join_embeddings
from synthdiv.frechet import Moments, compute_frechet_distance, measure_moments
from synthdiv.intervals import Z, jackknife_interval, mean_interval, wilson_interval
from synthdiv.kernel_distance import compute_kernel_distance, sum_kernels
from synthdiv.manifold import measure_manifold
from synthdiv.modality_gap import measure_modality_gap
from synthdiv.neighbours import hash_rows
from synthdiv.separability import measure_separability
from synthdiv.vendi import compute_vendi_score, find_pairwise_cosines, measure_similarity

GROUPS = 10
"""Of the delete-a-group jackknife."""
SCHEMA = {
    "metric": pl.String,
    "split": pl.String,
    "images_per_class": pl.Int64,
    "class_id": pl.Int64,
    "value": pl.Float64,
    "low": pl.Float64,
    "high": pl.Float64,
    "n_images": pl.Int64,
}

Interval = tuple[float, float] | None


def take_equal(blocks: Iterable[Embeddings], count: int, seed: int) -> Embeddings:
    """So many images of each class, the same ones whatever the order of the rows within it.

    Parameters
    ----------
    blocks : iterable of Embeddings
        The rows of a class follow one another.
    count : int
        Of each class, or all if it has fewer.
    seed : int
        Which ones.
    """
    parts = []
    for members in iterate_classes(blocks):
        ranks = hash_rows(members.class_ids, members.indices, seed)
        parts.append(members[np.sort(np.argsort(ranks, kind="stable")[:count])])
    return join_embeddings(parts)


def iterate_classes(blocks: Iterable[Embeddings]) -> Iterator[Embeddings]:
    """The rows of each class together, from blocks in which they follow one another."""
    waiting: list[Embeddings] = []
    for block in blocks:
        cuts = np.flatnonzero(np.diff(block.class_ids)) + 1
        for start, stop in zip([0, *cuts], [*cuts, len(block)], strict=True):
            part = block[start:stop]
            if waiting and waiting[0].class_ids[0] != part.class_ids[0]:
                yield join_embeddings(waiting)
                waiting = []
            waiting.append(part)
    if waiting:
        yield join_embeddings(waiting)


def measure_set(
    blocks: Iterable[Embeddings], n_classes: int, *, split: str, images_per_class: int | None = None
) -> pl.DataFrame:
    """Diversity of one split of an image set, whole and class by class.

    Centroid Distance, mean cosine between two images of a class, and Vendi score.

    Parameters
    ----------
    blocks : iterable of Embeddings
        Read several times; the rows of a class follow one another.
    n_classes : int
        C.
    split : str
        For the rows.
    images_per_class : int, optional
        What the blocks were cut to, for the rows.

    Returns
    -------
    polars.DataFrame
    """
    rows: list[dict[str, Any]] = []
    totals = sum_classes(blocks, n_classes)
    counts, count = totals.counts, int(totals.counts.sum())

    def add(metric: str, value: float, interval: Interval, class_id: int | None = None) -> None:
        n = count if class_id is None else int(counts[class_id])
        low, high = interval or (None, None)
        rows.append(
            {"metric": metric, "split": split, "images_per_class": images_per_class, "class_id": class_id}
            | {"value": value, "low": low, "high": high, "n_images": n}
        )

    spread = measure_spread(blocks, compute_centroids(totals))
    of_classes = spread.average_classes(n_classes)
    add(
        "centroid_distance",
        math.fsum(of_classes) / n_classes,
        mean_interval(spread.squares, spread.class_ids, by_class=True),
    )
    for class_id in range(n_classes):
        own = spread.class_ids == class_id
        add("centroid_distance", of_classes[class_id], mean_interval(spread.squares[own], spread.class_ids[own]), class_id)

    if counts.min() < 2:
        return pl.DataFrame(rows, schema=SCHEMA)
    cosines, ids = [], []
    moments = np.zeros((GROUPS, 0, 0))
    sizes = np.zeros(GROUPS)
    for members in iterate_classes(blocks):
        class_id = int(members.class_ids[0])
        found = find_pairwise_cosines(members.vectors)
        cosines.append(found)
        ids.append(members.class_ids)
        add("mean_pairwise_cosine", float(found.mean()), _double(mean_interval(found, members.class_ids)), class_id)
        add("vendi_score", compute_vendi_score(measure_similarity(members.vectors, smaller=True)), None, class_id)
        groups = group_rows(members)
        if not moments.size:
            moments = np.zeros((GROUPS, members.vectors.shape[1], members.vectors.shape[1]))
        for group in range(GROUPS):
            own_rows = members.vectors[groups == group]
            if len(own_rows):
                moments[group] += measure_similarity(own_rows) * len(own_rows)
                sizes[group] += len(own_rows)
    values, ids_ = np.concatenate(cosines), np.concatenate(ids)
    means = np.bincount(ids_, values, minlength=n_classes) / counts
    add("mean_pairwise_cosine", float(means.mean()), _double(mean_interval(values, ids_, by_class=True)))
    whole = moments.sum(axis=0)
    without = np.array([compute_vendi_score((whole - moments[g]) / (count - sizes[g])) for g in range(GROUPS)])
    score = compute_vendi_score(whole / count)
    add("vendi_score", score, jackknife_interval(score, without))
    return pl.DataFrame(rows, schema=SCHEMA)


def _double(interval: Interval) -> Interval:
    """The interval of a mean over pairs: twice that of the mean over images of each one's mean (Hoeffding, 1948)."""
    if interval is None:
        return None
    middle, half = (interval[0] + interval[1]) / 2, interval[1] - interval[0]
    return middle - half, middle + half


def group_rows(embeddings: Embeddings) -> np.ndarray:
    """The jackknife's groups: int array of shape (n,), the same for an image whatever it is together with."""
    return (hash_rows(embeddings.class_ids, embeddings.indices, 0) % np.uint64(GROUPS)).astype(np.int64)


def compare_sets(
    reference: Embeddings,
    query: Embeddings,
    n_classes: int,
    *,
    features: str,
    kinds: tuple[str, str],
    k: int,
    seed: int,
    split: str,
    images_per_class: int,
) -> pl.DataFrame:
    """How far a set lies from a reference, at equal images a class.

    Centroid-shift and linear separability of any two sets; Frechet and kernel distance, precision, recall, density and
    coverage of two image sets; the modality gap of prompts and images. Intervals take the reference as given.

    Parameters
    ----------
    reference, query : Embeddings
        Of the same split.
    n_classes : int
        C.
    features : {"unit", "raw"}
        What Frechet and kernel distance, precision, recall, density and coverage see: unit vectors, or vectors of the
        length that the encoder gave them. All else sees unit vectors.
    kinds : (str, str)
        "image" or "prompt", of reference and query.
    k : int
        Neighbours, for precision, recall, density and coverage.
    seed : int
        Of the halves and the permutation of the separability.
    split, images_per_class
        For the rows.

    Returns
    -------
    polars.DataFrame
    """
    rows: list[dict[str, Any]] = []

    def add(metric: str, value: float, interval: Interval = None, class_id: int | None = None, n: int = len(query)) -> None:
        low, high = interval or (None, None)
        rows.append(
            {"metric": metric, "split": split, "images_per_class": images_per_class, "class_id": class_id}
            | {"value": value, "low": low, "high": high, "n_images": n}
        )

    groups = group_rows(query)
    parts = [query[groups == group] for group in range(GROUPS)]
    _add_shift(add, reference, parts, n_classes)
    rng = np.random.default_rng(seed)
    if len(np.unique(groups)) < GROUPS or min(len(reference), len(query)) <= k:
        return pl.DataFrame(rows, schema=SCHEMA)
    for name, value in measure_separability(reference.vectors, query.vectors, rng).items():
        add(name, value)
    if set(kinds) == {"image", "prompt"}:
        _add_jackknife(add, lambda some: measure_modality_gap(reference, some, n_classes), query, groups)
    if kinds == ("image", "image"):
        real, fakes = _features(reference, features), [_features(part, features) for part in parts]
        _add_frechet(add, real, fakes)
        _add_kernel(add, real, fakes)
        _add_manifold(add, real, _features(query, features), k)
    return pl.DataFrame(rows, schema=SCHEMA)


def _features(embeddings: Embeddings, features: str) -> np.ndarray:
    wide = embeddings.vectors.astype(np.float64)
    return wide * embeddings.lengths[:, None] if features == "raw" else wide


def _add_shift(add: Callable[..., None], reference: Embeddings, parts: list[Embeddings], n_classes: int) -> None:
    centroids = compute_centroids(sum_classes([reference], n_classes))
    sums = [sum_classes([part], n_classes) if len(part) else None for part in parts]
    width = reference.vectors.shape[1]
    stacked = np.stack([np.zeros((n_classes, width)) if one is None else one.sums for one in sums])
    counts = np.stack([np.zeros(n_classes, dtype=np.int64) if one is None else one.counts for one in sums])

    def shift(sums: np.ndarray, counts: np.ndarray) -> np.ndarray:
        return compute_centroid_shift(centroids, compute_centroids(ClassSums(sums, counts)))

    whole, sizes = stacked.sum(axis=0), counts.sum(axis=0)
    of_classes = shift(whole, sizes)
    for class_id in range(n_classes):
        add("centroid_shift", float(of_classes[class_id]), None, class_id, int(sizes[class_id]))
    value = math.fsum(of_classes) / n_classes
    interval = None
    if (sizes - counts).min() > 0:
        without = np.array([shift(whole - stacked[g], sizes - counts[g]).mean() for g in range(len(parts))])
        interval = jackknife_interval(value, without)
    add("centroid_shift", value, interval)


def _add_jackknife(
    add: Callable[..., None], measure: Callable[[Embeddings], dict[str, float]], query: Embeddings, groups: np.ndarray
) -> None:
    without = [measure(query[groups != group]) for group in range(GROUPS)]
    for name, value in measure(query).items():
        add(name, value, jackknife_interval(value, np.array([one[name] for one in without])))


def _add_frechet(add: Callable[..., None], real: np.ndarray, fakes: list[np.ndarray]) -> None:
    first = measure_moments([real])
    without: list[Moments] = [measure_moments(fakes[:g] + fakes[g + 1 :]) for g in range(len(fakes))]
    others = [compute_frechet_distance(first, one) for one in without]
    for name, value in compute_frechet_distance(first, measure_moments(fakes)).items():
        add(name, value, jackknife_interval(value, np.array([one[name] for one in others])))


def _add_kernel(add: Callable[..., None], real: np.ndarray, fakes: list[np.ndarray]) -> None:
    sums = sum_kernels(real, fakes)
    value = compute_kernel_distance(*sums)
    everything = range(len(fakes))
    without = np.array([compute_kernel_distance(*sums.leave_out(g)) for g in everything])
    add("kernel_distance", value, jackknife_interval(value, without))


def _add_manifold(add: Callable[..., None], real: np.ndarray, fake: np.ndarray, k: int) -> None:
    found = measure_manifold(real, fake, k)
    for name in ("precision", "recall", "coverage"):
        right = getattr(found, name)
        add(name, float(right.mean()), wilson_interval(int(right.sum()), len(right)), n=len(right))
    half = Z * float(found.density.std(ddof=1)) / math.sqrt(len(found.density))
    middle = float(found.density.mean())
    add("density", middle, (middle - half, middle + half))
