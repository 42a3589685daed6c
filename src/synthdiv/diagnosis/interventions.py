"""What training says each setting is worth: the effect of each intervention, for a set and for its classes."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import polars as pl

from synthdiv.core.tables import read_table
from synthdiv.stats.crossed import (
    Effect,
    SeedVariance,
    adjust_by_holm,
    arrange_runs,
    measure_effect,
    pool_seed_variance,
    shrink_effects,
)
from synthdiv.stats.rank_correlation import rank_correlation

MAX_LOSS = 100.0
"""The log loss of an image whose class is no candidate, or so improbable that its probability is rounded to 0."""
HEAD: dict[str, Any] = dict.fromkeys(
    ("classifier", "evaluation_set", "base", "changed", "setting", "before", "after"), pl.String
)
SCHEMA: dict[str, Any] = {
    **HEAD,
    "acts_on": pl.String,
    **dict.fromkeys(("n_images", "n_seeds", "n_samples"), pl.Int64),
    **dict.fromkeys(("top1_before", "top1_after", "gain", "gain_low", "gain_high", "p_value", "p_adjusted"), pl.Float64),
    "differs": pl.Boolean,
    "reliability": pl.Float64,
}
CLASS_SCHEMA: dict[str, Any] = {
    **HEAD,
    "class_id": pl.Int32,
    "n_images": pl.Int64,
    **dict.fromkeys(("recall_before", "recall_after", "gain", "gain_low", "gain_high", "gain_shrunk"), pl.Float64),
    **dict.fromkeys(("log_loss_gain", "log_loss_gain_shrunk"), pl.Float64),
    **dict.fromkeys(("less_predicted", "more_predicted"), pl.Int32),
    **dict.fromkeys(("less_predicted_change", "more_predicted_change"), pl.Float64),
}


class Answers(NamedTuple):
    """What the classifiers of a training set, one per seed, say of the images of an evaluation set.

    Attributes
    ----------
    class_ids : int array of shape (n,)
    correct : float64 array of shape (s, n)
    losses : float64 array of shape (s, n)
        Minus the log-probability of the image's class, at most ``MAX_LOSS``.
    predicted : int array of shape (s, n)
    """

    class_ids: np.ndarray
    correct: np.ndarray
    losses: np.ndarray
    predicted: np.ndarray


def read_answers(predictions: pl.DataFrame) -> dict[str, Answers]:
    """Arrange the predictions of the classifiers of one training set, by evaluation set, in the order of the table."""
    found = {}
    for (name,), own in predictions.group_by("evaluation_set", maintain_order=True):
        class_ids, values = arrange_runs(
            own,
            correct=pl.col("correct_top1").cast(pl.Float64),
            losses=-pl.col("log_probability").cast(pl.Float64),
            predicted=pl.col("predicted").list.first(),
        )
        losses = np.minimum(values["losses"], MAX_LOSS)
        found[str(name)] = Answers(class_ids, values["correct"], losses, values["predicted"])
    return found


def read_classifier(
    classifier: str, evaluations: Sequence[tuple[str, str]], paths: Sequence[str]
) -> dict[str, dict[str, Answers]]:
    """Read the predictions of a classifier, by training set and evaluation set.

    Parameters
    ----------
    classifier : str
    evaluations : sequence of (str, str)
        Classifier and training set of each table.
    paths : sequence of str
        The tables.
    """
    return {
        training: read_answers(read_table(path))
        for (name, training), path in zip(evaluations, paths, strict=True)
        if name == classifier
    }


def measure_interventions(
    answers: Mapping[str, Answers], pairs: Sequence[tuple[str, str]], *, sample_per_seed: bool = False
) -> Iterator[tuple[dict[str, Any], list[dict[str, Any]]]]:
    """Measure what each intervention gains on an evaluation set, whole and by class.

    Parameters
    ----------
    answers : mapping of training set to Answers
        Of one classifier on one evaluation set, for all its training sets: together they say how much training runs vary.
    pairs : sequence of (str, str)
        The training set without and with each intervention.
    sample_per_seed : bool
        Whether each seed was trained on other images.

    Yields
    ------
    dict
        Columns of ``SCHEMA`` from n_images on, without p_adjusted and differs.
    list of dict
        Columns of ``CLASS_SCHEMA`` from class_id on, one row per class.
    """
    class_ids = next(iter(answers.values())).class_ids
    between_seeds = pool_seed_variance([one.correct for one in answers.values()])
    columns = [np.flatnonzero(class_ids == class_id) for class_id in np.unique(class_ids)]
    by_class = [
        [pool_seed_variance([values[:, own] for values in kind]) for own in columns]
        for kind in ([one.correct for one in answers.values()], [one.losses for one in answers.values()])
    ]
    for base, changed in pairs:
        before, after = answers[base], answers[changed]
        effect = measure_effect(before.correct, after.correct, class_ids, between_seeds)
        seeds = min(len(before.correct), len(after.correct))
        row = {
            "n_images": len(class_ids),
            "n_seeds": seeds,
            "n_samples": seeds if sample_per_seed else 1,
            "top1_before": float(before.correct.mean()),
            "top1_after": float(after.correct.mean()),
            **_describe(effect),
            "p_value": effect.p_value,
            "reliability": measure_reliability(before, after, columns),
        }
        yield row, _describe_classes(before, after, columns, by_class, effect)


def _describe(effect: Effect) -> dict[str, float]:
    low, high = effect.interval
    return {"gain": effect.value, "gain_low": low, "gain_high": high}


def _describe_classes(
    before: Answers,
    after: Answers,
    columns: Sequence[np.ndarray],
    between_seeds: Sequence[Sequence[SeedVariance]],
    whole: Effect,
) -> list[dict[str, Any]]:
    recalls, losses = (
        [
            measure_effect(one[:, own], other[:, own], before.class_ids[own], variance)
            for own, variance in zip(columns, variances, strict=True)
        ]
        for (one, other), variances in zip(
            ((before.correct, after.correct), (after.losses, before.losses)), between_seeds, strict=True
        )
    )
    shrunk = _shrink(recalls, whole.value)
    loss_gain = float((before.losses.mean(axis=0) - after.losses.mean(axis=0)).mean())
    shrunk_losses = _shrink(losses, loss_gain)
    rows = []
    for n, own in enumerate(columns):
        class_id = int(before.class_ids[own[0]])
        rows.append(
            {
                "class_id": class_id,
                "n_images": len(own),
                "recall_before": float(before.correct[:, own].mean()),
                "recall_after": float(after.correct[:, own].mean()),
                **_describe(recalls[n]),
                "gain_shrunk": float(shrunk[n]),
                "log_loss_gain": losses[n].value,
                "log_loss_gain_shrunk": float(shrunk_losses[n]),
                **_find_moves(before.predicted[:, own], after.predicted[:, own], class_id),
            }
        )
    return rows


def _shrink(effects: Sequence[Effect], middle: float) -> np.ndarray:
    return shrink_effects(np.array([one.value for one in effects]), np.array([one.error for one in effects]), middle)


def _find_moves(before: np.ndarray, after: np.ndarray, class_id: int) -> dict[str, Any]:
    """Return which wrong class the images are predicted as less often, which one more often, and by how much."""
    count = max(int(before.max()), int(after.max())) + 1
    first, second = (np.bincount(one.ravel(), minlength=count) / one.size for one in (before, after))
    change = second - first
    if class_id < count:
        change[class_id] = 0.0
    less, more = int(change.argmin()), int(change.argmax())
    return {
        "less_predicted": less if change[less] < 0 else None,
        "less_predicted_change": float(change[less]) if change[less] < 0 else None,
        "more_predicted": more if change[more] > 0 else None,
        "more_predicted_change": float(change[more]) if change[more] > 0 else None,
    }


def measure_reliability(before: Answers, after: Answers, columns: Sequence[np.ndarray]) -> float:
    """Return how well the classes' gains repeat between seeds: the mean rank correlation of two seeds' gains.

    Parameters
    ----------
    before, after : Answers
        Seeds are paired by their order.
    columns : sequence of int arrays
        The images of each class.

    Returns
    -------
    float
        NaN with fewer than two seeds or classes.
    """
    seeds = min(len(before.correct), len(after.correct))
    if seeds < 2 or len(columns) < 2:
        return math.nan
    gains = [np.array([(after.correct[n, own] - before.correct[n, own]).mean() for own in columns]) for n in range(seeds)]
    return float(np.mean([rank_correlation(one, other) for one, other in itertools.combinations(gains, 2)]))


def adjust_rows(rows: list[dict[str, Any]], primary: Mapping[str, str]) -> list[dict[str, Any]]:
    """Adjust the p-values of each classifier's interventions on its primary evaluation set by Holm's method.

    Parameters
    ----------
    rows : list of dict
        Rows of ``SCHEMA``.
    primary : mapping of classifier to str
        Its primary evaluation set. On the others, p_adjusted and differs are empty: they describe, and do not test.
    """
    for row in rows:
        row |= {"p_adjusted": math.nan, "differs": None}
    for classifier, evaluated in primary.items():
        tested = [row for row in rows if (row["classifier"], row["evaluation_set"]) == (classifier, evaluated)]
        adjusted = adjust_by_holm(np.array([row["p_value"] for row in tested]))
        for row, value in zip(tested, adjusted.tolist(), strict=True):
            row |= {"p_adjusted": value, "differs": None if math.isnan(value) else value < 0.05}
    return rows


def select_primary(interventions: pl.DataFrame) -> pl.DataFrame:
    """Select the rows of the table that are about the evaluation set on which interventions are tested: the first."""
    return interventions.unique(["classifier", "base", "changed"], keep="first", maintain_order=True)
