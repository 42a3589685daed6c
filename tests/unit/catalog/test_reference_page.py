"""The reference page is that of the declarations."""

from workplace import REPOSITORY

from synthdiv.catalog.reference_page import describe_table, describe_values, write_page
from synthdiv.catalog.table import Column, Table, bounded, integer, number, share
from synthdiv.catalog.tables import TABLES


def test_the_page_is_up_to_date():
    assert (REPOSITORY / "docs" / "reference" / "tables.md").read_text() == write_page(), "run `make reference`"


def test_every_column_is_on_the_page():
    page = write_page()
    for table in TABLES.values():
        assert all(f"`{column.name}`" in page for column in table.columns)
        assert all(f"{table.name}.{ending}`" in page for ending in table.files)


def test_a_table_is_described():
    columns = (Column("set", "the set"), *bounded(share("top1", "accuracy")), number("seconds", "time", 0, unit="s"))
    table = Table("mine", "Accuracies.", "set", columns, "Mine", ("csv", "parquet"), note="Sorted.", rule="measure")
    assert list(describe_table(table)) == [
        "### `mine.csv` and `mine.parquet`",
        "",
        "Accuracies. One row per set. Sorted.",
        "",
        "| column | meaning | values |",
        "|---|---|---|",
        "| `set` | the set | text |",
        "| `top1` | accuracy | number, 0 to 1 |",
        "| `top1_low`, `top1_high` | bounds of `top1` | number, 0 to 1 |",
        "| `seconds` | time | number, from 0, in s |",
    ]


def test_ranges_are_described():
    assert describe_values(integer("n", "count")) == "integer, from 0"
    assert describe_values(integer("seed", "seed", None)) == "integer"
    assert describe_values(number("gap", "gap", high=1)) == "number, up to 1"
    assert describe_values(number("cosine", "cosine", -1, 1)) == "number, -1 to 1"
    assert describe_values(number("chance", "chance", 0, 0.5)) == "number, 0 to 0.5"
