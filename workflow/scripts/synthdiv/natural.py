"""Where natural images are: a folder a class, one folder with labels, WebDataset tars, Parquet with images, or IDX files.

Images that are files, or members of a tar, are used where they lie. Those of Parquet and IDX files are no run of bytes that
a decoder reads: they are found by row, and :mod:`synthdiv.natural_index` copies them into the archive.
"""

from __future__ import annotations

import gzip
import io
import json
import math
import os
import tarfile
import zlib
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from PIL import Image
from tqdm import tqdm

from synthdiv.archive import check_tar_end
from synthdiv.classes import ClassRow
from synthdiv.errors import StudyError
from synthdiv.files import read_text

IMAGE_SUFFIXES = {".jpg", ".jpeg", ".png", ".webp", ".bmp", ".gif", ".tif", ".tiff", ".ppm"}
LARGEST_LABEL = 2**20
PARQUET_IMAGES = ("image", "jpg", "png", "bytes")
PARQUET_LABELS = ("class_id", "key", "label")


@dataclass(frozen=True, slots=True)
class Found:
    """A natural image: its class, a name that sorts it and that messages use, and where its bytes are.

    They are ``size`` bytes of ``file``, which was last changed at ``changed`` (nanoseconds), from ``offset``; or the file's
    ``row``.
    """

    class_id: int
    name: str
    file: str
    offset: int = 0
    size: int = 0
    changed: int = 0
    row: int | None = None


class Labels:
    """What the labels of images mean: a class's key or its class_id.

    Parameters
    ----------
    classes : list of ClassRow
        The study's.
    ignore_others : bool
        Whether a label may name a class that the study has not. Numbers are class keys or nothing then, since a class_id of
        another list of classes would be taken for one of the study's.
    """

    def __init__(self, classes: list[ClassRow], *, ignore_others: bool = False) -> None:
        self.keys = {row.key: row.class_id for row in classes}
        self.ignore_others = ignore_others

    def find(self, value: Any, where: str) -> int | None:
        """The class_id that a label means; None for a class that is to be ignored.

        Raises
        ------
        StudyError
            If it names no class: the label, and where it stands.
        """
        text = str(value).strip()
        if text in self.keys:
            return self.keys[text]
        if self.ignore_others and not text.isdecimal():
            return None
        if text.isdecimal() and int(text) < len(self.keys) and not self.ignore_others:
            return int(text)
        most = len(self.keys) - 1
        hint = "" if not self.ignore_others else "; with ignore_other_classes, labels must be keys"
        raise StudyError(f"{where}: the label {text!r} is neither a class key nor a class_id from 0 to {most}{hint}")


def find_images(
    source: Mapping[str, list[str]], classes: list[ClassRow], *, threads: int = 1, ignore_others: bool = False
) -> list[Found]:
    """List the images of a source, as :meth:`synthdiv.study.Study.natural_files` describes it.

    Parameters
    ----------
    source : mapping
        ``form``, ``paths`` and what else the form needs.
    classes : list of ClassRow
        The study's.
    threads : int
        Folders or files that are listed at once.
    ignore_others : bool
        Leave out images whose label names a class that the study has not, instead of refusing them.

    Raises
    ------
    StudyError
        If a label names no class, or a file is not of its form.
    """
    form, paths = source["form"][0], source["paths"]
    labels = Labels(classes, ignore_others=ignore_others)
    parts: list[Callable[[], Iterator[Found]]]
    if form == "folder":
        parts = [partial(_find_in_folder, labels.keys[key], path) for key, path in zip(source["keys"], paths, strict=True)]
    elif form == "flat":
        parts = [partial(_find_in_flat_folder, paths[0], source["labels"][0], labels)]
    elif form == "tar":
        parts = [partial(_find_in_tar, path, labels) for path in paths]
    elif form == "parquet":
        parts = [partial(_find_in_parquet, path, labels) for path in paths]
    else:
        parts = [partial(_find_in_idx, paths[0], source["labels"][0], labels)]
    with ThreadPoolExecutor(threads) as pool:
        listed = tqdm(pool.map(lambda part: list(part()), parts), total=len(parts), desc="list", mininterval=2)
        try:
            return [image for images in listed for image in images]
        except OSError as error:
            raise StudyError(f"{error.filename or paths[0]} cannot be read: {error.strerror or error}") from None


def _find_in_folder(class_id: int, folder: str) -> Iterator[Found]:
    waiting = [folder]
    seen: dict[tuple[int, int], str] = {}
    while waiting:
        path = waiting.pop()
        facts = os.stat(path)
        first = seen.setdefault((facts.st_dev, facts.st_ino), path)
        if first != path:
            raise StudyError(f"{path} leads to {first}, whose images would be there twice: remove the link")
        for entry in _list_entries(path):
            if entry.is_dir():
                waiting.append(entry.path)
            elif os.path.splitext(entry.name)[1].lower() in IMAGE_SUFFIXES:
                yield _describe_file(class_id, entry)


