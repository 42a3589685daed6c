"""Frechet distance between two clouds of features, its two terms apart."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property

import numpy as np


@dataclass(frozen=True)
class Moments:
    """Mean and covariance of a cloud.

    Attributes
    ----------
    count : int
    mean : float64 array of shape (d,)
    scatter : float64 array of shape (d, d)
        The sum of the outer products of the rows' differences from the mean.
    """

    count: int
    mean: np.ndarray
    scatter: np.ndarray

    @cached_property
    def covariance(self) -> np.ndarray:
        """Float64 array of shape (d, d), unbiased (divided by count - 1).

        Raises
        ------
        ValueError
            If there are fewer than two vectors.
        """
        if self.count < 2:
            raise ValueError(f"a covariance needs two vectors at least; there are {self.count}")
        return self.scatter / (self.count - 1)

    @cached_property
    def root(self) -> np.ndarray:
        """R with R R^T the covariance: float64 array of shape (d, rank)."""
        values, vectors = np.linalg.eigh(self.covariance)
        kept = values > values[-1] * len(values) * np.finfo(np.float64).eps
        return vectors[:, kept] * np.sqrt(values[kept])


def measure_moments(vectors: np.ndarray) -> Moments:
    """The moments of a cloud in fp64.

    Parameters
    ----------
    vectors : array of shape (n, d)
        One row at least.
    """
    rows = vectors.astype(np.float64)
    mean = rows.mean(axis=0)
    rows -= mean
    return Moments(len(rows), mean, rows.T @ rows)


def join_moments(parts: Iterable[Moments]) -> Moments:
    """The moments of a cloud from those of its parts.

    Parameters
    ----------
    parts : iterable of Moments
        One at least.

    References
    ----------
    T. F. Chan, G. H. Golub and R. J. LeVeque, "Updating formulae and a pairwise algorithm for computing sample variances",
    1979.
    """
    first, *others = parts
    count, mean, scatter = first.count, first.mean.copy(), first.scatter.copy()
    for part in others:
        gap, total = part.mean - mean, count + part.count
        scatter += part.scatter + np.outer(gap, gap) * (count * part.count / total)
        mean += gap * (part.count / total)
        count = total
    return Moments(count, mean, scatter)


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

    Raises
    ------
    ValueError
        If one is of fewer than two vectors.
    """
    shared = np.linalg.svd(first.root.T @ second.root, compute_uv=False).sum()
    gap = first.mean - second.mean
    mean_term = float(gap @ gap)
    covariance_term = float(np.trace(first.covariance) + np.trace(second.covariance) - 2 * shared)
    return {
        "frechet_distance": mean_term + covariance_term,
        "frechet_mean_term": mean_term,
        "frechet_covariance_term": covariance_term,
        "frechet_distance_unsquared": mean_term**0.5 + covariance_term,
    }
