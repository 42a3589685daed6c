"""Natural images as an index: a folder a class, WebDataset tars, Parquet with image bytes, or IDX files.

Images that are files, or members of a tar, are indexed where they lie. Those of Parquet and IDX files are no run of bytes
that a decoder reads, so they are copied into the archive once.
"""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import logging
import os
import tarfile
import zlib
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from PIL import Image
from tqdm import tqdm

from synthdiv.archive import check_tar_end, locate_block, name_member, read_block, read_bytes, write_block
from synthdiv.classes import ClassRow
from synthdiv.errors import StudyError
from synthdiv.flags import decode_image, flag_image, measure_image
from synthdiv.identity import BLOCK_SIZE, name_block

logger = logging.getLogger(__name__)

IMAGE_SUFFIXES = {".jpg", ".jpeg", ".png", ".webp", ".bmp", ".gif", ".tif", ".tiff", ".ppm"}


@dataclass(frozen=True)
class Found:
    """A natural image: its class, a name that sorts it and that messages use, and where its bytes are."""

    class_id: int
    name: str
    file: str = ""
    offset: int = 0
    size: int = 0
    data: bytes | None = field(default=None, repr=False)
    index: int = -1
    flags: tuple[str, ...] = ()

    def read(self) -> bytes:
        """The encoded image."""
        return self.data if self.data is not None else read_bytes(self.file, self.offset, self.size)


def find_images(source: Mapping[str, list[str]], classes: list[ClassRow]) -> Iterator[Found]:
    """List the images of a source, as :meth:`synthdiv.study.Study.natural_files` describes it.

    Raises
    ------
    StudyError
        If a label names no class, or a file is not of its form.
    """
    form, paths = source["form"][0], source["paths"]
    if form == "folder":
        yield from _find_in_folders(paths, source["keys"], classes)
    elif form == "tar":
        for path in paths:
            yield from _find_in_tar(path, classes)
    elif form == "parquet":
        for path in paths:
            yield from _find_in_parquet(path, classes)
    else:
        yield from _find_in_idx(paths[0], source["labels"][0], classes)


def _find_in_folders(folders: list[str], keys: list[str], classes: list[ClassRow]) -> Iterator[Found]:
    class_ids = {row.key: row.class_id for row in classes}
    for key, folder in zip(keys, folders, strict=True):
        for parent, inner, files in os.walk(folder):
            inner.sort()
            for name in sorted(files):
                path = os.path.join(parent, name)
                if os.path.splitext(name)[1].lower() in IMAGE_SUFFIXES:
                    yield Found(class_ids[key], path, path, 0, os.path.getsize(path))


def _class_of(value: Any, classes: list[ClassRow], keys: Mapping[str, int], where: str) -> int:
    text = str(value).strip()
    if text in keys:
        return keys[text]
    if text.isdecimal() and int(text) < len(classes):
        return int(text)
    raise StudyError(f"{where}: the label {text!r} is neither a class key nor a class_id from 0 to {len(classes) - 1}")


def _find_in_tar(path: str, classes: list[ClassRow]) -> Iterator[Found]:
    """WebDataset: members that share a key are one sample; its class is in .cls, in .json, or the image's folder."""
    keys = {row.key: row.class_id for row in classes}
    image: tarfile.TarInfo | None = None
    label: Any = None
    sample = ""

    def finish() -> Iterator[Found]:
        if image is not None:
            chosen = label if label is not None else Path(image.name).parent.name
            class_id = _class_of(chosen, classes, keys, f"{path}, {image.name}")
            yield Found(class_id, f"{path}/{image.name}", path, image.offset_data, image.size)

    try:
        with tarfile.open(path, "r:") as tar:
            last: tarfile.TarInfo | None = None
            for member in tar:
                last = member
                if not member.isreg():
                    continue
                folder, _, base = member.name.rpartition("/")
                stem, _, extension = base.partition(".")
                if f"{folder}/{stem}" != sample:
                    yield from finish()
                    image, label, sample = None, None, f"{folder}/{stem}"
                if "." + extension.lower() in IMAGE_SUFFIXES:
                    image = member
                elif extension in ("cls", "json"):
                    content = tar.extractfile(member)
                    try:
                        text = content.read().decode() if content else ""
                        facts = json.loads(text) if extension == "json" else {"class_id": text}
                    except ValueError as error:
                        raise StudyError(f"{path}, {member.name}: the label cannot be read: {error}") from None
                    label = next((facts[k] for k in ("key", "class_key", "class_id") if k in facts), label)
            yield from finish()
            if last is not None:
                check_tar_end(path, last)
    except tarfile.TarError as error:
        raise StudyError(f"{path} is not a whole, uncompressed tar file: {error}") from None


