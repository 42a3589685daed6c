"""Tables that people read: CSV, or Parquet."""

from __future__ import annotations

from pathlib import Path

import polars as pl

from synthdiv.files import replace_atomically


def write_table(table: pl.DataFrame, path: Path | str) -> None:
    """Write a table as CSV or Parquet, by the path's ending."""
    with replace_atomically(path) as temporary:
        if str(path).endswith(".csv"):
            table.write_csv(temporary)
        else:
            table.write_parquet(temporary)


def read_table(path: Path | str) -> pl.DataFrame:
    """Read what :func:`write_table` wrote; of a CSV without rows the kinds of columns are not seen, but for ``differs``."""
    if str(path).endswith(".csv"):
        return pl.read_csv(path, infer_schema_length=None, schema_overrides={"differs": pl.Boolean})
    return pl.read_parquet(path)
