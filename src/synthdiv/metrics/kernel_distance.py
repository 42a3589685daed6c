"""Kernel distance (KID): the squared maximum mean discrepancy under a cubic kernel."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from synthdiv.metrics.arrays import NUMPY, NumpyArrays

BLOCK = 2048


class KernelSums(NamedTuple):
    """Sums of the kernel over all pairs: they give the distance, with or without a part of the queries.

    Attributes
    ----------
    reference : float
        Over pairs of different references.
    n_references : int
    across : float64 array of shape (g,)
        Over pairs of a reference and a query of each part.
    queries : float64 array of shape (g, g)
        Over pairs of different queries, for each two parts.
    sizes : int64 array of shape (g,)
        Number of queries in each part.
    """

    reference: float
    n_references: int
    across: np.ndarray
    queries: np.ndarray
    sizes: np.ndarray

    def leave_out(self, part: int) -> KernelSums:
        """Return the sums without one part of the queries."""
        kept = np.arange(len(self.sizes)) != part
        return self._replace(across=self.across[kept], queries=self.queries[np.ix_(kept, kept)], sizes=self.sizes[kept])


def sum_kernels(references: np.ndarray, queries: Sequence[np.ndarray], arrays: NumpyArrays = NUMPY) -> KernelSums:
    """Sum k(x, y) = (x.y / d + 1)^3 in fp64, block by block.

    Parameters
    ----------
    references : array of shape (n, d)
    queries : sequence of arrays of shape (m, d)
        In one or more parts.
    arrays : NumpyArrays
        The device to compute on. It changes the sums by rounding alone.
    """
    within = np.zeros((len(queries), len(queries)))
    for a, first in enumerate(queries):
        within[a, a] = _sum_kernel(first, first, arrays) - _sum_diagonal(first)
        for b in range(a):
            within[a, b] = within[b, a] = _sum_kernel(first, queries[b], arrays)
    return KernelSums(
        _sum_kernel(references, references, arrays) - _sum_diagonal(references),
        len(references),
        np.array([_sum_kernel(references, part, arrays) for part in queries]),
        within,
        np.array([len(part) for part in queries]),
    )


def compute_kernel_distance(
    reference: float, n_references: int, across: np.ndarray, queries: np.ndarray, sizes: np.ndarray
) -> float:
    """Return the unbiased estimate over all pairs, for sets of any size.

    Parameters
    ----------
    reference, n_references, across, queries, sizes
        The fields of :class:`KernelSums`.

    Returns
    -------
    float
        May be slightly negative for similar distributions.

    Raises
    ------
    ValueError
        If there are fewer than two references or queries.

    References
    ----------
    M. Binkowski, D. J. Sutherland, M. Arbel and A. Gretton, "Demystifying MMD GANs", 2018.
    """
    n, m = n_references, int(sizes.sum())
    if min(n, m) < 2:
        raise ValueError(f"an unbiased kernel distance needs at least two vectors per set; there are {n} and {m}")
    return float(reference / (n * (n - 1)) + queries.sum() / (m * (m - 1)) - 2 * across.sum() / (n * m))


def _sum_kernel(first: np.ndarray, second: np.ndarray, arrays: NumpyArrays) -> float:
    same = first is second
    total = 0.0
    for a in range(0, len(first), BLOCK):
        rows = arrays.load(first[a : a + BLOCK].astype(np.float64) / first.shape[1])
        for b in range(a if same else 0, len(second), BLOCK):
            kernel = rows @ arrays.load(second[b : b + BLOCK].astype(np.float64)).T
            kernel += 1
            part = float((kernel * kernel * kernel).sum())
            total += part * (2 if same and b > a else 1)
    return total


def _sum_diagonal(vectors: np.ndarray) -> float:
    wide = vectors.astype(np.float64)
    return float((((wide * wide).sum(axis=1) / vectors.shape[1] + 1) ** 3).sum())
