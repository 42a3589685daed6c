"""The embedding table, and the tables that users bring.

A table holds a row a vector, sorted by class_id, split (train first) and index: in ``embedding`` a fixed-size list, in
``length`` what the vector's length was before it was made a unit vector. What an encoder of this workflow made is stored as
fp16; what a user brought, as fp64.
"""

from __future__ import annotations

import glob
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from synthdiv.classes import ClassRow, read_csv_rows
from synthdiv.errors import StudyError
from synthdiv.files import replace_atomically
from synthdiv.identity import SPLITS

METADATA_KEY = b"synthdiv"
ROW_GROUP = 8192


@dataclass(frozen=True)
class Embeddings:
    """Vectors and what they are of, sorted by class_id and index.

    Attributes
    ----------
    class_ids : int64 array of shape (n,)
    indices : int64 array of shape (n,)
    vectors : float16 or float64 array of shape (n, d)
        As stored; nearly of unit length.
    lengths : float64 array of shape (n,)
        What the vectors' lengths were before they were made unit vectors.
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
    facts: Mapping[str, Any],
    *,
    seeds: Sequence[int] | None = None,
) -> None:
    """Write an embedding table.

    The vectors' column is neither compressed nor encoded nor measured: it reads ten times faster than by default.

    Parameters
    ----------
    path : Path or str
        The Parquet file.
    class_ids, splits, indices : sequences of length n
        What each row is of.
    vectors : float16 or float64 array of shape (n, d)
        Unit vectors, as they are to be stored.
    lengths : float array of shape (n,)
        The vectors' lengths before they were made unit vectors.
    facts : mapping
        For the file's metadata: encoder, weights, versions.
    seeds : sequence of int of length n, optional
        Which of several trainings of a model made each row: a first column, by which the rows are sorted first.
    """
    trained = [0] * len(class_ids) if seeds is None else seeds
    order = sorted(
        range(len(class_ids)), key=lambda n: (trained[n], class_ids[n], splits[n] != "train", splits[n], indices[n])
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
            metadata={METADATA_KEY: json.dumps(dict(facts), sort_keys=True).encode()},
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
        # a row group at a time: a whole set's vectors in order would be gigabytes beside those that are given
        for start in range(0, len(table), ROW_GROUP):
            part = np.ascontiguousarray(vectors[order[start : start + ROW_GROUP]]).reshape(-1)
            column = pa.FixedSizeListArray.from_arrays(pa.array(part, type=item.type), type=kind)
            writer.write_table(table[start : start + ROW_GROUP].append_column(field, column), row_group_size=ROW_GROUP)


def make_unit(vectors: np.ndarray) -> np.ndarray:
    """Vectors of unit length, in fp64; a zero vector stays one.

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
    """One split of the tables that make up a set, to be read block by block (by iterating, as often as needed) or whole.

    Parameters
    ----------
    paths : iterable of Path or str
        The set's shards.
    split : str
        "train" or "evaluation".
    rows : int
        Of a block, at most.
    seed : int, optional
        Of tables that hold what several trainings of a model made, the one whose rows are read.

    Raises
    ------
    StudyError
        On reading, if the shards hold vectors of different lengths.
    """

    def __init__(self, paths: Iterable[Path | str], split: str, *, rows: int = ROW_GROUP, seed: int | None = None) -> None:
        self.paths = list(paths)
        self.split = split
        self.rows = rows
        self.seed = seed

    def __iter__(self) -> Iterator[Embeddings]:
        waiting: list[Embeddings] = []
        for part in self._read_parts():
            waiting.append(part)
            while sum(map(len, waiting)) >= self.rows:
                joined = join_embeddings(waiting)
                yield joined[: self.rows]
                waiting = [joined[self.rows :]]
        if sum(map(len, waiting)):
            yield join_embeddings(waiting)

    def _read_parts(self) -> Iterator[Embeddings]:
        width = None
        for path in self.paths:
            with pq.ParquetFile(path, pre_buffer=False) as file:
                for batch in file.iter_batches(batch_size=self.rows, use_threads=False):
                    part = self._select(batch)
                    if width is not None and part.vectors.shape[1] != width:
                        raise StudyError(
                            f"{path}: its vectors have {part.vectors.shape[1]} values, those of {self.paths[0]} {width}"
                        )
                    width = part.vectors.shape[1]
                    yield part

    def _select(self, batch: pa.RecordBatch) -> Embeddings:
        wanted = pc.equal(batch["split"], self.split).to_numpy(zero_copy_only=False)
        if self.seed is not None:
            wanted &= batch["seed"].to_numpy() == self.seed
        column = batch["embedding"]
        vectors = column.flatten().to_numpy(zero_copy_only=False).reshape(len(batch), column.type.list_size)
        lengths = batch["length"].to_numpy()
        return Embeddings(
            batch["class_id"].to_numpy()[wanted].astype(np.int64),
            batch["index"].to_numpy()[wanted].astype(np.int64),
            vectors[wanted],
            lengths[wanted],
        )

    def read(self) -> Embeddings:
        """All rows, in order of class_id and index."""
        joined = join_embeddings(list(self._read_parts()))
        return joined[np.lexsort((joined.indices, joined.class_ids))]


