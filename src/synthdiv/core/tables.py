"""Tables that people read: CSV, or Parquet."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import polars as pl

from synthdiv.core.files import replace_atomically


def write_table(table: pl.DataFrame, path: Path | str) -> None:
    """Write a table as CSV or Parquet, by the path's ending."""
    with replace_atomically(path) as temporary:
        if str(path).endswith(".csv"):
            table.write_csv(temporary)
        else:
            table.write_parquet(temporary)


def read_table(path: Path | str, schema: Mapping[str, Any] | None = None) -> pl.DataFrame:
    """Read what :func:`write_table` wrote.

    Parameters
    ----------
    path : Path or str
        CSV or Parquet, by its ending.
    schema : mapping of column name to polars type, optional
        Of a CSV's columns, or of others too. The kind of any other column is seen from all its values: of a column without a
        value it is text, but for ``differs``; a column of names that are all numbers is one of numbers.
    """
    if str(path).endswith(".csv"):
        kinds = {"differs": pl.Boolean, **(schema or {})}
        return pl.read_csv(path, infer_schema_length=None, schema_overrides=kinds)
    return pl.read_parquet(path)
