"""Frechet distance between two feature distributions, with its two terms."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property

import numpy as np


@dataclass(frozen=True)
class Moments:
    """Mean and covariance of a distribution.

    Attributes
    ----------
    count : int
    mean : float64 array of shape (d,)
    scatter : float64 array of shape (d, d)
        Sum of the outer products of the centred rows.
    """

    count: int
    mean: np.ndarray
    scatter: np.ndarray

    @cached_property
    def covariance(self) -> np.ndarray:
        """The unbiased covariance (divided by count - 1): float64 array of shape (d, d).

        Raises
        ------
        ValueError
            If there are fewer than two vectors.
        """
        if self.count < 2:
            raise ValueError(f"a covariance needs at least two vectors; there are {self.count}")
        return self.scatter / (self.count - 1)

    @cached_property
    def root(self) -> np.ndarray:
        """R such that R R^T is the covariance: float64 array of shape (d, rank)."""
        values, vectors = np.linalg.eigh(self.covariance)
        kept = values > values[-1] * len(values) * np.finfo(np.float64).eps
        return vectors[:, kept] * np.sqrt(values[kept])


def measure_moments(vectors: np.ndarray) -> Moments:
    """Compute the moments of vectors in fp64.

    Parameters
    ----------
    vectors : array of shape (n, d)
        At least one row.
    """
    rows = vectors.astype(np.float64)
    mean = rows.mean(axis=0)
    rows -= mean
    return Moments(len(rows), mean, rows.T @ rows)


def join_moments(parts: Iterable[Moments]) -> Moments:
    """Join the moments of the parts of a set.

    Parameters
    ----------
    parts : iterable of Moments
        At least one.

    References
    ----------
    T. F. Chan, G. H. Golub and R. J. LeVeque, "Updating formulae and a pairwise algorithm for computing sample variances",
    1979.
    """
    first, *others = parts
    count, mean, scatter = first.count, first.mean.copy(), first.scatter.copy()
    for part in others:
        shift, total = part.mean - mean, count + part.count
        scatter += part.scatter + np.outer(shift, shift) * (count * part.count / total)
        mean += shift * (part.count / total)
        count = total
    return Moments(count, mean, scatter)


def compute_frechet_distance(first: Moments, second: Moments) -> dict[str, float]:
    """Return the Frechet distance of two normal distributions with these moments.

    ``|mu_X - mu_Y|^2 + tr(S_X + S_Y - 2 (S_X S_Y)^(1/2))``. "Diversity and Diffusion", Section 3, prints the first term
    without the square, and finds that it tracks accuracy while the second does not. So both forms and both terms are
    returned.

    The trace of the root is the sum of the singular values of R_X^T R_Y, where R R^T is a covariance. No root of an
    eigenvalue of a product is taken, so no precision is lost if a covariance lacks full rank.

    Parameters
    ----------
    first, second : Moments

    Returns
    -------
    dict
        frechet_distance, frechet_mean_term (``|mu_X - mu_Y|^2``), frechet_covariance_term, frechet_distance_unsquared
        (with ``|mu_X - mu_Y|``).

    Raises
    ------
    ValueError
        If either has fewer than two vectors.
    """
    root_trace = np.linalg.svd(first.root.T @ second.root, compute_uv=False).sum()
    shift = first.mean - second.mean
    mean_term = float(shift @ shift)
    covariance_term = float(np.trace(first.covariance) + np.trace(second.covariance) - 2 * root_trace)
    return {
        "frechet_distance": mean_term + covariance_term,
        "frechet_mean_term": mean_term,
        "frechet_covariance_term": covariance_term,
        "frechet_distance_unsquared": mean_term**0.5 + covariance_term,
    }
