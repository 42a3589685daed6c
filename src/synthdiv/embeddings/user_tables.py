"""Check user-provided embeddings, and write tables of them as one table of unit vectors."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from synthdiv.core.errors import StudyError
from synthdiv.core.files import find_files
from synthdiv.core.fingerprints import SPLITS
from synthdiv.embeddings.table import ROW_GROUP, write_embeddings
from synthdiv.prompts.class_tables import read_csv_rows


@dataclass(frozen=True, eq=False)
class UserEmbeddings:
    """Checked embeddings of a set.

    Attributes
    ----------
    class_ids, indices : numpy.ndarray
        int64 of shape (n,): the class of each vector, and its number within class and split.
    splits : list of str
    vectors : numpy.ndarray
        float64 of shape (n, d): unit vectors.
    lengths : numpy.ndarray
        float64 of shape (n,): the lengths before normalisation.
    """

    class_ids: np.ndarray
    splits: list[str]
    indices: np.ndarray
    vectors: np.ndarray
    lengths: np.ndarray


def import_embeddings(
    source: str | Mapping[str, str], path: Path | str, *, set_name: str, class_keys: Sequence[str]
) -> None:
    """Check the user-provided embedding tables of a set, and write them as one table of unit vectors in fp64.

    Parameters
    ----------
    source, set_name, class_keys
        As for :func:`read_embeddings`.
    path : Path or str
        The table to write.

    Raises
    ------
    StudyError
        As :func:`read_embeddings`.
    """
    read = read_embeddings(source, set_name=set_name, class_keys=class_keys)
    metadata = {"source": source, "set": set_name}
    write_embeddings(path, read.class_ids, read.splits, read.indices, read.vectors, read.lengths, metadata)


def read_embeddings(source: str | Mapping[str, str], *, set_name: str, class_keys: Sequence[str]) -> UserEmbeddings:
    """Read and check the user-provided embedding tables of a set.

    Rows are numbered by their ``index`` column or, if there is none, by the order of their bytes: shuffled tables give the
    same numbers.

    Parameters
    ----------
    source : str or mapping of split to str
        A file or glob with a ``split`` column, or one per split. Parquet with class_id and embedding, or .npy next to .csv.
    set_name : str
        The set's name, for messages.
    class_keys : sequence of str
        The keys of the study's classes, by class_id.

    Raises
    ------
    StudyError
        If a vector is not finite, is zero or has another dimension, or a class_id is out of range (the message names file
        and row); or if a class has no vector in a split (the message names the class).
    """
    sources = {None: source} if isinstance(source, str) else {split: source[split] for split in SPLITS}
    class_ids: list[np.ndarray] = []
    splits: list[str] = []
    indices: list[np.ndarray] = []
    vectors: list[np.ndarray] = []
    lengths: list[np.ndarray] = []
    first = ""
    for split, pattern in sources.items():
        for file in find_files(pattern):
            columns = _read_npy(file) if file.endswith(".npy") else _read_parquet(file)
            found = columns["embedding"]
            first = first or file
            if vectors and found.shape[1] != vectors[0].shape[1]:
                raise StudyError(f"{file}: its vectors have {found.shape[1]} values, those of {first} {vectors[0].shape[1]}")
            check_vectors(file, found)
            _check_class_ids(file, columns["class_id"], len(class_keys))
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
            units, norms = divide_by_lengths(found)
            vectors.append(units)
            lengths.append(norms)
    ids, at = np.concatenate(class_ids), np.concatenate(indices)
    rows = vectors[0] if len(vectors) == 1 else np.concatenate(vectors)
    vectors.clear()
    at = _number_rows(ids, splits, at, rows, set_name)
    for split in SPLITS:
        present = set(ids[np.array(splits) == split].tolist())
        missing = next((class_id for class_id in range(len(class_keys)) if class_id not in present), None)
        if missing is not None:
            raise StudyError(
                f"set {set_name!r}: no vector of class {missing} ({class_keys[missing]}) in the split {split} of "
                f"{source if isinstance(source, str) else source[split]}"
            )
    return UserEmbeddings(ids, splits, at, rows, np.concatenate(lengths))


def count_classes(source: str) -> int:
    """Return the number of classes of some tables: one more than the largest class_id.

    Raises
    ------
    StudyError
        If one cannot be read.
    """
    tables = (_read_npy(file) if file.endswith(".npy") else _read_parquet(file) for file in find_files(source))
    return max(int(columns["class_id"].max()) for columns in tables) + 1


def divide_by_lengths(vectors: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return unit vectors and lengths of finite, nonzero vectors: float64 of shapes (n, d) and (n,)."""
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


def check_vectors(where: str, vectors: np.ndarray) -> None:
    """Check that every vector is finite and has a direction.

    Parameters
    ----------
    where : str
        Their file or set, for messages.
    vectors : float array of shape (n, d)

    Raises
    ------
    StudyError
        If a value is not finite or a vector is zero; the message names the row, counted from 0.
    """
    finite = np.isfinite(vectors).all(axis=1)
    if not finite.all():
        raise StudyError(
            f"{where}, row {int(np.argmin(finite))}: the embedding holds a value that is not finite (NaN or infinity)"
        )
    zero = ~vectors.any(axis=1)
    if zero.any():
        raise StudyError(f"{where}, row {int(np.argmax(zero))}: the embedding is a zero vector, which has no direction")


def _check_class_ids(file: str, class_ids: np.ndarray, count: int) -> None:
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
            numbered[members] = number_vectors(rows[members])
        elif (given < 0).any() or len(np.unique(given)) < len(given):
            raise StudyError(f"set {set_name!r}: class {class_id}, {split}: two rows have the same index, or one has none")
    return numbered


def number_vectors(rows: np.ndarray) -> np.ndarray:
    """Number the vectors of a class by the order of their bytes, so that the order of the rows changes no result.

    Parameters
    ----------
    rows : float64 array of shape (n, d)

    Returns
    -------
    int64 array of shape (n,)
    """
    numbers = np.empty(len(rows), dtype=np.int64)
    numbers[sorted(range(len(rows)), key=lambda n: rows[n].tobytes())] = np.arange(len(rows))
    return numbers


def _read_parquet(file: str) -> dict[str, Any]:
    try:
        table = pq.read_table(file, page_checksum_verification=True)
        table.validate(full=True)
    except (pa.ArrowException, OSError, ValueError) as error:
        raise StudyError(f"{file} is not a readable Parquet file: {error}") from None
    for name in ("class_id", "embedding"):
        if name not in table.column_names:
            raise StudyError(f"{file} has no column {name}; its columns are {', '.join(table.column_names)}")
    if not len(table):
        raise StudyError(f"{file} holds no rows")
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
        raise StudyError(f"{file} is not an .npy file of numbers: {error}") from None
    if not isinstance(vectors, np.ndarray):
        raise StudyError(f"{file} is not an .npy file of numbers, but an archive of several (.npz)")
    if vectors.ndim != 2 or vectors.dtype.kind not in "fiu" or not len(vectors):
        raise StudyError(
            f"{file} must hold a table of numbers, one vector per row; it has shape {vectors.shape}, {vectors.dtype}"
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
