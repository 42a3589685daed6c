"""Predictors: which values are compared, and what they are judged by."""

import numpy as np
import polars as pl
import pytest
from scipy import stats

from synthdiv.analysis.predictors import gather_points, rank_predictors
from synthdiv.stats.rank_correlation import fisher_interval

PAIRS = pl.DataFrame(
    [("small", "shortfall", "Natural-IM", name) for name in "ABCD"]
    + [("small", "intervention", *pair) for pair in ("AB", "BC", "CD")],
    schema=["classifier", "outcome", "base", "train_set"],
    orient="row",
)


def make_tables():
    """Make tables of four sets of rising accuracy, and of natural images, which metrics with a reference do not measure."""
    accuracies = pl.DataFrame(
        {
            "classifier": "small",
            "evaluation_set": "Natural-IM",
            "train_set": ["Natural-IM", "A", "B", "C", "D"],
            "top1": [0.5, 0.1, 0.2, 0.3, 0.4],
        }
    )
    rows = []
    for name, value in (("Natural-IM", 5.0), ("A", 4.0), ("B", 3.0), ("C", 2.0), ("D", 1.0)):
        for count, factor in ((None, 100.0), (50, 1.0)):
            rows.append(("clip", name, None, "vendi_score", "train", count, value * factor))
        rows.append(("clip", name, None, "vendi_score", "evaluation", 50, -1.0))
        rows.append(("dino", name, None, "vendi_score", "train", 50, -1.0))
        if name != "Natural-IM":
            rows.append(("clip", name, "Natural-IM", "recall", "train", 50, 1 / value))
        rows.append(("clip", name, "Other-IM", "recall", "train", 50, -1.0))
    rows.sort(key=lambda row: row[2] == "Other-IM")  # the first reference comes first
    columns = ["encoder", "set", "reference", "metric", "split", "images_per_class", "value"]
    metrics = pl.DataFrame(rows, schema=columns, orient="row")
    experiments = pl.DataFrame(
        [
            (name, query, accuracy, 0.5, None, 0.5)
            for query, sign in (("Natural-IM", 1), ("Disamb-IM", -1))
            for name, accuracy in (("Natural-IM", 0.9 * sign), ("A", 0.5 * sign), ("B", 0.6 * sign), ("D", 0.55 * sign))
        ],
        schema={"reference": pl.String, "query": pl.String, "centroid_accuracy": pl.Float64}
        | dict.fromkeys(("knn1_accuracy", "knn5_accuracy", "mean_cosine"), pl.Float64),
        orient="row",
    )
    return accuracies, metrics, experiments


def gather(tables, pairs=PAIRS):
    return gather_points(*tables, encoder="clip", pairs=pairs)


def find_row(ranks, outcome, metric):
    (row,) = ranks.filter(outcome=outcome, metric=metric).to_dicts()
    return row


def make_classes(change):
    """Make per-class tables of 40 classes, from the keys class_id and train_set: `change` adds top1 and value."""
    classes = pl.DataFrame({"class_id": range(40)}, schema={"class_id": pl.Int32})
    sets = pl.DataFrame({"train_set": ["Natural-IM", "A", "B", "C", "D"]})
    table = change(sets.join(classes, how="cross"))
    accuracies = table.select("train_set", "class_id", "top1").with_columns(
        classifier=pl.lit("small"), evaluation_set=pl.lit("Natural-IM")
    )
    metrics = table.select(
        "class_id",
        "value",
        pl.col("train_set").alias("set"),
        encoder=pl.lit("clip"),
        reference=pl.lit(None, pl.String),
        metric=pl.lit("vendi_score"),
        split=pl.lit("train"),
        images_per_class=pl.lit(50),
    )
    experiments = make_tables()[2].head(0).with_columns(class_id=pl.lit(None, pl.Int32))
    return accuracies, metrics, experiments


def test_points_are_the_changes_of_the_correct_rows_of_each_table():
    points = gather(make_tables())
    changes = {
        (outcome, metric): dict(table.sort("train_set").select("train_set", "change").rows())
        for (outcome, metric), table in points.group_by("outcome", "metric")
    }
    assert {metric: found for (outcome, metric), found in changes.items() if outcome == "shortfall"} == {
        "vendi_score": {"A": -1, "B": -2, "C": -3, "D": -4},  # training split, equal numbers per class, this encoder
        "recall": {"A": 0.25, "B": pytest.approx(1 / 3), "C": 0.5, "D": 1},  # of the first reference: natural has none
        "centroid_accuracy": pytest.approx({"A": -0.4, "B": -0.3, "D": -0.35}),  # the evaluation set as query
        "knn1_accuracy": {"A": 0, "B": 0, "D": 0},
        "mean_cosine": {"A": 0, "B": 0, "D": 0},
    }
    assert changes["intervention", "vendi_score"] == {"B": -1, "C": -1, "D": -1}
    assert changes["intervention", "recall"] == pytest.approx({"B": 1 / 12, "C": 1 / 6, "D": 1 / 2})
    assert changes["intervention", "centroid_accuracy"] == pytest.approx({"B": 0.1})
    gains = dict(points.filter(metric="vendi_score", outcome="shortfall").select("train_set", "gain").rows())
    assert gains == {"A": -0.4, "B": -0.3, "C": -0.2, "D": -0.1}


