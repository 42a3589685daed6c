"""What interventions gain, from predictions."""

import math

import numpy as np
import polars as pl
import pytest

from synthdiv.diagnosis.interventions import (
    CLASS_SCHEMA,
    SCHEMA,
    adjust_rows,
    measure_interventions,
    measure_reliability,
    read_answers,
)


def make_predictions(shares, *, seeds=(1, 2, 3), n=200, evaluation_set="N", taken=None):
    """Predict each class's images: every seed classifies the same share of them correctly, and the rest as ``taken``."""
    rows = []
    for seed in seeds:
        for class_id, share in enumerate(shares):
            other = (class_id + 1) % len(shares) if taken is None else taken
            for index in range(n):
                right = index < share * n
                predicted, probability = (class_id, 0.9) if right else (other, 0.1)
                rows.append((seed, evaluation_set, class_id, index, [predicted], math.log(probability), right))
    columns = ["seed", "evaluation_set", "class_id", "index", "predicted", "log_probability", "correct_top1"]
    return pl.DataFrame(rows, schema=columns, orient="row")


def measure(before, after):
    answers = {name: read_answers(one)["N"] for name, one in (("A", before), ("B", after))}
    ((row, classes),) = measure_interventions(answers, [("A", "B")])
    return row, classes


def test_the_gains_of_a_set_and_of_its_classes():
    row, classes = measure(make_predictions([0.2, 0.4, 0.5]), make_predictions([0.7, 0.4, 0.1]))
    assert (row["n_images"], row["n_seeds"]) == (600, 3)
    assert (row["top1_before"], row["top1_after"]) == pytest.approx((1.1 / 3, 0.4))
    assert row["gain"] == pytest.approx(0.1 / 3)
    assert row["gain_low"] < row["gain"] < row["gain_high"]
    assert [one["gain"] for one in classes] == pytest.approx([0.5, 0.0, -0.4])
    assert classes[0]["log_loss_gain"] == pytest.approx(0.5 * (math.log(0.9) - math.log(0.1)))
    assert row["reliability"] == pytest.approx(1)  # all seeds are equal
    assert row.keys() | {"p_adjusted", "differs", "acts_on"} == SCHEMA.keys() - set(list(SCHEMA)[:7])
    assert classes[0].keys() == CLASS_SCHEMA.keys() - set(list(CLASS_SCHEMA)[:7])


def test_where_a_classs_images_go():
    _, classes = measure(make_predictions([0.5, 1, 1], taken=1), make_predictions([0.25, 1, 1], taken=2))
    first = classes[0]
    assert (first["less_predicted"], first["less_predicted_change"]) == (1, -0.5)
    assert (first["more_predicted"], first["more_predicted_change"]) == (2, 0.75)
    assert classes[1]["less_predicted"] is classes[1]["more_predicted"] is None


def test_evaluation_sets_are_apart_and_rows_may_come_in_any_order():
    table = pl.concat([make_predictions([0.2, 0.4]), make_predictions([1, 1], evaluation_set="M", n=5)])
    found, again = read_answers(table), read_answers(table.sample(fraction=1, shuffle=True, seed=0))
    assert set(found) == {"N", "M"}
    assert found["M"].correct.shape == (3, 10)
    assert found["N"].correct.mean() == pytest.approx(0.3)
    for name, one in found.items():
        for values, other in zip(one, again[name], strict=True):
            np.testing.assert_array_equal(values, other)


def test_the_reliability_is_that_of_independent_seeds():
    rng = np.random.default_rng(0)
    columns = [np.arange(n * 10, n * 10 + 10) for n in range(40)]
    gains = np.repeat(rng.normal(size=40), 10)

    def answer(noise):
        values = gains + noise * np.repeat(rng.normal(size=(3, 40)), 10, axis=1)
        return read_answers(make_predictions([1] * 40, n=10))["N"]._replace(correct=values)

    still = answer(0)._replace(correct=np.zeros((3, 400)))
    assert measure_reliability(still, answer(0.0), columns) == pytest.approx(1)
    assert 0.3 < measure_reliability(still, answer(1.0), columns) < 0.7
    one = still._replace(correct=still.correct[:1])
    assert math.isnan(measure_reliability(one, one, columns))


def test_only_the_primary_evaluation_set_is_tested():
    rows = [
        {"classifier": "k", "evaluation_set": name, "p_value": p} for name, p in (("N", 0.02), ("M", 0.001), ("N", 0.04))
    ]
    first, second, third = adjust_rows(rows, {"k": "N"})
    assert (first["p_adjusted"], third["p_adjusted"]) == (0.04, 0.04)
    assert first["differs"]
    assert math.isnan(second["p_adjusted"])
    assert second["differs"] is None
