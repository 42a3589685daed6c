"""Predictions of classifiers that were trained elsewhere."""

import numpy as np
import polars as pl
import pytest

from synthdiv.classifiers.prediction_table import SCHEMA, read_predictions, split_selection
from synthdiv.core.errors import StudyError

KEYS = ["cat", "dog", "eel"]


def make_table(*, sets=("A", "B"), seeds=(1, 2), n=4, **columns):
    rows = [
        {"train_set": name, "seed": seed, "image": f"{key}/{number}.jpg", "class": key, "predicted": KEYS[number % 3]}
        for name in sets
        for seed in seeds
        for key in KEYS
        for number in range(n)
    ]
    return pl.DataFrame(rows).with_columns(**{name: pl.lit(value) for name, value in columns.items()})


def read(tmp_path, table, *, trained=("A", "B"), evaluated=("N",), suffix="parquet"):
    path = tmp_path / f"predictions.{suffix}"
    table.write_parquet(path) if suffix == "parquet" else table.write_csv(path)
    return read_predictions(path, trained=trained, evaluated=evaluated, class_keys=KEYS)


@pytest.mark.parametrize("suffix", ["parquet", "csv"])
def test_a_table_of_predictions(tmp_path, suffix):
    found = read(tmp_path, make_table(log_probability=-0.5), suffix=suffix)
    assert found.drop("train_set", "image").schema == SCHEMA
    row = found.filter(train_set="B", seed=2, class_id=1, index=2).row(0, named=True)
    assert row["image"] == "dog/2.jpg"
    assert (row["evaluation_set"], row["predicted"], row["correct_top1"]) == ("N", [2], False)
    assert (row["confidence"], row["log_probability"], row["correct_top5"]) == (None, -0.5, None)
    assert found.filter("correct_top1").select("class_id", "index").unique().sort("class_id", "index").rows() == [
        (0, 0),
        (0, 3),
        (1, 1),
        (2, 2),
    ]


def test_the_order_of_rows_and_keys_that_are_numbers_do_not_matter(tmp_path):
    table = make_table()
    shuffled = table.sample(fraction=1, shuffle=True, seed=0)
    order = ["train_set", "seed", "class_id", "index"]
    assert read(tmp_path, shuffled).sort(order).equals(read(tmp_path, table).sort(order))
    numbers = dict(zip(KEYS, ["7", "8", "9"], strict=True))
    renamed = table.with_columns(pl.col("class", "predicted").replace(numbers).cast(pl.Int64))
    renamed.write_csv(tmp_path / "numbers.csv")
    found = read_predictions(tmp_path / "numbers.csv", trained=["A", "B"], evaluated=["N"], class_keys=["7", "8", "9"])
    assert found.equals(read(tmp_path, table))


@pytest.mark.parametrize("suffix", ["parquet", "csv"])
def test_columns_without_a_value_are_as_if_they_were_missing(tmp_path, suffix):
    table = make_table()
    empty = table.with_columns(evaluation_set=None, log_probability=None, confidence=None)
    assert read(tmp_path, empty, suffix=suffix).equals(read(tmp_path, table))


def test_lists_of_predicted_classes_give_top_5(tmp_path):
    table = make_table().with_columns(predicted=pl.concat_list("predicted", pl.lit("dog"), pl.lit("cat")))
    found = read(tmp_path, table)
    assert found.filter(class_id=1)["correct_top5"].all()
    assert found["predicted"].list.len().unique().to_list() == [3]  # all classes there are
    assert found.filter(class_id=2, index=0)["correct_top5"].to_list() == [False] * 4
    short = read(tmp_path, make_table().with_columns(predicted=pl.concat_list("predicted", pl.lit("dog"))))
    assert short["correct_top5"].is_null().all()


def test_rows_of_other_sets_are_left_out(tmp_path):
    table = pl.concat(
        [make_table(evaluation_set="N"), make_table(evaluation_set="M"), make_table(sets="C", evaluation_set="N")]
    )
    found = read(tmp_path, table)
    assert set(found["train_set"]) == {"A", "B"}
    assert set(found["evaluation_set"]) == {"N"}
    assert set(read(tmp_path, table, evaluated=("M", "N"), trained=["A"])["evaluation_set"]) == {"M", "N"}


def break_table(kind):
    table, first = make_table(evaluation_set="N", log_probability=-1.0), pl.int_range(pl.len()) == 0
    change = {
        "a column": lambda: table.drop("class"),
        "evaluation sets": lambda: table.drop("evaluation_set"),
        "a training set": lambda: table.filter(train_set="A"),
        "an evaluation set": lambda: table.filter(pl.lit(value=True)),
        "a class": lambda: table.with_columns(predicted=pl.when(first).then(pl.lit("cow")).otherwise("predicted")),
        "a null": lambda: table.with_columns(image=pl.when(~first).then("image")),
        "a logarithm": lambda: table.with_columns(log_probability=pl.when(first).then(0.5).otherwise("log_probability")),
        "a seed": lambda: table.with_columns(seed=pl.lit("one")),
        "twice": lambda: pl.concat([table, table.head(1)]),
        "an image less": lambda: table.tail(-1),
        "no prediction": lambda: table.with_columns(predicted=pl.lit([], dtype=pl.List(pl.String))),
    }
    return change[kind]()


