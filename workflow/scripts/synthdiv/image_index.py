"""The index table: a row an image, a file a shard, wherever the images came from.

An image is a run of bytes of a file. Whatever reads an index (embedding, training, contact sheets) never cares whether
that file is a block of the archive, a natural image, or a tar that the user brought.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from synthdiv.files import replace_atomically

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


def write_index(path: Path | str, rows: Iterable[dict[str, Any]], facts: dict[str, Any]) -> None:
    """Write an index, sorted by class_id, split (train first) and index, with ``facts`` in the file's metadata."""
    ordered = sorted(rows, key=lambda row: (row["class_id"], row["split"] != "train", row["split"], row["index"]))
    table = pa.Table.from_pylist(ordered, schema=SCHEMA)
    table = table.replace_schema_metadata({METADATA_KEY: json.dumps(facts, sort_keys=True).encode()})
    with replace_atomically(path) as temporary:
        pq.write_table(table, temporary, compression="zstd")


def read_index(path: Path | str) -> pa.Table:
    """Read an index."""
    return pq.read_table(path)


def read_facts(path: Path | str) -> dict[str, Any]:
    """What the index says of all its images: for drawn ones the recipe and the guidance scale."""
    return json.loads(pq.read_schema(path).metadata[METADATA_KEY])


def select_rows(table: pa.Table, *, class_ids: Iterable[int], exclude_flags: Iterable[str]) -> list[dict[str, Any]]:
    """The rows of some classes without those that carry an excluded flag; an undecodable image is always left out."""
    wanted, excluded = set(class_ids), {"undecodable", *exclude_flags}
    return [row for row in table.to_pylist() if row["class_id"] in wanted and not excluded & set(row["flags"])]
