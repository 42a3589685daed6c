"""Find images that are members of uncompressed tars in the layout of WebDataset."""

from __future__ import annotations

import json
import os
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from synthdiv.core.errors import StudyError
from synthdiv.images.archive import check_tar_end
from synthdiv.images.readers.found import IMAGE_SUFFIXES, FoundImage, Labels

LARGEST_LABEL = 2**20


def find_in_tar(path: str, labels: Labels) -> Iterator[FoundImage]:
    """Find the images of a tar. Members with the same key form a sample; its class is in .cls, .json or the folder's name.

    Raises
    ------
    StudyError
        If the file is not a complete, uncompressed tar, a sample has two images, or a label is unreadable or names no class.
    """
    changed = os.stat(path).st_mtime_ns
    image: tarfile.TarInfo | None = None
    label: Any = None
    sample = ""

    def finish() -> Iterator[FoundImage]:
        if image is not None:
            chosen = label if label is not None else Path(image.name).parent.name
            class_id = labels.find(chosen, f"{path}, {image.name}")
            if class_id is not None:
                yield FoundImage(class_id, f"{path}/{image.name}", path, image.offset_data, image.size, changed)

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
                        raise StudyError(f"{path}, {member.name}: this is a link or a device, not an image: remove it")
                    continue
                if f"{folder}/{stem}" != sample:
                    yield from finish()
                    image, label, sample = None, None, f"{folder}/{stem}"
                if is_image:
                    if image is not None:
                        raise StudyError(
                            f"{path} holds {image.name} and {member.name}: members with the same name up to the first dot "
                            "form one sample, which must have one image"
                        )
                    image = member
                elif extension in ("cls", "json"):
                    if member.size > LARGEST_LABEL:
                        raise StudyError(f"{path}, {member.name}: a label of {member.size:,} bytes is too large")
                    content = tar.extractfile(member)
                    try:
                        text = content.read().decode() if content else ""
                        metadata = json.loads(text) if extension == "json" else {"class_id": text}
                    except (ValueError, RecursionError) as error:
                        raise StudyError(f"{path}, {member.name}: the label cannot be read: {error}") from None
                    names = ("key", "class_key", "class_id") if isinstance(metadata, dict) else ()
                    label = next((metadata[name] for name in names if name in metadata), label)
            yield from finish()
            if last is not None:
                check_tar_end(path, last)
    except tarfile.TarError as error:
        raise StudyError(f"{path} is not a complete, uncompressed tar file: {error}") from None
