"""The transfer sets, and the set whose features are measured.

The Snakefile imports this in every job, so it imports nothing heavy.
"""

from __future__ import annotations

import os
from functools import cache

from synthdiv.config.problems import ConfigError, Problem, about
from synthdiv.config.training import TransferSet
from synthdiv.images.image_source import ImageFiles
from synthdiv.images.transfer_sets import find_root
from synthdiv.plan.sets import find_natural_images
from synthdiv.plan.study import Study
from synthdiv.plan.user_sources import describe_images
from synthdiv.prompts.class_tables import ClassRow, read_classes


def list_transfer_sets(study: Study) -> dict[str, TransferSet]:
    """Return the sets that frozen features are transferred to."""
    return study.config.transfer.sets


def read_transfer_classes(study: Study, name: str) -> list[ClassRow] | None:
    """Read the classes of a transfer set of images: its table's, or its training split's folders; None for a library's set.

    Raises
    ------
    StudyError
        If they have neither a table nor folders.
    """
    if list_transfer_sets(study)[name].images is None:
        return None
    table = find_transfer_table(study, name)
    with about(("transfer", "sets", name, "classes")):
        return read_classes(table)


def find_transfer_table(study: Study, name: str) -> str:
    """Return the class table of a transfer set of images: its own, or the folder of its training split.

    Raises
    ------
    StudyError
        If it has neither.
    """
    entry = list_transfer_sets(study)[name]
    if entry.classes is not None:
        return entry.classes
    assert entry.images is not None
    path = entry.images.train
    if not isinstance(path, str) or not os.path.isdir(path):
        message = (
            f"{path if isinstance(path, str) else path.path} is not a folder with one folder per class; for any other form "
            f"name a class table in transfer.sets.{name}.classes"
        )
        raise ConfigError([Problem(("transfer", "sets", name, "images", "train"), message)])
    return path


def find_transfer_root(study: Study, name: str) -> list[str]:
    """Return the files and folders of a transfer set of torchvision.

    Raises
    ------
    StudyError
        If one is missing.
    """
    with about(("transfer", "sets", name)):
        return find_root(list_transfer_sets(study)[name].describe_library())


def find_transfer_files(study: Study, name: str) -> dict[str, ImageFiles]:
    """Return the files of each split of a transfer set of images; empty for other sets.

    Raises
    ------
    StudyError
        If there is nothing at a path, or its form is not recognised.
    """
    keys = [row.key for row in read_transfer_classes(study, name) or []]
    images = list_transfer_sets(study)[name].images
    files = {}
    for split, source in (images.list_splits() if images is not None else {}).items():
        with about(("transfer", "sets", name, "images", split)):
            files[split] = describe_images(source, keys)
    return files


@cache
def find_feature_set(study: Study) -> str | None:
    """Return the natural set whose images' features are measured; None if none are."""
    if study.config.features is None:
        return None
    return study.config.features.set or find_natural_images(study)
