"""Authenticity: the share of a set's images that are not nearer to a reference than the references are to each other."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from synthdiv.embeddings.table import Embeddings, select_rows
from synthdiv.metrics.neighbours import Neighbours, find_nearest


def find_authentic(nearest: Neighbours, references: Iterable[Embeddings], *, device: str = "cpu") -> np.ndarray:
    """Return whether each query is farther from its nearest reference than that one is from its nearest other reference.

    Distances are those of unit vectors, so the nearest has the highest cosine.

    Parameters
    ----------
    nearest : Neighbours
        The nearest reference of each query, such as a generated image.
    references : iterable of Embeddings
        Blocks of the reference set, such as the training images of the generator; read twice.
    device : str
        A torch device.

    Returns
    -------
    bool array of shape (n,)
        Its mean is the authenticity. False at equal distances, and for all queries if there is a single reference.

    References
    ----------
    A. M. Alaa et al., "How faithful is your synthetic data? Sample-level metrics for evaluating and auditing generative
    models" (2022), arXiv:2102.08921. G. Stein et al., "Exposing flaws of generative model evaluation metrics and their
    unfair treatment of diffusion models" (2023), arXiv:2306.04675, find that such metrics do not properly detect
    memorisation.
    """
    pairs = np.stack([nearest.class_ids[:, 0], nearest.indices[:, 0]], axis=1)
    keys, places = np.unique(pairs, axis=0, return_inverse=True)
    spacing = _find_other_cosines(select_rows(references, *keys.T), references, device)
    return nearest.cosines[:, 0] < spacing[places.ravel()]  # False for NaN


def _find_other_cosines(members: Embeddings, references: Iterable[Embeddings], device: str) -> np.ndarray:
    """Return the highest cosine of each member of the references with another one; NaN if there is none."""
    found = find_nearest(members, references, 2, device=device)
    is_self = (found.class_ids[:, 0] == members.class_ids) & (found.indices[:, 0] == members.indices)
    return np.where(is_self, found.cosines[:, 1], found.cosines[:, 0])
