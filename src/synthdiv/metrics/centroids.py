"""Class centroids, Centroid Distance and centroid-shift ("Diversity and Diffusion", Sections 3 and 5)."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from synthdiv.core.errors import StudyError
from synthdiv.embeddings.table import Embeddings, make_unit


@dataclass(frozen=True)
class ClassSums:
    """Sums of the vectors of each class.

    Attributes
    ----------
    sums : float64 array of shape (C, d)
        Sums of the vectors as stored: for fp16, exact in any order.
    counts : int64 array of shape (C,)
    """

    sums: np.ndarray
    counts: np.ndarray

    @property
    def mean(self) -> np.ndarray:
        """The mean of all vectors."""
        return self.sums.sum(axis=0) / max(1, self.counts.sum())


def sum_classes(blocks: Iterable[Embeddings], n_classes: int) -> ClassSums:
    """Sum the vectors of each class.

    Parameters
    ----------
    blocks : iterable of Embeddings
        One set, in any order.
    n_classes : int
        C.

    Returns
    -------
    ClassSums
    """
    sums, counts = np.zeros((n_classes, 0)), np.zeros(n_classes, dtype=np.int64)
    for block in blocks:
        if not sums.shape[1]:
            sums = np.zeros((n_classes, block.vectors.shape[1]))
        order = np.argsort(block.class_ids, kind="stable")
        present, starts, found = np.unique(block.class_ids[order], return_index=True, return_counts=True)
        sums[present] += np.add.reduceat(block.vectors[order].astype(np.float64), starts, axis=0)
        counts[present] += found
    return ClassSums(sums, counts)


def compute_centroids(totals: ClassSums) -> np.ndarray:
    """Return the centroid of each class: the unit vector of the sum of its vectors.

    The paper's M = uvec(sum of uvec(e)). The vectors are summed as stored, in fp64.

    Parameters
    ----------
    totals : ClassSums
        Every class must have a vector.

    Returns
    -------
    float64 array of shape (C, d)

    Raises
    ------
    StudyError
        If a class has no vector, or its vectors cancel out.
    """
    lengths = np.sqrt((totals.sums * totals.sums).sum(axis=1, keepdims=True))
    if not lengths.all():
        class_id = int(np.argmin(lengths[:, 0]))
        if not totals.counts[class_id]:
            raise StudyError(f"class_id {class_id} has no vector, so no centroid: do all its images have an excluded flag?")
        raise StudyError(f"class_id {class_id} has no centroid: its {totals.counts[class_id]} vectors cancel out")
    return totals.sums / lengths


def compute_codiff(vectors: np.ndarray, centroids: np.ndarray) -> np.ndarray:
    """Return 1 - cos(x, y) of each row and a centroid, as ``|x - y|^2 / 2`` of the unit vectors: exact for tiny values.

    Parameters
    ----------
    vectors : array of shape (n, d)
    centroids : float64 array of shape (d,) or (n, d)
        Of unit length.

    Returns
    -------
    float64 array of shape (n,)
    """
    difference = make_unit(vectors)
    difference -= centroids
    difference *= difference
    return difference.sum(axis=1) / 2


@dataclass(frozen=True)
class Spread:
    """Squared codiff of a set's images from the centroids of their classes.

    Attributes
    ----------
    class_ids, indices : int64 arrays of shape (n,)
        The images, sorted by class_id and index.
    squares : float64 array of shape (n,)
        codiff(e, centroid)^2 of each image.
    """

    class_ids: np.ndarray
    indices: np.ndarray
    squares: np.ndarray

    def split_classes(self, n_classes: int) -> list[np.ndarray]:
        """Return the squares of each class's images."""
        return np.split(self.squares, np.searchsorted(self.class_ids, np.arange(1, n_classes)))

    def average_classes(self, n_classes: int) -> np.ndarray:
        """Return the Centroid Distance of each class, which must have an image: float64 array of shape (C,)."""
        return np.array([math.fsum(own) / len(own) for own in self.split_classes(n_classes)])


def measure_spread(blocks: Iterable[Embeddings], centroids: np.ndarray) -> Spread:
    """Return the squared codiff of each image from its class centroid; averaged, it is Centroid Distance (Section 3).

    Parameters
    ----------
    blocks : iterable of Embeddings
        One split of a set.
    centroids : float64 array of shape (C, d)
        Centroids of the same split.

    Returns
    -------
    Spread
    """
    parts = [
        (block.class_ids, block.indices, compute_codiff(block.vectors, centroids[block.class_ids]) ** 2) for block in blocks
    ]
    class_ids, indices, squares = (np.concatenate(column) for column in zip(*parts, strict=True))
    order = np.lexsort((indices, class_ids))
    return Spread(class_ids[order], indices[order], squares[order])


def compute_centroid_shift(centroids: np.ndarray, others: np.ndarray) -> np.ndarray:
    """Return the centroid-shift of each class between two sets: the codiff of its two centroids.

    Parameters
    ----------
    centroids, others : float64 arrays of shape (C, d)
        Of unit length.

    Returns
    -------
    float64 array of shape (C,)
    """
    return compute_codiff(centroids, others)
