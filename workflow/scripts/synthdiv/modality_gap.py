"""The modality gap: how far prompts and images lie apart in a common space, and what it costs."""

from __future__ import annotations

import numpy as np

from synthdiv.centroids import ClassSums, compute_centroids
from synthdiv.embeddings import Embeddings


def measure_modality_gap(reference: Embeddings, query: Embeddings, n_classes: int) -> dict[str, float]:
    """Distance of the means of two sets of unit vectors, and Centroid Accuracy before and after it is taken away.

    The means are those of the class centroids, so that a class with more images weighs no more.

    Parameters
    ----------
    reference, query : Embeddings
        Usually prompts and images. Each class must have a reference.
    n_classes : int
        C.

    Returns
    -------
    dict
        modality_gap (Euclidean distance of the means), centroid_accuracy_with_gap, centroid_accuracy_without_gap (each set's
        mean subtracted, and vectors made unit vectors again).

    References
    ----------
    W. Liang et al., "Mind the Gap: Understanding the Modality Gap in Multi-modal Contrastive Representation Learning", 2022.
    """
    rows, others = _make_unit(reference.vectors), _make_unit(query.vectors)
    middle, other = _balanced_mean(rows, reference.class_ids), _balanced_mean(others, query.class_ids)
    gap = middle - other
    return {
        "modality_gap": float(np.sqrt(gap @ gap)),
        "centroid_accuracy_with_gap": _centroid_accuracy(rows, reference.class_ids, others, query.class_ids, n_classes),
        "centroid_accuracy_without_gap": _centroid_accuracy(
            _make_unit(rows - middle), reference.class_ids, _make_unit(others - other), query.class_ids, n_classes
        ),
    }


def _make_unit(vectors: np.ndarray) -> np.ndarray:
    wide = vectors.astype(np.float64)
    lengths = np.sqrt((wide * wide).sum(axis=1, keepdims=True))
    return wide / np.where(lengths > 0, lengths, 1)


def _balanced_mean(rows: np.ndarray, class_ids: np.ndarray) -> np.ndarray:
    return np.mean([rows[class_ids == class_id].mean(axis=0) for class_id in np.unique(class_ids)], axis=0)


def _centroid_accuracy(
    rows: np.ndarray, row_classes: np.ndarray, queries: np.ndarray, query_classes: np.ndarray, n_classes: int
) -> float:
    sums = np.zeros((n_classes, rows.shape[1]))
    np.add.at(sums, row_classes, rows)
    centroids = compute_centroids(ClassSums(sums, np.bincount(row_classes, minlength=n_classes)))
    return float(((queries @ centroids.T).argmax(axis=1) == query_classes).mean())
