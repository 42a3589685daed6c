"""What a user has: sources of images and embeddings as they are named on the command line, and the classes in them."""

from __future__ import annotations

import glob
import os
import re
from collections.abc import Iterable, Mapping

from synthdiv.core.errors import StudyError
from synthdiv.core.fingerprints import SPLITS
from synthdiv.embeddings.user_tables import count_classes
from synthdiv.images.readers.sources import list_labels
from synthdiv.plan.user_sources import describe_images
from synthdiv.prompts.class_tables import ClassRow, name_classes, read_classes, read_csv_rows

Splits = Mapping[str, str]
"""The path or pattern of each split; an empty name stands for a path with all splits."""
NAMES = {
    "train": ("train", "training"),
    "evaluation": ("evaluation", "val", "valid", "validation", "test"),
}
"""Names of the folder, or the beginning of names of files, of each split."""
SUFFIXES = (".tar", ".parquet")
GIVEN = re.compile(rf"(?:([A-Za-z0-9][\w.-]*):)?(?:({'|'.join(SPLITS)})=)?(.+)", re.DOTALL)


def group_sources(given: Iterable[str], default: str) -> dict[str, dict[str, str]]:
    """Group sources by their sets.

    Parameters
    ----------
    given : iterable of str
        Each [SET:][SPLIT=]PATH, with the split train or evaluation.
    default : str
        The set of sources without a set.

    Raises
    ------
    StudyError
        If there is nothing at a path, or a split of a set appears twice.
    """
    grouped: dict[str, dict[str, str]] = {}
    for one in given:
        name, split, path = (None, None, one) if os.path.exists(one) else _match(one)
        if not os.path.exists(path) and not glob.glob(path):
            raise StudyError(f"there is nothing at {path}; write a path, or SPLIT=PATH with the split train or evaluation")
        splits = grouped.setdefault(name or default, {})
        if (split or "") in splits or (splits and "" in (split or "", *splits)):
            raise StudyError(f"the set {name or default} has two sources of one split, the second of them {one}")
        splits[split or ""] = path
    return grouped


def _match(given: str) -> tuple[str | None, str | None, str]:
    found = GIVEN.fullmatch(given)
    return (found[1], found[2], found[3]) if found else (None, None, given)


def find_image_splits(splits: Splits, name: str) -> dict[str, str]:
    """Return the path or pattern of each split of a set of images, found in a folder of all splits if need be.

    Raises
    ------
    StudyError
        If there are no training or no evaluation images.
    """
    if "" in splits:
        folder = splits[""]
        found = {split: _find_split(folder, split) for split in NAMES}
    else:
        found = {split: _find_files(path) for split, path in splits.items()}
    missing = next((split for split in NAMES if not found.get(split)), None)
    if missing is not None:
        where = f"{splits['']} has no folder {' or '.join(NAMES[missing])}" if "" in splits else "they are not named"
        raise StudyError(f"the {missing} images of {name} are missing: {where}; name them with --images {missing}=PATH")
    return {split: path for split, path in found.items() if path is not None}


def _find_split(folder: str, split: str) -> str | None:
    """Find a split in a folder: a folder of its name, or tars or Parquet files whose names begin with it."""
    for name in NAMES[split]:
        path = os.path.join(folder, name)
        if os.path.isdir(path):
            return _find_files(path)
        for suffix in SUFFIXES:
            pattern = os.path.join(glob.escape(folder), f"{name}*{suffix}")
            if glob.glob(pattern):
                return os.path.join(folder, f"{name}*{suffix}")
    return None


def _find_files(path: str) -> str:
    """Return a path or, for a folder of tars or Parquet files, the pattern of these files."""
    if os.path.isdir(path):
        with os.scandir(path) as entries:
            files = [entry.name for entry in entries if not entry.name.startswith(".")]
        for suffix in SUFFIXES:
            if files and all(name.endswith(suffix) for name in files):
                return os.path.join(path, f"*{suffix}")
    return path


def read_prompts(path: str, required: tuple[str, ...] = ("prompt",)) -> list[dict[str, str]]:
    """Read the rows of a CSV of prompts.

    Raises
    ------
    StudyError
        If it lacks one of the required columns, or has no row.
    """
    rows = [row for _, row in read_csv_rows(path, required=required, what="table of prompts")]
    if not rows:
        raise StudyError(f"the table of prompts {path} has no row")
    return rows


def find_classes(images: Mapping[str, Splits], embeddings: Mapping[str, Splits], prompts: str | None) -> list[ClassRow]:
    """Find the classes of the first source that names any: folders or labels of images, prompts, or embeddings.

    Raises
    ------
    StudyError
        If there is no source, or it has no classes.
    """
    for splits in images.values():
        path = splits["train"]
        return read_classes(path) if os.path.isdir(path) else name_classes(list_labels(describe_images(path, [])))
    if prompts is not None and prompts.endswith(".csv"):
        return name_classes(dict.fromkeys(row["key"].strip() for row in read_prompts(prompts, ("key", "prompt"))))
    for splits in embeddings.values():
        return name_classes(map(str, range(max(map(count_classes, splits.values())))))
    raise StudyError(
        "nothing says what the classes are: name images (--images), embedding tables (--embeddings), a CSV of prompts with "
        "the columns key and prompt (--prompts), or a class table (--classes)"
    )
