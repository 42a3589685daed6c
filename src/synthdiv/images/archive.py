"""Read and write blocks of images: small WebDataset-compatible tar files, written atomically.

A block holds consecutive images of one class and one split. Its name is the digest of its images' names
(:func:`synthdiv.core.fingerprints.name_block`), so if the file exists, its images have been generated.
"""

from __future__ import annotations

import hashlib
import io
import json
import logging
import os
import re
import shlex
import tarfile
import zlib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from synthdiv.core.errors import StudyError
from synthdiv.core.files import create_atomically, replace_atomically
from synthdiv.core.fingerprints import name_block

logger = logging.getLogger(__name__)

MARKS = "used_by"
"""The archive's folder of use marks: one file per working folder that uses the archive, which holds that folder's path."""

BLOCK = re.compile(r"[0-9a-f]{64}\.tar")
"""The file name of a block."""

CHECKSUM = range(148, 156)
"""The place of its checksum in the header of a tar's member; readers take several spellings of it."""

DIGEST_SIZE = 16
"""Bytes of an image's digest, of the 32 of SHA-256."""

CHUNK_SIZE = 2**20
"""Bytes of a tar that are checked at once: gigabytes may follow a damaged header."""


@dataclass(frozen=True)
class StoredImage:
    """An encoded image in a block: ``size`` bytes of ``file`` from ``offset``, their digest, and what its JSON says."""

    file: str
    offset: int
    size: int
    digest: bytes
    metadata: dict[str, Any]

    def read(self) -> bytes:
        """Read the encoded image, and check its digest."""
        return read_image(self.file, self.offset, self.size, self.digest)


def locate_block(archive: Path | str, family: str, name: str) -> Path:
    """Return the path of a block: ``<archive>/<family>/<2 hex>/<name>.tar``."""
    return Path(archive) / family / name[:2] / f"{name}.tar"


def mark_use(archive: Path | str) -> None:
    """Record in the archive that the working folder's indices may refer to its images, for target ``list_unused``."""
    folder = os.getcwd()
    mark = Path(archive, MARKS, f"{hashlib.sha256(folder.encode()).hexdigest()[:16]}.txt")
    try:
        if not mark.exists():
            with replace_atomically(mark) as temporary:
                temporary.write_text(f"{folder}\n")
    except (StudyError, PermissionError) as error:  # a read-only archive that has all images already
        logger.warning("target list_unused will not know of this study's use of the archive: %s", error)


def name_member(class_key: str, split: str, index: int) -> str:
    """Return an image's WebDataset key: readable, without characters at which WebDataset or a shell would split it."""
    return f"{re.sub(r'[^A-Za-z0-9_-]', '_', class_key)[:64]}-{split}-{index:06d}"


def write_block(path: Path, members: Iterable[tuple[str, str, bytes, dict[str, Any]]]) -> None:
    """Write a block, unless another job has written it meanwhile: an index may give places in that one.

    Parameters
    ----------
    path : Path
        The block's file; its folder is created if necessary.
    members : iterable of (key, extension, data, metadata)
        The images in order. Each becomes ``<key>.<extension>`` and ``<key>.json``; the JSON also has a digest of the image
        and its own checksum.
    """
    with create_atomically(path) as temporary, tarfile.open(temporary, "w", format=tarfile.USTAR_FORMAT) as tar:
        for key, extension, data, metadata in members:
            text = _write_json(metadata | {"digest": digest_bytes(data).hex()})
            for name, content in ((f"{key}.{extension}", data), (f"{key}.json", text)):
                info = tarfile.TarInfo(name)
                info.size = len(content)
                tar.addfile(info, io.BytesIO(content))


def digest_bytes(data: bytes) -> bytes:
    """Return the digest by which an index knows an encoded image: the first bytes of its SHA-256."""
    return hashlib.sha256(data).digest()[:DIGEST_SIZE]


def _write_json(metadata: dict[str, Any]) -> bytes:
    def encode(values: dict[str, Any]) -> bytes:
        return json.dumps(values, sort_keys=True, ensure_ascii=False).encode()

    return encode(metadata | {"checksum": zlib.crc32(encode(metadata))})


def _read_json(text: bytes) -> dict[str, Any]:
    """Return an image's metadata; those of earlier versions have no checksum and no digest."""
    metadata = json.loads(text)
    if metadata.keys() & {"checksum", "digest"}:
        metadata.pop("checksum", None)
        if _write_json(metadata) != text:
            raise ValueError("the metadata of an image have another checksum")
    return metadata


