"""Exact nearest neighbours by cosine, in one total order, and their vote.

References are ranked by cosine, largest first; equal cosines by a hash of query and class, then by a hash of query and
reference: a tie is broken at random, but the same way whatever the order of the rows.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence

import numpy as np

QUERY_BLOCK = 256
MARGIN = 1e-9
"""How far below the k-th best a score of a matrix product may lie and still be rescored: products of unit vectors in fp64
differ by at most d * 1e-16 from the exact value, in any order of summation."""


def _hash(*parts: object) -> bytes:
    return hashlib.sha256("\0".join(map(str, parts)).encode()).digest()


def score_rows(query: np.ndarray, references: np.ndarray) -> np.ndarray:
    """Cosine of one query with some references, each summed in the same fixed order: equal references score equally.

    Parameters
    ----------
    query : float64 array of shape (d,)
    references : float64 array of shape (m, d)
        Of unit length or near it; lengths are divided out.

    Returns
    -------
    float64 array of shape (m,)
    """
    lengths = np.sqrt((references * references).sum(axis=1)) * np.sqrt((query * query).sum())
    return (np.ascontiguousarray(references) * query).sum(axis=1) / lengths


def find_nearest(
    queries: np.ndarray,
    query_names: Sequence[str],
    references: np.ndarray,
    reference_classes: np.ndarray,
    reference_names: Sequence[str],
    k: int,
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """The k nearest references of each query, nearest first.

    Parameters
    ----------
    queries : array of shape (n, d)
    query_names : sequence of n str
        What a tie is broken by, with the references' names: not a row's place.
    references : array of shape (m, d)
    reference_classes : int array of shape (m,)
    reference_names : sequence of m str
    k : int
        min(k, m) are returned.

    Yields
    ------
    rows : int array of shape (min(k, m),)
        The references.
    scores : float64 array of shape (min(k, m),)
        Their cosines.
    """
    k = min(k, len(references))
    wide = references.astype(np.float64)
    lengths = np.sqrt((wide * wide).sum(axis=1))
    for start in range(0, len(queries), QUERY_BLOCK):
        block = queries[start : start + QUERY_BLOCK].astype(np.float64)
        block /= np.sqrt((block * block).sum(axis=1, keepdims=True))
        rough = block @ wide.T / lengths  # (queries, references)
        bound = np.partition(rough, len(wide) - k, axis=1)[:, len(wide) - k] - MARGIN
        for n in range(len(block)):
            candidates = np.flatnonzero(rough[n] >= bound[n])
            scores = score_rows(block[n], wide[candidates])
            rows = _order(query_names[start + n], candidates, scores, reference_classes, reference_names)[:k]
            yield candidates[rows], scores[rows]


def _order(query: str, candidates: np.ndarray, scores: np.ndarray, classes: np.ndarray, names: Sequence[str]) -> np.ndarray:
    order = np.argsort(-scores, kind="stable")
    if len(np.unique(scores)) == len(scores):
        return order

    def key(n: int) -> tuple[float, bytes, bytes]:
        row = candidates[n]
        return -scores[n], _hash(query, "class", classes[row]), _hash(query, classes[row], names[row])

    return np.array(sorted(range(len(candidates)), key=key))


def vote(classes: np.ndarray) -> int:
    """The most frequent class among neighbours in order of nearness; equal counts go to the nearest of them.

    Parameters
    ----------
    classes : int array of shape (k,)
        The neighbours' classes, nearest first.
    """
    listed = classes.tolist()
    counts = {c: listed.count(c) for c in listed}
    return max(counts, key=lambda c: (counts[c], -listed.index(c)))