def join_embeddings(parts: Sequence[Embeddings]) -> Embeddings:
    """One after the other."""
    if len(parts) == 1:
        return parts[0]
    return Embeddings(
        *(np.concatenate([getattr(part, name) for part in parts]) for name in ("class_ids", "indices", "vectors", "lengths"))
    )


def read_facts(path: Path | str) -> dict[str, Any]:
    """What the table's metadata says of its encoder."""
    return json.loads(pq.read_schema(path).metadata[METADATA_KEY])


def import_embeddings(source: str | Mapping[str, str], path: Path | str, *, set_name: str, classes: list[ClassRow]) -> None:
    """Check the embedding tables that a user brings for a set, and write them as one table of unit vectors in fp64.

    Rows are numbered by their ``index`` column, or, where there is none, by the order of their bytes: shuffled tables
    give the same file.

    Parameters
    ----------
    source : str or mapping of split to str
        A file or glob with a ``split`` column, or one a split. Parquet with class_id and embedding, or .npy beside .csv.
    path : Path or str
        The table to write.
    set_name : str
        For messages.
    classes : list of ClassRow
        The study's classes.

    Raises
    ------
    StudyError
        With file and row, if a vector is not finite, is zero, or has another length, or a class_id is out of range; with
        the class, if one has no vector in a split.
    """
    sources = {None: source} if isinstance(source, str) else {split: source[split] for split in SPLITS}
    class_ids: list[np.ndarray] = []
    splits: list[str] = []
    indices: list[np.ndarray] = []
    vectors: list[np.ndarray] = []
    lengths: list[np.ndarray] = []
    first = ""
    for split, pattern in sources.items():
        for file in sorted(glob.glob(pattern)) if glob.has_magic(pattern) else [pattern]:
            columns = _read_npy(file) if file.endswith(".npy") else _read_parquet(file)
            found = columns["embedding"]
            first = first or file
            if vectors and found.shape[1] != vectors[0].shape[1]:
                raise StudyError(f"{file}: its vectors have {found.shape[1]} values, those of {first} {vectors[0].shape[1]}")
            _check_vectors(file, found, columns["class_id"], len(classes))
            if columns["index"] is not None and (largest := columns["index"].max()) >= 2**31:
                raise StudyError(f"{file}: the index {largest} is too large; it must be below {2**31}")
            if split is None and columns["split"] is None:
                raise StudyError(f"{file} has no split column: name one table for train and one for evaluation")
            names = columns["split"] or [split] * len(found)
            for row, name in enumerate(names):
                if name not in SPLITS:
                    raise StudyError(f"{file}, row {row}: split is {name!r}; it must be train or evaluation")
                if split is not None and name != split:
                    raise StudyError(f"{file}, row {row}: split is {name!r}, but the config names the file for {split}")
            splits += names
            class_ids.append(columns["class_id"])
            indices.append(columns["index"] if columns["index"] is not None else np.full(len(found), -1))
            units, norms = _divide_by_lengths(found)
            vectors.append(units)
            lengths.append(norms)
    ids, at = np.concatenate(class_ids), np.concatenate(indices)
    rows = vectors[0] if len(vectors) == 1 else np.concatenate(vectors)
    vectors.clear()
    at = _number_rows(ids, splits, at, rows, set_name)
    for split in SPLITS:
        there = set(ids[np.array(splits) == split].tolist())
        missing = next((row for row in classes if row.class_id not in there), None)
        if missing is not None:
            raise StudyError(
                f"set {set_name!r}: no vector of class {missing.class_id} ({missing.name}) in the split {split} of "
                f"{source if isinstance(source, str) else source[split]}"
            )
    write_embeddings(path, ids, splits, at, rows, np.concatenate(lengths), {"source": source, "set": set_name})