def test_shortfalls_of_sets_are_correlated_with_an_interval_always():
    ranks = rank_predictors(gather(make_tables()), seed=0)
    vendi, recall, few, constant = (
        find_row(ranks, "shortfall", name) for name in ("vendi_score", "recall", "centroid_accuracy", "mean_cosine")
    )
    assert (vendi["spearman"], recall["spearman"]) == (-1, 1)
    assert (recall["spearman_low"], recall["spearman_high"]) == fisher_interval(1.0, 4)
    assert recall["spearman_low"] < 1
    assert (few["n_pairs"], few["spearman"]) == (3, 0.5)
    assert constant["spearman"] is None
    for row in (few, constant):
        assert (row["spearman_low"], row["spearman_high"]) == (-1, 1)
    assert vendi["n_signs"] is None
    shown = ranks.filter(outcome="shortfall")["metric"].to_list()
    assert set(shown[:2]) == {"vendi_score", "recall"}  # their intervals are the narrowest


def test_signs_of_interventions():
    accuracies, metrics, experiments = make_tables()
    ranks = rank_predictors(gather((accuracies, metrics, experiments)), seed=0)
    expected = stats.binomtest(3, 3).proportion_ci(method="exact")
    vendi, recall = (find_row(ranks, "intervention", name) for name in ("vendi_score", "recall"))
    assert vendi["spearman"] is None  # each intervention gains exactly 0.1, whatever the last digits say
    assert (vendi["n_signs"], vendi["same_sign"], recall["same_sign"]) == (3, 0, 1)
    assert (recall["same_sign_low"], recall["same_sign_high"]) == pytest.approx((expected.low, expected.high))
    assert (vendi["same_sign_low"], vendi["same_sign_high"]) == pytest.approx((1 - expected.high, 1 - expected.low))
    constant = find_row(ranks, "intervention", "mean_cosine")
    assert (constant["n_signs"], constant["same_sign"]) == (0, None)
    assert (constant["same_sign_low"], constant["same_sign_high"]) == (0, 1)
    falling = accuracies.with_columns(top1=pl.when(train_set=pl.lit("D")).then(0.2).otherwise("top1"))
    ranks = rank_predictors(gather((falling, metrics, experiments)), seed=0)
    assert find_row(ranks, "intervention", "recall")["same_sign"] == pytest.approx(2 / 3)
    assert find_row(ranks, "intervention", "vendi_score")["same_sign"] == pytest.approx(1 / 3)


def test_a_metric_that_knows_only_which_classes_are_hard_predicts_no_shortfall():
    """It correlates perfectly with the accuracies of every set."""
    hardness, loss = np.random.default_rng(0).uniform(0, 0.4, size=(2, 200))

    def change(table):
        lost = np.where(table["train_set"] == "Natural-IM", 0, loss)
        easy = pl.Series(1 - hardness[table["class_id"].to_numpy()])
        return table.with_columns(top1=easy - lost, value=easy)

    points = gather(make_classes(change))
    assert len(points.filter(outcome="shortfall")) == 160
    for row in rank_predictors(points, seed=0).to_dicts():
        assert row["spearman"] is None
        assert (row["spearman_low"], row["spearman_high"]) == (-1, 1)


def test_a_metric_that_falls_with_the_recall_of_a_class_predicts_its_shortfall():
    generator = np.random.default_rng(1)
    hardness, loss, noise = generator.uniform(0, 0.4, 40), generator.uniform(0, 0.4, 200), generator.normal(0, 0.1, 200)

    def change(table):
        lost = np.where(table["train_set"] == "Natural-IM", 0, loss)
        easy = 1 - hardness[table["class_id"].to_numpy()]
        return table.with_columns(top1=pl.Series(easy - lost), value=pl.Series(5 * easy + noise - lost))

    points = gather(make_classes(change))
    ranks = rank_predictors(points, seed=0)
    for outcome, pairs in (("shortfall", 4), ("intervention", 3)):
        row, own = find_row(ranks, outcome, "vendi_score"), points.filter(outcome=outcome)
        assert (row["level"], row["n_pairs"], row["n_points"], row["n_signs"]) == ("class", pairs, 40 * pairs, None)
        assert row["spearman"] == pytest.approx(stats.spearmanr(own["change"], own["gain"]).statistic)
        assert 0 < row["spearman_low"] < row["spearman"] < row["spearman_high"] < 1
    doubled = pl.concat([points, points.with_columns(metric=pl.lit("another"))])
    assert rank_predictors(doubled, seed=0).filter(metric="vendi_score").equals(ranks)


def test_a_class_without_natural_value_is_left_out_if_others_have_one():
    def change(table):
        missing = (pl.col("train_set") == "Natural-IM") & (pl.col("class_id") == 7)
        return table.with_columns(top1=pl.lit(0.5), value=pl.when(missing).then(None).otherwise(pl.lit(2.0)))

    points = gather(make_classes(change))
    assert points.filter(outcome="shortfall")["change"].unique().to_list() == [0]
    assert set(range(40)) - set(points.filter(outcome="shortfall")["class_id"]) == {7}
    assert 7 in points.filter(outcome="intervention")["class_id"]


def test_without_pairs_the_tables_are_empty():
    points = gather(make_tables(), PAIRS.head(0))
    assert points.is_empty()
    assert rank_predictors(points, seed=0).is_empty()
