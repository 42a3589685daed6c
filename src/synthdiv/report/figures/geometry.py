"""Plot Figure 7 of "Diversity and Diffusion" from real embeddings: class clusters, centroids, prompts and modalities."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from synthdiv.analysis.experiments import classify_by_centroids
from synthdiv.core.manifests import read_manifest
from synthdiv.embeddings.table import Embeddings, EmbeddingTables, make_unit
from synthdiv.metrics.centroids import compute_centroids, measure_spread, sum_classes
from synthdiv.metrics.set_metrics import subsample_classes

COLOURS = ("#D55E00", "#0072B2", "#009E73")
SHOWN = 200
"""Maximum number of images of a class; more would hide one another."""


def choose_classes(images: Embeddings, prompts: np.ndarray) -> list[int]:
    """Choose three classes: the most varied one, the least varied, and the one whose images are farthest from its prompt.

    Parameters
    ----------
    images : Embeddings
        The images of one set.
    prompts : float64 array of shape (C, d)
        The centroids of the classes' prompts.

    Returns
    -------
    list of int
        Different classes; fewer than three if there are fewer.
    """
    n_classes = len(prompts)
    spread = measure_spread([images], compute_centroids(sum_classes([images], n_classes))).average_classes(n_classes)
    correct = classify_by_centroids(images, prompts) == images.class_ids
    accuracy = np.bincount(images.class_ids, correct) / np.bincount(images.class_ids)
    chosen: list[int] = []
    for order in (
        np.argsort(-spread, kind="stable"),
        np.argsort(spread, kind="stable"),
        np.argsort(accuracy, kind="stable"),
    ):
        chosen += [int(n) for n in order if n not in chosen][:1]
    return chosen


def find_axes(rows: np.ndarray, *, normal: np.ndarray | None = None) -> np.ndarray:
    """Find the first two principal directions of the rows, orthogonal to ``normal`` if it is given.

    Parameters
    ----------
    rows : float64 array of shape (n, d)
    normal : float64 array of shape (d,), optional
        A unit vector.

    Returns
    -------
    float64 array of shape (2, d)
        Unit vectors; the largest component of each is positive, so that the figure does not flip.
    """
    centred = rows - rows.mean(axis=0)
    if normal is not None:
        centred -= np.outer(centred @ normal, normal)
    axes = np.linalg.eigh(centred.T @ centred)[1].T[:-3:-1]
    return axes * np.sign(axes[np.arange(2), np.abs(axes).argmax(axis=1)])[:, None]


def plot_geometry(
    images: Embeddings, prompts: Embeddings, class_names: Sequence[str], *, names: tuple[str, str], classes: Sequence[int]
) -> Figure:
    """Plot the clusters of three classes in their principal plane, and all images and prompts along the modality gap.

    Parameters
    ----------
    images, prompts : Embeddings
        The training splits of a set of images and a set of prompts.
    class_names : sequence of str
        Names by class_id.
    names : (str, str)
        The names of the two sets.
    classes : sequence of int
        The three classes to show.
    """
    vectors, texts = make_unit(images.vectors), make_unit(prompts.vectors)
    gap = texts.mean(axis=0) - vectors.mean(axis=0)
    direction = gap / np.linalg.norm(gap)
    plane = find_axes(vectors[np.isin(images.class_ids, classes)])
    (orthogonal, _) = find_axes(vectors, normal=direction)
    figure = Figure(figsize=(9, 4.4), layout="constrained")
    left, right = figure.subplots(1, 2)
    right.plot(vectors @ direction, vectors @ orthogonal, ".", color="0.8", markersize=2)
    right.plot(texts @ direction, texts @ orthogonal, "s", color="0.75", markersize=3)
    for class_id, colour in zip(classes, COLOURS, strict=False):
        own = vectors[images.class_ids == class_id][:SHOWN]
        centroid, prompt = own.mean(axis=0), texts[prompts.class_ids == class_id].mean(axis=0)
        for ax, axes, moved in ((left, plane, prompt - gap), (right, np.stack([direction, orthogonal]), prompt)):
            ax.plot(*(axes @ own.T), "o", color=colour, markersize=3, alpha=0.35, markeredgewidth=0)
            ax.plot(
                *(axes @ centroid), "o", markersize=12, markerfacecolor="white", markeredgecolor=colour, markeredgewidth=3
            )
            ax.plot(*(axes @ moved), "s", color=colour, markersize=9, markeredgecolor="black")
        left.plot([], [], "o", color=colour, label=class_names[class_id])
    left.set_title(f"{names[0]}: images, centroids, prompts\n(moved by the modality gap)")
    left.set(xlabel="first principal direction", ylabel="second principal direction")
    left.legend(frameon=False, fontsize=8)
    right.set_title(f"the same, and {names[1]}\nalong the modality gap")
    right.set(xlabel="modality gap, from images to prompts", ylabel="first principal direction orthogonal to the gap")
    for ax in (left, right):
        ax.set_aspect("equal", adjustable="datalim")
    return figure


def draw_geometry(files: Any, *, names: tuple[str, str], class_names: Sequence[str], seed: int) -> Figure:
    """Draw the geometry of the embeddings of an image set and a prompt set."""
    images, prompts = (
        subsample_classes(EmbeddingTables(read_manifest(path), "train"), SHOWN, seed)
        for path in (files.images, files.prompts)
    )
    chosen = choose_classes(images, compute_centroids(sum_classes([prompts], len(class_names))))
    return plot_geometry(images, prompts, class_names, names=names, classes=chosen)
