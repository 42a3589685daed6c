"""Probes: what a change of words does to the images of a class ("Diversity and Diffusion", Appendix B).

The prompts of a probe are compared at the same noises: image i of each started alike.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl

from synthdiv.analysis.experiments import match_centroids
from synthdiv.core.errors import StudyError
from synthdiv.embeddings.table import Embeddings
from synthdiv.metrics.centroids import compute_centroid_shift, compute_centroids, measure_spread, sum_classes
from synthdiv.stats.differences import Difference, adjust_p_values, compare_means, compare_proportions
from synthdiv.stats.intervals import mean_interval, wilson_interval

METRICS = ("centroid_accuracy", "mean_cosine", "centroid_distance")
"""Each is compared with the probe's first prompt."""
SCHEMA: dict[str, Any] = {
    "probe": pl.String,
    "class_id": pl.Int32,
    "class": pl.String,
    "reference": pl.String,
    "prompt": pl.String,
    "n_images": pl.Int64,
    **{f"{metric}{end}": pl.Float64 for metric in METRICS for end in ("", "_low", "_high")},
    "centroid_shift": pl.Float64,
    "predicted_class": pl.String,
    "predicted_class_share": pl.Float64,
    "also_predicted_class": pl.String,
    "n_pairs": pl.Int64,
    **{
        f"{metric}_{part}": pl.Float64
        for metric in METRICS
        for part in ("difference", "difference_low", "difference_high", "p_adjusted")
    },
}
"""A row a prompt. ``predicted_class`` is the wrong class that most images are nearest to; the columns of differences are empty
for a probe's first prompt."""


@dataclass(frozen=True)
class PromptScores:
    """What became of the images of one prompt, in the order of their noises.

    Attributes
    ----------
    noises : int64 array of shape (n,)
        The number of each image's noise.
    nearest : int64 array of shape (n,)
        The class of the nearest centroid.
    right : bool array of shape (n,)
        Whether it is the probe's.
    cosines : float64 array of shape (n,)
        With the reference's centroid of the probe's class.
    squares : float64 array of shape (n,)
        codiff^2 from the centroid of the prompt's own images.
    shift : float
        codiff of that centroid from the reference's.
    """

    noises: np.ndarray
    nearest: np.ndarray
    right: np.ndarray
    cosines: np.ndarray
    squares: np.ndarray
    shift: float

    def values(self, metric: str) -> np.ndarray:
        """What a figure is the mean of."""
        return {"centroid_accuracy": self.right, "mean_cosine": self.cosines, "centroid_distance": self.squares}[metric]


def score_prompts(images: Embeddings, n_prompts: int, images_per_prompt: int, centroids: np.ndarray) -> list[PromptScores]:
    """Score the images of a probe's prompts against a reference's class centroids.

    Parameters
    ----------
    images : Embeddings
        All images of the probe; their index is prompt x images_per_prompt + noise.
    n_prompts, images_per_prompt : int
        How many prompts there are, and how many images were drawn of each.
    centroids : float64 array of shape (C, d)
        The reference's, of unit length.

    Raises
    ------
    StudyError
        If no image of a prompt is left.
    """
    scores, images = [], images[np.argsort(images.indices)]
    for n in range(n_prompts):
        own = images[images.indices // images_per_prompt == n]
        if not len(own):
            raise StudyError(f"no image of prompt {n + 1} of a probe is left: all carry a flag of exclude_flags")
        class_id = int(own.class_ids[0])
        nearest, cosines = match_centroids(own, centroids)
        alone = Embeddings(np.zeros_like(own.class_ids), own.indices, own.vectors, own.lengths)
        centroid = compute_centroids(sum_classes([alone], 1))
        scores.append(
            PromptScores(
                own.indices % images_per_prompt,
                nearest,
                nearest == class_id,
                cosines,
                measure_spread([alone], centroid).squares,
                float(compute_centroid_shift(centroid, centroids[class_id : class_id + 1])[0]),
            )
        )
    return scores


def tabulate_prompts(
    prompts: Sequence[str], scores: Sequence[PromptScores], class_names: Sequence[str], head: dict[str, Any]
) -> list[dict[str, Any]]:
    """A row a prompt of a probe.

    Intervals are for other noises of the same prompt, with the reference's centroids (and, for Centroid Distance, the
    prompt's own) taken as given. Differences are to the first prompt, from the images whose noise both have.

    Parameters
    ----------
    prompts : sequence of str
    scores : sequence of PromptScores
        Of each prompt.
    class_names : sequence of str
        Of the study's classes.
    head : dict
        The first columns: what the probe is.

    Returns
    -------
    list of dict
        With ``<figure>_p_value``, which :func:`finish_table` corrects, where a prompt is compared with the first.
    """
    rows = []
    for prompt, own in zip(prompts, scores, strict=True):
        count = len(own.noises)
        one_class = np.zeros(count, dtype=np.int64)
        spans = {
            "centroid_accuracy": wilson_interval(int(own.right.sum()), count),
            "mean_cosine": mean_interval(own.cosines, one_class),
            "centroid_distance": mean_interval(own.squares, one_class),
        }
        row = head | {"prompt": prompt, "n_images": count}
        for metric, span in spans.items():
            low, high = span or (None, None)
            row |= {metric: math.fsum(own.values(metric)) / count, f"{metric}_low": low, f"{metric}_high": high}
        mistakes = Counter(own.nearest[~own.right].tolist())
        predicted = [
            (class_names[class_id], number / count)
            for class_id, number in sorted(mistakes.items(), key=lambda item: (-item[1], item[0]))
        ]
        first = predicted[0] if predicted else (None, None)
        row |= {"centroid_shift": own.shift, "predicted_class": first[0], "predicted_class_share": first[1]}
        row["also_predicted_class"] = "; ".join(f"{name} {share:.3f}" for name, share in predicted[1:]) or None
        rows.append(row | _compare(own, scores[0]))
    return rows


def _compare(own: PromptScores, first: PromptScores) -> dict[str, Any]:
    if own is first:
        return {}
    noises, mine, theirs = np.intersect1d(own.noises, first.noises, return_indices=True)
    columns: dict[str, Any] = {"n_pairs": len(noises)}
    for metric in METRICS if len(noises) > 1 else ():
        compare = compare_proportions if metric == "centroid_accuracy" else compare_means
        found: Difference = compare(own.values(metric)[mine], first.values(metric)[theirs])
        columns |= {f"{metric}_difference": found.difference, f"{metric}_difference_low": found.low}
        columns |= {f"{metric}_difference_high": found.high, f"{metric}_p_value": found.p_value}
    return columns


def finish_table(rows: Sequence[dict[str, Any]]) -> pl.DataFrame:
    """The table of all probes, each figure's probabilities corrected for the number of prompts that are compared.

    Parameters
    ----------
    rows : sequence of dict
        From :func:`tabulate_prompts`.

    Returns
    -------
    polars.DataFrame
        Columns as :data:`SCHEMA` says: ``<figure>_p_adjusted`` (Benjamini and Hochberg) instead of ``<figure>_p_value``.
    """
    finished = [dict(row) for row in rows]
    for metric in METRICS:
        compared = [row for row in finished if f"{metric}_p_value" in row]
        if compared:
            adjusted = adjust_p_values(np.array([row.pop(f"{metric}_p_value") for row in compared]))
            for row, value in zip(compared, adjusted.tolist(), strict=True):
                row[f"{metric}_p_adjusted"] = value
    return pl.DataFrame(finished, schema=SCHEMA)
