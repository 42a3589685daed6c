"""Locate user-provided images and embeddings, and report missing ones.

The Snakefile imports this in every job, so it imports nothing heavy.
"""

from __future__ import annotations

import importlib.util
import os
import re
from collections.abc import Sequence
from pathlib import Path
from unicodedata import normalize

from synthdiv.config.sets import EmbeddingTables, ImageLocation
from synthdiv.core.errors import StudyError
from synthdiv.core.files import find_files, is_hidden, read_text
from synthdiv.images.image_source import ImageFiles
from synthdiv.prompts.class_tables import ClassRow, read_classes, read_csv_rows

TIMM_SUBSETS = ("imagenet-a", "imagenet-r")
"""Lists of ImageNet classes that timm includes."""


def describe_images(source: str | ImageLocation, keys: list[str]) -> ImageFiles:
    """Recognise the form of a source of images, and list its files.

    Parameters
    ----------
    source : str or ImageLocation
        A path or a pattern, or what the config says of it.
    keys : list of str
        The class keys of a folder with one folder per class.

    Returns
    -------
    ImageFiles

    Raises
    ------
    StudyError
        If there is nothing at the path, the form is not recognised, or Snakemake would not take a name as it is.
    """
    path, labels, label = (source, None, None) if isinstance(source, str) else (source.path, source.labels, source.label)
    check_characters(path, labels or "")
    described = _describe_files(source, path, labels, keys)
    if label is not None and described.form in ("folder", "idx"):
        what = "folders, whose names are the classes" if described.form == "folder" else "an IDX file, which has no columns"
        raise StudyError(f"`label: {label}` would have no effect: {path} has {what}")
    return described.model_copy(update={"label": label})


def _describe_files(source: str | ImageLocation, path: str, labels: str | None, keys: list[str]) -> ImageFiles:
    if os.path.isdir(path) and labels:
        if not os.path.isfile(labels):
            raise StudyError(f"the file of labels {labels} does not exist")
        return ImageFiles(form="flat", paths=(path,), labels=labels)
    if os.path.isdir(path):
        folders = {key: key for key in keys}
        if not isinstance(source, str) and source.folders is not None:
            folders = {row.key: str(row.class_id) for row in read_classes(source.folders)}
            unknown = next((key for key in keys if key not in folders), None)
            if unknown is not None:
                raise StudyError(f"{source.folders} has no class with the key {unknown!r}")
        check_characters(*folders.values())
        return ImageFiles(form="folder", paths=tuple(_find_folder(path, folders[key]) for key in keys), keys=tuple(keys))
    paths = find_files(path)
    check_characters(*paths)
    missing = next((path for path in paths if not os.path.exists(path)), None if paths else path)
    if missing is not None:
        raise StudyError(f"{missing} does not exist")
    if all(path.endswith(".tar") for path in paths):
        return ImageFiles(form="tar", paths=tuple(paths))
    if all(path.endswith(".parquet") for path in paths):
        return ImageFiles(form="parquet", paths=tuple(paths))
    if len(paths) == 1 and re.search(r"ubyte(\.gz)?$", path):
        labels = labels or path.replace("images", "labels").replace("idx3", "idx1")
        if labels == path or not os.path.exists(labels):
            raise StudyError(f"{path} needs its labels; {labels} does not exist (name it with `labels:`)")
        return ImageFiles(form="idx", paths=tuple(paths), labels=labels)
    raise StudyError(f"{path} is not a folder, .tar, .parquet or IDX (…-ubyte, …-ubyte.gz) file")


def check_characters(*names: str) -> None:
    """Check that Snakemake takes names of files and folders as they are, which it does not if they have brackets.

    Raises
    ------
    StudyError
        If one has.
    """
    for name in names:
        bracket = re.search(r"[{}<>]", name)
        if bracket is not None:
            raise StudyError(f"{name} contains {bracket[0]!r}, which Snakemake reads as part of a placeholder: rename it")


