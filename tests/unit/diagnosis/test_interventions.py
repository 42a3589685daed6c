"""Interventions: their effect on the diagnosed classes and on others."""

import numpy as np
import polars as pl
import pytest

from synthdiv.diagnosis.interventions import SCHEMA, compare_intervention

NAMES = [f"class {n}" for n in range(4)]
TREATED = {"diagnosed": [0, 1], "others": [2, 3]}
HEAD = {"intervention": "c", "classifier": "k", "evaluation_set": "N", "train_set": {"diagnosed": "D", "others": "O"}}


def make_predictions(shares, *, seeds=(1, 2), n=200):
    """Predict each class's images; every seed classifies the same share of them correctly."""
    rows = []
    for seed in seeds:
        for class_id, share in enumerate(shares):
            rows += [(seed, class_id, index, index < share * n) for index in range(n)]
    return pl.DataFrame(rows, schema=["seed", "class_id", "index", "correct_top1"], orient="row")


def test_an_intervention_that_helps_the_diagnosed_classes():
    before = make_predictions([0.2, 0.4, 0.5, 0.5])
    after = {
        "diagnosed": make_predictions([0.7, 0.5, 0.1, 0.1]),  # other classes do not count
        "others": make_predictions([0.0, 0.0, 0.5, 0.6]),
    }
    first, second, third = compare_intervention(before, after, TREATED, NAMES, HEAD)
    assert (first["group"], second["group"], third["group"]) == ("diagnosed", "others", "diagnosed - others")
    assert (first["train_set"], second["train_set"]) == ("D", "O")
    assert (first["top1_before"], first["top1_after"]) == pytest.approx((0.3, 0.6))
    assert first["change"] == pytest.approx(0.3)
    assert second["change"] == pytest.approx(0.05)
    assert third["change"] == pytest.approx(0.25)
    assert third["change_low"] > 0.15
    assert first["n_images"] == 400
    assert first["n_seeds"] == 2
    assert first["classes"] == "class 0, class 1"
    half = np.hypot(*((row["change_high"] - row["change_low"]) / 2 for row in (first, second)))
    assert third["change_high"] == pytest.approx(third["change"] + half)
    assert len(pl.DataFrame([first, second, third], schema=SCHEMA)) == 3


def test_groups_are_not_swapped():
    before = make_predictions([0.2] * 4)
    after = {"diagnosed": make_predictions([0.2] * 4), "others": make_predictions([0.9] * 4)}
    third = compare_intervention(before, after, TREATED, NAMES, HEAD)[2]
    assert third["change_high"] < 0


def test_the_value_of_an_image_is_the_share_of_correct_seeds():
    before = make_predictions([0.0] * 4)
    correct = make_predictions([1.0] * 4, seeds=(1,))
    wrong = make_predictions([0.0] * 4, seeds=(2,))
    rows = compare_intervention(
        before, dict.fromkeys(("diagnosed", "others"), pl.concat([correct, wrong])), TREATED, NAMES, HEAD
    )
    assert rows[0]["top1_after"] == 0.5
    assert rows[2]["change"] == 0
