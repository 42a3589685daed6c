"""Read Parquet files with a column of encoded images, such as those of Hugging Face datasets."""

from __future__ import annotations

from collections.abc import Iterator

import pyarrow as pa
import pyarrow.parquet as pq

from synthdiv.core.errors import StudyError
from synthdiv.images.readers.found import FoundImage, Labels

PARQUET_IMAGES = ("image", "jpg", "png", "bytes")
PARQUET_LABELS = ("class_id", "key", "label")


def _open_parquet(path: str) -> tuple[pq.ParquetFile, str, str]:
    """Open the file, and name its columns of encoded images and of labels."""
    try:
        file = pq.ParquetFile(path)
    except (pa.ArrowInvalid, OSError) as error:
        raise StudyError(f"{path} is not a readable Parquet file: {error}") from None
    names = file.schema_arrow.names
    image = next((name for name in PARQUET_IMAGES if name in names), None)
    label = next((name for name in PARQUET_LABELS if name in names), None)
    if image is None or label is None:
        raise StudyError(
            f"{path} needs a column of encoded images (image) and of classes (class_id or key); it has {', '.join(names)}"
        )
    return file, image, label


def find_in_parquet(path: str, labels: Labels) -> Iterator[FoundImage]:
    """Find the images of a file by row.

    Raises
    ------
    StudyError
        If it cannot be read, has no column of images or of classes, or a label names no class.
    """
    file, _, label = _open_parquet(path)
    try:
        values = file.read(columns=[label])[label].to_pylist()
    except (pa.ArrowException, OSError) as error:
        raise StudyError(f"{path}: the column {label} is damaged: {error}") from None
    for row, value in enumerate(values):
        class_id = labels.find(value, f"{path}, row {row}")
        if class_id is not None:
            yield FoundImage(class_id, f"{path}/{row:09d}", path, row=row)


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
    except (pa.ArrowException, OSError) as error:
        raise StudyError(f"{path} is damaged, near row {row}: {error}") from None
