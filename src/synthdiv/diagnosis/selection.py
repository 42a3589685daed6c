"""Choose the best of a classifier's training sets, on images that evaluate nothing."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
import polars as pl

from synthdiv.diagnosis.interventions import Answers
from synthdiv.stats.crossed import measure_effect, pool_seed_variance
from synthdiv.stats.power import Design, Noise, find_detectable, list_sufficient, measure_noise

SCHEMA: dict[str, Any] = {
    **dict.fromkeys(("classifier", "selection_set", "train_set"), pl.String),
    **dict.fromkeys(("n_images", "n_seeds"), pl.Int64),
    **dict.fromkeys(("top1", "difference", "difference_low", "difference_high"), pl.Float64),
    "best": pl.Boolean,
    "detectable": pl.Float64,
    **dict.fromkeys(("enough_seeds", "enough_images"), pl.Int64),
}


def compare_choices(answers: Mapping[str, Answers]) -> list[dict[str, Any]]:
    """Compare training sets with the best of them, which is that with the highest mean accuracy over seeds.

    Parameters
    ----------
    answers : mapping of training set to Answers
        Of one classifier, for the images of a selection split. Of equally good sets, the first is best.

    Returns
    -------
    list of dict
        Columns of ``SCHEMA`` from train_set on. A set that may be as good as the best one has the smallest numbers of seeds
        and of images of which each alone would probably tell the two apart.
    """
    between_seeds = pool_seed_variance([one.correct for one in answers.values()])
    accuracies = {name: float(one.correct.mean()) for name, one in answers.items()}
    best = max(accuracies, key=accuracies.__getitem__)
    size = _measure_design(answers)
    detectable = math.nan if size is None else find_detectable(*size)
    rows = []
    for name, one in answers.items():
        low, high = None, None
        if name != best:
            low, high = measure_effect(answers[best].correct, one.correct, one.class_ids, between_seeds).interval
        difference = accuracies[name] - accuracies[best]
        enough: dict[str, int | None] = {"enough_seeds": None, "enough_images": None}
        if size is not None and high is not None and high >= 0 > difference:
            enough |= _find_enough(*size, -difference)
        rows.append(
            {
                "train_set": name,
                "n_images": len(one.class_ids),
                "n_seeds": len(one.correct),
                "top1": accuracies[name],
                "difference": difference,
                "difference_low": low,
                "difference_high": high,
                "best": name == best,
                "detectable": detectable,
                **enough,
            }
        )
    return rows


def _measure_design(answers: Mapping[str, Answers]) -> tuple[Noise, Design] | None:
    """Return the noise and the size of a comparison; None with one set, one seed or one image."""
    class_ids, correct = next(iter(answers.values())).class_ids, [one.correct for one in answers.values()]
    seeds = min(map(len, correct))
    if min(len(correct), seeds, len(class_ids)) < 2:
        return None
    sizes = np.unique(class_ids, return_counts=True)[1].tolist()
    return measure_noise(correct, class_ids), Design(len(correct), seeds, tuple(sizes))


def _find_enough(noise: Noise, design: Design, difference: float) -> dict[str, int | None]:
    """Return the number of seeds, and that of images, of which each alone would find a difference."""
    larger = list_sufficient(noise, design, difference)
    seeds = [one.seeds for one in larger if one.images == design.images]
    images = [one.images for one in larger if one.seeds == design.seeds]
    return {"enough_seeds": next(iter(seeds), None), "enough_images": next(iter(images), None)}
