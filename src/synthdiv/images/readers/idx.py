"""Read IDX files, the format of MNIST and Fashion-MNIST: one of images and one of labels."""

from __future__ import annotations

import gzip
import io
import math
import zlib
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from PIL import Image

from synthdiv.core.errors import StudyError
from synthdiv.images.readers.found import OTHER_CLASS, FoundImage, Labels


def read_idx(path: str) -> np.ndarray:
    """Read an IDX file of unsigned bytes, gzipped or not.

    Raises
    ------
    StudyError
        If it is not such a file, or its size contradicts its header.
    """
    data = Path(path).read_bytes()
    try:
        data = gzip.decompress(data) if data[:2] == b"\x1f\x8b" else data
    except (EOFError, OSError, zlib.error) as error:
        raise StudyError(f"{path} is not a complete gzip file: {error}") from None
    if len(data) < 4 or data[:3] != b"\0\0\x08" or len(data) < 4 + 4 * data[3]:
        raise StudyError(f"{path} is not an IDX file of unsigned bytes")
    header = 4 + 4 * data[3]
    shape = tuple(int(n) for n in np.frombuffer(data, ">i4", count=data[3], offset=4))
    if min(shape, default=0) < 0 or len(data) != header + math.prod(shape):
        raise StudyError(f"{path} holds {len(data) - header} values; its header says {' x '.join(map(str, shape))}")
    return np.frombuffer(data, np.uint8, offset=header).reshape(shape)


def find_in_idx(path: str, labels_path: str, labels: Labels, others: Counter[str]) -> Iterator[FoundImage]:
    """Find the images of an IDX file by row, and their classes in another.

    Raises
    ------
    StudyError
        If either is not such a file, their lengths differ, or a label names no class.
    """
    images, given = read_idx(path), read_idx(labels_path)
    if images.ndim != 3:
        raise StudyError(f"{path} holds {images.ndim}-dimensional values; images have 3 (number, height, width)")
    if given.ndim != 1:
        raise StudyError(
            f"{labels_path} holds {given.ndim}-dimensional values; labels have 1 dimension: is it the images' file?"
        )
    if len(images) != len(given):
        raise StudyError(f"{path} holds {len(images)} images, but {labels_path} {len(given)} labels")
    for row, label in enumerate(given):
        class_id = labels.find(label, f"{labels_path}, row {row}")
        if class_id is None:
            others[OTHER_CLASS] += 1
        else:
            yield FoundImage(class_id, f"{path}/{row:09d}", path, row=row)


def read_idx_images(path: str) -> Iterator[bytes]:
    """Yield the images as PNG, row by row."""
    for pixels in read_idx(path):
        buffer = io.BytesIO()
        Image.fromarray(pixels).save(buffer, format="png")
        yield buffer.getvalue()
