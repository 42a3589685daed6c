"""Read and write embedding tables.

A table holds one row per vector, sorted by class_id, split (train first) and index. ``embedding`` is a fixed-size list, and
``length`` is the vector's length before normalisation. Embeddings by this workflow's encoders are stored as fp16,
user-provided ones as fp64.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from synthdiv.core.files import replace_atomically

METADATA_KEY = b"synthdiv"
ROW_GROUP = 8192


@dataclass(frozen=True)
class Embeddings:
    """Vectors with their class_ids and indices, sorted by class_id and index.

    Attributes
    ----------
    class_ids : int64 array of shape (n,)
    indices : int64 array of shape (n,)
    vectors : float16 or float64 array of shape (n, d)
        As stored; of unit length up to rounding.
    lengths : float64 array of shape (n,)
        The vectors' lengths before normalisation.
    """

    class_ids: np.ndarray
    indices: np.ndarray
    vectors: np.ndarray
    lengths: np.ndarray

    def __len__(self) -> int:
        return len(self.class_ids)

    def __getitem__(self, rows: slice | np.ndarray) -> Embeddings:
        return Embeddings(self.class_ids[rows], self.indices[rows], self.vectors[rows], self.lengths[rows])


def write_embeddings(
    path: Path | str,
    class_ids: Sequence[int] | np.ndarray,
    splits: Sequence[str],
    indices: Sequence[int] | np.ndarray,
    vectors: np.ndarray,
    lengths: np.ndarray,
    metadata: Mapping[str, Any],
    *,
    seeds: Sequence[int] | None = None,
) -> None:
    """Write an embedding table.

    The column of vectors has no compression, encoding or statistics, and so is read ten times faster than by default.

    Parameters
    ----------
    path : Path or str
        The Parquet file.
    class_ids, splits, indices : sequences of length n
        The class, split and index of each row.
    vectors : float16 or float64 array of shape (n, d)
        Unit vectors, in the dtype to store.
    lengths : float array of shape (n,)
        The vectors' lengths before normalisation.
    metadata : mapping
        The file's metadata: encoder, weights, versions.
    seeds : sequence of int of length n, optional
        The training seed of the model that produced each row, if there are several: written as the first column, by which
        the rows are sorted first.
    """
    row_seeds = [0] * len(class_ids) if seeds is None else seeds
    order = sorted(
        range(len(class_ids)), key=lambda n: (row_seeds[n], class_ids[n], splits[n] != "train", splits[n], indices[n])
    )
    item = pa.field("item", pa.from_numpy_dtype(vectors.dtype), nullable=False)
    kind = pa.list_(item, vectors.shape[1])
    table = pa.table(
        [
            pa.array([int(class_ids[n]) for n in order], pa.int32()),
            pa.array([splits[n] for n in order], pa.string()),
            pa.array([int(indices[n]) for n in order], pa.int32()),
            pa.array(np.asarray(lengths, dtype=np.float64)[order], pa.float64()),
        ],
        schema=pa.schema(
            [
                pa.field("class_id", pa.int32(), nullable=False),
                pa.field("split", pa.string(), nullable=False),
                pa.field("index", pa.int32(), nullable=False),
                pa.field("length", pa.float64(), nullable=False),
            ],
            metadata={METADATA_KEY: json.dumps(dict(metadata), sort_keys=True).encode()},
        ),
    )
    if seeds is not None:
        column = pa.array([int(seeds[n]) for n in order], pa.int64())
        table = table.add_column(0, pa.field("seed", pa.int64(), nullable=False), column)
    plain, field = table.column_names, pa.field("embedding", kind, nullable=False)
    with (
        replace_atomically(path) as temporary,
        pq.ParquetWriter(
            temporary,
            table.schema.append(field),
            compression={**dict.fromkeys(plain, "zstd"), "embedding.list.element": "none"},
            use_dictionary=["split"],
            write_statistics=plain,
            store_schema=True,
        ) as writer,
    ):
        # one row group at a time: a sorted copy of a whole set's vectors would take gigabytes more
        for start in range(0, len(table), ROW_GROUP):
            part = np.ascontiguousarray(vectors[order[start : start + ROW_GROUP]]).reshape(-1)
            column = pa.FixedSizeListArray.from_arrays(pa.array(part, type=item.type), type=kind)
            writer.write_table(table[start : start + ROW_GROUP].append_column(field, column), row_group_size=ROW_GROUP)


def make_unit(vectors: np.ndarray) -> np.ndarray:
    """Return the vectors scaled to unit length, in fp64; a zero vector stays zero.

    Parameters
    ----------
    vectors : array of shape (n, d)

    Returns
    -------
    float64 array of shape (n, d)
    """
    wide = vectors.astype(np.float64)
    lengths = np.sqrt((wide * wide).sum(axis=1, keepdims=True))
    wide /= np.where(lengths > 0, lengths, 1)
    return wide


class EmbeddingTables:
    """One split of the tables that make up a set, to be read block by block (by iterating, repeatedly if needed) or whole.

    Parameters
    ----------
    paths : iterable of Path or str
        The set's shards.
    split : str
        "train" or "evaluation".
    rows : int
        Maximum number of rows per block.
    seed : int, optional
        The training seed whose rows are read, for tables with the embeddings of several trainings of a model.
    """

    def __init__(self, paths: Iterable[Path | str], split: str, *, rows: int = ROW_GROUP, seed: int | None = None) -> None:
        self.paths = list(paths)
        self.split = split
        self.rows = rows
        self.seed = seed

    def __iter__(self) -> Iterator[Embeddings]:
        pending: list[Embeddings] = []
        for part in self._read_parts():
            pending.append(part)
            while sum(map(len, pending)) >= self.rows:
                joined = join_embeddings(pending)
                yield joined[: self.rows]
                pending = [joined[self.rows :]]
        if sum(map(len, pending)):
            yield join_embeddings(pending)

    def _read_parts(self) -> Iterator[Embeddings]:
        for path in self.paths:
            with pq.ParquetFile(path, pre_buffer=False) as file:
                for batch in file.iter_batches(batch_size=self.rows, use_threads=False):
                    yield self._select(batch)

    def _select(self, batch: pa.RecordBatch) -> Embeddings:
        selected = pc.equal(batch["split"], self.split).to_numpy(zero_copy_only=False)
        if self.seed is not None:
            selected &= batch["seed"].to_numpy() == self.seed
        column = batch["embedding"]
        vectors = column.flatten().to_numpy(zero_copy_only=False).reshape(len(batch), column.type.list_size)
        lengths = batch["length"].to_numpy()
        return Embeddings(
            batch["class_id"].to_numpy()[selected].astype(np.int64),
            batch["index"].to_numpy()[selected].astype(np.int64),
            vectors[selected],
            lengths[selected],
        )

    def read(self) -> Embeddings:
        """Read all rows, sorted by class_id and index."""
        joined = join_embeddings(list(self._read_parts()))
        return joined[np.lexsort((joined.indices, joined.class_ids))]


def join_embeddings(parts: Sequence[Embeddings]) -> Embeddings:
    """Concatenate embeddings."""
    if len(parts) == 1:
        return parts[0]
    return Embeddings(
        *(np.concatenate([getattr(part, name) for part in parts]) for name in ("class_ids", "indices", "vectors", "lengths"))
    )


def read_metadata(path: Path | str) -> dict[str, Any]:
    """Read a table's metadata about its encoder."""
    return json.loads(pq.read_schema(path).metadata[METADATA_KEY])
