"""Find images that are files: in one folder per class, or in one folder with a file of labels."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator

from synthdiv.core.errors import StudyError
from synthdiv.images.readers.found import OTHER_CLASS, FoundImage, Labels, get_suffix, get_times, is_image_name
from synthdiv.images.readers.label_files import read_labels


def find_in_class_folder(class_id: int, folder: str, others: Counter[str]) -> Iterator[FoundImage]:
    """Find a class's images in its folder and all subfolders, and count the other files by their suffixes.

    Raises
    ------
    StudyError
        If a link leads to a folder that was visited already, or a file or its name cannot be used.
    """
    pending = [folder]
    visited: dict[tuple[int, int], str] = {}
    while pending:
        path = pending.pop()
        metadata = os.stat(path)
        first = visited.setdefault((metadata.st_dev, metadata.st_ino), path)
        if first != path:
            raise StudyError(f"{path} links to {first}, whose images would be counted twice: remove the link")
        for entry in _list_entries(path):
            if entry.is_dir():
                pending.append(entry.path)
            elif is_image_name(entry.name):
                yield _describe_file(class_id, entry)
            else:
                others[get_suffix(entry.name)] += 1


def _list_entries(folder: str) -> list[os.DirEntry[str]]:
    """List a folder without hidden files and folders, such as editors' copies and macOS metadata files."""
    with os.scandir(folder) as entries:
        return [entry for entry in entries if not entry.name.startswith(".")]


def _describe_file(class_id: int, entry: os.DirEntry[str]) -> FoundImage:
    """Describe an image that is a file.

    Raises
    ------
    StudyError
        If its name is not UTF-8, or it is not a regular file.
    """
    if not entry.is_file():
        what = "a broken link" if entry.is_symlink() else "not a regular file"
        raise StudyError(f"{entry.path!r} is named like an image, but is {what}: remove it")
    try:
        entry.path.encode()
    except UnicodeEncodeError:
        raise StudyError(f"the name of the image {os.fsencode(entry.path)!r} is not UTF-8: rename it") from None
    metadata = entry.stat()
    return FoundImage(class_id, entry.path, entry.path, 0, metadata.st_size, get_times(metadata))


def find_in_flat_folder(
    folder: str, path: str, labels: Labels, others: Counter[str], label: str | None = None
) -> Iterator[FoundImage]:
    """Find all images of one folder, with their classes in a file of labels, and count the other files by their suffixes.

    Raises
    ------
    StudyError
        As :func:`read_labels`.
    """
    entries = sorted(_list_entries(folder), key=lambda entry: entry.name)
    images = [entry for entry in entries if is_image_name(entry.name)]
    others.update(get_suffix(entry.name) for entry in entries if not is_image_name(entry.name) and entry.is_file())
    names = [entry.name for entry in images]
    for entry, class_id in zip(images, read_labels(path, names, labels, label), strict=True):
        if class_id is None:
            others[OTHER_CLASS] += 1
        else:
            yield _describe_file(class_id, entry)
