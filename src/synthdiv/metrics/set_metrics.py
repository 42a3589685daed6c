"""The metrics of one set: which are computed, on which images, with which interval; and what all set metrics share.

A row is a value: metric, split, images_per_class (images used per class; empty for all), class_id (empty for the whole set),
value, low, high (95 % interval, empty if there is none), n_images.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl

from synthdiv.embeddings.table import Embeddings, join_embeddings
from synthdiv.images.subsets import hash_rows
from synthdiv.metrics.centroids import compute_centroids, measure_spread, sum_classes
from synthdiv.metrics.vendi import compute_vendi_score, find_pairwise_cosines, measure_similarity
from synthdiv.stats.intervals import jackknife_interval, mean_interval

GROUPS = 10
"""Groups of the delete-a-group jackknife."""
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


def subsample_classes(blocks: Iterable[Embeddings], count: int, seed: int) -> Embeddings:
    """Take ``count`` images of each class, the same ones for any order of the rows within it.

    Parameters
    ----------
    blocks : iterable of Embeddings
        The rows of a class are consecutive.
    count : int
        Images per class; all if a class has fewer.
    seed : int
        Selects the images.

    Returns
    -------
    Embeddings
        In the order of the blocks' rows.
    """
    parts = []
    for members in iterate_classes(blocks):
        ranks = hash_rows(members.class_ids, members.indices, seed)
        parts.append(members[np.sort(np.argsort(ranks, kind="stable")[:count])])
    return join_embeddings(parts)


@dataclass(frozen=True)
class MetricTables:
    """The tables of metrics that people read.

    Attributes
    ----------
    whole, per_class : polars.DataFrame
        Tables ``set_metrics`` and ``set_metrics_per_class``.
    distance, distance_per_class : polars.DataFrame
        Tables ``centroid_distance`` and ``centroid_distance_per_class``: the first encoder's, with all images.
    """

    whole: pl.DataFrame
    per_class: pl.DataFrame
    distance: pl.DataFrame
    distance_per_class: pl.DataFrame


def tabulate_metrics(
    measured: Sequence[tuple[str, str, str | None, pl.DataFrame]], class_names: Sequence[str], *, encoder: str
) -> MetricTables:
    """Tabulate the metrics of sets and comparisons.

    Parameters
    ----------
    measured : sequence of (encoder, set, reference, metrics)
        The metrics of each set (reference None) and comparison, in the order of the rows.
    class_names : sequence of str
        The names of the classes, by class_id.
    encoder : str
        The first encoder.
    """
    names = pl.DataFrame({"class_id": range(len(class_names)), "name": class_names})
    table = pl.concat(
        [
            metrics.select(
                pl.lit(own).alias("encoder"),
                pl.lit(set_name).alias("set"),
                pl.lit(reference, dtype=pl.String).alias("reference"),
                pl.all(),
            )
            for own, set_name, reference, metrics in measured
        ]
    )
    whole, per_class = table.filter(pl.col("class_id").is_null()).drop("class_id"), table.drop_nulls("class_id")
    per_class = per_class.join(names, on="class_id", how="left", maintain_order="left")
    chosen = (
        (pl.col("encoder") == encoder) & (pl.col("metric") == "centroid_distance") & pl.col("images_per_class").is_null()
    )
    value, n_images = pl.col("value").alias("centroid_distance"), pl.col("n_images")
    bounds = [pl.col(end).alias(f"centroid_distance_{end}") for end in ("low", "high")]
    n_classes = pl.lit(len(class_names)).alias("n_classes")
    return MetricTables(
        whole,
        per_class,
        whole.filter(chosen).select("set", "split", value, n_classes, n_images, *bounds),
        per_class.filter(chosen).select("set", "split", "class_id", "name", value, n_images, *bounds),
    )


def iterate_classes(blocks: Iterable[Embeddings]) -> Iterator[Embeddings]:
    """Yield the rows of each class, from blocks in which they are consecutive."""
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


def measure_split(
    blocks: Iterable[Embeddings], n_classes: int, *, split: str, images_per_class: int, seed: int
) -> pl.DataFrame:
    """Measure the diversity of one split of an image set, with all images and with the images per class of comparisons.

    Parameters
    ----------
    blocks, n_classes, split
        As for :func:`measure_set`.
    images_per_class, seed : int
        The seeded subset of comparisons.

    Returns
    -------
    polars.DataFrame
        ``SCHEMA``.

    Raises
    ------
    StudyError
        As :func:`measure_set`.
    """
    equal = [subsample_classes(blocks, images_per_class, seed)]
    return pl.concat(
        [
            measure_set(blocks, n_classes, split=split),
            measure_set(equal, n_classes, split=split, images_per_class=images_per_class),
        ]
    )


def measure_set(
    blocks: Iterable[Embeddings], n_classes: int, *, split: str, images_per_class: int | None = None
) -> pl.DataFrame:
    """Measure the diversity of one split of an image set, overall and per class.

    Centroid Distance, mean cosine between two images of a class, and Vendi score.

    Parameters
    ----------
    blocks : iterable of Embeddings
        Read several times; the rows of a class are consecutive.
    n_classes : int
        C.
    split : str
        Value of this column.
    images_per_class : int, optional
        Images of each class in the blocks; value of this column.

    Returns
    -------
    polars.DataFrame
        ``SCHEMA``. Only Centroid Distance if a class has a single image.

    Raises
    ------
    StudyError
        If a class has no image.
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
    for class_id, own in enumerate(spread.split_classes(n_classes)):
        add("centroid_distance", of_classes[class_id], mean_interval(own, np.full(len(own), class_id)), class_id)

    if counts.min() < 2:
        return pl.DataFrame(rows, schema=SCHEMA)
    cosines, ids = [], []
    for members in iterate_classes(blocks):
        class_id = int(members.class_ids[0])
        found = find_pairwise_cosines(members.vectors)
        cosines.append(found)
        ids.append(members.class_ids)
        add("mean_pairwise_cosine", float(found.mean()), _double(mean_interval(found, members.class_ids)), class_id)
        add("vendi_score", compute_vendi_score(measure_similarity(members.vectors, smaller=True)), None, class_id)
    values, ids_ = np.concatenate(cosines), np.concatenate(ids)
    means = np.bincount(ids_, values, minlength=n_classes) / counts
    add("mean_pairwise_cosine", float(means.mean()), _double(mean_interval(values, ids_, by_class=True)))
    moments, sizes = _sum_similarities(blocks, totals.sums.shape[1])
    whole = moments.sum(axis=0)
    without = np.array([compute_vendi_score((whole - moments[g]) / (count - sizes[g])) for g in range(GROUPS)])
    score = compute_vendi_score(whole / count)
    add("vendi_score", score, jackknife_interval(score, without))
    return pl.DataFrame(rows, schema=SCHEMA)


def _sum_similarities(blocks: Iterable[Embeddings], width: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the sums of the products of each group's vectors, of shape (g, d, d), and the groups' sizes."""
    moments, sizes = np.zeros((GROUPS, width, width)), np.zeros(GROUPS)
    for block in blocks:
        groups = group_rows(block)
        for group in range(GROUPS):
            own = block.vectors[groups == group]
            if len(own):
                moments[group] += measure_similarity(own) * len(own)
                sizes[group] += len(own)
    return moments, sizes


def _double(interval: Interval) -> Interval:
    """Return the interval of a mean over pairs: twice that of the mean over images of each one's mean (Hoeffding, 1948)."""
    if interval is None:
        return None
    middle, half = (interval[0] + interval[1]) / 2, interval[1] - interval[0]
    return middle - half, middle + half


def group_rows(embeddings: Embeddings) -> np.ndarray:
    """Return each image's jackknife group, independent of the other images: int array of shape (n,)."""
    return (hash_rows(embeddings.class_ids, embeddings.indices, 0) % np.uint64(GROUPS)).astype(np.int64)
