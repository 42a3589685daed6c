"""Find images that are files: in one folder per class, or in one folder with a file of labels."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from synthdiv.core.errors import StudyError
from synthdiv.core.files import read_text
from synthdiv.images.readers.found import IMAGE_SUFFIXES, FoundImage, Labels


def find_in_class_folder(class_id: int, folder: str) -> Iterator[FoundImage]:
    """Find a class's images in its folder and all subfolders.

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
            elif os.path.splitext(entry.name)[1].lower() in IMAGE_SUFFIXES:
                yield _describe_file(class_id, entry)


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
    return FoundImage(class_id, entry.path, entry.path, 0, metadata.st_size, metadata.st_mtime_ns)


def find_in_flat_folder(folder: str, path: str, labels: Labels) -> Iterator[FoundImage]:
    """Find all images of one folder, with their classes in a file of labels.

    Raises
    ------
    StudyError
        As :func:`read_labels`.
    """
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
        A text file. With two or more values per line, separated by spaces or commas: an image's name (its suffix may be
        missing) and its class key or class_id, as in Caffe's val.txt or Kaggle's LOC_val_solution.csv, whose header is
        skipped. With one value per line: the class of each image in the order of names, as a class key, or, as in the
        ImageNet development kit's ground truth, as a number from 1 whose wnid is in the kit's meta.mat in the same folder.
    names : list of str
        The images' names, sorted.
    labels : Labels
        The meaning of labels.

    Returns
    -------
    list of int or None
        The class_id of each image; None for images of ignored classes.

    Raises
    ------
    StudyError
        If the file cannot be read, an image has no label or two different ones, or a label names no class.
    """
    lines = [line.replace(",", " ").split() for line in read_text(path, "file of labels").splitlines()]
    rows = [(number, values) for number, values in enumerate(lines, start=1) if values]
    if any(len(values) > 1 for _, values in rows):
        by_name: dict[str, tuple[int, str]] = {}
        for number, (name, label, *_) in ((number, values) for number, values in rows if len(values) > 1):
            first = by_name.setdefault(name, (number, label))
            if first[1] != label:
                raise StudyError(f"{path} labels {name} {first[1]!r} on line {first[0]}, but {label!r} on line {number}")
        given = [by_name.get(name) or by_name.get(os.path.splitext(name)[0]) for name in names]
        missing = next((name for name, entry in zip(names, given, strict=True) if entry is None), None)
        if missing is not None:
            raise StudyError(f"{path} has no label for the image {missing}")
        found = [entry for entry in given if entry is not None]
    else:
        if len(rows) != len(names):
            raise StudyError(f"{path} holds {len(rows)} labels, but the folder holds {len(names)} images")
        found = [(number, values[0]) for number, values in rows]
        if found and all(label.isdecimal() and label not in labels.keys for _, label in found):
            wnids = _read_development_kit(Path(path).with_name("meta.mat"), path)
            found = [(number, wnids.get(int(label), label)) for number, label in found]
    return [labels.find(label, f"{path}, line {number}") for number, label in found]


def _read_development_kit(meta: Path, labels: str) -> dict[int, str]:
    """Read the wnid of each number of the ImageNet development kit (ILSVRC2012_ID, which is not in wnid order)."""
    from scipy.io import loadmat

    if not meta.is_file():
        raise StudyError(
            f"{labels} holds only numbers: if they are the ImageNet development kit's, put its meta.mat in the same folder; "
            "otherwise start each line with the image's name"
        )
    try:
        synsets = loadmat(meta, squeeze_me=True)["synsets"]
        return {int(row["ILSVRC2012_ID"]): str(row["WNID"]) for row in synsets}
    except Exception as error:  # scipy raises many kinds of exception
        raise StudyError(f"{meta} is not the development kit's meta.mat: {error!r}") from None
