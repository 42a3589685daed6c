"""Read and write index tables: one row per image, one file per shard, for generated and natural images alike.

An image is a byte range of a file. The readers of an index (embedding, training, contact sheets) need not know whether that
file is a block of the archive, a natural image or a user-provided tar.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable, Mapping
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
from PIL import Image

from synthdiv.core.errors import StudyError
from synthdiv.core.files import replace_atomically
from synthdiv.core.tables import check_columns, check_rows, make_metadata, refuse_damage
from synthdiv.images.archive import DIGEST_SIZE, read_image
from synthdiv.images.flags import decode_image

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
        pa.field("digest", pa.binary(DIGEST_SIZE), nullable=False),
        pa.field("flags", pa.list_(pa.string()), nullable=False),
    ]
)


ROWS_PER_BATCH = 10_000
"""Rows that are converted to columns at once: the rows of a million images would take gigabytes."""


def write_index(path: Path | str, rows: Iterable[dict[str, Any]], metadata: dict[str, Any]) -> int:
    """Write an index, sorted by class_id, split (train first) and index, and store ``metadata`` in the file.

    Returns
    -------
    int
        The number of rows.
    """
    remaining = iter(rows)
    parts = [SCHEMA.empty_table()]
    while part := list(islice(remaining, ROWS_PER_BATCH)):
        parts.append(pa.Table.from_pylist(part, schema=SCHEMA))
    table = pa.concat_tables(parts)
    frame = pl.from_arrow(table.select(["class_id", "split", "index"]))
    assert isinstance(frame, pl.DataFrame)
    order = frame.select(pl.arg_sort_by("class_id", pl.col("split") != "train", "split", "index")).to_series()
    table = table.take(order.to_arrow())
    table = table.replace_schema_metadata(make_metadata(metadata, len(table)))
    with replace_atomically(path) as temporary:
        pq.write_table(table, temporary, compression="zstd", write_page_checksum=True)
    return table.num_rows


def read_index(path: Path | str) -> pa.Table:
    """Read an index.

    Raises
    ------
    StudyError
        If it is damaged.
    """
    with refuse_damage(path):
        table = pq.read_table(path, page_checksum_verification=True)
        check_columns(table.schema, SCHEMA)
        check_rows(table.schema, len(table))
        return table


def select_images(
    table: pa.Table, *, exclude_flags: Iterable[str], class_ids: Iterable[int] | None = None, split: str | None = None
) -> pa.Table:
    """Return the rows without an excluded flag; undecodable images are always left out.

    Parameters
    ----------
    table : pyarrow.Table
        An index.
    exclude_flags : iterable of str
        Flags to exclude.
    class_ids : iterable of int, optional
        Only these classes.
    split : str, optional
        Only this split.
    """
    frame = pl.from_arrow(table)
    assert isinstance(frame, pl.DataFrame)
    selected = pl.col("flags").list.set_intersection(["undecodable", *exclude_flags]).list.len() == 0
    if class_ids is not None:
        selected &= pl.col("class_id").is_in(list(class_ids))
    if split is not None:
        selected &= pl.col("split") == split
    return table.filter(pa.array(frame.select(selected).to_series().to_numpy()))


def load_image(row: Mapping[str, Any]) -> Image.Image:
    """Read and decode the image of an index's row.

    Raises
    ------
    StudyError
        If it cannot be read, or is not the one that was indexed.
    """
    return decode_image(read_image(row["file"], row["offset"], row["size"], row["digest"]))


def locate_images(table: pa.Table) -> dict[str, Any]:
    """Return the columns file, offset, size, digest, class_id and index, each in one buffer that processes can share."""
    digests = table["digest"].combine_chunks()
    columns = {
        "file": table["file"].combine_chunks(),
        "digest": np.frombuffer(digests.buffers()[1], f"V{DIGEST_SIZE}", len(digests), digests.offset * DIGEST_SIZE),
    }
    return columns | {name: table[name].to_numpy() for name in ("offset", "size", "class_id", "index")}


def digest_images(table: pa.Table) -> str:
    """Return a digest of which images and labels the rows of an index are, wherever the images are stored."""
    digest = hashlib.sha256()
    for name in ("class_id", "index"):
        digest.update(table[name].to_numpy().tobytes())
    digest.update(b"".join(table["digest"].to_pylist()))
    return digest.hexdigest()


def check_archive(table: pa.Table, path: Path | str) -> None:
    """Check that every block that an index names still exists.

    Raises
    ------
    StudyError
        If one is missing; the message names it and the command that restores it.
    """
    files = table["file"].unique().to_pylist()
    missing = [file for file in files if file.endswith(".tar") and not os.path.exists(file)]
    if missing:
        others = f" and {len(missing) - 1} more" if len(missing) > 1 else ""
        raise StudyError(
            f"the archive lacks the block {missing[0]}{others}, which {path} names. This generates or copies it again:\n"
            f"  snakemake --profile local --force {path}\n(with the --configfile and the profile that you use)"
        )
