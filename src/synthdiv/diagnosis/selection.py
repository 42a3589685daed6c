"""Choose the best of a classifier's training sets, on images that evaluate nothing."""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import polars as pl

from synthdiv.diagnosis.interventions import Answers
from synthdiv.stats.best import ComparisonWithBest, Critical, compare_with_best, find_criticals
from synthdiv.stats.crossed import measure_effect, pool_seed_variance
from synthdiv.stats.power import Design, Noise, find_detectable, list_sufficient, measure_noise

SCHEMA: dict[str, Any] = {
    **dict.fromkeys(("classifier", "selection_set", "train_set"), pl.String),
    **dict.fromkeys(("n_images", "n_seeds"), pl.Int64),
    **dict.fromkeys(("top1", "difference", "difference_low", "difference_high"), pl.Float64),
    **dict.fromkeys(("best", "may_be_best"), pl.Boolean),
    "detectable": pl.Float64,
    **dict.fromkeys(("enough_seeds", "enough_images"), pl.Int64),
}


def compare_choices(answers: Mapping[str, Answers]) -> list[dict[str, Any]]:
    """Compare training sets with the best of them, which is that with the highest mean accuracy over seeds.

    The bounds are those of :func:`synthdiv.stats.best.compare_with_best`, with the errors of
    :func:`synthdiv.stats.crossed.measure_effect`, so they cover other images and training runs, for all sets at once.

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
    means = np.array([one.correct.mean() for one in answers.values()])
    best, size = int(means.argmax()), _measure_design(answers)
    compared, criticals = _compare_with_best(means, list(answers.values()))
    tail = None if criticals is None else criticals[best].tail
    detectable = math.nan if size is None else find_detectable(*size, tail=tail)
    rows = []
    for n, (name, one) in enumerate(answers.items()):
        difference = float(means[n] - means[best])
        bounds: dict[str, float | bool | None] = dict.fromkeys(("difference_low", "difference_high", "may_be_best"))
        enough: dict[str, int | None] = {"enough_seeds": None, "enough_images": None}
        if compared is not None and criticals is not None:
            bounds["may_be_best"] = bool(compared.may_be_best[n])
            if n != best:
                bounds |= {"difference_low": float(compared.low[n]), "difference_high": float(compared.high[n])}
            if size is not None and bounds["may_be_best"] and difference < 0:
                enough |= _find_enough(*size, -difference, criticals[n].tail)
        rows.append(
            {
                "train_set": name,
                "n_images": len(one.class_ids),
                "n_seeds": len(one.correct),
                "top1": float(means[n]),
                "difference": difference,
                **bounds,
                "best": n == best,
                "detectable": detectable,
                **enough,
            }
        )
    return rows


def _compare_with_best(
    means: np.ndarray, answers: Sequence[Answers]
) -> tuple[ComparisonWithBest, list[Critical]] | tuple[None, None]:
    """Compare each set with the best of the others; None with one set, or without several seeds or images."""
    between_seeds = pool_seed_variance([one.correct for one in answers])
    errors, freedoms = np.zeros((len(means), len(means))), np.full((len(means), len(means)), math.inf)
    for one, other in itertools.combinations(range(len(means)), 2):
        effect = measure_effect(answers[one].correct, answers[other].correct, answers[one].class_ids, between_seeds)
        errors[one, other] = errors[other, one] = effect.error
        freedoms[one, other] = freedoms[other, one] = effect.freedom
    if len(means) < 2 or np.isnan(errors).any():
        return None, None
    criticals = find_criticals(errors, freedoms)
    return compare_with_best(means, errors, criticals), criticals


def _measure_design(answers: Mapping[str, Answers]) -> tuple[Noise, Design] | None:
    """Return the noise and the size of a comparison; None with one set, one seed or one image."""
    class_ids, correct = next(iter(answers.values())).class_ids, [one.correct for one in answers.values()]
    seeds = min(map(len, correct))
    if min(len(correct), seeds, len(class_ids)) < 2:
        return None
    sizes = np.unique(class_ids, return_counts=True)[1].tolist()
    return measure_noise(correct, class_ids), Design(len(correct), seeds, tuple(sizes))


def _find_enough(noise: Noise, design: Design, difference: float, tail: float | None) -> dict[str, int | None]:
    """Return the number of seeds, and that of images, of which each alone would find a difference."""
    larger = list_sufficient(noise, design, difference, tail=tail)
    seeds = [one.seeds for one in larger if one.images == design.images]
    images = [one.images for one in larger if one.seeds == design.seeds]
    return {"enough_seeds": next(iter(seeds), None), "enough_images": next(iter(images), None)}
