"""Vendi score: the effective number of different images."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np


def compute_vendi_score(blocks: Iterable[np.ndarray]) -> float:
    """The exponential of the entropy of the eigenvalues of K / n, K the cosines between all vectors.

    From the d x d side: X^T X / n has the same eigenvalues but for zeros, so a set of any size costs one pass.

    Parameters
    ----------
    blocks : iterable of arrays of shape (n, d)
        The set; vectors are made unit vectors in fp64.

    Returns
    -------
    float
        From 1 (all the same) to the number of vectors or of dimensions.

    References
    ----------
    D. Friedman and A. B. Dieng, "The Vendi Score: A Diversity Evaluation Metric for Machine Learning", 2023.
    """
    total, count = np.zeros((0, 0)), 0
    for block in blocks:
        rows = block.astype(np.float64)
        rows /= np.sqrt((rows * rows).sum(axis=1, keepdims=True))
        total = rows.T @ rows + (total if count else 0)
        count += len(rows)
    values = np.linalg.eigvalsh(total / count)
    values = values[values > 0]
    return float(np.exp(-(values * np.log(values)).sum()))


def compute_mean_pairwise_cosine(vectors: np.ndarray) -> float:
    """The mean cosine of all pairs of different vectors of a class: (|sum of u|^2 - n) / (n (n - 1)).

    Parameters
    ----------
    vectors : array of shape (n, d)
        Two rows at least; made unit vectors in fp64.
    """
    rows = vectors.astype(np.float64)
    rows /= np.sqrt((rows * rows).sum(axis=1, keepdims=True))
    total, count = rows.sum(axis=0), len(rows)
    return float((total @ total - count) / (count * (count - 1)))