@pytest.mark.parametrize(
    ("kind", "evaluated", "message"),
    [
        ("a column", ("N",), "has no column class; it has train_set, seed"),
        ("evaluation sets", ("N", "M"), "has no column evaluation_set, which it needs: `evaluate` has 2 sets"),
        ("a training set", ("N",), "the column train_set has no 'B', which the config names"),
        ("an evaluation set", ("N", "M"), "the column evaluation_set has no 'M', which the config names"),
        ("a class", ("N",), "'cow' is not the key of a class of the study, such as 'cat'"),
        ("a null", ("N",), "row 0: it has no image"),
        ("a logarithm", ("N",), "row 0: log_probability is 0.5; it must be from -inf to 0"),
        ("a seed", ("N",), "a column has values of another kind"),
        ("twice", ("N",), r"has the image 'cat/0.jpg' of class 'cat' twice for train_set 'A', seed 1"),
        ("an image less", ("N",), "of the 12 images of N, train_set 'A', seed 1, has 11: all must have the same"),
        ("no prediction", ("N",), "row 0: it has no predicted class"),
    ],
)
def test_a_wrong_table_is_refused(tmp_path, kind, evaluated, message):
    with pytest.raises(StudyError, match=message):
        read(tmp_path, break_table(kind), evaluated=evaluated)


def test_a_missing_evaluation_set_of_one_training_set_is_named(tmp_path):
    table = pl.concat([make_table(evaluation_set="N"), make_table(evaluation_set="M", sets="A")])
    with pytest.raises(StudyError, match="of the 12 images of M, train_set 'B', seed 1, has 0"):
        read(tmp_path, table, evaluated=("N", "M"))


def test_evaluation_sets_are_in_the_order_of_the_config(tmp_path):
    table = pl.concat([make_table(evaluation_set="M"), make_table(evaluation_set="N")])
    found = read(tmp_path, table, evaluated=("N", "M"))
    assert found["evaluation_set"].unique(maintain_order=True).to_list() == ["N", "M"]


def test_numbers_of_a_csv_may_be_whole_at_first_and_rounded(tmp_path):
    table = make_table(n=60).with_columns(confidence=pl.lit(1.0), log_probability=pl.lit(0.0))
    last = pl.int_range(pl.len()) == pl.len() - 1
    table = table.with_columns(confidence=pl.when(last).then(0.97).otherwise(1.0000001), log_probability=pl.lit(1e-7))
    path = tmp_path / "predictions.csv"
    path.write_text(table.write_csv().replace("1.0000001", "1").replace("0.97", "0.97"))
    found = read_predictions(path, trained=["A", "B"], evaluated=["N"], class_keys=KEYS)
    assert sorted(found["confidence"].unique().to_list()) == pytest.approx([0.97, 1.0])
    assert found["log_probability"].unique().to_list() == [0.0]


def test_seeds_are_whole_numbers(tmp_path):
    with pytest.raises(StudyError, match=r"row 0: seed is 0.5; it must be a whole number"):
        read(tmp_path, make_table(seeds=(0.5, 1.5)))
    assert set(read(tmp_path, make_table(seeds=(1.0, 2.0)))["seed"]) == {1, 2}


def test_predicted_classes_may_be_arrays(tmp_path):
    lists = make_table().with_columns(predicted=pl.concat_list("predicted", pl.lit("dog")))
    arrays = lists.with_columns(pl.col("predicted").cast(pl.Array(pl.String, 2)))
    assert read(tmp_path, arrays).equals(read(tmp_path, lists))


def test_a_file_that_is_no_table_is_refused(tmp_path):
    (tmp_path / "predictions.parquet").write_text("no table")
    with pytest.raises(StudyError, match="cannot be read as a table"):
        read_predictions(tmp_path / "predictions.parquet", trained=["A"], evaluated=["N"], class_keys=KEYS)


def test_some_images_are_set_aside_to_choose(tmp_path):
    """The same ones of every training set and seed, a tenth of each class; the choice does not depend on others."""
    table = read(tmp_path, make_table(n=25))
    others, aside = split_selection(table, "N", 3)
    assert aside.group_by("class_id", "train_set", "seed").len()["len"].unique().to_list() == [3]
    assert len(others) + len(aside) == len(table)
    images = aside.select("class_id", "image").unique()
    assert len(images) == 9
    assert not len(others.join(images, on=["class_id", "image"], how="semi"))
    again = split_selection(table.filter(train_set="B").sample(fraction=1, shuffle=True, seed=0), "N", 3)[1]
    assert set(again["image"]) == set(images["image"])
    assert set(split_selection(table, "N", 4)[1]["image"]) != set(images["image"])


def test_one_image_of_a_class_is_evaluated(tmp_path):
    others, aside = split_selection(read(tmp_path, make_table(n=1)), "N", 3)
    assert (len(others), len(aside)) == (12, 0)


def test_nothing_is_set_aside_without_a_choice(tmp_path):
    table = read(tmp_path, make_table())
    others, aside = split_selection(table, None, 3)
    assert others.equals(table)
    assert not len(aside)
    assert np.array_equal(aside.columns, table.columns)