def check_tar_end(path: Path | str, last: tarfile.TarInfo) -> None:
    """Check that the last member that tarfile found is followed by the end-of-archive marker.

    tarfile treats a damaged header as the end, so all members after it would be lost silently.

    Raises
    ------
    tarfile.ReadError
        If anything but two or more blocks of zeros follows.
    """
    with open(path, "rb") as file:
        end = file.seek(last.offset_data + -(-last.size // tarfile.BLOCKSIZE) * tarfile.BLOCKSIZE)
        damaged = any(chunk.strip(b"\0") for chunk in iter(lambda: file.read(CHUNK_SIZE), b""))
        if damaged or file.tell() - end < 2 * tarfile.BLOCKSIZE:
            raise tarfile.ReadError("it is truncated, or a header in it is damaged")


def read_block(path: Path) -> list[StoredImage]:
    """List the images of a block, in order.

    Raises
    ------
    StudyError
        If the file is not a complete block.
    """
    images: list[StoredImage] = []
    try:
        with tarfile.open(path, "r:") as tar:
            for member in tar:
                file = tar.extractfile(member) if member.isreg() else None
                if file is None:
                    raise tarfile.ReadError(f"{member.name} is not a file")
                if member.name.endswith(".json"):
                    last, metadata = images.pop(), _read_json(file.read())
                    place = last.file, last.offset, last.size
                    given = metadata.pop("digest", None)
                    digest = digest_bytes(read_bytes(*place)) if given is None else bytes.fromhex(given)
                    images.append(StoredImage(*place, digest, metadata))
                else:
                    images.append(StoredImage(str(path), member.offset_data, member.size, b"", {}))
        if not images or not all(image.metadata for image in images):
            raise tarfile.ReadError("an image has no metadata")
        names = [image.metadata["name"] for image in images if "name" in image.metadata]
        if names and name_block(names) != Path(path).stem:
            raise tarfile.ReadError("it has other images than its name says")
        check_tar_end(path, member)
    except (tarfile.TarError, ValueError, IndexError) as error:
        raise StudyError(
            f"the archive's block {path} is damaged ({error}): delete it, and the next run writes it again"
        ) from None
    return images


def check_padding(path: Path) -> None:
    """Check what nobody reads of a block: the bytes after images and metadata, and how a header's checksum is spelt.

    Raises
    ------
    StudyError
        If one is not as it was written.
    """
    with tarfile.open(path, "r:") as tar, open(path, "rb") as file:
        for member in tar:
            file.seek(member.offset + CHECKSUM.start)
            if file.read(len(CHECKSUM)) != f"{member.chksum:06o}\0 ".encode():
                raise StudyError(f"the archive's block {path} is damaged (before {member.name}), but its images are intact")
            file.seek(member.offset_data + member.size)
            if file.read(-member.size % tarfile.BLOCKSIZE).strip(b"\0"):
                raise StudyError(f"the archive's block {path} is damaged (after {member.name}), but its images are intact")


def read_bytes(file: str, offset: int, size: int) -> bytes:
    """Read the encoded image at a location.

    Raises
    ------
    StudyError
        If the file is missing, unreadable or too short.
    """
    try:
        with open(file, "rb") as source:
            source.seek(offset)
            data = source.read(size)
    except FileNotFoundError:
        raise StudyError(f"{file} is in an index, but no longer exists: run the study again") from None
    except OSError as error:
        raise StudyError(f"{file} cannot be read: {error.strerror}") from None
    if len(data) < size:
        raise StudyError(f"{file} is shorter than its index says: was it replaced? Delete it and run the study again")
    return data


def read_image(file: str, offset: int, size: int, digest: bytes) -> bytes:
    """Read the encoded image at the location that an index gives, and check that it is the one that was indexed.

    Raises
    ------
    StudyError
        If the file is missing, unreadable or too short, or the image has another digest.
    """
    data = read_bytes(file, offset, size)
    if digest_bytes(data) != digest:
        if BLOCK.fullmatch(os.path.basename(file)):
            advice = "Delete this file and run the study again, which says how to restore it"
        else:
            advice = (
                f"If you changed it, `touch {shlex.quote(file)}` and run the study again; if the disk damaged it, restore it"
            )
        raise StudyError(f"{file}: the image at byte {offset} is not the one that was indexed. {advice}")
    return data
