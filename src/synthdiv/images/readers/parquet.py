"""Read Parquet files with a column of encoded images, such as those of Hugging Face datasets."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import suppress
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from synthdiv.core.errors import StudyError
from synthdiv.images.readers.found import LABEL_NAMES, OTHER_CLASS, FoundImage, Labels

PARQUET_IMAGES = ("image", "jpg", "png", "bytes")


def _open_parquet(path: str) -> tuple[pq.ParquetFile, list[str]]:
    """Open the file, and return the names of its columns."""
    try:
        file = pq.ParquetFile(path, page_checksum_verification=True)
        return file, file.schema_arrow.names
    except (pa.ArrowException, OSError, ValueError) as error:
        raise StudyError(f"{path} is not a readable Parquet file: {error}") from None


def _find_columns(path: str, names: list[str], known: Sequence[str], what: str) -> list[str]:
    columns = [name for name in known if name in names]
    if not columns:
        raise StudyError(f"{path} needs a column of {what}; it has {', '.join(names)}")
    return columns


def _find_image_column(path: str, names: list[str]) -> str:
    return _find_columns(path, names, PARQUET_IMAGES, f"encoded images ({PARQUET_IMAGES[0]})")[0]


def find_in_parquet(path: str, labels: Labels, others: Counter[str], label: str | None = None) -> Iterator[FoundImage]:
    """Find the images of a file by row.

    Of several columns that may hold classes, those count that name any: a sample's own key does not. If the config names the
    column, it alone counts. The integers of a column of Hugging Face's ``ClassLabel`` stand for the names of its classes.

    Raises
    ------
    StudyError
        If it cannot be read, has no column of images or of classes, a label is missing or names no class, or two columns
        name different classes.
    """
    file, names = _open_parquet(path)
    _find_image_column(path, names)
    known = LABEL_NAMES if label is None else (label,)
    columns = _find_columns(path, names, known, f"classes ({label or 'class_id or key'})")
    given = {column: _read_labels(path, file, column) for column in columns}
    readings = {column: values for column, values in given.items() if _name_classes(values, labels)} or given
    for row, values in enumerate(zip(*readings.values(), strict=True)):
        places = {f"the column {name}": value for name, value in zip(readings, values, strict=True)}
        try:
            class_id = labels.choose(places, f"{path}, row {row}")
        except StudyError as error:
            advice = "; if another column has the classes, name it with `label:`" if len(columns) > 1 else ""
            raise StudyError(f"{error}{advice}") from None
        if class_id is None:
            others[OTHER_CLASS] += 1
        else:
            yield FoundImage(class_id, f"{path}/{row:09d}", path, row=row)


def _read_labels(path: str, file: pq.ParquetFile, column: str) -> list[Any]:
    """Read a column of labels, with the names of a ``ClassLabel`` in place of their numbers."""
    try:
        values = file.read(columns=[column])[column].to_pylist()
    except (pa.ArrowException, OSError, ValueError) as error:
        raise StudyError(f"{path}: the column {column} is damaged: {error}") from None
    names = _read_names(path, file, column)
    if names is None or not pa.types.is_integer(file.schema_arrow.field(column).type):
        return values
    unknown = next((row for row, value in enumerate(values) if value is not None and not 0 <= value < len(names)), None)
    if unknown is not None:
        raise StudyError(
            f"{path}, row {unknown}, the column {column}: the label {values[unknown]} is no number of its {len(names)} "
            "names (from 0), which the file's metadata list as its ClassLabel"
        )
    return [None if value is None else names[value] for value in values]


def _read_names(path: str, file: pq.ParquetFile, column: str) -> list[str] | None:
    """Read the names of the classes of a column from Hugging Face's metadata; None if it is no ``ClassLabel``."""
    metadata = (file.schema_arrow.metadata or {}).get(b"huggingface", b"{}")
    try:
        feature = json.loads(metadata).get("info", {}).get("features", {}).get(column, {})
        return list(feature["names"]) if feature.get("_type") == "ClassLabel" else None
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise StudyError(
            f"{path}: the names of its classes in the metadata of Hugging Face cannot be read ({error!r}): write the file "
            "again, or without these metadata"
        ) from None


def _name_classes(values: list[Any], labels: Labels) -> bool:
    """Say whether any label names one of the study's classes."""
    for value in values:
        with suppress(StudyError):
            if labels.find(value, "") is not None:
                return True
    return False


def read_parquet_images(path: str) -> Iterator[bytes]:
    """Yield the encoded images, row by row.

    Raises
    ------
    StudyError
        If a row holds no image, or the file is damaged.
    """
    file, names = _open_parquet(path)
    image = _find_image_column(path, names)
    row = 0
    try:
        for batch in file.iter_batches(batch_size=256, columns=[image]):
            for value in batch[image].to_pylist():
                data = value.get("bytes") if isinstance(value, dict) else value
                if not isinstance(data, bytes):
                    raise StudyError(f"{path}, row {row}: the column {image} holds no encoded image")
                yield data
                row += 1
    except (pa.ArrowException, OSError, ValueError) as error:
        raise StudyError(f"{path} is damaged, near row {row}: {error}") from None
