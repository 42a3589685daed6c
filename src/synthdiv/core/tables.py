"""Read and write result tables: CSV or Parquet."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import polars as pl

from synthdiv.core.files import replace_atomically


def write_table(table: pl.DataFrame, path: Path | str) -> None:
    """Write a table as CSV or Parquet, by the path's suffix."""
    with replace_atomically(path) as temporary:
        if str(path).endswith(".csv"):
            table.write_csv(temporary)
        else:
            table.write_parquet(temporary)


def read_table(path: Path | str, schema: Mapping[str, Any] | None = None) -> pl.DataFrame:
    """Read a table of :func:`write_table`.

    Parameters
    ----------
    path : Path or str
        CSV or Parquet, by its suffix.
    schema : mapping of column name to polars type, optional
        Types of a CSV's columns; it may name others too. All other types are inferred from all values of a column: an empty
        column is text, except ``differs``, and a column of names that are all numbers is numeric.
    """
    if str(path).endswith(".csv"):
        types = {"differs": pl.Boolean, **(schema or {})}
        return pl.read_csv(path, infer_schema_length=None, schema_overrides=types)
    return pl.read_parquet(path)
