import numpy as np
import polars as pl
import pytest
from scipy.stats import ttest_1samp

from synthdiv.analysis.classifier_tables import (
    average_seeds,
    choose_evaluations,
    compare_trainings,
    count_confusions,
    tabulate_classes,
    tabulate_gaps,
    tabulate_run,
)
from synthdiv.classifiers.evaluation import SCHEMA
from synthdiv.stats.crossed import measure_effect, pool_seed_variance
from synthdiv.stats.intervals import wilson_interval


def make_predictions(correct, name="Natural-IM"):
    """Predict images of two alternating classes; a wrong one is classified as the other class."""
    rows = [
        {"seed": 1, "evaluation_set": name, "class_id": n % 2, "index": n, "predicted": [n % 2 if one else 1 - n % 2, 2]}
        | {"confidence": 0.5, "correct_top1": one, "correct_top5": one or n == 0}
        for n, one in enumerate(correct)
    ]
    return pl.DataFrame(rows, schema=SCHEMA)


HEAD = {
    "classifier": "small",
    "train_set": "Disamb-IM",
    "seed": 1,
    "n_train": 100,
    "steps": 10,
    "epochs": 2.0,
    "held_fixed": "steps",
}


def test_a_run_counts_correct_predictions():
    predictions = pl.concat([make_predictions([True, True, False, True]), make_predictions([False] * 4, "Disamb-IM")])
    first, second = tabulate_run(predictions, HEAD)
    assert (first["evaluation_set"], first["n_evaluation"], first["top1"], first["top5"]) == ("Natural-IM", 4, 0.75, 0.75)
    assert (first["top1_low"], first["top1_high"]) == wilson_interval(3, 4)
    assert first["calibration_error"] == pytest.approx(0.25)
    assert (second["top1"], second["top5"], second["n_train"]) == (0.0, 0.25, 100)


def test_means_and_deviation_over_seeds():
    runs = []
    for seed, correct in ((1, [True, True, True, False]), (2, [True, False, False, False])):
        runs += tabulate_run(make_predictions(correct), HEAD | {"seed": seed})
    (row,) = average_seeds(pl.DataFrame(runs)).to_dicts()
    assert (row["n_seeds"], row["top1"], row["n_evaluation"]) == (2, 0.5, 4)
    assert row["top1_deviation"] == pytest.approx(np.std([0.75, 0.25], ddof=1))
    assert (row["top1_low"], row["top1_high"]) == wilson_interval(2, 4)
    (single,) = average_seeds(pl.DataFrame(runs[:1])).to_dicts()
    assert single["top1_deviation"] is None


def test_classes_and_confusions_are_counted_over_seeds():
    tables = [
        make_predictions(correct).with_columns(classifier=pl.lit("small"), train_set=pl.lit("Disamb-IM"), seed=pl.lit(seed))
        for seed, correct in ((1, [True, True, True, False]), (2, [False, True, True, True]))
    ]
    classes = tabulate_classes(pl.concat(tables), ["bag", "boot", "coat"]).sort("class_id")
    assert classes["name"].to_list() == ["bag", "boot"]
    assert classes["n_evaluation"].to_list() == [2, 2]
    assert classes["top1"].to_list() == [0.75, 0.75]
    assert classes["top1_low"][0] == wilson_interval(1.5, 2)[0]
    confusions = count_confusions(pl.concat(tables))
    counts = {(row["class_id"], row["predicted"]): row["n_images"] for row in confusions.to_dicts()}
    assert counts == {(0, 0): 3, (0, 1): 1, (1, 1): 3, (1, 0): 1}


