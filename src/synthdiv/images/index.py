"""The index table: a row an image, a file a shard, wherever the images came from.

An image is a run of bytes of a file. Whatever reads an index (embedding, training, contact sheets) never cares whether
that file is a block of the archive, a natural image, or a tar that the user brought.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable
from itertools import islice
from pathlib import Path
from typing import Any

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

from synthdiv.core.errors import StudyError
from synthdiv.core.files import replace_atomically

SCHEMA = pa.schema(
    [
        pa.field("class_id", pa.int32(), nullable=False),
        pa.field("split", pa.string(), nullable=False),
        pa.field("index", pa.int32(), nullable=False),
        pa.field("prompt", pa.string()),
        pa.field("seed", pa.int64()),
        pa.field("file", pa.string(), nullable=False),
        pa.field("offset", pa.int64(), nullable=False),
        pa.field("size", pa.int64(), nullable=False),
        pa.field("flags", pa.list_(pa.string()), nullable=False),
    ]
)
METADATA_KEY = b"synthdiv"


TOGETHER = 10_000
"""Rows that are gathered before they become columns: those of a million images would take gigabytes."""


def write_index(path: Path | str, rows: Iterable[dict[str, Any]], metadata: dict[str, Any]) -> int:
    """Write an index, sorted by class_id, split (train first) and index, with ``facts`` in the file's metadata.

    Returns
    -------
    int
        How many rows there are.
    """
    waiting = iter(rows)
    parts = [SCHEMA.empty_table()]
    while part := list(islice(waiting, TOGETHER)):
        parts.append(pa.Table.from_pylist(part, schema=SCHEMA))
    table = pa.concat_tables(parts)
    frame = pl.from_arrow(table.select(["class_id", "split", "index"]))
    assert isinstance(frame, pl.DataFrame)
    order = frame.select(pl.arg_sort_by("class_id", pl.col("split") != "train", "split", "index")).to_series()
    table = table.take(order.to_arrow())
    table = table.replace_schema_metadata({METADATA_KEY: json.dumps(metadata, sort_keys=True).encode()})
    with replace_atomically(path) as temporary:
        pq.write_table(table, temporary, compression="zstd")
    return table.num_rows


def read_index(path: Path | str) -> pa.Table:
    """Read an index."""
    return pq.read_table(path)


def read_metadata(path: Path | str) -> dict[str, Any]:
    """What the index says of all its images: for drawn ones the recipe and the guidance scale."""
    return json.loads(pq.read_schema(path).metadata[METADATA_KEY])


def select_images(
    table: pa.Table, *, exclude_flags: Iterable[str], class_ids: Iterable[int] | None = None, split: str | None = None
) -> pa.Table:
    """The rows without those that carry an excluded flag; an undecodable image is always left out.

    Parameters
    ----------
    table : pyarrow.Table
        An index.
    exclude_flags : iterable of str
        Flags.
    class_ids : iterable of int, optional
        Only these classes.
    split : str, optional
        Only this split.
    """
    frame = pl.from_arrow(table)
    assert isinstance(frame, pl.DataFrame)
    wanted = pl.col("flags").list.set_intersection(["undecodable", *exclude_flags]).list.len() == 0
    if class_ids is not None:
        wanted &= pl.col("class_id").is_in(list(class_ids))
    if split is not None:
        wanted &= pl.col("split") == split
    return table.filter(pa.array(frame.select(wanted).to_series().to_numpy()))


def locate_images(table: pa.Table) -> dict[str, Any]:
    """Columns file, offset, size, class_id and index, each in one piece of memory that processes share."""
    columns: dict[str, Any] = {"file": table["file"].combine_chunks()}
    return columns | {name: table[name].to_numpy() for name in ("offset", "size", "class_id", "index")}


def check_archive(table: pa.Table, path: Path | str) -> None:
    """Make sure that every block that an index names is still there.

    Raises
    ------
    StudyError
        If one is not: which, and the command that mends it.
    """
    files = table["file"].unique().to_pylist()
    missing = [file for file in files if file.endswith(".tar") and not os.path.exists(file)]
    if missing:
        others = f" and {len(missing) - 1} more" if len(missing) > 1 else ""
        raise StudyError(
            f"the archive lacks the block {missing[0]}{others}, which {path} names. This draws or copies it again:\n"
            f"  snakemake --profile local --force {path}\n(with the --configfile and the profile that you use)"
        )
