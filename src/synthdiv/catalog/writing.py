"""Write results tables that are as declared; others stop the job, since no later reader would know what they mean."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import polars as pl

from synthdiv.catalog.table import Column, Kind
from synthdiv.catalog.tables import TABLES
from synthdiv.core.tables import write_table

IS_KIND: dict[Kind, Callable[[pl.DataType], bool]] = {
    "text": lambda dtype: dtype == pl.String,
    "integer": lambda dtype: dtype.is_integer(),
    "number": lambda dtype: dtype.is_numeric(),
    "boolean": lambda dtype: dtype == pl.Boolean,
}
TOLERANCE = 1e-9
"""How far rounding may carry a value out of its range."""


def write_result(frame: pl.DataFrame, path: Path | str) -> None:
    """Check a results table against the declaration of its name, and write it as CSV or Parquet, by the path's suffix."""
    check_table(Path(path).stem, frame)
    write_table(frame, path)


def check_table(name: str, frame: pl.DataFrame) -> None:
    """Check that a results table is as declared.

    Raises
    ------
    AssertionError
        If it is not declared, if it lacks a column or has another one, or if a column has another kind or a finite value out
        of its range. The message names all that is wrong.
    """
    wrong = list(find_mistakes(name, frame))
    if wrong:
        raise AssertionError(f"the table {name} is not as synthdiv.catalog declares it: {'; '.join(wrong)}")


def find_mistakes(name: str, frame: pl.DataFrame) -> Iterator[str]:
    """Yield, in words, what of a results table is not as declared."""
    if name not in TABLES:
        yield "it is not declared"
        return
    declared = {column.name: column for column in TABLES[name].columns}
    yield from (f"the column {one} is missing" for one in declared if one not in frame.columns)
    yield from (f"the column {one} is not declared" for one in frame.columns if one not in declared)
    for one in frame.columns:
        # a column without values has any type: that of a CSV is text
        if one in declared and frame[one].null_count() < len(frame):
            yield from _find_mistakes_of(declared[one], frame[one])


def _find_mistakes_of(column: Column, values: pl.Series) -> Iterator[str]:
    if not IS_KIND[column.kind](values.dtype):
        yield f"the column {column.name} has values of type {values.dtype}, not of kind {column.kind}"
        return
    if column.low is None and column.high is None:
        return
    finite = values.filter(values.is_finite())
    lowest: Any = finite.min()
    highest: Any = finite.max()
    if lowest is not None and column.low is not None and lowest < column.low - TOLERANCE:
        yield f"the column {column.name} has the value {lowest}, below {column.low}"
    if highest is not None and column.high is not None and highest > column.high + TOLERANCE:
        yield f"the column {column.name} has the value {highest}, above {column.high}"


def list_text_columns(name: str) -> dict[str, Any]:
    """Return the types of a table's text columns, to read its CSV: names may be numbers there."""
    return {column.name: pl.String for column in TABLES[name].columns if column.kind == "text"}
