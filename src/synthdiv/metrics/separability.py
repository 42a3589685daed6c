"""Linear separability of two sets of embeddings: the margin, and a control with permuted labels."""

from __future__ import annotations

import numpy as np
from sklearn.svm import LinearSVC

MIN_VECTORS = 4
"""Minimum number of vectors per set: fewer cannot be halved."""
HARD_MARGIN_C = 1e4
"""The cost of a vector on the wrong side: high enough to approximate a hard margin."""


def fit_direction(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Return a unit vector along which the first set lies above the second, as far as a linear classifier achieves it.

    Parameters
    ----------
    first, second : float64 arrays of shape (n, d) and (m, d)

    Returns
    -------
    float64 array of shape (d,)
    """
    rows = np.concatenate([first, second])
    rows -= rows.mean(axis=0)
    rows /= np.sqrt((rows**2).sum(axis=1).mean())
    labels = np.repeat([1, -1], [len(first), len(second)])
    model = LinearSVC(C=HARD_MARGIN_C, dual="auto", max_iter=20_000, random_state=0, class_weight="balanced")
    direction = model.fit(rows, labels).coef_[0]
    length = np.sqrt((direction * direction).sum())
    return direction / length if length else np.eye(len(direction))[0]  # sets with one mean have no direction: any will do


def measure_gap(direction: np.ndarray, first: np.ndarray, second: np.ndarray) -> float:
    """Return the lowest of the first set minus the highest of the second along a direction: above 0, they are separable."""
    return float((first @ direction).min() - (second @ direction).max())


def measure_separability(first: np.ndarray, second: np.ndarray, rng: np.random.Generator) -> dict[str, float]:
    """Measure the linear separability of two sets, verified in fp64, with controls.

    In d dimensions, up to about 2 d vectors are separable under any labels, so a plane alone shows little. So a plane fitted
    to one half is evaluated on the other, and all is repeated with permuted labels.

    Parameters
    ----------
    first, second : arrays of shape (n, d) and (m, d)
        At least ``MIN_VECTORS`` rows each.
    rng : numpy.random.Generator
        Draws the halves and the permutation.

    Returns
    -------
    dict
        separable (1 or 0: whether the fitted direction puts every vector of the first set above every vector of the second;
        0 proves nothing), separation_margin (half the gap, in units of the features; negative if they overlap),
        separation_heldout_accuracy (balanced), separation_permuted_separable and separation_permuted_heldout_accuracy (the
        same with permuted labels).

    Raises
    ------
    ValueError
        If a set has fewer than four vectors.
    """
    if min(len(first), len(second)) < MIN_VECTORS:
        raise ValueError(
            f"separability needs at least {MIN_VECTORS} vectors per set; there are {len(first)} and {len(second)}"
        )
    rows = np.concatenate([first, second], dtype=np.float64)
    a, b = rows[: len(first)], rows[len(first) :]
    gap = measure_gap(fit_direction(a, b), a, b)
    order = rng.permutation(len(rows))
    found = {
        "separable": float(gap > 0),
        "separation_margin": gap / 2,
        "separation_heldout_accuracy": _measure_heldout_accuracy(a, b, rng),
    }
    rows = rows[order]
    c, d = rows[: len(a)], rows[len(a) :]
    found["separation_permuted_separable"] = float(measure_gap(fit_direction(c, d), c, d) > 0)
    found["separation_permuted_heldout_accuracy"] = _measure_heldout_accuracy(c, d, rng)
    return found


def _measure_heldout_accuracy(first: np.ndarray, second: np.ndarray, rng: np.random.Generator) -> float:
    a, b = rng.permutation(first), rng.permutation(second)
    (fit_a, test_a), (fit_b, test_b) = np.array_split(a, 2), np.array_split(b, 2)
    direction = fit_direction(fit_a, fit_b)
    middle = ((fit_a @ direction).mean() + (fit_b @ direction).mean()) / 2
    return float(((test_a @ direction > middle).mean() + (test_b @ direction <= middle).mean()) / 2)
