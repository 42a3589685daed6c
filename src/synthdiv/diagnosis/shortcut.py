"""How far a classifier tells generated from natural images, instead of classes, if a training set mixes them.

Two complementary training sets are compared with the generated set alone: in each, half of the classes have images of the
set and the other half natural ones. Whether a natural image is drawn towards the classes that were trained on natural images
is a matter of domain, not of class.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import polars as pl

from synthdiv.diagnosis.interventions import Answers
from synthdiv.stats.crossed import Effect, measure_effect, pool_seed_variance

SCHEMA: dict[str, Any] = {
    **dict.fromkeys(("classifier", "evaluation_set", "set"), pl.String),
    **dict.fromkeys(("n_images", "n_seeds"), pl.Int64),
    **dict.fromkeys(("recall_alone", "recall_mixed", "loss", "loss_low", "loss_high"), pl.Float64),
    **dict.fromkeys(("pushed_alone", "pushed_mixed", "pushed", "pushed_low", "pushed_high"), pl.Float64),
}


def measure_shortcut(alone: Answers, mixed: Sequence[Answers], generated: Sequence[Sequence[int]]) -> dict[str, Any]:
    """Measure what the classes that are trained on generated images lose if the others are trained on natural ones.

    Parameters
    ----------
    alone : Answers
        After training on the generated set, of natural images.
    mixed : sequence of two Answers
        After training on each of the two mixtures, of the same images.
    generated : sequence of two sequences of int
        The classes with generated images in each mixture; every class is in one of them.

    Returns
    -------
    dict
        Columns of ``SCHEMA`` from n_images on. Each image counts in the mixture in which its class has generated images:
        recall, and the share that is predicted as a class with natural images there.
    """
    in_second = np.isin(alone.class_ids, list(generated[1]))
    seeds = min(len(one.predicted) for one in mixed)
    every = np.arange(1 + max(map(max, generated)))
    is_natural = [~np.isin(every, list(own)) for own in generated]  # whether a class has natural images, in each mixture

    def choose(first: np.ndarray, second: np.ndarray) -> np.ndarray:
        return np.where(in_second, second, first)

    def count_pushed(predicted: np.ndarray) -> np.ndarray:
        return choose(is_natural[0][predicted], is_natural[1][predicted]).astype(np.float64)

    predicted = choose(*(one.predicted[:seeds] for one in mixed))
    correct = choose(*(one.correct[:seeds] for one in mixed))
    pairs = {"loss": (correct, alone.correct), "pushed": (count_pushed(alone.predicted), count_pushed(predicted))}
    row: dict[str, Any] = {"n_images": len(alone.class_ids), "n_seeds": min(len(correct), len(alone.correct))}
    row |= {"recall_alone": float(alone.correct.mean()), "recall_mixed": float(correct.mean())}
    for name, (before, after) in pairs.items():
        effect = measure_effect(before, after, alone.class_ids, pool_seed_variance([before, after]))
        row |= _describe(name, effect)
    before, after = pairs["pushed"]
    return row | {"pushed_alone": float(before.mean()), "pushed_mixed": float(after.mean())}


def _describe(name: str, effect: Effect) -> dict[str, float]:
    low, high = effect.interval
    return {name: effect.value, f"{name}_low": low, f"{name}_high": high}
