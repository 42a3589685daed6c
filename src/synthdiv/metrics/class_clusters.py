"""Move a class cluster of unit vectors along the sphere, or contract or expand it about its centroid."""

from __future__ import annotations

import numpy as np

from synthdiv.embeddings.table import make_unit


def rotate_cluster(vectors: np.ndarray, start: np.ndarray, end: np.ndarray) -> np.ndarray:
    """Apply the shortest rotation from one unit vector to another, which fixes all vectors orthogonal to both.

    Parameters
    ----------
    vectors : float64 array of shape (n, d)
        Of unit length.
    start, end : float64 arrays of shape (d,)
        Of unit length.

    Returns
    -------
    float64 array of shape (n, d)
        Angles between the vectors are unchanged.

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
    """Return the angle of each vector with a centroid, in radians; exact for tiny angles too.

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
    """Multiply the angle of each vector with the centroid by a factor, and keep its direction.

    Parameters
    ----------
    vectors : float64 array of shape (n, d)
        Of unit length.
    centroid : float64 array of shape (d,)
        Of unit length.
    factor : float
        Angles are capped at pi.

    Returns
    -------
    float64 array of shape (n, d)
        A vector equal to the centroid is unchanged.
    """
    angles = np.minimum(factor * measure_angles(vectors, centroid), np.pi)
    directions = make_unit(vectors - np.outer(vectors @ centroid, centroid))
    return np.cos(angles)[:, None] * centroid + np.sin(angles)[:, None] * directions
