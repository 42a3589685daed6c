"""Read the file that labels the images of one folder: with their names, or in the order of their names."""

from __future__ import annotations

import csv
import logging
import os
from collections.abc import Iterable, Sequence
from pathlib import Path

from synthdiv.core.errors import StudyError
from synthdiv.core.files import read_text
from synthdiv.images.readers.found import LABEL_NAMES, Labels, is_image_name

logger = logging.getLogger(__name__)

IMAGE_COLUMNS = ("image", "file", "file_name", "filename", "path", "name", "ImageId")
"""Names of a column of images' names."""
BOXES = "PredictionString"
"""Kaggle's column of a class, followed by numbers of bounding boxes."""

Row = tuple[int, list[str]]
"""The number of a line, and its values."""


def read_labels(path: str, names: list[str], labels: Labels, label: str | None = None) -> list[int | None]:
    """Read the class of every image of a folder.

    Parameters
    ----------
    path : str
        A text file in one of these forms. (1) CSV with commas or tabs: an image's name (its suffix may be missing) and its
        class; or a header that names these columns, as in Kaggle's LOC_val_solution.csv. (2) An image's name, a space and
        its class, as in Caffe's val.txt. (3) The class of each image in the order of names; or, as in the ImageNet
        development kit's ground truth, a number from 1 whose wnid is in the kit's meta.mat in the same folder.
    names : list of str
        The images' names, sorted.
    labels : Labels
        The meaning of labels.
    label : str, optional
        The column of classes, which the header must have. Default is the only one with one of the usual names.

    Returns
    -------
    list of int or None
        The class_id of each image; None for images of ignored classes.

    Raises
    ------
    StudyError
        If the file cannot be read, it can be read in two ways, an image has no label or two different ones, a name without
        a suffix fits two images, or a label names no class.
    """
    lines = [one for one in enumerate(read_text(path, "file of labels").splitlines(), start=1) if one[1].strip()]
    known = {*names, *(os.path.splitext(name)[0] for name in names)}
    first = lines[0][1] if lines else ""
    if "," in first or "\t" in first or label is not None:
        pairs = _read_csv(path, lines, "\t" if "\t" in first else ",", known, label)
    elif any(_names_image(line, known) for _, line in lines):
        pairs = [_split(path, number, line) for number, line in lines]
    else:
        found = _number_wnids(path, [(number, line.strip()) for number, line in lines], labels)
        if len(found) != len(names):
            raise StudyError(f"{path} holds {len(found)} labels, but the folder holds {len(names)} images")
        return [labels.find(label, f"{path}, line {number}") for number, label in found]
    found = _match(path, pairs, names)
    return [labels.find(label, f"{path}, line {number}") for number, label in found]


def _names_image(line: str, known: set[str]) -> bool:
    first, *others = line.split()
    return bool(others) and (first in known or is_image_name(first))


def _split(path: str, number: int, line: str) -> tuple[int, str, str]:
    words = line.split()
    if len(words) != 2:
        count = "one word" if len(words) == 1 else f"{len(words)} words"
        raise StudyError(
            f"{path}, line {number} has {count}: write the image's name and its class with a comma between them"
        )
    return number, words[0], words[1]


def _read_csv(
    path: str, lines: Sequence[tuple[int, str]], delimiter: str, known: set[str], column: str | None
) -> list[tuple[int, str, str]]:
    """Return the number of the line, the image's name and the class of each row."""
    rows = list(_parse(path, lines, delimiter))
    number, head = rows[0]
    image, label = 0, 1
    if column is not None or (head[0] not in known and not is_image_name(head[0])):
        image, label = _find_columns(path, head, column)
        rows = rows[1:]
    elif len(head) != 2:
        columns = f"{IMAGE_COLUMNS[0]}{delimiter}{LABEL_NAMES[0]}"
        raise StudyError(
            f"{path}, line {number} has {len(head)} values: begin the file with a header that names the columns of the "
            f"image and of its class, such as {columns!r}"
        )
    short = next((number for number, row in rows if len(row) != len(head)), None)
    if short is not None:
        raise StudyError(f"{path}, line {short}: expected {len(head)} values; quote a value with commas")
    boxes = head[label] == BOXES
    return [(number, row[image], row[label].split()[0] if boxes and row[label] else row[label]) for number, row in rows]


def _parse(path: str, lines: Sequence[tuple[int, str]], delimiter: str) -> Iterable[Row]:
    numbers = [number for number, _ in lines]
    reader = csv.reader((line for _, line in lines), delimiter=delimiter, strict=True)
    try:
        for values in reader:
            yield numbers[reader.line_num - 1], [value.strip() for value in values]
    except csv.Error as error:
        raise StudyError(f"{path}, line {numbers[reader.line_num - 1]}: {error}") from None


def _find_columns(path: str, head: list[str], label: str | None) -> tuple[int, int]:
    found = []
    classes = (*LABEL_NAMES, BOXES) if label is None else (label,)
    for what, known in (("image's name", IMAGE_COLUMNS), ("class", classes)):
        own = [name for name in head if name in known]
        if not own:
            raise StudyError(
                f"{path}: its first line is neither an image of the folder and its class nor a header with a column of the "
                f"{what} ({', '.join(known)}); it has the columns {', '.join(head)}"
            )
        if len(own) > 1:
            raise StudyError(
                f"{path} has the columns {' and '.join(own)}, and either may be the {what}: remove one"
                f"{', or name it with `label:`' if what == 'class' else ''}"
            )
        found.append(head.index(own[0]))
    return found[0], found[1]


def _match(path: str, pairs: Sequence[tuple[int, str, str]], names: Sequence[str]) -> list[tuple[int, str]]:
    """Return the line and the label of each image."""
    images: dict[str, list[str]] = {}
    for name in names:
        images.setdefault(os.path.splitext(name)[0], []).append(name)
    images |= {name: [name] for name in names}
    given: dict[str, tuple[int, str]] = {}
    for number, name, label in pairs:
        image, *others = images.get(name, [name])
        if others:
            raise StudyError(
                f"{path}, line {number}: {name} may be {' or '.join([image, *others])}: write the image's whole name"
            )
        first = given.setdefault(image, (number, label))
        if first[1] != label:
            raise StudyError(f"{path} labels {image} {first[1]!r} on line {first[0]}, but {label!r} on line {number}")
    absent = [image for image in given if image not in images]
    if absent:
        logger.warning("%s labels %d images that the folder does not hold, such as %s", path, len(absent), absent[0])
    missing = next((name for name in names if name not in given), None)
    if missing is not None:
        raise StudyError(f"{path} has no label for the image {missing}")
    return [given[name] for name in names]


def _number_wnids(path: str, found: list[tuple[int, str]], labels: Labels) -> list[tuple[int, str]]:
    """Replace the numbers of the ImageNet development kit by wnids, if all labels are numbers, and none is a class key."""
    if not found or not all(label.isdecimal() and label not in labels.keys for _, label in found):
        return found
    wnids = _read_development_kit(Path(path).with_name("meta.mat"), path)
    return [(number, wnids.get(int(label), label)) for number, label in found]


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
