"""Thumbnails: each image at 16 x 16 pixels, with the digest of its file, to find images that are the same picture.

Two thumbnails are compared by the correlation of their pixels after each channel's mean is subtracted: it does not change
with brightness, contrast or tint, and little with noise and compression.
"""

from __future__ import annotations

import math
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from PIL import Image

from synthdiv.core.files import replace_atomically
from synthdiv.core.tables import ROWS, check_columns, check_rows, refuse_damage
from synthdiv.images.archive import DIGEST_SIZE
from synthdiv.images.flags import UNIFORM_DEVIATION
from synthdiv.images.index import load_image

SIDE = 16
"""Pixels of a thumbnail's side: 8 tell fewer images apart, and 32 keep more of the noise of compression."""
BATCH = 8192
"""Images that are shrunk or read at once."""
PLACE = ("class_id", "split", "index", "file", "offset", "size", "digest")
SCHEMA = pa.schema(
    [
        pa.field("class_id", pa.int32(), nullable=False),
        pa.field("split", pa.string(), nullable=False),
        pa.field("index", pa.int32(), nullable=False),
        pa.field("file", pa.string(), nullable=False),
        pa.field("offset", pa.int64(), nullable=False),
        pa.field("size", pa.int64(), nullable=False),
        pa.field("digest", pa.binary(DIGEST_SIZE), nullable=False),
        pa.field("pixels", pa.binary(3 * SIDE * SIDE), nullable=False),
    ]
)


@dataclass(frozen=True)
class Thumbnails:
    """The thumbnails of one split of a set.

    Attributes
    ----------
    rows : polars.DataFrame
        class_id, index, file, offset, size and digest of each image, sorted by class_id and index; file, offset and size are
        null for images that are known by their vectors alone.
    pixels : uint8 array of shape (n, SIDE, SIDE, 3)
    """

    rows: pl.DataFrame
    pixels: np.ndarray

    def __len__(self) -> int:
        return len(self.pixels)

    @property
    def have_files(self) -> bool:
        """Whether the images have files."""
        return not self.rows["file"].has_nulls()

    def list_textured(self) -> np.ndarray:
        """Return the numbers of the images that are not nearly uniform: others have no structure to compare."""
        parts = range(0, len(self), BATCH)
        deviations = [self.pixels[n : n + BATCH].astype(np.float32).std(axis=(1, 2)).max(axis=1) for n in parts]
        return np.flatnonzero(np.concatenate([*deviations, np.zeros(0, np.float32)]) > UNIFORM_DEVIATION)


def shrink_image(image: Image.Image, side: int = SIDE) -> np.ndarray:
    """Return an RGB image at ``side`` x ``side`` pixels, each the mean of its area: uint8 array of shape (side, side, 3)."""
    return np.asarray(image.resize((side, side), Image.Resampling.BOX))


def _describe_image(row: dict[str, Any]) -> dict[str, Any]:
    return row | {"pixels": shrink_image(load_image(row)).tobytes()}


def write_thumbnails(path: Path | str, images: pa.Table, threads: int) -> None:
    """Write the thumbnails of the rows of an index.

    Parameters
    ----------
    path : Path or str
        A Parquet file.
    images : pyarrow.Table
        Rows of an index.
    threads : int
        Threads that read and decode.
    """
    rows = images.select(list(PLACE))
    schema = SCHEMA.with_metadata({ROWS: str(len(rows)).encode()})
    with (
        ThreadPoolExecutor(threads) as pool,
        replace_atomically(path) as temporary,
        pq.ParquetWriter(temporary, schema, compression="zstd", write_page_checksum=True) as writer,
    ):
        for start in range(0, len(rows), BATCH):
            found = pool.map(_describe_image, rows.slice(start, BATCH).to_pylist())
            writer.write_table(pa.Table.from_pylist(list(found), schema=schema))


def read_thumbnails(path: Path | str, split: str) -> Thumbnails:
    """Read the thumbnails of a split.

    Raises
    ------
    StudyError
        If the file is damaged.
    """
    with refuse_damage(path), pq.ParquetFile(path, page_checksum_verification=True) as file:
        check_columns(file.schema_arrow, SCHEMA)
        parts, count = [], 0
        for batch in file.iter_batches(batch_size=BATCH, use_threads=False):
            parts.append(_select(batch, split))
            count += len(batch)
        check_rows(file.schema_arrow, count)
    empty = Thumbnails(_to_frame(SCHEMA.empty_table()), np.zeros((0, SIDE, SIDE, 3), np.uint8))
    rows, pixels = pl.concat([empty.rows, *(one.rows for one in parts)]), [empty.pixels, *(one.pixels for one in parts)]
    order = rows.select(pl.arg_sort_by("class_id", "index")).to_series().to_numpy()
    return Thumbnails(rows[order], np.concatenate(pixels)[order])


def _select(batch: pa.RecordBatch, split: str) -> Thumbnails:
    chosen = batch.filter(pc.equal(batch["split"], split))
    pixels = np.frombuffer(b"".join(chosen["pixels"].to_pylist()), np.uint8).reshape(-1, SIDE, SIDE, 3)
    return Thumbnails(_to_frame(pa.Table.from_batches([chosen])), pixels)


def _to_frame(table: pa.Table) -> pl.DataFrame:
    frame = pl.from_arrow(table.drop_columns(["split", "pixels"]))
    assert isinstance(frame, pl.DataFrame)
    return frame


def standardise(pixels: np.ndarray) -> np.ndarray:
    """Return images as unit vectors, with each channel's mean subtracted; their products are correlations.

    Parameters
    ----------
    pixels : array of shape (n, height, width, 3)

    Returns
    -------
    float32 array of shape (n, height * width * 3)
        Zeros for an image whose channels are constant.
    """
    wide = pixels.astype(np.float32)
    wide -= wide.mean(axis=(1, 2), keepdims=True)
    flat = wide.reshape(len(wide), math.prod(wide.shape[1:]))
    lengths = np.linalg.norm(flat, axis=1, keepdims=True)
    return flat / np.where(lengths > 0, lengths, 1)
