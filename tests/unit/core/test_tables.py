"""Test that tables are read as they were written, whatever their values look like."""

import polars as pl
import pytest

from synthdiv.core.errors import StudyError
from synthdiv.core.tables import read_table, write_table

SCHEMA = {"name": pl.String, "value": pl.Float64, "differs": pl.Boolean}


@pytest.mark.parametrize("ending", ["csv", "parquet"])
@pytest.mark.parametrize("rows", [0, 1, 300])
def test_a_table_is_read_as_it_was_written(tmp_path, ending, rows):
    """Names may be numbers, and the first value of a column may come late or never."""
    table = pl.DataFrame(
        {"name": [str(n) for n in range(rows)], "value": [None] * (rows - 1) + [0.5] * (rows > 1) + [None] * (rows == 1)},
        schema={"name": pl.String, "value": pl.Float64},
    ).with_columns(differs=pl.lit(None, pl.Boolean))
    path = tmp_path / f"table.{ending}"
    write_table(table, path)
    assert read_table(path, SCHEMA).equals(table)
    assert read_table(path, SCHEMA).schema == table.schema


def test_without_a_schema_a_late_value_determines_the_type(tmp_path):
    path = tmp_path / "table.csv"
    write_table(pl.DataFrame({"value": [None] * 299 + [0.5]}), path)
    assert read_table(path).schema == {"value": pl.Float64}


@pytest.mark.parametrize(
    ("name", "content"),
    [("a.csv", b""), ("a.csv", b"x,y\n1,2\n3,4,5\n"), ("a.parquet", b""), ("a.parquet", b"PAR1 and more")],
)
def test_a_damaged_table_is_refused_in_a_sentence(tmp_path, name, content):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(StudyError, match=rf"{name} is damaged \(.+\): delete it and run the study again"):
        read_table(tmp_path / name)
