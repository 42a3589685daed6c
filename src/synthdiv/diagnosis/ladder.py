"""The ladder: what each step from natural to generated images costs, and whether every one of them costs something."""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import polars as pl

from synthdiv.diagnosis.accounts import INTERVENTION, TOTAL, Step, list_populations, measure_account
from synthdiv.diagnosis.interventions import Answers
from synthdiv.jobs.diagnosis import LadderStep
from synthdiv.stats.crossed import adjust_by_holm

YES, NO, WITHIN_NOISE = "yes", "no", "within noise"
"""Whether a ladder is monotone: no step gains, one does beyond noise, or one does within it."""
SCHEMA: dict[str, Any] = {
    **dict.fromkeys(("classifier", "evaluation_set"), pl.String),
    "step": pl.Int64,
    **dict.fromkeys(("base", "changed", "changes"), pl.String),
    **dict.fromkeys(("n_images", "n_seeds"), pl.Int64),
    **dict.fromkeys(("top1_before", "top1_after", "gain", "gain_low", "gain_high", "p_value", "p_adjusted"), pl.Float64),
    **dict.fromkeys(("reached", "reached_low", "reached_high"), pl.Float64),
    "monotone": pl.String,
}


def measure_ladder(
    rungs: Sequence[LadderStep], answers: Mapping[str, Answers], *, is_primary: bool = True
) -> list[dict[str, Any]]:
    """Measure the steps of a ladder on an evaluation set.

    Parameters
    ----------
    rungs : sequence of LadderStep
        From natural to generated images.
    answers : mapping of training set to Answers
        Of the classifiers of each rung: together they say how much training runs vary.
    is_primary : bool
        Whether the steps are tested; on other evaluation sets they are only described.

    Returns
    -------
    list of dict
        Columns of ``SCHEMA`` from step on, the whole ladder first. The gains of the steps add up to that of the whole.
    """
    names = [rung.training for rung in rungs]
    start, end = names[0], names[-1]
    whole = Step(TOTAL, {start: -1.0, end: 1.0}, start, end)
    steps = [Step(INTERVENTION, {one: -1.0, other: 1.0}, one, other) for one, other in itertools.pairwise(names)]
    reached = [Step(INTERVENTION, {start: -1.0, other: 1.0}, start, other) for other in names[1:]]
    population = list_populations(answers)[0]
    (total, *rows), to = (measure_account(own, answers, end, population) for own in ([whole, *steps], [whole, *reached]))
    adjusted = adjust_by_holm(np.array([row["p_value"] for row in rows])) if is_primary else [math.nan] * len(rows)
    for row, rung, value in zip(rows, rungs[1:], adjusted, strict=True):
        row |= {"changes": rung.changes, "p_adjusted": float(value), "monotone": None}
    monotone = _judge([row["gain"] for row in rows], [row["p_adjusted"] for row in rows]) if is_primary else None
    total |= {"changes": "the whole ladder", "p_adjusted": math.nan, "monotone": monotone}
    bounds = {"reached": "gain", "reached_low": "gain_low", "reached_high": "gain_high"}
    return [
        row | {name: from_start[column] for name, column in bounds.items()}
        for row, from_start in zip([total, *rows], to, strict=True)
    ]


def _judge(gains: Sequence[float], p_values: Sequence[float]) -> str | None:
    if any(map(math.isnan, p_values)):
        return None
    if all(gain <= 0 for gain in gains):
        return YES
    return NO if any(gain > 0 and p < 0.05 for gain, p in zip(gains, p_values, strict=True)) else WITHIN_NOISE
