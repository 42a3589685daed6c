"""Gather the training images of a classifier: one set, or parts of several."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from synthdiv.core.errors import StudyError
from synthdiv.images.index import digest_images, locate_images
from synthdiv.images.subsets import gather_images


@dataclass(frozen=True)
class Part:
    """Images of one set.

    Attributes
    ----------
    set : str
        The set's name.
    paths : sequence of Path or str
        The set's indices.
    images_per_class : int or None
        Maximum number of images per class; None for all.
    weight : float or None
        Relative share of the training samples; None for the number of images.
    class_ids : sequence of int or None
        Classes to include; None for all.
    sample : int or None
        The number of the sample of images; None for the only one.
    """

    set: str
    paths: Sequence[Path | str]
    images_per_class: int | None = None
    weight: float | None = None
    class_ids: Sequence[int] | None = None
    sample: int | None = None


@dataclass(frozen=True)
class TrainingSet:
    """The images of all parts, concatenated.

    Attributes
    ----------
    rows : dict of column name to array
        From :func:`synthdiv.images.index.locate_images`.
    sizes : list of int
        Number of images in each part.
    weights : list of float
        Relative share of each part in the training samples.
    digest : str
        From :func:`synthdiv.images.index.digest_images`.
    """

    rows: dict[str, Any]
    sizes: list[int]
    weights: list[float]
    digest: str


def gather_training_set(
    parts: Sequence[Part], class_keys: Sequence[str], *, exclude_flags: Sequence[str], seed: int
) -> TrainingSet:
    """Assemble a training set.

    Parameters
    ----------
    parts : sequence of Part
    class_keys : sequence of str
        Keys of all classes; each must have an image.
    exclude_flags : sequence of str
        Images with any of these flags are left out.
    seed : int
        Selects the parts' subsets: the study's seed, so that they are the same for each training.

    Raises
    ------
    StudyError
        If a class or a part has no image, or too few for its sample, or the archive lacks a block.
    """
    tables = [
        gather_images(
            part.paths,
            "train",
            exclude_flags=exclude_flags,
            images_per_class=part.images_per_class,
            class_ids=part.class_ids,
            seed=seed,
            sample=part.sample or 0,
        )
        for part in parts
    ]
    excluded = f" (images flagged {', '.join(exclude_flags)} are left out)" if exclude_flags else ""
    for part, table in zip(parts, tables, strict=True):
        _check_sample(part, table, class_keys, excluded)
    whole = pa.concat_tables(tables)
    counts = np.bincount(whole["class_id"].to_numpy(), minlength=len(class_keys))
    if not counts.all():
        empty = [class_keys[int(n)] for n in np.flatnonzero(counts == 0)]
        names = " and ".join(part.set for part in parts)
        others = f" and {len(empty) - 1} other classes" if len(empty) > 1 else ""
        raise StudyError(
            f"the training split of {names} has no image of the class {empty[0]!r}{others}{excluded}: a classifier cannot "
            "learn it"
        )
    sizes = [len(table) for table in tables]
    for part, size in zip(parts, sizes, strict=True):
        if not size:
            raise StudyError(f"no image of {part.set} is left to train on{excluded}: remove it from the mixture")
    weights = [part.weight if part.weight is not None else size for part, size in zip(parts, sizes, strict=True)]
    return TrainingSet(locate_images(whole), sizes, [float(weight) for weight in weights], digest_images(whole))


def _check_sample(part: Part, table: pa.Table, class_keys: Sequence[str], excluded: str) -> None:
    """Refuse a sample with fewer images of a class than the others have."""
    if part.sample is None or part.images_per_class is None:
        return
    counts = np.bincount(table["class_id"].to_numpy(), minlength=len(class_keys))
    classes = range(len(class_keys)) if part.class_ids is None else part.class_ids
    short = [class_keys[n] for n in classes if counts[n] < part.images_per_class]
    if short:
        others = f" and of {len(short) - 1} other classes" if len(short) > 1 else ""
        raise StudyError(
            f"{part.set} has too few images of the class {short[0]!r}{others} for {part.sample + 1} samples of "
            f"{part.images_per_class} images each{excluded}: add images, use a smaller images_per_class in the mixture, or "
            "train with fewer seeds (sample_per_seed uses a sample for each)"
        )
