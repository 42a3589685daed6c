"""Prompt probes: how a change of wording changes the images of a class ("Diversity and Diffusion", Appendix B).

The prompts of a probe are compared at the same initial noises: image i of each prompt has the same noise.
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
"""One row per prompt. ``predicted_class`` is the most frequent wrong class of its images. The columns of differences are
empty for a probe's first prompt."""


@dataclass(frozen=True)
class PromptScores:
    """Scores of the images of one prompt, in the order of their noises.

    Attributes
    ----------
    noises : int64 array of shape (n,)
        The number of each image's noise.
    nearest : int64 array of shape (n,)
        The class of the nearest centroid.
    correct : bool array of shape (n,)
        Whether that is the probe's class.
    cosines : float64 array of shape (n,)
        Cosine with the reference's centroid of the probe's class.
    squares : float64 array of shape (n,)
        codiff^2 from the centroid of the prompt's own images.
    shift : float
        codiff of that centroid from the reference's centroid.
    """

    noises: np.ndarray
    nearest: np.ndarray
    correct: np.ndarray
    cosines: np.ndarray
    squares: np.ndarray
    shift: float

    def values(self, metric: str) -> np.ndarray:
        """Return the values that a metric is the mean of."""
        return {"centroid_accuracy": self.correct, "mean_cosine": self.cosines, "centroid_distance": self.squares}[metric]


def score_prompts(images: Embeddings, n_prompts: int, images_per_prompt: int, centroids: np.ndarray) -> list[PromptScores]:
    """Compare the images of a probe's prompts with the class centroids of a reference.

    Parameters
    ----------
    images : Embeddings
        All images of the probe; their index is prompt x images_per_prompt + noise.
    n_prompts, images_per_prompt : int
        Number of prompts, and of images generated from each.
    centroids : float64 array of shape (C, d)
        The reference's centroids, unit vectors.

    Raises
    ------
    StudyError
        If a prompt has no image left.
    """
    scores, images = [], images[np.argsort(images.indices)]
    for n in range(n_prompts):
        own = images[images.indices // images_per_prompt == n]
        if not len(own):
            raise StudyError(f"no image of prompt {n + 1} of a prompt probe is left: all carry a flag of exclude_flags")
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
    """Tabulate the prompts of a probe, one row per prompt.

    Intervals are for other noises of the same prompt; the reference's centroids (and, for Centroid Distance, the prompt's
    own centroid) are fixed. Differences are from the first prompt, over the images whose noise both prompts have.

    Parameters
    ----------
    prompts : sequence of str
    scores : sequence of PromptScores
        One for each prompt.
    class_names : sequence of str
        Names of the study's classes.
    head : dict
        The first columns, which describe the probe.

    Returns
    -------
    list of dict
        With ``<metric>_p_value`` where a prompt is compared with the first; :func:`finish_table` corrects it.
    """
    rows = []
    for prompt, own in zip(prompts, scores, strict=True):
        count = len(own.noises)
        one_class = np.zeros(count, dtype=np.int64)
        spans = {
            "centroid_accuracy": wilson_interval(int(own.correct.sum()), count),
            "mean_cosine": mean_interval(own.cosines, one_class),
            "centroid_distance": mean_interval(own.squares, one_class),
        }
        row = head | {"prompt": prompt, "n_images": count}
        for metric, span in spans.items():
            low, high = span or (None, None)
            row |= {metric: math.fsum(own.values(metric)) / count, f"{metric}_low": low, f"{metric}_high": high}
        mistakes = Counter(own.nearest[~own.correct].tolist())
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
    noises, own_rows, first_rows = np.intersect1d(own.noises, first.noises, return_indices=True)
    columns: dict[str, Any] = {"n_pairs": len(noises)}
    for metric in METRICS if len(noises) > 1 else ():
        compare = compare_proportions if metric == "centroid_accuracy" else compare_means
        found: Difference = compare(own.values(metric)[own_rows], first.values(metric)[first_rows])
        columns |= {f"{metric}_difference": found.difference, f"{metric}_difference_low": found.low}
        columns |= {f"{metric}_difference_high": found.high, f"{metric}_p_value": found.p_value}
    return columns


def finish_table(rows: Sequence[dict[str, Any]]) -> pl.DataFrame:
    """Build the table of all probes, and correct each metric's p-values for the number of compared prompts.

    Parameters
    ----------
    rows : sequence of dict
        From :func:`tabulate_prompts`.

    Returns
    -------
    polars.DataFrame
        Columns of :data:`SCHEMA`: ``<metric>_p_adjusted`` (Benjamini and Hochberg) instead of ``<metric>_p_value``.
    """
    finished = [dict(row) for row in rows]
    for metric in METRICS:
        compared = [row for row in finished if f"{metric}_p_value" in row]
        if compared:
            adjusted = adjust_p_values(np.array([row.pop(f"{metric}_p_value") for row in compared]))
            for row, value in zip(compared, adjusted.tolist(), strict=True):
                row[f"{metric}_p_adjusted"] = value
    return pl.DataFrame(finished, schema=SCHEMA)