def _find_folder(path: str, name: str) -> str:
    """Return the path of a class's folder, which may be spelled in composed or decomposed characters."""
    folder = os.path.join(path, name)
    if name.isascii() or os.path.isdir(folder):
        return folder
    spelled = (one for one in os.listdir(path) if normalize("NFC", one) == normalize("NFC", name))
    return os.path.join(path, next(spelled, name))


def check_images(described: ImageFiles) -> None:
    """Check that every class's folder exists and is not empty, if the source has folders.

    Raises
    ------
    StudyError
        If one is missing or empty.
    """
    for folder in described.paths if described.form == "folder" else ():
        if not os.path.isdir(folder):
            raise StudyError(f"there is no folder {folder} for the class with that key")
        with os.scandir(folder) as entries:
            if all(is_hidden(entry.name) for entry in entries):
                raise StudyError(f"the folder {folder} contains no image")


def find_embeddings(source: str | EmbeddingTables) -> list[str]:
    """List the embedding tables of a source, and the class table next to each array of vectors.

    Parameters
    ----------
    source : str or EmbeddingTables
        A path or a pattern, for both splits or for each.

    Raises
    ------
    StudyError
        If a pattern matches nothing.
    """
    sources = [source] if isinstance(source, str) else [source.train, source.evaluation]
    files: list[str] = []
    for path in sources:
        found = find_files(path)
        if not found:
            raise StudyError(f"nothing matches {path}")
        check_characters(*found)
        files += found
        files += [os.path.splitext(path)[0] + ".csv" for path in found if path.endswith(".npy")]
    return files


def list_files_of_models(*names: str | bool | None) -> list[str]:
    """List the files of models whose names are files or folders, not names in a library or hub."""
    paths = [Path(name) for name in names if name and isinstance(name, str)]
    return sorted(
        str(path)
        for name in paths
        if name.exists()
        for path in ([name] if name.is_file() else name.rglob("*"))
        if path.is_file() and not path.name.startswith(".")
    )


def read_class_subset(subset: str, classes: Sequence[ClassRow], table: str) -> list[int]:
    """Read the class_ids of a list of class keys, one per line, from timm or a file.

    Parameters
    ----------
    subset : str
        One of ``TIMM_SUBSETS``, or a path. A list of timm may name classes that the study does not have.
    classes : sequence of ClassRow
    table : str
        The class table, for messages.

    Raises
    ------
    StudyError
        If it cannot be read, or names a class that the study does not have.
    """
    path = find_timm_subset(subset) if subset in TIMM_SUBSETS else Path(subset)
    lines = read_text(path, f"list of classes (timm's are {' and '.join(TIMM_SUBSETS)})").splitlines()
    keys = dict.fromkeys(line.strip() for line in lines if line.strip())
    class_ids = {row.key: row.class_id for row in classes}
    own = sorted(class_ids[key] for key in keys if key in class_ids)
    if not own or (subset not in TIMM_SUBSETS and len(own) < len(keys)):
        unknown = next((key for key in keys if key not in class_ids), None)
        raise StudyError(f"{subset} names the class {unknown!r}, which {table} does not have")
    return own


def find_timm_subset(name: str) -> Path:
    """Return timm's file of class keys, without importing timm, which would import torch."""
    found = importlib.util.find_spec("timm")
    assert found is not None
    assert found.submodule_search_locations is not None
    return Path(found.submodule_search_locations[0]) / "data" / "_info" / f"{name.replace('-', '_')}_synsets.txt"


def read_counts(path: str, classes: Sequence[ClassRow]) -> dict[str, int]:
    """Read how many images of each class are used, by key, from a CSV with the columns ``key`` and ``images``.

    Raises
    ------
    StudyError
        If it cannot be read, names an unknown class, or a count is not a positive integer.
    """
    keys, counts = {row.key for row in classes}, {}
    for number, row in read_csv_rows(path, required=("key", "images"), what="table of counts"):
        key, images = row["key"].strip(), row["images"].strip()
        if key not in keys:
            raise StudyError(f"{path}, line {number}: there is no class with the key {key!r}")
        if not images.isdecimal() or int(images) < 1:
            raise StudyError(f"{path}, line {number}: images is {images!r}; it must be an integer from 1")
        counts[key] = int(images)
    return dict(sorted(counts.items()))
