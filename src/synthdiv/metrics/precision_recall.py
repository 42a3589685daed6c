"""Precision, recall, density and coverage: how far two distributions lie within each other's neighbourhoods.

The boundary rule: a vector lies in the neighbourhood of another if their distance is at most the other's radius. A radius is
the distance to the k-th nearest other vector of the same set. So identical sets have precision, recall and coverage 1.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from synthdiv.metrics.arrays import NUMPY, NumpyArrays
from synthdiv.metrics.neighbours import multiply_rows, split_rows

BLOCK = 2048
PAIRS = 1024


@dataclass(frozen=True)
class Manifold:
    """Precision, recall, density and coverage of each vector.

    Attributes
    ----------
    precision : bool array of shape (m,)
        Whether a query lies in the neighbourhood of any reference.
    recall : bool array of shape (n,)
        Whether a reference lies in the neighbourhood of any query.
    density : float64 array of shape (m,)
        Number of references in whose neighbourhoods a query lies, divided by k.
    coverage : bool array of shape (n,)
        Whether a reference's neighbourhood contains a query.
    """

    precision: np.ndarray
    recall: np.ndarray
    density: np.ndarray
    coverage: np.ndarray


def measure_manifold(references: np.ndarray, queries: np.ndarray, k: int = 5, arrays: NumpyArrays = NUMPY) -> Manifold:
    """Measure precision, recall, density and coverage by Euclidean distance.

    Distances come from fp32 products; those too close to a radius to decide are computed again in fp64.

    Parameters
    ----------
    references : array of shape (n, d)
        The natural images.
    queries : array of shape (m, d)
        The synthetic images.
    k : int
        Number of neighbours, less than n and m.
    arrays : NumpyArrays
        The device of the products. It does not change the result.

    Returns
    -------
    Manifold

    Raises
    ------
    ValueError
        If k is out of range.

    References
    ----------
    T. Kynkaanniemi et al., "Improved Precision and Recall Metric for Assessing Generative Models", 2019; M. F. Naeem et al.,
    "Reliable Fidelity and Diversity Metrics for Generative Models", 2020.
    """
    if not 0 < k < min(len(references), len(queries)):
        raise ValueError(
            f"k is {k}; it must be at least 1 and less than the sets' sizes, {len(references)} and {len(queries)}"
        )
    center = references.astype(np.float64).mean(axis=0)
    real, fake = (_Points(vectors, center, arrays) for vectors in (references, queries))
    near_real, near_fake = _find_radii(real, k), _find_radii(fake, k)
    counts = np.zeros(len(queries), dtype=np.int64)
    recalled = np.zeros(len(references), dtype=bool)
    covered = np.zeros(len(references), dtype=bool)
    for a in split_rows(len(references), BLOCK):
        for b in split_rows(len(queries), BLOCK):
            squares = _square_distances(real, fake, a, b)
            inside = _compare(squares, near_real[a][:, None], real, fake, a, b)
            counts[b] += arrays.fetch(inside.sum(axis=0))
            covered[a] |= arrays.fetch(inside.any(axis=1))
            recalled[a] |= arrays.fetch(_compare(squares, near_fake[b][None, :], real, fake, a, b).any(axis=1))
    return Manifold(counts > 0, recalled, counts / k, covered)


class _Points:
    """Vectors; in fp32 and on a device, their differences x from a common centre, |x|^2 and 1."""

    def __init__(self, vectors: np.ndarray, center: np.ndarray, arrays: NumpyArrays) -> None:
        self.vectors, self.arrays = vectors, arrays
        rough = np.ones((len(vectors), vectors.shape[1] + 2), dtype=np.float32)
        near = rough[:, :-2]
        near[:] = vectors - center
        squares = np.einsum("nd,nd->n", near, near, dtype=np.float64)
        rough[:, -2] = squares
        self.rough = arrays.load(rough)
        # error bound of an fp32 squared distance between vectors of this length
        self.error = float(squares.max()) * (8 + 2.02 * rough.shape[1]) * 2.0**-24

    def __len__(self) -> int:
        return len(self.vectors)


def _square_distances(first: _Points, second: _Points, a: slice, b: slice) -> Any:
    """Return |x|^2 - 2 x.y + |y|^2, as one matrix product."""
    others = second.rough[b] * -2
    others[:, -2], others[:, -1] = 1, second.rough[b, -2]
    return first.rough[a] @ others.T


def _square_exactly(first: _Points, second: _Points, rows: np.ndarray, columns: np.ndarray) -> np.ndarray:
    found = np.empty(len(rows))
    for part in split_rows(len(rows), PAIRS):
        gap = first.vectors[rows[part]].astype(np.float64) - second.vectors[columns[part]]
        found[part] = multiply_rows(gap, gap)
    return found


def _compare(squares: Any, radii: np.ndarray, first: _Points, second: _Points, a: slice, b: slice) -> Any:
    """Return whether squared distances are at most the squared radii (of rows or of columns), as a matrix on the device."""
    arrays, error = first.arrays, first.error + second.error
    inside = squares <= arrays.load((radii - error).astype(np.float32))
    rows, columns = arrays.find_true((squares <= arrays.load((radii + error).astype(np.float32))) & ~inside)
    exact = _square_exactly(first, second, rows + a.start, columns + b.start)
    decided = exact <= np.broadcast_to(radii, squares.shape)[rows, columns]
    inside[arrays.load(rows), arrays.load(columns)] = arrays.load(decided)
    return inside


def _find_radii(points: _Points, k: int) -> np.ndarray:
    """Return the squared distance of each vector's k-th nearest other vector, in fp64."""
    radii = np.empty(len(points))
    arrays, error = points.arrays, 2 * points.error
    for a in split_rows(len(points), BLOCK):
        best: Any = None
        kept: list[tuple[np.ndarray, np.ndarray, np.ndarray]] = []
        for b in split_rows(len(points), BLOCK):
            squares = _square_distances(points, points, a, b)
            parts = [squares] if best is None else [best, squares]
            best = arrays.keep_smallest(parts, min(k + 1, sum(part.shape[1] for part in parts)))
            rows, columns = arrays.find_true(squares <= best[:, -1:] + 2 * error)
            kept.append((rows, columns + b.start, arrays.fetch(squares[arrays.load(rows), arrays.load(columns)])))
        rows, columns, rough = (np.concatenate(parts) for parts in zip(*kept, strict=True))
        wanted = (rough <= arrays.fetch(best)[rows, -1] + 2 * error) & (columns != rows + a.start)
        rows, columns = rows[wanted], columns[wanted]
        exact = _square_exactly(points, points, rows + a.start, columns)
        order = np.lexsort((exact, rows))
        first = np.searchsorted(rows[order], np.arange(a.stop - a.start))
        radii[a] = exact[order][first + k - 1]
    return radii
