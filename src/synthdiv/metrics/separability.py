"""Whether a plane separates two clouds of embeddings, by how much, and whether that means anything."""

from __future__ import annotations

import numpy as np
from sklearn.svm import LinearSVC

LEAST = 4
"""Vectors of a cloud: fewer have no halves to speak of."""
HARDNESS = 1e4
"""The cost of a vector on the wrong side: high enough to come near a hard margin."""


def fit_direction(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """A unit vector along which the first cloud lies above the second, as far as a linear classifier can have it.

    Parameters
    ----------
    first, second : float64 arrays of shape (n, d) and (m, d)

    Returns
    -------
    float64 array of shape (d,)
    """
    rows = np.concatenate([first, second])
    middle = rows.mean(axis=0)
    scale = np.sqrt(((rows - middle) ** 2).sum(axis=1).mean())
    labels = np.repeat([1, -1], [len(first), len(second)])
    model = LinearSVC(C=HARDNESS, dual="auto", max_iter=20_000, random_state=0, class_weight="balanced")
    direction = model.fit((rows - middle) / scale, labels).coef_[0]
    length = np.sqrt((direction * direction).sum())
    return direction / length if length else np.eye(len(direction))[0]  # clouds with one mean have no direction: any will do


def measure_gap(direction: np.ndarray, first: np.ndarray, second: np.ndarray) -> float:
    """The lowest of the first cloud minus the highest of the second along a direction: above 0, a plane separates them."""
    return float((first @ direction).min() - (second @ direction).max())


def measure_separability(first: np.ndarray, second: np.ndarray, rng: np.random.Generator) -> dict[str, float]:
    """Linear separability of two clouds, verified in fp64, with what it is worth.

    In d dimensions up to about 2 d vectors separate under any labels, so a plane by itself shows little: a plane from one
    half is tried on the other, and the whole is done again with permuted labels.

    Parameters
    ----------
    first, second : arrays of shape (n, d) and (m, d)
        ``LEAST`` rows at least, each.
    rng : numpy.random.Generator
        Makes the halves and the permutation.

    Returns
    -------
    dict
        separable (1 or 0: whether a direction that was found has every vector of the one above every vector of the other;
        0 proves nothing), separation_margin (half the gap, in units of the features; negative where they overlap),
        separation_heldout_accuracy (balanced), separation_permuted_separable and separation_permuted_heldout_accuracy (the
        same with permuted labels).

    Raises
    ------
    ValueError
        If a cloud has fewer than four vectors.
    """
    if min(len(first), len(second)) < LEAST:
        raise ValueError(f"separability needs {LEAST} vectors a cloud at least; there are {len(first)} and {len(second)}")
    a, b = first.astype(np.float64), second.astype(np.float64)
    gap = measure_gap(fit_direction(a, b), a, b)
    mixed = rng.permutation(np.concatenate([a, b]))
    c, d = mixed[: len(a)], mixed[len(a) :]
    return {
        "separable": float(gap > 0),
        "separation_margin": gap / 2,
        "separation_heldout_accuracy": _hold_out(a, b, rng),
        "separation_permuted_separable": float(measure_gap(fit_direction(c, d), c, d) > 0),
        "separation_permuted_heldout_accuracy": _hold_out(c, d, rng),
    }


def _hold_out(first: np.ndarray, second: np.ndarray, rng: np.random.Generator) -> float:
    a, b = rng.permutation(first), rng.permutation(second)
    (fit_a, test_a), (fit_b, test_b) = np.array_split(a, 2), np.array_split(b, 2)
    direction = fit_direction(fit_a, fit_b)
    middle = ((fit_a @ direction).mean() + (fit_b @ direction).mean()) / 2
    return float(((test_a @ direction > middle).mean() + (test_b @ direction <= middle).mean()) / 2)
