"""Class centroids and Centroid Distance ("Diversity and Diffusion", Section 3)."""

from __future__ import annotations

import math

import numpy as np

from synthdiv.embeddings import Embeddings


def compute_centroids(embeddings: Embeddings, n_classes: int) -> np.ndarray:
    """The centroid of each class: the unit vector of the sum of its vectors.

    The paper's M = uvec(sum of uvec(e)). The stored vectors are summed as they are, in fp64.

    Parameters
    ----------
    embeddings : Embeddings
        Vectors of unit length up to their storage's rounding.
    n_classes : int
        C; every class must have a vector.

    Returns
    -------
    float64 array of shape (C, d)

    Raises
    ------
    ValueError
        If a class has no vector, or its vectors cancel out.
    """
    centroids = np.zeros((n_classes, embeddings.vectors.shape[1]))
    for class_id in range(n_classes):
        start, stop = np.searchsorted(embeddings.class_ids, [class_id, class_id + 1])
        total = embeddings.vectors[start:stop].astype(np.float64).sum(axis=0)
        length = np.sqrt((total * total).sum())
        if length == 0:
            raise ValueError(f"class {class_id} has {stop - start} vectors, and their sum has no direction")
        centroids[class_id] = total / length
    return centroids


def compute_codiff(vectors: np.ndarray, centroid: np.ndarray) -> np.ndarray:
    """1 - cos(x, y) of each row with a vector, as |x - y|^2 / 2 of the unit vectors: exact also where it is tiny.

    Parameters
    ----------
    vectors : array of shape (n, d)
    centroid : float64 array of shape (d,)
        Of unit length.

    Returns
    -------
    float64 array of shape (n,)
    """
    rows = vectors.astype(np.float64)
    rows /= np.sqrt((rows * rows).sum(axis=1, keepdims=True))
    difference = rows - centroid
    return (difference * difference).sum(axis=1) / 2


def compute_centroid_distance(embeddings: Embeddings, n_classes: int) -> tuple[float, np.ndarray]:
    """Centroid Distance: the mean squared codiff of a class's images from their centroid, averaged over the classes.

    Parameters
    ----------
    embeddings : Embeddings
        One split of a set.
    n_classes : int
        C.

    Returns
    -------
    float
        The set's.
    float64 array of shape (C,)
        The classes'.
    """
    centroids = compute_centroids(embeddings, n_classes)
    per_class = np.empty(n_classes)
    for class_id in range(n_classes):
        start, stop = np.searchsorted(embeddings.class_ids, [class_id, class_id + 1])
        squares = compute_codiff(embeddings.vectors[start:stop], centroids[class_id]) ** 2
        per_class[class_id] = math.fsum(squares) / (stop - start)
    return math.fsum(per_class) / n_classes, per_class