def _list_entries(folder: str) -> list[os.DirEntry[str]]:
    """What lies in a folder but hidden files and folders: copies of editors, a Mac's notes beside each image."""
    with os.scandir(folder) as entries:
        return [entry for entry in entries if not entry.name.startswith(".")]


def _describe_file(class_id: int, entry: os.DirEntry[str]) -> Found:
    """An image that lies in a file of its own.

    Raises
    ------
    StudyError
        If its name is no text, or there is no file behind it.
    """
    if not entry.is_file():
        what = "is a link to something that is not there" if entry.is_symlink() else "is no file"
        raise StudyError(f"{entry.path!r} is called like an image, but {what}: remove it")
    try:
        entry.path.encode()
    except UnicodeEncodeError:
        raise StudyError(f"the name of the image {os.fsencode(entry.path)!r} is not UTF-8: rename it") from None
    facts = entry.stat()
    return Found(class_id, entry.path, entry.path, 0, facts.st_size, facts.st_mtime_ns)


def _find_in_flat_folder(folder: str, path: str, labels: Labels) -> Iterator[Found]:
    """One folder of all images, whose classes stand in a file (:func:`read_labels`)."""
    images = sorted(
        (entry for entry in _list_entries(folder) if os.path.splitext(entry.name)[1].lower() in IMAGE_SUFFIXES),
        key=lambda entry: entry.name,
    )
    names = [entry.name for entry in images]
    for entry, class_id in zip(images, read_labels(path, names, labels), strict=True):
        if class_id is not None:
            yield _describe_file(class_id, entry)


def read_labels(path: str, names: list[str], labels: Labels) -> list[int | None]:
    """Read the class of every image of a folder.

    Parameters
    ----------
    path : str
        A text file. With two or more values a line, separated by spaces or commas: an image's name (its suffix may be
        missing) and its class key or class_id, as in Caffe's val.txt or Kaggle's LOC_val_solution.csv, whose header is
        skipped. With one value a line: the class of each image in the order of names, as a class key, or, as in the ImageNet
        development kit's ground truth, as a number from 1 whose wnid stands in the kit's meta.mat in the same folder.
    names : list of str
        The images, sorted.
    labels : Labels
        What they mean.

    Returns
    -------
    list of int or None
        A class_id for each name; None for an image of a class that is to be ignored.

    Raises
    ------
    StudyError
        If the file can't be read, an image has no label or two, or a label names no class.
    """
    lines = [line.replace(",", " ").split() for line in read_text(path, "file of labels").splitlines()]
    rows = [(number, values) for number, values in enumerate(lines, start=1) if values]
    if any(len(values) > 1 for _, values in rows):
        places: dict[str, tuple[int, str]] = {}
        for number, (name, label, *_) in ((number, values) for number, values in rows if len(values) > 1):
            first = places.setdefault(name, (number, label))
            if first[1] != label:
                raise StudyError(f"{path} labels {name} {first[1]!r} on line {first[0]}, but {label!r} on line {number}")
        given = [places.get(name) or places.get(os.path.splitext(name)[0]) for name in names]
        missing = next((name for name, place in zip(names, given, strict=True) if place is None), None)
        if missing is not None:
            raise StudyError(f"{path} has no label for the image {missing}")
        found = [place for place in given if place is not None]
    else:
        if len(rows) != len(names):
            raise StudyError(f"{path} holds {len(rows)} labels, but its folder {len(names)} images")
        found = [(number, values[0]) for number, values in rows]
        if found and all(label.isdecimal() and label not in labels.keys for _, label in found):
            wnids = _read_development_kit(Path(path).with_name("meta.mat"), path)
            found = [(number, wnids.get(int(label), label)) for number, label in found]
    return [labels.find(label, f"{path}, line {number}") for number, label in found]


def _read_development_kit(meta: Path, labels: str) -> dict[int, str]:
    """The wnid of each number of the ImageNet development kit (ILSVRC2012_ID, which is not the order of the wnids)."""
    from scipy.io import loadmat

    if not meta.is_file():
        raise StudyError(
            f"{labels} holds numbers alone: if they are the ImageNet development kit's, put its meta.mat beside it; "
            "else give each line the image's name first"
        )
    try:
        synsets = loadmat(meta, squeeze_me=True)["synsets"]
        return {int(row["ILSVRC2012_ID"]): str(row["WNID"]) for row in synsets}
    except Exception as error:  # scipy raises many kinds
        raise StudyError(f"{meta} is not the development kit's meta.mat: {error!r}") from None


