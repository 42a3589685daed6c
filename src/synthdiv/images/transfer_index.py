"""Find the images of a transfer set by split, from any source, in the form in which natural images are indexed."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from synthdiv.core.errors import StudyError
from synthdiv.images.readers.found import FoundImage
from synthdiv.images.readers.sources import find_images
from synthdiv.images.transfer_sets import list_torchvision, split_evenly, write_digits
from synthdiv.prompts.class_tables import ClassRow

ImagesBySplit = dict[str, list[FoundImage]]


def find_transfer_images(
    source: Mapping[str, Any],
    *,
    name: str,
    files: Mapping[str, Mapping[str, list[str]]],
    classes: list[ClassRow] | None,
    digits: Path | str,
    seed: int,
    threads: int,
) -> tuple[list[ClassRow], ImagesBySplit]:
    """Return the classes of a transfer set, and its images by split: train, evaluation, and validation if it has one.

    Parameters
    ----------
    source : mapping
        The set's entry in the config.
    name : str
        The set's name, for messages.
    files, classes : as in :class:`synthdiv.plan.study.Study`
        For a set of user-provided images; otherwise empty and None.
    digits : Path or str
        The Parquet file to write scikit-learn's digits to.
    seed : int
        The seed of the evaluation split, for sets without one.
    threads : int
        Number of folders or files to list concurrently.

    Raises
    ------
    StudyError
        If the set does not exist, cannot be read in its form, or has only one class.
    """
    if "torchvision" in source:
        classes, rows = list_torchvision(source, f"transfer.sets.{name}")
        listed = {split: [_describe_file(path, class_id) for path, class_id in own] for split, own in rows.items()}
    elif "sklearn" in source:
        classes = write_digits(digits)
        listed = {"train": find_images({"form": ["parquet"], "paths": [str(digits)]}, classes)}
    else:
        assert classes is not None
        listed = {split: find_images(own, classes, threads=threads) for split, own in files.items()}
    if len(classes) < 2:
        raise StudyError(f"config: transfer.sets.{name} has one class, {classes[0].key!r}: a classifier needs two or more")
    if "evaluation" in listed:
        return classes, listed
    images = sorted(listed["train"], key=lambda image: (image.class_id, image.name))
    chosen = split_evenly([image.class_id for image in images], [row.key for row in classes], seed)
    split_images = {"train": _select(images, chosen, False), "evaluation": _select(images, chosen, True)}
    return classes, listed | split_images


def _describe_file(path: str, class_id: int) -> FoundImage:
    metadata = os.stat(path)
    return FoundImage(class_id, path, path, 0, metadata.st_size, metadata.st_mtime_ns)


def _select(images: list[FoundImage], chosen: Iterable[bool], value: bool) -> list[FoundImage]:
    return [image for image, is_chosen in zip(images, chosen, strict=True) if is_chosen == value]
