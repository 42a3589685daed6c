"""Read Parquet files with a column of encoded images, such as those of Hugging Face datasets."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from synthdiv.core.errors import StudyError
from synthdiv.images.readers.found import LABEL_NAMES, OTHER_CLASS, FoundImage, Labels

PARQUET_IMAGES = ("image", "jpg", "png", "bytes")


def _open_parquet(path: str, label: str | None = None) -> tuple[pq.ParquetFile, str, list[str]]:
    """Open the file, and name its column of encoded images, and those that may hold classes."""
    try:
        file = pq.ParquetFile(path, page_checksum_verification=True)
        names = file.schema_arrow.names
    except (pa.ArrowException, OSError, ValueError) as error:
        raise StudyError(f"{path} is not a readable Parquet file: {error}") from None
    image = next((name for name in PARQUET_IMAGES if name in names), None)
    columns = [name for name in (LABEL_NAMES if label is None else (label,)) if name in names]
    if image is None or not columns:
        raise StudyError(
            f"{path} needs a column of encoded images (image) and of classes ({label or 'class_id or key'}); "
            f"it has {', '.join(names)}"
        )
    return file, image, columns


def find_in_parquet(path: str, labels: Labels, others: Counter[str], label: str | None = None) -> Iterator[FoundImage]:
    """Find the images of a file by row.

    Of several columns that may hold classes, those count whose values are all classes: a sample's own key is none. If the
    config names the column, it alone counts.

    Raises
    ------
    StudyError
        If it cannot be read, has no column of images or of classes, a label names no class, or two columns name different
        classes.
    """
    file, _, columns = _open_parquet(path, label)
    readings = {}
    for column in columns:
        try:
            readings[column] = file.read(columns=[column])[column].to_pylist()
        except (pa.ArrowException, OSError, ValueError) as error:
            raise StudyError(f"{path}: the column {column} is damaged: {error}") from None
    if len(columns) > 1:
        readings = {name: values for name, values in readings.items() if _are_classes(values, labels)} or readings
    for row, values in enumerate(zip(*readings.values(), strict=True)):
        places = {f"the column {name}": value for name, value in zip(readings, values, strict=True)}
        class_id = labels.choose(places, f"{path}, row {row}")
        if class_id is None:
            others[OTHER_CLASS] += 1
        else:
            yield FoundImage(class_id, f"{path}/{row:09d}", path, row=row)


def _are_classes(values: list[Any], labels: Labels) -> bool:
    try:
        found = [labels.find(value, "") for value in values]
    except StudyError:
        return False
    return any(class_id is not None for class_id in found)


def read_parquet_images(path: str) -> Iterator[bytes]:
    """Yield the encoded images, row by row.

    Raises
    ------
    StudyError
        If a row holds no image, or the file is damaged.
    """
    file, image, _ = _open_parquet(path)
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
