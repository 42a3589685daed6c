"""Blocks of images: small WebDataset-compatible tar files that are written whole or not at all.

A block holds the images of one class and one split, a run of indices, and is named by the digest of what they are
(:func:`synthdiv.core.fingerprints.name_block`). Finding the file is knowing that its images are drawn.
"""

from __future__ import annotations

import hashlib
import io
import json
import logging
import os
import re
import tarfile
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from synthdiv.core.errors import StudyError
from synthdiv.core.files import replace_atomically

logger = logging.getLogger(__name__)

MARKS = "used_by"
"""The archive's folder of marks: a file a folder that the workflow ran in with this archive, which holds its path."""

PIECE = 2**20
"""Bytes of a tar that are looked at together: behind a damaged header there may be gigabytes."""


@dataclass(frozen=True)
class StoredImage:
    """An encoded image in a block: its bytes are ``size`` bytes of ``file`` from ``offset``; ``facts`` is its JSON."""

    file: str
    offset: int
    size: int
    metadata: dict[str, Any]


def locate_block(archive: Path | str, family: str, name: str) -> Path:
    """Where a block lies: ``<archive>/<family>/<2 hex>/<name>.tar``."""
    return Path(archive) / family / name[:2] / f"{name}.tar"


def mark_use(archive: Path | str) -> None:
    """Note in the archive that the indices of the working folder may name its images, for target ``list_unused``."""
    folder = os.getcwd()
    mark = Path(archive, MARKS, f"{hashlib.sha256(folder.encode()).hexdigest()[:16]}.txt")
    if not mark.exists():
        try:
            with replace_atomically(mark) as temporary:
                temporary.write_text(f"{folder}\n")
        except StudyError as error:  # an archive of somebody else, which has all images already
            logger.warning("target list_unused there will not know of this study: %s", error)


def name_member(class_key: str, split: str, index: int) -> str:
    """The WebDataset key of an image: readable, and without the characters that WebDataset or a shell would split at."""
    return f"{re.sub(r'[^A-Za-z0-9_-]', '_', class_key)[:64]}-{split}-{index:06d}"


def write_block(path: Path, members: Iterable[tuple[str, str, bytes, dict[str, Any]]]) -> None:
    """Write a block.

    Parameters
    ----------
    path : Path
        The block's file; its folder is made if need be.
    members : iterable of (key, extension, data, facts)
        The images in order. Each becomes ``<key>.<extension>`` and ``<key>.json``.
    """
    with replace_atomically(path) as temporary, tarfile.open(temporary, "w", format=tarfile.USTAR_FORMAT) as tar:
        for key, extension, data, metadata in members:
            text = json.dumps(metadata, sort_keys=True, ensure_ascii=False).encode()
            for name, content in ((f"{key}.{extension}", data), (f"{key}.json", text)):
                info = tarfile.TarInfo(name)
                info.size = len(content)
                tar.addfile(info, io.BytesIO(content))


def check_tar_end(path: Path | str, last: tarfile.TarInfo) -> None:
    """Make sure that what follows the last member that tarfile found is a tar's end.

    tarfile takes a damaged header for the end, and what lies behind it would be lost without a word.

    Raises
    ------
    tarfile.ReadError
        If anything but two or more blocks of zeros follows.
    """
    with open(path, "rb") as file:
        end = file.seek(last.offset_data + -(-last.size // tarfile.BLOCKSIZE) * tarfile.BLOCKSIZE)
        damaged = any(piece.strip(b"\0") for piece in iter(lambda: file.read(PIECE), b""))
        if damaged or file.tell() - end < 2 * tarfile.BLOCKSIZE:
            raise tarfile.ReadError("it is cut off, or a header in it is damaged")


def read_block(path: Path) -> list[StoredImage]:
    """List the images of a block, in order.

    Raises
    ------
    StudyError
        If the file is not a whole block.
    """
    images: list[StoredImage] = []
    try:
        with tarfile.open(path, "r:") as tar:
            for member in tar:
                file = tar.extractfile(member) if member.isreg() else None
                if file is None:
                    raise tarfile.ReadError(f"{member.name} is not a file")
                if member.name.endswith(".json"):
                    last = images.pop()
                    images.append(StoredImage(last.file, last.offset, last.size, json.loads(file.read())))
                else:
                    images.append(StoredImage(str(path), member.offset_data, member.size, {}))
        if not images or not all(image.metadata for image in images):
            raise tarfile.ReadError("an image has no facts")
        check_tar_end(path, member)
    except (tarfile.TarError, ValueError, IndexError) as error:
        raise StudyError(
            f"the archive's block {path} is damaged ({error}): delete it, and the next run draws it again"
        ) from None
    return images


def read_bytes(file: str, offset: int, size: int) -> bytes:
    """The encoded image at a place that an index names.

    Raises
    ------
    StudyError
        If the file is missing, may not be read, or is too short.
    """
    try:
        with open(file, "rb") as source:
            source.seek(offset)
            data = source.read(size)
    except FileNotFoundError:
        raise StudyError(f"{file} is in an index, but it does not exist any more: run the study again") from None
    except OSError as error:
        raise StudyError(f"{file} cannot be read: {error.strerror}") from None
    if len(data) < size:
        raise StudyError(f"{file} is shorter than its index says: was it replaced? Delete it and run the study again")
    return data
