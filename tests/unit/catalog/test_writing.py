"""Tables that are not as declared are refused, with what is wrong; all others are written."""

import math

import polars as pl
import pytest

from synthdiv.catalog.table import CLASS, Column, Table, bounded, integer, number, share, unbounded
from synthdiv.catalog.tables import TABLES
from synthdiv.catalog.writing import check_table, list_text_columns, write_result
from synthdiv.core.tables import read_table

COLUMNS = (
    *CLASS,
    integer("n", "count"),
    *bounded(share("accuracy", "share")),
    *unbounded(number("cosine", "mean", -1, 1)),
    Column("differs", "whether", "boolean"),
)
GOOD = pl.DataFrame(
    {"class_id": [0, 1], "name": ["bag", "coat"], "n": [0, 10]}
    | {"accuracy": [0.0, 1.0], "accuracy_low": [0.0, 0.7], "accuracy_high": [0.3, 1.0]}
    | {"cosine": [-1.0, 1.0 + 1e-12], "cosine_low": [-1.2, None], "cosine_high": [0.2, math.inf], "differs": [True, None]}
)


@pytest.fixture(autouse=True)
def declared(monkeypatch):
    monkeypatch.setitem(TABLES, "mine", Table("mine", "Shares.", "class", COLUMNS, "Mine", rule="measure"))


def make_table(**changed):
    return GOOD.with_columns(pl.Series(name, values) for name, values in changed.items())


@pytest.mark.parametrize("ending", ["csv", "parquet"])
def test_a_table_as_declared_is_written(tmp_path, ending):
    path = tmp_path / f"mine.{ending}"
    write_result(make_table(), path)
    assert read_table(path).equals(make_table())


@pytest.mark.parametrize("rows", [0, 2])
def test_columns_without_values_have_any_type(rows):
    check_table("mine", pl.DataFrame({name: [None] * rows for name in make_table().columns}, strict=False))
    check_table("mine", pl.DataFrame({name: [None] * rows for name in make_table().columns}).cast(pl.String))


@pytest.mark.parametrize(
    ("table", "words"),
    [
        (make_table().drop("accuracy_low"), "the column accuracy_low is missing"),
        (make_table(more=[1, 2]), "the column more is not declared"),
        (make_table(name=[1, 2]), "the column name has values of type Int64, not of kind text"),
        (make_table(n=[0.5, 1.0]), "the column n has values of type Float64, not of kind integer"),
        (make_table(accuracy=["0.5", None]), "the column accuracy has values of type String, not of kind number"),
        (make_table(differs=[0, 1]), "the column differs has values of type Int64, not of kind boolean"),
        (make_table(n=[-1, 1]), "the column n has the value -1, below 0"),
        (make_table(accuracy=[0.5, 1.5]), "the column accuracy has the value 1.5, above 1"),
        (make_table(accuracy_low=[-0.5, 0.5]), "the column accuracy_low has the value -0.5, below 0"),
        (make_table(cosine=[math.nan, -1.5]), "the column cosine has the value -1.5, below -1"),
    ],
)
def test_another_table_is_refused(tmp_path, table, words):
    with pytest.raises(AssertionError) as refused:
        write_result(table, tmp_path / "mine.csv")
    assert str(refused.value) == f"the table mine is not as synthdiv.catalog declares it: {words}"
    assert not (tmp_path / "mine.csv").exists()


def test_all_that_is_wrong_is_named():
    with pytest.raises(AssertionError, match=r"the column name is missing; the column n has the value -1, below 0$"):
        check_table("mine", make_table(n=[-1, 1]).drop("name"))


def test_an_undeclared_table_is_refused(tmp_path):
    with pytest.raises(AssertionError, match=r"the table other is not as .*: it is not declared$"):
        write_result(GOOD, tmp_path / "other.csv")


def test_whole_numbers_are_numbers_and_values_that_are_not_finite_have_no_range():
    check_table("mine", make_table(accuracy=[0, 1], cosine=[math.nan, math.nan]))


def test_names_that_are_numbers_are_read_as_names(tmp_path):
    table = make_table(name=["1", "2"])
    write_result(table, tmp_path / "mine.csv")
    read = read_table(tmp_path / "mine.csv", list_text_columns("mine"))
    check_table("mine", read)
    assert read["name"].to_list() == ["1", "2"]
