"""The modality gap: the distance between prompts and images in a shared space, and its cost in accuracy."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from synthdiv.embeddings.table import Embeddings, make_unit
from synthdiv.metrics.centroids import compute_centroids, sum_classes


def measure_modality_gap(reference: Embeddings, query: Embeddings, n_classes: int) -> dict[str, float]:
    """Return the distance between the means of two sets of unit vectors, and Centroid Accuracy with and without it.

    Each mean averages the class means, so that a class with more images has no more weight.

    Parameters
    ----------
    reference, query : Embeddings
        Usually prompts and images. Every class must have a reference.
    n_classes : int
        C.

    Returns
    -------
    dict
        modality_gap (Euclidean distance between the means), centroid_accuracy_with_gap, centroid_accuracy_without_gap (each
        set's mean subtracted, and vectors normalised again).

    References
    ----------
    W. Liang et al., "Mind the Gap: Understanding the Modality Gap in Multi-modal Contrastive Representation Learning", 2022.
    """
    one, other = (replace(part, vectors=make_unit(part.vectors)) for part in (reference, query))
    mean, other_mean = _balanced_mean(one, n_classes), _balanced_mean(other, n_classes)
    gap = mean - other_mean
    return {
        "modality_gap": float(np.sqrt(gap @ gap)),
        "centroid_accuracy_with_gap": _centroid_accuracy(one, other, n_classes),
        "centroid_accuracy_without_gap": _centroid_accuracy(
            replace(one, vectors=make_unit(one.vectors - mean)),
            replace(other, vectors=make_unit(other.vectors - other_mean)),
            n_classes,
        ),
    }


def _balanced_mean(embeddings: Embeddings, n_classes: int) -> np.ndarray:
    totals = sum_classes([embeddings], n_classes)
    present = totals.counts > 0
    return (totals.sums[present] / totals.counts[present, None]).mean(axis=0)


def _centroid_accuracy(reference: Embeddings, query: Embeddings, n_classes: int) -> float:
    centroids = compute_centroids(sum_classes([reference], n_classes))
    return float(((query.vectors @ centroids.T).argmax(axis=1) == query.class_ids).mean())
