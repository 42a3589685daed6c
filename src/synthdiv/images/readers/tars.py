"""Find images that are members of uncompressed tars in the layout of WebDataset."""

from __future__ import annotations

import json
import os
import tarfile
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from synthdiv.core.errors import StudyError
from synthdiv.core.files import is_hidden
from synthdiv.images.archive import check_tar_end
from synthdiv.images.readers.found import (
    LABEL_NAMES,
    OTHER_CLASS,
    FoundImage,
    Labels,
    get_suffix,
    get_times,
    is_image_name,
)

LARGEST_LABEL = 2**20
CLS, FOLDER = "cls", "folder"
"""The labels that a config may name beside the keys of a JSON."""


@dataclass(slots=True)
class _Sample:
    """The image of a sample (name, offset, size), what its members say of its class, and the suffixes of these members."""

    image: tuple[str, int, int] | None = None
    readings: dict[str, Any] = field(default_factory=dict)
    suffixes: list[str] = field(default_factory=list)


def find_in_tar(path: str, labels: Labels, others: Counter[str], label: str | None = None) -> Iterator[FoundImage]:
    """Find the images of a tar. Members with the same key form a sample; its class is in .cls, .json or the folder's name.

    A JSON's ``key`` that repeats the sample's own name, as img2dataset writes it, is no class; nor, beside another label, is
    a folder's name that is no class key. Members that are neither images nor classes of one are counted by their suffixes.
    If the config names the JSON's key, "cls" or "folder", it alone counts.

    Raises
    ------
    StudyError
        If the file is not a complete, uncompressed tar, a sample has two images or two classes, or a label is unreadable or
        names no class.
    """
    changed = get_times(os.stat(path))
    samples: dict[str, _Sample] = {}
    try:
        with tarfile.open(path, "r:") as tar:
            last: tarfile.TarInfo | None = None
            for member in tar:
                last = member
                if any(is_hidden(part) and part.strip(".") for part in member.name.split("/")):
                    continue  # hidden, as in folders
                if not _add_member(path, tar, member, samples, label):
                    others[get_suffix(member.name)] += 1
            if last is not None:
                check_tar_end(path, last)
    except tarfile.TarError as error:
        raise StudyError(f"{path} is not a complete, uncompressed tar file: {error}") from None
    for sample in samples.values():
        if sample.image is None:
            others.update(sample.suffixes)
            continue
        name, offset, size = sample.image
        if label not in (None, FOLDER) and not sample.readings:
            where = "no .cls" if label == CLS else f"no JSON with the key {label!r}"
            raise StudyError(f"{path}, {name}: the sample has {where}, which the config names as its `label:`")
        readings, folder = sample.readings, Path(name).parent.name
        if not readings or (label is None and labels.has_key(folder)):
            readings = readings | {"its folder": folder}
        class_id = labels.choose(readings, f"{path}, {name}")
        if class_id is None:
            others[OTHER_CLASS] += 1
        else:
            yield FoundImage(class_id, f"{path}/{name}", path, offset, size, changed)


def _add_member(
    path: str, tar: tarfile.TarFile, member: tarfile.TarInfo, samples: dict[str, _Sample], label: str | None
) -> bool:
    """Add a member to its sample, and say whether it is an image, a class or a folder."""
    folder, _, base = member.name.rpartition("/")
    stem, _, extension = base.partition(".")
    is_image = is_image_name(base)
    if not member.isreg():
        if is_image and not member.isdir():
            raise StudyError(f"{path}, {member.name}: this is a link or a device, not an image: remove it")
        return member.isdir()
    sample = samples.setdefault(f"{folder}/{stem}", _Sample())
    if is_image:
        if sample.image is not None:
            raise StudyError(
                f"{path} holds {sample.image[0]} and {member.name}: members with the same name up to the first dot form one "
                "sample, which must have one image"
            )
        sample.image = (member.name, member.offset_data, member.size)
    elif extension.lower() in (CLS, "json"):
        sample.readings |= _read_classes(path, tar, member, label)
        sample.suffixes.append(get_suffix(base))
    return is_image or extension.lower() in (CLS, "json")


def _read_classes(path: str, tar: tarfile.TarFile, member: tarfile.TarInfo, label: str | None) -> dict[str, Any]:
    if member.size > LARGEST_LABEL:
        raise StudyError(f"{path}, {member.name}: a label of {member.size:,} bytes is too large")
    content = tar.extractfile(member)
    stem, _, extension = member.name.rpartition("/")[2].partition(".")
    try:
        text = content.read().decode() if content else ""
        if extension.lower() == CLS:
            return {f"its .{extension}": text} if label in (None, CLS) else {}
        metadata = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise StudyError(f"{path}, {member.name}: the label cannot be read: {error}") from None
    names = LABEL_NAMES if label is None else () if label in (CLS, FOLDER) else (label,)
    given = {name: metadata[name] for name in names if name in metadata} if isinstance(metadata, dict) else {}
    own = {} if label else {"key": stem}
    return {f"its .{extension} ({name})": value for name, value in given.items() if str(value) != own.get(name)}
