"""Compare a set with a reference at equal images per class: the metrics and their intervals."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
import polars as pl

from synthdiv.embeddings.table import Embeddings
from synthdiv.metrics.arrays import NumpyArrays, choose_arrays
from synthdiv.metrics.centroids import ClassSums, compute_centroid_shift, compute_centroids, sum_classes
from synthdiv.metrics.frechet import compute_frechet_distance, join_moments, measure_moments
from synthdiv.metrics.kernel_distance import compute_kernel_distance, sum_kernels
from synthdiv.metrics.modality_gap import measure_modality_gap
from synthdiv.metrics.precision_recall import measure_manifold
from synthdiv.metrics.separability import MIN_VECTORS, measure_separability
from synthdiv.metrics.set_metrics import GROUPS, SCHEMA, Interval, group_rows, subsample_classes
from synthdiv.stats.intervals import Z, jackknife_interval, wilson_interval


def compare_equal_sets(
    reference: Iterable[Embeddings],
    query: Iterable[Embeddings],
    n_classes: int,
    *,
    kinds: tuple[str, str],
    images_per_class: int,
    seed: int,
    **options: Any,
) -> pl.DataFrame:
    """Reduce a set and a reference to equally many images per class, and compare them.

    Parameters
    ----------
    reference, query : iterables of Embeddings
        The same split of both sets; the rows of a class are consecutive.
    n_classes, kinds
        As for :func:`compare_sets`.
    images_per_class : int
        Maximum number of images per class; the smallest class of both sets limits it.
    seed : int
        Selects the images; otherwise as for :func:`compare_sets`.
    **options
        The other parameters of :func:`compare_sets`.

    Returns
    -------
    polars.DataFrame
        As :func:`compare_sets`.
    """
    pair = [subsample_classes(one, images_per_class, seed) for one in (reference, query)]
    smallest = [int(np.bincount(one.class_ids).min()) for one, kind in zip(pair, kinds, strict=True) if kind == "image"]
    count = min([images_per_class, *smallest])
    first, second = (subsample_classes([one], count, seed) for one in pair)
    return compare_sets(first, second, n_classes, kinds=kinds, images_per_class=count, seed=seed, **options)


def compare_sets(
    reference: Embeddings,
    query: Embeddings,
    n_classes: int,
    *,
    features: str,
    kinds: tuple[str, str],
    k: int,
    pairwise_images: int,
    seed: int,
    split: str,
    images_per_class: int,
    device: str = "cpu",
) -> pl.DataFrame:
    """Compare a set with a reference, at equal images per class.

    Centroid-shift and linear separability for any two sets; Frechet and kernel distance, precision, recall, density and
    coverage for two image sets; the modality gap for prompts and images. Intervals treat the reference as fixed.

    Parameters
    ----------
    reference, query : Embeddings
        The same split of both sets.
    n_classes : int
        C.
    features : {"unit", "raw"}
        Input of Frechet and kernel distance, precision, recall, density and coverage: unit vectors, or vectors of the
        length that the encoder gave them. All other metrics use unit vectors.
    kinds : (str, str)
        "image" or "prompt", of reference and query.
    k : int
        Number of neighbours, for precision, recall, density and coverage.
    pairwise_images : int
        Maximum number of images of a set in kernel distance, precision, recall, density, coverage and separability: their
        time grows with its square. Of larger sets, these use a seeded subset with equally many images of each class.
    seed : int
        Seed of the subset, and of the halves and the permutation of the separability.
    split, images_per_class
        Values of these columns; the metrics of the subset have its number of images per class.
    device : str
        The torch device that computes products of all pairs. It changes the kernel distance by rounding, and nothing else.

    Returns
    -------
    polars.DataFrame
        :data:`synthdiv.metrics.set_metrics.SCHEMA`. Only centroid-shift if there are too few vectors for the rest: no more
        than k, fewer than separability needs, or none in a group of the jackknife.
    """
    rows: list[dict[str, Any]] = []

    def add_to_rows(per_class: int, size: int) -> Callable[..., None]:
        def add(metric: str, value: float, interval: Interval = None, class_id: int | None = None, n: int = size) -> None:
            low, high = interval or (None, None)
            rows.append(
                {"metric": metric, "split": split, "images_per_class": per_class, "class_id": class_id}
                | {"value": value, "low": low, "high": high, "n_images": n}
            )

        return add

    add = add_to_rows(images_per_class, len(query))
    groups = group_rows(query)
    too_few = len(np.unique(groups)) < GROUPS or min(len(reference), len(query)) < max(k + 1, MIN_VECTORS)
    few_references, few_queries, few_per_class = reference, query, images_per_class
    if max(len(reference), len(query)) > pairwise_images:
        few_per_class = min(images_per_class, max(1, pairwise_images // n_classes))
        few_references, few_queries = (subsample_classes([one], few_per_class, seed) for one in (reference, query))
    # before the query is copied in parts, since this takes most memory
    separability = {}
    if not too_few:
        separability = measure_separability(few_references.vectors, few_queries.vectors, np.random.default_rng(seed))
    parts = [query[groups == group] for group in range(GROUPS)]
    _add_shift(add, reference, parts, n_classes)
    if too_few:
        return pl.DataFrame(rows, schema=SCHEMA)
    add_few = add_to_rows(few_per_class, len(few_queries))
    for name, value in separability.items():
        add_few(name, value)
    if set(kinds) == {"image", "prompt"}:
        _add_jackknife(add, lambda some: measure_modality_gap(reference, some, n_classes), query, groups)
    if kinds == ("image", "image"):
        _add_frechet(add, _features(reference, features), [_features(part, features) for part in parts])
        real, groups = _features(few_references, features), group_rows(few_queries)
        arrays = choose_arrays(device)
        _add_kernel(add_few, real, [_features(few_queries[groups == group], features) for group in range(GROUPS)], arrays)
        _add_manifold(add_few, real, _features(few_queries, features), k, arrays)
    return pl.DataFrame(rows, schema=SCHEMA)


def _features(embeddings: Embeddings, features: str) -> np.ndarray:
    wide = embeddings.vectors.astype(np.float64, copy=False)
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
    first, parts = measure_moments(real), list(map(measure_moments, fakes))
    others = [compute_frechet_distance(first, join_moments(parts[:g] + parts[g + 1 :])) for g in range(len(parts))]
    for name, value in compute_frechet_distance(first, join_moments(parts)).items():
        add(name, value, jackknife_interval(value, np.array([one[name] for one in others])))


def _add_kernel(add: Callable[..., None], real: np.ndarray, fakes: list[np.ndarray], arrays: NumpyArrays) -> None:
    sums = sum_kernels(real, fakes, arrays)
    value = compute_kernel_distance(*sums)
    without = np.array([compute_kernel_distance(*sums.leave_out(g)) for g in range(len(fakes))])
    add("kernel_distance", value, jackknife_interval(value, without))


def _add_manifold(add: Callable[..., None], real: np.ndarray, fake: np.ndarray, k: int, arrays: NumpyArrays) -> None:
    found = measure_manifold(real, fake, k, arrays)
    for name in ("precision", "recall", "coverage"):
        hits = getattr(found, name)
        add(name, float(hits.mean()), wilson_interval(int(hits.sum()), len(hits)), n=len(hits))
    half = Z * float(found.density.std(ddof=1)) / math.sqrt(len(found.density))
    middle = float(found.density.mean())
    add("density", middle, (middle - half, middle + half))
