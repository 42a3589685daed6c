"""Frechet distance between two clouds of features, its two terms apart."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Moments:
    """Mean and covariance of a cloud.

    Attributes
    ----------
    count : int
    mean : float64 array of shape (d,)
    covariance : float64 array of shape (d, d)
        Unbiased (divided by count - 1).
    """

    count: int
    mean: np.ndarray
    covariance: np.ndarray


def measure_moments(blocks: Iterable[np.ndarray]) -> Moments:
    """Mean and covariance in fp64, block by block.

    Parameters
    ----------
    blocks : iterable of arrays of shape (n, d)
        The cloud; two rows at least.

    References
    ----------
    T. F. Chan, G. H. Golub and R. J. LeVeque, "Updating formulae and a pairwise algorithm for computing sample variances",
    1979: blocks are joined by their means and scatters.
    """
    count, mean, scatter = 0, np.zeros(0), np.zeros((0, 0))
    for block in blocks:
        rows = block.astype(np.float64)
        middle = rows.mean(axis=0)
        rows -= middle
        own = rows.T @ rows
        if not count:
            count, mean, scatter = len(rows), middle, own
            continue
        gap, total = middle - mean, count + len(rows)
        scatter += own + np.outer(gap, gap) * (count * len(rows) / total)
        mean += gap * (len(rows) / total)
        count = total
    if count < 2:
        raise ValueError(f"a covariance needs two vectors at least; there are {count}")
    return Moments(count, mean, scatter / (count - 1))


def compute_frechet_distance(first: Moments, second: Moments) -> dict[str, float]:
    """Frechet distance of two normal distributions with these moments.

    |mu_X - mu_Y|^2 + tr(S_X + S_Y - 2 (S_X S_Y)^(1/2)). "Diversity and Diffusion", Section 3, prints the first term without
    the square, and finds that it follows accuracy while the second does not: so both forms and both terms are given.

    The trace of the root is the sum of the singular values of R_X^T R_Y, where R R^T is a covariance: no root is taken of
    an eigenvalue of a product, so that nothing is lost where a covariance has no full rank.

    Parameters
    ----------
    first, second : Moments

    Returns
    -------
    dict
        frechet_distance, frechet_mean_term (|mu_X - mu_Y|^2), frechet_covariance_term, frechet_distance_unsquared (with
        |mu_X - mu_Y|).
    """
    shared = np.linalg.svd(_find_root(first.covariance).T @ _find_root(second.covariance), compute_uv=False).sum()
    gap = first.mean - second.mean
    mean_term = float(gap @ gap)
    covariance_term = float(np.trace(first.covariance) + np.trace(second.covariance) - 2 * shared)
    return {
        "frechet_distance": mean_term + covariance_term,
        "frechet_mean_term": mean_term,
        "frechet_covariance_term": covariance_term,
        "frechet_distance_unsquared": mean_term**0.5 + covariance_term,
    }


def _find_root(covariance: np.ndarray) -> np.ndarray:
    """R with R R^T = S, of shape (d, rank)."""
    values, vectors = np.linalg.eigh(covariance)
    kept = values > values[-1] * len(values) * np.finfo(np.float64).eps
    return vectors[:, kept] * np.sqrt(values[kept])
