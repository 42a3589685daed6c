"""Kernel distance (KID): the squared maximum mean discrepancy under a cubic kernel."""

from __future__ import annotations

import numpy as np

BLOCK = 2048


def compute_kernel_distance(first: np.ndarray, second: np.ndarray) -> float:
    """The unbiased estimate over all pairs: sets of any size, and no bias by size.

    k(x, y) = (x.y / d + 1)^3, in fp64, block by block.

    Parameters
    ----------
    first : array of shape (n, d)
    second : array of shape (m, d)
        Two rows at least, each.

    Returns
    -------
    float
        May be a little below 0 where the clouds are alike.

    References
    ----------
    M. Binkowski, D. J. Sutherland, M. Arbel and A. Gretton, "Demystifying MMD GANs", 2018.
    """
    n, m = len(first), len(second)
    if min(n, m) < 2:
        raise ValueError(f"an unbiased kernel distance needs two vectors a set at least; there are {n} and {m}")
    within = (_sum_kernel(first, first) - _sum_diagonal(first)) / (n * (n - 1))
    others = (_sum_kernel(second, second) - _sum_diagonal(second)) / (m * (m - 1))
    return within + others - 2 * _sum_kernel(first, second) / (n * m)


def _sum_kernel(first: np.ndarray, second: np.ndarray) -> float:
    same = first is second
    total = 0.0
    for a in range(0, len(first), BLOCK):
        rows = first[a : a + BLOCK].astype(np.float64) / first.shape[1]
        for b in range(a if same else 0, len(second), BLOCK):
            kernel = rows @ second[b : b + BLOCK].astype(np.float64).T
            kernel += 1
            part = float((kernel * kernel * kernel).sum())
            total += part * (2 if same and b > a else 1)
    return total


def _sum_diagonal(vectors: np.ndarray) -> float:
    wide = vectors.astype(np.float64)
    return float((((wide * wide).sum(axis=1) / vectors.shape[1] + 1) ** 3).sum())