def _find_in_tar(path: str, labels: Labels) -> Iterator[Found]:
    """WebDataset: members that share a key are one sample; its class is in .cls, in .json, or the image's folder."""
    changed = os.stat(path).st_mtime_ns
    image: tarfile.TarInfo | None = None
    label: Any = None
    sample = ""

    def finish() -> Iterator[Found]:
        if image is not None:
            chosen = label if label is not None else Path(image.name).parent.name
            class_id = labels.find(chosen, f"{path}, {image.name}")
            if class_id is not None:
                yield Found(class_id, f"{path}/{image.name}", path, image.offset_data, image.size, changed)

    try:
        with tarfile.open(path, "r:") as tar:
            last: tarfile.TarInfo | None = None
            for member in tar:
                last = member
                folder, _, base = member.name.rpartition("/")
                if any(part.startswith(".") and part.strip(".") for part in member.name.split("/")):
                    continue  # hidden, as in folders
                stem, _, extension = base.partition(".")
                is_image = os.path.splitext(base)[1].lower() in IMAGE_SUFFIXES
                if not member.isreg():
                    if is_image and not member.isdir():
                        raise StudyError(f"{path}, {member.name}: this is a link or a device, and no image: take it out")
                    continue
                if f"{folder}/{stem}" != sample:
                    yield from finish()
                    image, label, sample = None, None, f"{folder}/{stem}"
                if is_image:
                    if image is not None:
                        raise StudyError(
                            f"{path} holds {image.name} and {member.name}: what has the same name up to the first dot is "
                            "one sample, which has one image"
                        )
                    image = member
                elif extension in ("cls", "json"):
                    if member.size > LARGEST_LABEL:
                        raise StudyError(f"{path}, {member.name}: a label of {member.size:,} bytes is none")
                    content = tar.extractfile(member)
                    try:
                        text = content.read().decode() if content else ""
                        facts = json.loads(text) if extension == "json" else {"class_id": text}
                    except (ValueError, RecursionError) as error:
                        raise StudyError(f"{path}, {member.name}: the label cannot be read: {error}") from None
                    names = ("key", "class_key", "class_id") if isinstance(facts, dict) else ()
                    label = next((facts[name] for name in names if name in facts), label)
            yield from finish()
            if last is not None:
                check_tar_end(path, last)
    except tarfile.TarError as error:
        raise StudyError(f"{path} is not a whole, uncompressed tar file: {error}") from None


def _open_parquet(path: str) -> tuple[pq.ParquetFile, str, str]:
    """The file, and its columns of encoded images and of labels."""
    try:
        file = pq.ParquetFile(path)
    except (pa.ArrowInvalid, OSError) as error:
        raise StudyError(f"{path} is no Parquet file that can be read: {error}") from None
    names = file.schema_arrow.names
    image = next((name for name in PARQUET_IMAGES if name in names), None)
    label = next((name for name in PARQUET_LABELS if name in names), None)
    if image is None or label is None:
        raise StudyError(
            f"{path} needs a column of encoded images (image) and of classes (class_id or key); it has {', '.join(names)}"
        )
    return file, image, label


def _find_in_parquet(path: str, labels: Labels) -> Iterator[Found]:
    file, _, label = _open_parquet(path)
    try:
        values = file.read(columns=[label])[label].to_pylist()
    except (pa.ArrowException, OSError) as error:
        raise StudyError(f"{path}: the column {label} is damaged: {error}") from None
    for row, value in enumerate(values):
        class_id = labels.find(value, f"{path}, row {row}")
        if class_id is not None:
            yield Found(class_id, f"{path}/{row:09d}", path, row=row)


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
    if min(shape, default=0) < 0 or len(data) != header + math.prod(shape):
        raise StudyError(f"{path} holds {len(data) - header} values; its header says {' x '.join(map(str, shape))}")
    return np.frombuffer(data, np.uint8, offset=header).reshape(shape)


def _find_in_idx(path: str, labels_path: str, labels: Labels) -> Iterator[Found]:
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
        if class_id is not None:
            yield Found(class_id, f"{path}/{row:09d}", path, row=row)


def read_rows(path: str) -> Iterator[bytes]:
    """The encoded images of a Parquet file, row by row; those of an IDX file as PNG.

    Raises
    ------
    StudyError
        If a row holds no image.
    """
    if not path.endswith(".parquet"):
        for pixels in read_idx(path):
            buffer = io.BytesIO()
            Image.fromarray(pixels).save(buffer, format="png")
            yield buffer.getvalue()
        return
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