def _find_in_parquet(path: str, classes: list[ClassRow]) -> Iterator[Found]:
    keys = {row.key: row.class_id for row in classes}
    try:
        file = pq.ParquetFile(path)
    except (pa.ArrowInvalid, OSError) as error:
        raise StudyError(f"{path} is no Parquet file that can be read: {error}") from None
    names = file.schema_arrow.names
    image = next((name for name in ("image", "jpg", "png", "bytes") if name in names), None)
    label = next((name for name in ("class_id", "key", "label") if name in names), None)
    if image is None or label is None:
        raise StudyError(
            f"{path} needs a column of encoded images (image) and of classes (class_id or key); it has {', '.join(names)}"
        )
    row = 0
    for batch in file.iter_batches(batch_size=256, columns=[image, label]):
        for value, chosen in zip(batch[image].to_pylist(), batch[label].to_pylist(), strict=True):
            data = value.get("bytes") if isinstance(value, dict) else value
            where = f"{path}, row {row}"
            if not isinstance(data, bytes):
                raise StudyError(f"{where}: the column {image} holds no encoded image")
            yield Found(_class_of(chosen, classes, keys, where), f"{path}/{row:09d}", data=data)
            row += 1


def read_idx(path: str) -> np.ndarray:
    """Read an IDX file of unsigned bytes, gzipped or not.

    Raises
    ------
    StudyError
        If it is no such file, or shorter than its header says.
    """
    data = Path(path).read_bytes()
    try:
        data = gzip.decompress(data) if data[:2] == b"\x1f\x8b" else data
    except (EOFError, OSError, zlib.error) as error:
        raise StudyError(f"{path} is no whole gzip file: {error}") from None
    if len(data) < 4 or data[:3] != b"\0\0\x08" or len(data) < 4 + 4 * data[3]:
        raise StudyError(f"{path} is no IDX file of unsigned bytes")
    header = 4 + 4 * data[3]
    shape = tuple(int(n) for n in np.frombuffer(data, ">i4", count=data[3], offset=4))
    if len(data) != header + int(np.prod(shape)):
        raise StudyError(f"{path} holds {len(data) - header} values; its header says {' x '.join(map(str, shape))}")
    return np.frombuffer(data, np.uint8, offset=header).reshape(shape)


def _find_in_idx(path: str, labels_path: str, classes: list[ClassRow]) -> Iterator[Found]:
    images, labels = read_idx(path), read_idx(labels_path)
    if images.ndim != 3:
        raise StudyError(f"{path} holds {images.ndim}-dimensional values; images have 3 (number, height, width)")
    if labels.ndim != 1:
        raise StudyError(
            f"{labels_path} holds {labels.ndim}-dimensional values; labels have 1 dimension: is it the images' file?"
        )
    if len(images) != len(labels):
        raise StudyError(f"{path} holds {len(images)} images, but {labels_path} {len(labels)} labels")
    keys = {row.key: row.class_id for row in classes}
    for row, (pixels, label) in enumerate(zip(images, labels, strict=True)):
        buffer = io.BytesIO()
        Image.fromarray(pixels).save(buffer, format="png")
        yield Found(
            _class_of(label, classes, keys, f"{labels_path}, row {row}"), f"{path}/{row:09d}", data=buffer.getvalue()
        )


