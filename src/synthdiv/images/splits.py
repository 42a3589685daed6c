"""Find the images of a natural set or of a transfer set by split, from any source."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path

from synthdiv.config.problems import about
from synthdiv.core.errors import StudyError
from synthdiv.core.fingerprints import SELECTION
from synthdiv.images.image_source import ImageFiles, ImageSource
from synthdiv.images.natural_index import SplitImages, choose_images
from synthdiv.images.readers.found import FoundImage, LeftOut, get_times
from synthdiv.images.readers.sources import find_images
from synthdiv.images.transfer_sets import list_torchvision, split_evenly, write_digits
from synthdiv.prompts.class_tables import ClassRow

ImagesBySplit = dict[str, list[FoundImage]]


def find_splits(
    source: ImageSource, *, name: str, class_table: str, digits: Path | str, seed: int, threads: int
) -> tuple[list[ClassRow], dict[str, SplitImages]]:
    """Find the images of each split of a set, and choose those that are used.

    Parameters
    ----------
    source : ImageSource
        Where the images are.
    name : str
        The set's name, for messages.
    class_table : str
        The study's class table.
    digits : Path or str
        The Parquet file to write scikit-learn's digits to.
    seed : int
        The study's seed, which chooses subsets and evaluation splits.
    threads : int
        Number of folders or files to list concurrently.

    Returns
    -------
    classes : list of ClassRow
        The set's classes.
    splits : dict of split to (found, chosen, left out)
        All images found, those chosen, and the numbers of files that are no images of these classes.

    Raises
    ------
    StudyError
        If the set does not exist, cannot be read in its form, lacks images, or, as a transfer set, has only one class.
    """
    left_out: dict[str, LeftOut] = {split: Counter() for split, _ in source.files}
    classes, images = list_images(
        source, name=name, class_table=class_table, digits=digits, seed=seed, threads=threads, left_out=left_out
    )
    splits = {}
    for split, found in images.items():
        class_ids: Iterable[int] | None = source.class_ids
        if source.makes_evaluation and split != "train":
            # a class of one image is only in the training split
            class_ids = sorted({image.class_id for image in found})
        chosen = choose_images(
            found,
            classes,
            set_name=name,
            split=split,
            counts=source.images_per_class.get(split),
            seed=seed,
            class_ids=class_ids,
            held_out=source.held_out if split == "train" else None,
            is_held_out=source.is_held_out,
        )
        splits[SELECTION if source.is_held_out else split] = found, chosen, left_out.get(split, Counter())
    if source.is_held_out and not splits[SELECTION][1]:
        raise StudyError(
            f"set {name!r}: its training split has no image left to choose a training set by. Use fewer images for training "
            f"(sets.{name}.images_per_class.train), or give it a selection split (sets.{name}.images.selection)"
        )
    return classes, splits


def list_images(
    source: ImageSource,
    *,
    name: str,
    class_table: str,
    digits: Path | str,
    seed: int,
    threads: int,
    left_out: Mapping[str, LeftOut],
) -> tuple[list[ClassRow], ImagesBySplit]:
    """Return the classes of a set, and all its images by split; as for :func:`find_splits`."""
    if "torchvision" in source.library:
        with about(("transfer", "sets", name)):
            classes, rows = list_torchvision(source.library)
        listed = {split: [_describe_file(path, class_id) for path, class_id in own] for split, own in rows.items()}
    elif "sklearn" in source.library:
        classes = write_digits(digits)
        listed = {"train": find_images(ImageFiles(form="parquet", paths=(str(digits),)), classes)}
    else:
        assert source.classes is not None
        classes = source.classes.read(class_table)
        listed = {
            split: find_images(
                files, classes, threads=threads, ignore_others=source.ignore_other_classes, left_out=left_out[split]
            )
            for split, files in source.files
        }
    if not source.makes_evaluation:
        return classes, listed
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
    return FoundImage(class_id, path, path, 0, metadata.st_size, get_times(metadata))


def _select(images: list[FoundImage], chosen: Iterable[bool], value: bool) -> list[FoundImage]:
    return [image for image, is_chosen in zip(images, chosen, strict=True) if is_chosen == value]