def _divide_by_lengths(vectors: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Unit vectors of any finite ones but zero, float64 of shape (n, d), and the lengths that they had, of shape (n,)."""
    units, lengths = np.empty(vectors.shape), np.empty(len(vectors))
    for start in range(0, len(vectors), ROW_GROUP):
        part = slice(start, start + ROW_GROUP)
        wide = vectors[part].astype(np.float64)
        exponents = np.frexp(np.abs(wide).max(axis=1, keepdims=True))[1]
        wide = np.ldexp(wide, -exponents)  # exact: squares neither overflow nor vanish
        norms = np.linalg.norm(wide, axis=1, keepdims=True)
        units[part] = wide / norms
        lengths[part] = np.ldexp(norms, exponents)[:, 0]
    return units, lengths


def _check_vectors(file: str, vectors: np.ndarray, class_ids: np.ndarray, count: int) -> None:
    finite = np.isfinite(vectors).all(axis=1)
    if not finite.all():
        raise StudyError(
            f"{file}, row {int(np.argmin(finite))}: the embedding holds a value that is not finite (NaN or infinity)"
        )
    zero = ~vectors.any(axis=1)
    if zero.any():
        raise StudyError(f"{file}, row {int(np.argmax(zero))}: the embedding is a zero vector, which has no direction")
    outside = (class_ids < 0) | (class_ids >= count)
    if outside.any():
        row = int(np.argmax(outside))
        raise StudyError(
            f"{file}, row {row}: class_id {class_ids[row]} is out of range; the class table has 0 to {count - 1}"
        )


def _number_rows(ids: np.ndarray, splits: list[str], at: np.ndarray, rows: np.ndarray, set_name: str) -> np.ndarray:
    groups: dict[tuple[int, str], list[int]] = {}
    for n, key in enumerate(zip(ids.tolist(), splits, strict=True)):
        groups.setdefault(key, []).append(n)
    numbered = at.copy()
    for (class_id, split), members in groups.items():
        given = at[members]
        if (given < 0).all():
            numbered[sorted(members, key=lambda n: rows[n].tobytes())] = np.arange(len(members))
        elif (given < 0).any() or len(np.unique(given)) < len(given):
            raise StudyError(f"set {set_name!r}: class {class_id}, {split}: two rows have the same index, or one has none")
    return numbered


def _read_parquet(file: str) -> dict[str, Any]:
    try:
        table = pq.read_table(file)
        table.validate(full=True)
    except (pa.ArrowInvalid, OSError) as error:
        raise StudyError(f"{file} is no Parquet file that can be read: {error}") from None
    for name in ("class_id", "embedding"):
        if name not in table.column_names:
            raise StudyError(f"{file} has no column {name}; its columns are {', '.join(table.column_names)}")
    if not len(table):
        raise StudyError(f"{file} holds no row")
    column = table["embedding"].combine_chunks()
    if isinstance(column, pa.ChunkedArray):
        column = pa.concat_arrays(column.chunks)
    if (
        not pa.types.is_fixed_size_list(column.type)
        and not pa.types.is_list(column.type)
        and not pa.types.is_large_list(column.type)
    ):
        raise StudyError(f"{file}: the column embedding is {column.type}; it must be a list of numbers")
    if column.null_count:
        raise StudyError(f"{file}, row {column.is_null().to_pylist().index(True)}: the embedding is missing")
    lengths = column.value_lengths().to_numpy()
    if (lengths != lengths[0]).any():
        row = int(np.argmax(lengths != lengths[0]))
        raise StudyError(f"{file}, row {row}: the embedding has {lengths[row]} values, that of row 0 has {lengths[0]}")
    flat = column.flatten()
    if not (pa.types.is_floating(flat.type) or pa.types.is_integer(flat.type)):
        raise StudyError(f"{file}: the column embedding holds {flat.type}; it must hold numbers")
    values = flat.to_numpy(zero_copy_only=False).reshape(len(table), int(lengths[0]))
    for name in {"class_id", "index"} & set(table.column_names):
        if not pa.types.is_integer(table.schema.field(name).type):
            raise StudyError(f"{file}: the column {name} is {table.schema.field(name).type}; it must hold integers")
        if table[name].null_count:
            raise StudyError(f"{file}, row {table[name].is_null().to_pylist().index(True)}: the {name} is missing")
    return {
        "class_id": table["class_id"].to_numpy().astype(np.int64),
        "split": table["split"].to_pylist() if "split" in table.column_names else None,
        "index": table["index"].to_numpy().astype(np.int64) if "index" in table.column_names else None,
        "embedding": values,
    }


def _read_npy(file: str) -> dict[str, Any]:
    labels = str(Path(file).with_suffix(".csv"))
    rows = [row for _, row in read_csv_rows(labels, required=("class_id",), what="classes of the vectors")]
    try:
        vectors = np.load(file, allow_pickle=False)
    except (ValueError, OSError, EOFError, MemoryError) as error:
        raise StudyError(f"{file} is no .npy file of numbers: {error}") from None
    if not isinstance(vectors, np.ndarray):
        raise StudyError(f"{file} is no .npy file of numbers, but an archive of several (.npz)")
    if vectors.ndim != 2 or vectors.dtype.kind not in "fiu" or not len(vectors):
        raise StudyError(
            f"{file} must hold a table of numbers, a vector a row; it has shape {vectors.shape}, {vectors.dtype}"
        )
    if len(rows) != len(vectors):
        raise StudyError(f"{file} holds {len(vectors)} vectors, but {labels} {len(rows)} rows")
    columns: dict[str, np.ndarray | None] = {"index": None}
    for name in ("class_id", "index"):
        if name in rows[0]:
            bad = next((n for n, row in enumerate(rows) if not row[name].strip().isdecimal()), None)
            if bad is not None:
                raise StudyError(f"{labels}, row {bad}: {name} {rows[bad][name]!r} is not a number from 0")
            columns[name] = np.array([int(row[name]) for row in rows])
    return columns | {"split": [row["split"] for row in rows] if "split" in rows[0] else None, "embedding": vectors}