def index_images(
    found: Iterable[Found],
    classes: list[ClassRow],
    *,
    set_name: str,
    split: str,
    count: int | None,
    seed: int,
    archive: Path | str,
    on_undecodable: str,
    threads: int,
    class_ids: Iterable[int] | None = None,
) -> list[dict[str, Any]]:
    """Number the images, choose a subset, decode each once for its flags, and give the rows of their index.

    Parameters
    ----------
    found : iterable of Found
        The images; an image's index is its place in its class by name.
    classes : list of ClassRow
        The study's.
    set_name, split : str
        For messages, and for the choice of a subset.
    count : int or None
        Images a class; a seeded subset that does not depend on the order of files. None takes all.
    seed : int
        The study's.
    archive : Path or str
        Where images go that come without a file of their own.
    on_undecodable : {"error", "flag"}
        Whether an image that does not decode stops the run or is flagged.
    threads : int
        Decoding threads.
    class_ids : iterable of int, optional
        The classes that the set holds; images of others are not taken. Default is all.

    Raises
    ------
    StudyError
        If a class has no image, or fewer than ``count``, or an image does not decode and that is an error.
    """
    by_class: dict[int, list[Found]] = {row.class_id: [] for row in classes}
    for image in found:
        by_class[image.class_id].append(image)
    chosen: list[Found] = []
    for row in classes if class_ids is None else [classes[class_id] for class_id in class_ids]:
        images = sorted(by_class[row.class_id], key=lambda image: image.name)
        if len(images) < (count or 1):
            raise StudyError(
                f"set {set_name!r}, {split}: the class {row.key!r} ({row.name}) has {len(images)} images; "
                f"{count or 'at least 1'} are needed"
            )
        numbered = [replace(image, index=index) for index, image in enumerate(images)]
        if count is not None:
            # the rank of a number, not of a path: a subset survives that a folder is moved
            numbered.sort(
                key=lambda image: hashlib.sha256(f"subset {seed} {split} {row.key} {image.index}".encode()).digest()
            )
            numbered = sorted(numbered[:count], key=lambda image: image.index)
        chosen += numbered
    chosen = _store(_inspect(chosen, on_undecodable, threads), classes, split, archive)
    return [
        {
            "class_id": image.class_id,
            "split": split,
            "index": image.index,
            "prompt": None,
            "seed": None,
            "file": image.file,
            "offset": image.offset,
            "size": image.size,
            "flags": list(image.flags),
        }
        for image in chosen
    ]


def _inspect(images: list[Found], on_undecodable: str, threads: int) -> list[Found]:
    def look(image: Found) -> Found:
        try:
            return replace(image, flags=tuple(flag_image(measure_image(decode_image(image.read())))))
        except ValueError as error:
            if on_undecodable == "error":
                raise StudyError(
                    f"the image {image.name} does not decode ({error}): mend or remove it, or set `on_undecodable: flag`"
                ) from None
            return replace(image, flags=("undecodable",))

    with ThreadPoolExecutor(threads) as pool:
        return list(tqdm(pool.map(look, images), total=len(images), unit="image", desc="decode", mininterval=2))


def _store(images: list[Found], classes: list[ClassRow], split: str, archive: Path | str) -> list[Found]:
    """Write images that have no file of their own into blocks, named by their contents, and say where they are now."""
    loose: dict[tuple[int, int], list[Found]] = {}
    for image in images:
        if image.data is not None:
            loose.setdefault((image.class_id, image.index // BLOCK_SIZE), []).append(image)
    places: dict[tuple[int, int], Found] = {}
    for block in loose.values():
        path = locate_block(archive, "natural", name_block([hashlib.sha256(image.read()).hexdigest() for image in block]))
        if not path.exists():
            write_block(
                path,
                [
                    (
                        name_member(classes[image.class_id].key, split, image.index),
                        _guess_extension(image.read()),
                        image.read(),
                        {"source": image.name, "class_key": classes[image.class_id].key},
                    )
                    for image in block
                ],
            )
        for image, stored in zip(block, read_block(path), strict=True):
            places[image.class_id, image.index] = replace(
                image, file=stored.file, offset=stored.offset, size=stored.size, data=None
            )
    return [places.get((image.class_id, image.index), image) for image in images]


def _guess_extension(data: bytes) -> str:
    if data.startswith(b"\xff\xd8"):
        return "jpg"
    return "webp" if data[8:12] == b"WEBP" else "png"
