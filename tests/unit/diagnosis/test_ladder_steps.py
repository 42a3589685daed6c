"""Test the table of the ladder against what interventions measure of the same trainings."""

import numpy as np
import polars as pl
import pytest

from synthdiv.catalog.writing import check_table
from synthdiv.diagnosis.interventions import Answers
from synthdiv.diagnosis.ladder import SCHEMA, measure_ladder
from synthdiv.jobs.diagnosis import LadderStep
from synthdiv.stats.crossed import measure_effect, pool_seed_variance

NAMES = ["Natural", "ladder-vae", "ladder-captions", "Made"]
RUNGS = [LadderStep(training=name, changes=f"to {name}" if n else "") for n, name in enumerate(NAMES)]


def make_answers(shares, seeds=6, images=400, seed=0):
    """Make correct and wrong predictions of two classes: an image that is harder is harder for every rung."""
    rng = np.random.default_rng(seed)
    hard, class_ids = rng.random(images), np.repeat([0, 1], images // 2)
    answers = {}
    for name, share in zip(NAMES, shares, strict=True):
        of_seed = rng.normal(0, 0.01, (seeds, 1))
        correct = (0.5 * hard + 0.5 * rng.random((seeds, images)) < share + of_seed).astype(float)
        answers[name] = Answers(class_ids, correct, 1 - correct, np.zeros_like(correct, dtype=int))
    return answers


def measure(shares, **options):
    """Return the whole ladder, its steps, and the answers."""
    answers = make_answers(shares, **options)
    total, *steps = measure_ladder(RUNGS, answers)
    head = {"classifier": "small", "evaluation_set": "Natural"}
    check_table(
        "ladder", pl.DataFrame([{key: (head | row)[key] for key in SCHEMA} for row in [total, *steps]], schema=SCHEMA)
    )
    return total, steps, answers


def test_the_steps_add_up_to_the_whole_and_are_what_interventions_measure():
    total, steps, answers = measure([0.7, 0.65, 0.5, 0.4])
    assert [(row["base"], row["changed"], row["changes"]) for row in steps] == [
        ("Natural", "ladder-vae", "to ladder-vae"),
        ("ladder-vae", "ladder-captions", "to ladder-captions"),
        ("ladder-captions", "Made", "to Made"),
    ]
    assert sum(row["gain"] for row in steps) == pytest.approx(total["gain"], abs=1e-12)
    assert total["gain"] == pytest.approx(answers["Made"].correct.mean() - answers["Natural"].correct.mean(), abs=1e-12)
    variance = pool_seed_variance([one.correct for one in answers.values()])
    for row in [total, *steps]:
        before, after = answers[row["base"]], answers[row["changed"]]
        effect = measure_effect(before.correct, after.correct, before.class_ids, variance)
        assert (row["gain"], row["gain_low"], row["gain_high"]) == pytest.approx((effect.value, *effect.interval))
        assert row["top1_after"] == after.correct.mean()
        assert (row["n_images"], row["n_seeds"]) == (400, 6)


def test_what_is_reached_is_measured_from_the_start():
    total, steps, _ = measure([0.7, 0.65, 0.5, 0.4])
    assert [row["reached"] for row in steps] == pytest.approx(np.cumsum([row["gain"] for row in steps]))
    bounds = ("reached", "reached_low", "reached_high")
    assert [total[name] for name in bounds] == [steps[-1][name] for name in bounds]
    assert (total["reached_low"], total["reached_high"]) == (total["gain_low"], total["gain_high"])
    assert steps[0]["reached_low"] == steps[0]["gain_low"]


@pytest.mark.parametrize(
    ("shares", "monotone"),
    [([0.7, 0.6, 0.5, 0.4], "yes"), ([0.7, 0.5, 0.65, 0.4], "no"), ([0.7, 0.5, 0.51, 0.4], "within noise")],
)
def test_a_ladder_is_monotone_unless_a_step_gains(shares, monotone):
    total, steps, _ = measure(shares)
    assert total["monotone"] == monotone
    assert any(row["gain"] > 0 for row in steps) == (monotone != "yes")
    assert {row["monotone"] for row in steps} == {None}


def test_other_evaluation_sets_and_single_seeds_are_only_described():
    total, *steps = measure_ladder(RUNGS, make_answers([0.7, 0.6, 0.5, 0.4]), is_primary=False)
    assert total["monotone"] is None
    assert all(np.isnan(row["p_adjusted"]) for row in steps)
    total, *steps = measure_ladder(RUNGS, make_answers([0.7, 0.6, 0.5, 0.4], seeds=1))
    assert total["monotone"] is None
    assert all(np.isnan(row["gain_low"]) for row in steps)
