"""The images of a transfer set by split: whatever keeps them, they become an index like that of natural images."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from synthdiv.core.errors import StudyError
from synthdiv.images.readers.found import Found
from synthdiv.images.readers.sources import find_images
from synthdiv.images.transfer_sets import list_torchvision, split_evenly, write_digits
from synthdiv.prompts.class_tables import ClassRow

Listed = dict[str, list[Found]]


def find_transfer_images(
    source: Mapping[str, Any],
    *,
    name: str,
    files: Mapping[str, Mapping[str, list[str]]],
    classes: list[ClassRow] | None,
    digits: Path | str,
    seed: int,
    threads: int,
) -> tuple[list[ClassRow], Listed]:
    """The classes of a transfer set, and its images by split: train, evaluation, and validation where it has one.

    Parameters
    ----------
    source : mapping
        The set's entry in the config.
    name : str
        The set's, for messages.
    files, classes : as :class:`synthdiv.plan.study.Study` gives them
        Of a set of the user's own images; else empty and None.
    digits : Path or str
        The Parquet file that scikit-learn's digits are written to.
    seed : int
        Of the evaluation split, where the set has none.
    threads : int
        Folders or files that are listed at once.

    Raises
    ------
    StudyError
        If the set is not there, not of its form, or of one class.
    """
    if "torchvision" in source:
        classes, rows = list_torchvision(source, f"transfer.sets.{name}")
        listed = {split: [_find_file(path, class_id) for path, class_id in own] for split, own in rows.items()}
    elif "sklearn" in source:
        classes = write_digits(digits)
        listed = {"train": find_images({"form": ["parquet"], "paths": [str(digits)]}, classes)}
    else:
        assert classes is not None
        listed = {split: find_images(own, classes, threads=threads) for split, own in files.items()}
    if len(classes) < 2:
        raise StudyError(f"config: transfer.sets.{name} has one class, {classes[0].key!r}: there is nothing to tell apart")
    if "evaluation" in listed:
        return classes, listed
    images = sorted(listed["train"], key=lambda image: (image.class_id, image.name))
    chosen = split_evenly([image.class_id for image in images], [row.key for row in classes], seed)
    halves = {"train": _take(images, chosen, False), "evaluation": _take(images, chosen, True)}
    return classes, listed | halves


def _find_file(path: str, class_id: int) -> Found:
    metadata = os.stat(path)
    return Found(class_id, path, path, 0, metadata.st_size, metadata.st_mtime_ns)


def _take(images: list[Found], chosen: Iterable[bool], wanted: bool) -> list[Found]:
    return [image for image, own in zip(images, chosen, strict=True) if own == wanted]
