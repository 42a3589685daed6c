"""Read and write result tables: CSV or Parquet."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

from synthdiv.core.errors import StudyError
from synthdiv.core.files import replace_atomically

METADATA_KEY = b"synthdiv"
"""The key of what a Parquet file of images or embeddings says of all its rows."""
ROWS = b"rows"
"""The key of the number of rows in a Parquet file's metadata."""


@contextmanager
def refuse_damage(path: Path | str) -> Iterator[None]:
    """Turn what pyarrow and polars say of a damaged file into a sentence.

    Raises
    ------
    StudyError
        If the block cannot read the file because of its content.
    """
    try:
        yield
    except FileNotFoundError:
        raise
    except (pa.ArrowException, pl.exceptions.PolarsError, OSError, KeyError, ValueError) as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise StudyError(f"{path} is damaged ({reason}): delete it and run the study again") from None


def check_columns(schema: pa.Schema, expected: pa.Schema) -> None:
    """Check the columns of a Parquet file, which its page checksums do not cover.

    Raises
    ------
    ValueError
        If they differ.
    """
    if not schema.equals(expected):
        raise ValueError(f"its columns are {', '.join(f'{field.name} ({field.type})' for field in schema)}")


def check_rows(schema: pa.Schema, rows: int) -> None:
    """Check the number of rows that were read, which :data:`ROWS` gives; page checksums do not cover it.

    Raises
    ------
    ValueError
        If it differs.
    """
    if (schema.metadata or {}).get(ROWS) != str(rows).encode():
        raise ValueError(f"{rows} rows are left")


def make_metadata(metadata: Mapping[str, Any], rows: int) -> dict[bytes, bytes]:
    """Make the metadata of a Parquet file: what it says of all its rows, and their number."""
    return {METADATA_KEY: json.dumps(dict(metadata), sort_keys=True).encode(), ROWS: str(rows).encode()}


def read_metadata(path: Path | str) -> dict[str, Any]:
    """Read what a Parquet file with :func:`make_metadata` says of all its rows: the recipe of images, or an encoder.

    Raises
    ------
    StudyError
        If the file is damaged.
    """
    with refuse_damage(path):
        return json.loads(pq.read_schema(path).metadata[METADATA_KEY])


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

    Raises
    ------
    StudyError
        If the file is empty or damaged.
    """
    with refuse_damage(path):
        if str(path).endswith(".csv"):
            types = {"differs": pl.Boolean, **(schema or {})}
            return pl.read_csv(path, infer_schema_length=None, schema_overrides=types)
        return pl.read_parquet(path)
