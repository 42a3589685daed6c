"""Vendi score, the effective number of different images; and the mean cosine between images of a class."""

from __future__ import annotations

import numpy as np

from synthdiv.embeddings.table import make_unit


def measure_similarity(vectors: np.ndarray, *, smaller: bool = False) -> np.ndarray:
    """Return X^T X / n of unit vectors: it has the non-zero eigenvalues of K / n, K the cosines of all pairs.

    Parameters
    ----------
    vectors : array of shape (n, d)
        Normalised in fp64.
    smaller : bool
        Return K / n itself if n is smaller than d.

    Returns
    -------
    float64 array of shape (d, d) or (n, n)
        Weighted by n, the matrices of a set's parts add up to that of the set.
    """
    rows = make_unit(vectors)
    if smaller and len(rows) < rows.shape[1]:
        rows = rows.T
    return rows.T @ rows / len(vectors)


def compute_vendi_score(similarity: np.ndarray) -> float:
    """Return the exponential of the entropy of the eigenvalues.

    Parameters
    ----------
    similarity : float64 array
        From :func:`measure_similarity`.

    Returns
    -------
    float
        From 1 (all equal) to the number of vectors or of dimensions.

    References
    ----------
    D. Friedman and A. B. Dieng, "The Vendi Score: A Diversity Evaluation Metric for Machine Learning", 2023.
    """
    values = np.linalg.eigvalsh(similarity)
    values = values[values > 0]
    return float(np.exp(-(values * np.log(values)).sum()))


def find_pairwise_cosines(vectors: np.ndarray) -> np.ndarray:
    """Return each vector's mean cosine with the others of its class; their mean is the mean over all pairs.

    Parameters
    ----------
    vectors : array of shape (n, d)
        At least two rows; normalised in fp64.

    Returns
    -------
    float64 array of shape (n,)
    """
    rows = make_unit(vectors)
    return (rows @ rows.sum(axis=0) - 1) / (len(rows) - 1)
