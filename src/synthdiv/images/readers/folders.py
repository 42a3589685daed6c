"""Find images that are files: in one folder per class, or in one folder with a file of labels."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator, Sequence

from synthdiv.core.errors import StudyError
from synthdiv.core.files import is_hidden
from synthdiv.images.readers.found import OTHER_CLASS, FoundImage, Labels, get_suffix, get_times, is_image_name
from synthdiv.images.readers.label_files import read_labels


def find_in_class_folder(class_id: int, folder: str, others: Counter[str]) -> Iterator[FoundImage]:
    """Find a class's images in its folder and all subfolders, and count the other files by their suffixes.

    Raises
    ------
    StudyError
        If a link leads to a folder that was visited already, or a file or its name cannot be used.
    """
    for entry in _iter_files(folder):
        if is_image_name(entry.name):
            yield _describe_file(class_id, entry)
        else:
            others[get_suffix(entry.name)] += 1


def count_beside(folders: Sequence[str]) -> Counter[str]:
    """Count the files that lie beside class folders, and so are of no class, by their suffixes."""
    parents = {os.path.dirname(folder) for folder in folders} - set(folders)
    return Counter(get_suffix(entry.name) for parent in parents for entry in _list_entries(parent) if not entry.is_dir())


def _iter_files(folder: str) -> Iterator[os.DirEntry[str]]:
    """Iterate over the files of a folder and of all its subfolders.

    Raises
    ------
    StudyError
        If a link leads to a folder that was visited already.
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
            else:
                yield entry


def _list_entries(folder: str) -> list[os.DirEntry[str]]:
    """List a folder without hidden files and folders, such as editors' copies and what a system adds."""
    with os.scandir(folder) as entries:
        return [entry for entry in entries if not is_hidden(entry.name)]


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
    """Find all images of one folder, with their classes in a file of labels.

    The other files, and all files in subfolders, are counted by their suffixes.

    Raises
    ------
    StudyError
        As :func:`synthdiv.images.readers.label_files.read_labels` and :func:`find_in_class_folder`.
    """
    entries = (entry for entry in _list_entries(folder) if is_image_name(entry.name) and not entry.is_dir())
    images = {entry.name: entry for entry in sorted(entries, key=lambda entry: entry.name)}
    paths = {entry.path for entry in images.values()}
    others.update(get_suffix(entry.name) for entry in _iter_files(folder) if entry.path not in paths)
    for entry, class_id in zip(images.values(), read_labels(path, list(images), labels, label), strict=True):
        if class_id is None:
            others[OTHER_CLASS] += 1
        else:
            yield _describe_file(class_id, entry)
