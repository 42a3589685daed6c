import numpy as np
import polars as pl
import pytest

from synthdiv.analysis.predictors import gather_points, rank_predictors


def make_tables():
    accuracies = pl.DataFrame(
        {
            "classifier": "small",
            "evaluation_set": "Natural-IM",
            "train_set": ["A", "B", "C", "D"],
            "top1": [0.1, 0.2, 0.3, 0.4],
        }
    )
    rows = []
    for name, value in (("A", 4.0), ("B", 3.0), ("C", 2.0), ("D", 1.0)):
        for count, factor in ((None, 100.0), (50, 1.0)):
            rows.append(("clip", name, None, "vendi_score", "train", count, value * factor))
        rows.append(("clip", name, None, "vendi_score", "evaluation", 50, -1.0))
        rows.append(("dino", name, None, "vendi_score", "train", 50, -1.0))
        rows.append(("clip", name, "Natural-IM", "recall", "train", 50, 1 / value))
        rows.append(("clip", name, "Other-IM", "recall", "train", 50, -1.0))
    columns = ["encoder", "set", "reference", "metric", "split", "images_per_class", "value"]
    metrics = pl.DataFrame(rows, schema=columns, orient="row")
    experiments = pl.DataFrame(
        [
            (name, query, accuracy, 0.5, None, 0.5)
            for query, sign in (("Natural-IM", 1), ("Disamb-IM", -1))
            for name, accuracy in (("A", 0.5 * sign), ("B", 0.6 * sign), ("D", 0.55 * sign))
        ],
        schema={"reference": pl.String, "query": pl.String, "centroid_accuracy": pl.Float64}
        | dict.fromkeys(("knn1_accuracy", "knn5_accuracy", "mean_cosine"), pl.Float64),
        orient="row",
    )
    return accuracies, metrics, experiments


def test_points_are_the_correct_rows_of_each_table():
    accuracies, metrics, experiments = make_tables()
    points = gather_points(accuracies, metrics, experiments, encoder="clip", sets=["A", "B", "C", "D"])
    found = {metric: table.sort("train_set")["value"].to_list() for (metric,), table in points.group_by("metric")}
    assert found == {
        "vendi_score": [4.0, 3.0, 2.0, 1.0],  # training split, equal numbers per class, this encoder
        "recall": [0.25, 1 / 3, 0.5, 1.0],  # of the first reference
        "centroid_accuracy": [0.5, 0.6, 0.55],  # the evaluation set as query
        "knn1_accuracy": [0.5] * 3,
        "mean_cosine": [0.5] * 3,
    }
    ranks = rank_predictors(points, seed=0)
    row = {row["metric"]: row for row in ranks.to_dicts()}
    assert row["vendi_score"]["spearman"] == -1
    assert row["recall"]["spearman"] == 1
    assert (row["centroid_accuracy"]["n_sets"], row["centroid_accuracy"]["spearman"]) == (3, 0.5)
    assert row["centroid_accuracy"]["spearman_low"] is None
    assert row["knn1_accuracy"]["spearman"] is None
    assert ranks["metric"].to_list()[-1] in ("knn1_accuracy", "mean_cosine")


def test_points_of_classes_are_matched_by_class():
    accuracies, metrics, experiments = make_tables()
    classes = pl.DataFrame({"class_id": range(5)}, schema={"class_id": pl.Int32})
    by_class = [table.join(classes, how="cross") for table in (accuracies, metrics, experiments)]
    by_class[0] = by_class[0].with_columns(top1=pl.col("top1") + 0.01 * pl.col("class_id"))
    by_class[1] = by_class[1].with_columns(
        value=pl.col("value") * 10 - pl.col("class_id"), class_id=pl.col("class_id").cast(pl.Int64)
    )
    points = gather_points(*by_class, encoder="clip", sets=["A", "B", "C", "D"])
    own = points.filter(metric="vendi_score")
    assert len(own) == 20
    np.testing.assert_allclose(own["value"], 50 - 100 * own["top1"])
    ranks = rank_predictors(points, seed=0).filter(metric="vendi_score").to_dicts()
    assert ranks[0]["level"] == "class"
    assert ranks[0]["n_points"] == 20
    assert ranks[0]["spearman"] == pytest.approx(-1)
    assert ranks[0]["spearman_low"] <= -0.99
    whole = rank_predictors(points, seed=0).filter(metric="recall").to_dicts()
    assert rank_predictors(points.filter(metric="recall"), seed=0).to_dicts() == whole
