"""Read and write embedding tables.

A table holds one row per vector, sorted by class_id, split (train first) and index. ``embedding`` is a fixed-size list, and
``length`` is the vector's length before normalisation. Embeddings by this workflow's encoders are stored as fp16,
user-provided ones as fp64.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from synthdiv.core.files import replace_atomically
from synthdiv.core.tables import check_columns, check_rows, make_metadata, refuse_damage

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
    kind = pa.from_numpy_dtype(vectors.dtype)
    schema = _make_schema(kind, vectors.shape[1], with_seeds=seeds is not None).with_metadata(
        make_metadata(metadata, len(order))
    )
    columns = {
        "seed": pa.array([int(row_seeds[n]) for n in order], pa.int64()),
        "class_id": pa.array([int(class_ids[n]) for n in order], pa.int32()),
        "split": pa.array([splits[n] for n in order], pa.string()),
        "index": pa.array([int(indices[n]) for n in order], pa.int32()),
        "length": pa.array(np.asarray(lengths, dtype=np.float64)[order], pa.float64()),
    }
    plain = [name for name in schema.names if name in columns]
    with (
        replace_atomically(path) as temporary,
        pq.ParquetWriter(
            temporary,
            schema,
            compression={**dict.fromkeys(plain, "zstd"), "embedding.list.element": "none"},
            use_dictionary=["split"],
            write_statistics=plain,
            write_page_checksum=True,
            store_schema=True,
        ) as writer,
    ):
        # one row group at a time: a sorted copy of a whole set's vectors would take gigabytes more
        for start in range(0, len(order), ROW_GROUP):
            part = slice(start, start + ROW_GROUP)
            own_vectors = pa.array(np.ascontiguousarray(vectors[order[part]]).reshape(-1), type=kind)
            column = pa.FixedSizeListArray.from_arrays(own_vectors, type=schema.field("embedding").type)
            writer.write_table(
                pa.table([*(columns[name][part] for name in plain), column], schema=schema), row_group_size=ROW_GROUP
            )


def _make_schema(kind: pa.DataType, size: int, *, with_seeds: bool) -> pa.Schema:
    fields = [("class_id", pa.int32()), ("split", pa.string()), ("index", pa.int32()), ("length", pa.float64())]
    fields = [("seed", pa.int64()), *fields] if with_seeds else fields
    embedding = ("embedding", pa.list_(pa.field("item", kind, nullable=False), size))
    return pa.schema([pa.field(name, kind, nullable=False) for name, kind in [*fields, embedding]])


def _find_schema(found: pa.Schema) -> pa.Schema:
    """Return the schema of a table whose vectors are as in a schema that was read."""
    vectors = found.field("embedding").type
    if not pa.types.is_fixed_size_list(vectors):
        raise ValueError("its column embedding has no vectors of one length")
    return _make_schema(vectors.value_type, vectors.list_size, with_seeds="seed" in found.names)


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
            with (
                refuse_damage(path),
                pq.ParquetFile(path, pre_buffer=False, page_checksum_verification=True) as file,
            ):
                check_columns(file.schema_arrow, _find_schema(file.schema_arrow))
                rows = 0
                for batch in file.iter_batches(batch_size=self.rows, use_threads=False):
                    rows += len(batch)
                    yield self._select(batch)
                check_rows(file.schema_arrow, rows)

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
        order = np.lexsort((joined.indices, joined.class_ids))
        # tables are sorted, so usually there is nothing to copy
        return joined if (order == np.arange(len(order))).all() else joined[order]


def join_embeddings(parts: Sequence[Embeddings]) -> Embeddings:
    """Concatenate embeddings."""
    if len(parts) == 1:
        return parts[0]
    return Embeddings(
        *(np.concatenate([getattr(part, name) for part in parts]) for name in ("class_ids", "indices", "vectors", "lengths"))
    )


def select_rows(blocks: Iterable[Embeddings], class_ids: np.ndarray, indices: np.ndarray) -> Embeddings:
    """Return the rows with the given classes and indices, sorted by these.

    Parameters
    ----------
    blocks : iterable of Embeddings
        Not empty.
    class_ids, indices : int64 arrays of shape (m,)
    """
    wanted = _join_keys(class_ids, indices)
    joined = join_embeddings([block[np.isin(_join_keys(block.class_ids, block.indices), wanted)] for block in blocks])
    return joined[np.lexsort((joined.indices, joined.class_ids))]


def _join_keys(class_ids: np.ndarray, indices: np.ndarray) -> np.ndarray:
    return (class_ids << 32) + indices
