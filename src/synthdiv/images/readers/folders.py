"""Images that are files: in a folder a class, or in one folder with a file of labels."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from synthdiv.core.errors import StudyError
from synthdiv.core.files import read_text
from synthdiv.images.readers.found import IMAGE_SUFFIXES, Found, Labels


def find_in_class_folder(class_id: int, folder: str) -> Iterator[Found]:
    """Find a class's images in its folder and the folders in it.

    Raises
    ------
    StudyError
        If a link leads to a folder that was seen already, or a name or a file cannot be used.
    """
    waiting = [folder]
    seen: dict[tuple[int, int], str] = {}
    while waiting:
        path = waiting.pop()
        metadata = os.stat(path)
        first = seen.setdefault((metadata.st_dev, metadata.st_ino), path)
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
    metadata = entry.stat()
    return Found(class_id, entry.path, entry.path, 0, metadata.st_size, metadata.st_mtime_ns)


def find_in_flat_folder(folder: str, path: str, labels: Labels) -> Iterator[Found]:
    """Find all images of one folder, whose classes stand in a file.

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
