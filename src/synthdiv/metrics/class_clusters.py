"""A class's cloud of unit vectors: moved along the sphere, and drawn together or apart about its centroid."""

from __future__ import annotations

import numpy as np

from synthdiv.embeddings.table import make_unit


def rotate_cluster(vectors: np.ndarray, start: np.ndarray, end: np.ndarray) -> np.ndarray:
    """Turn the sphere by the shortest rotation that takes one unit vector to another; what is at right angles to both stays.

    Parameters
    ----------
    vectors : float64 array of shape (n, d)
        Of unit length.
    start, end : float64 arrays of shape (d,)
        Of unit length.

    Returns
    -------
    float64 array of shape (n, d)
        Angles between the vectors are as they were.

    Raises
    ------
    ValueError
        If the two are opposite: no rotation is the shortest.
    """
    both = start + end
    squared = float(both @ both)  # 2 (1 + cos)
    if squared < 1e-12:
        raise ValueError("opposite vectors have no shortest rotation between them")
    return vectors - np.outer(vectors @ both, both) * (2 / squared) + 2 * np.outer(vectors @ start, end)


def measure_angles(vectors: np.ndarray, centroid: np.ndarray) -> np.ndarray:
    """The angle of each vector with a centroid, in radians, exact also where it is tiny.

    Parameters
    ----------
    vectors : float64 array of shape (n, d)
        Of unit length.
    centroid : float64 array of shape (d,)
        Of unit length.

    Returns
    -------
    float64 array of shape (n,)
    """
    return 2 * np.arctan2(np.linalg.norm(vectors - centroid, axis=1), np.linalg.norm(vectors + centroid, axis=1))


def scale_cluster(vectors: np.ndarray, centroid: np.ndarray, factor: float) -> np.ndarray:
    """Multiply the angle of each vector with the centroid, and keep the direction in which it lies.

    Parameters
    ----------
    vectors : float64 array of shape (n, d)
        Of unit length.
    centroid : float64 array of shape (d,)
        Of unit length.
    factor : float
        An angle grows to a straight one at most.

    Returns
    -------
    float64 array of shape (n, d)
        A vector on the centroid stays there.
    """
    angles = np.minimum(factor * measure_angles(vectors, centroid), np.pi)
    directions = make_unit(vectors - np.outer(vectors @ centroid, centroid))
    return np.cos(angles)[:, None] * centroid + np.sin(angles)[:, None] * directions
