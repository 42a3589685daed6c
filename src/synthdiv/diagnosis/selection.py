"""Choose the best of a classifier's training sets, on images that evaluate nothing."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import polars as pl

from synthdiv.diagnosis.interventions import Answers
from synthdiv.stats.crossed import measure_effect, pool_seed_variance

SCHEMA: dict[str, Any] = {
    **dict.fromkeys(("classifier", "selection_set", "train_set"), pl.String),
    **dict.fromkeys(("n_images", "n_seeds"), pl.Int64),
    **dict.fromkeys(("top1", "difference", "difference_low", "difference_high"), pl.Float64),
    "best": pl.Boolean,
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
        Columns of ``SCHEMA`` from train_set on.
    """
    between_seeds = pool_seed_variance([one.correct for one in answers.values()])
    accuracies = {name: float(one.correct.mean()) for name, one in answers.items()}
    best = max(accuracies, key=accuracies.__getitem__)
    rows = []
    for name, one in answers.items():
        low, high = None, None
        if name != best:
            low, high = measure_effect(answers[best].correct, one.correct, one.class_ids, between_seeds).interval
        rows.append(
            {
                "train_set": name,
                "n_images": len(one.class_ids),
                "n_seeds": len(one.correct),
                "top1": accuracies[name],
                "difference": accuracies[name] - accuracies[best],
                "difference_low": low,
                "difference_high": high,
                "best": name == best,
            }
        )
    return rows