def test_training_sets_are_compared_image_by_image():
    correct = {
        "A": ([True] * 8, [True] * 6 + [False] * 2),
        "B": ([False] * 8, [True] + [False] * 7),
        "C": ([True] * 8, [True] * 6 + [False] * 2),
    }
    tables = [
        make_predictions(list(own)).with_columns(classifier=pl.lit("small"), train_set=pl.lit(name), seed=pl.lit(seed))
        for name, seeds in correct.items()
        for seed, own in enumerate(seeds)
    ]
    rows = compare_trainings(pl.concat(tables)).to_dicts()
    assert [(row["train_set_a"], row["train_set_b"]) for row in rows] == [("A", "B"), ("A", "C"), ("B", "C")]
    # by class, since the images' classes alternate
    a, b = (np.array(correct[name], dtype=float)[:, [0, 2, 4, 6, 1, 3, 5, 7]] for name in "AB")
    found = measure_effect(b, a, np.repeat([0, 1], 4), pool_seed_variance([a, b, a]))
    assert rows[0]["difference"] == pytest.approx((a - b).mean())
    assert rows[0]["p_value"] == pytest.approx(found.p_value)
    assert (rows[0]["difference_low"], rows[0]["difference_high"]) == pytest.approx(found.interval)
    assert (rows[1]["difference"], rows[1]["differs"], rows[0]["differs"]) == (0, False, True)
    assert rows[2]["difference"] == pytest.approx((b - a).mean())
    one_seed = pl.concat(table for table in tables if table["seed"][0] == 1)
    row = compare_trainings(one_seed).row(0, named=True)
    expected = ttest_1samp(a[1] - b[1], 0)
    assert row["p_value"] == pytest.approx(expected.pvalue)
    assert (row["difference_low"], row["difference_high"]) == pytest.approx(tuple(expected.confidence_interval()))


def test_images_are_paired_in_any_order_of_the_rows():
    predictions = make_predictions([n % 3 > 0 for n in range(200)]).with_columns(classifier=pl.lit("small"))
    tables = [predictions.with_columns(train_set=pl.lit("A")), predictions[::-1].with_columns(train_set=pl.lit("B"))]
    (row,) = compare_trainings(pl.concat(tables)).to_dicts()
    assert (row["difference"], row["difference_low"], row["difference_high"], row["p_value"]) == (0, 0, 0, 1)


def test_gaps_to_the_natural_training_set_under_each_shift():
    correct = {"Photos": [True] * 7 + [False], "Generated": [True] + [False] * 7}
    tables = [
        make_predictions(own if name == "Natural-IM" else [training == "Photos"] * 4 + [False] * 4, name).with_columns(
            classifier=pl.lit("small"), train_set=pl.lit(training)
        )
        for training, own in correct.items()
        for name in ("Natural-IM", "Sketch")
    ]
    table = tabulate_gaps(pl.concat(tables), "Photos")
    assert set(table["train_set"]) == {"Generated"}
    first = table.filter(metric="top1")
    assert first.select("evaluation_set", "natural", "generated", "difference", "relative_gap").rows() == [
        ("Natural-IM", 7 / 8, 1 / 8, 0.75, 0.75 / (7 / 8)),
        ("Sketch", 0.5, 0.0, 0.5, 1.0),
    ]
    expected = ttest_1samp(np.array([0, 1, 1, 1, 1, 1, 1, 0]), 0).confidence_interval()
    assert first.select("difference_low", "difference_high").row(0) == pytest.approx(tuple(expected))
    reversed_gaps = tabulate_gaps(pl.concat(tables), "Generated").filter(metric="top1")
    assert reversed_gaps["difference"].to_list() == [-0.75, -0.5]
    assert reversed_gaps["relative_gap"].to_list() == [-6.0, None]
    assert len(tabulate_gaps(pl.concat(tables), None)) == 0


def test_each_classifiers_own_evaluation_set_is_chosen():
    table = pl.DataFrame({"classifier": ["a", "a", "b", "b"], "evaluation_set": ["X", "Y", "X", "Y"]})
    assert choose_evaluations(table, {"a": "Y", "b": "X"}).rows() == [("a", "Y"), ("b", "X")]
