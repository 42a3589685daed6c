"""The images of a set or a mixture, each with its class, its prompt, and how it was generated."""

from __future__ import annotations

import io
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from PIL import Image

from synthdiv.config.problems import suggest_name
from synthdiv.config.training import MixturePart
from synthdiv.core.errors import StudyError
from synthdiv.core.fingerprints import SPLITS
from synthdiv.images.archive import name_member, read_image
from synthdiv.images.index import digest_images
from synthdiv.images.subsets import gather_images, hash_rows
from synthdiv.plan.generation import list_shards
from synthdiv.plan.sets import find_collection
from synthdiv.plan.study import Study
from synthdiv.prompts.class_tables import ClassRow

ROWS_PER_BATCH = 10_000
"""Rows of an index that are converted to Python values at once."""
SUFFIXES = {"JPEG": "jpg", "PPM": "ppm", "JPEG2000": "jp2"}
"""File name extensions of Pillow's formats, where they are not the format's name in small letters."""


@dataclass(frozen=True)
class ExportedImage:
    """One image, and what is known of it.

    Attributes
    ----------
    name : str
        Its name, unique within the export, without a suffix.
    split : str
    metadata : dict
        label (the class_id), class_key, class_name, set, index (within class and split), prompt, seed (of the initial
        noise), guidance_scale and flags; None for what a natural image does not have.
    place : (str, int, int, bytes)
        File, offset, size and digest of its bytes.
    """

    name: str
    split: str
    metadata: dict[str, Any]
    place: tuple[str, int, int, bytes]

    def read(self) -> bytes:
        """Read the encoded image, and check its digest."""
        return read_image(*self.place)


@dataclass(frozen=True)
class ImageList:
    """The images of one part of a set or mixture, in one split: the rows of an index."""

    part: str
    set: str
    split: str
    guidance_scale: float | None
    rows: pa.Table


@dataclass(frozen=True)
class Export:
    """What is exported: a set, or a mixture's training images.

    Attributes
    ----------
    name : str
        The set or mixture.
    classes : list of ClassRow
    lists : list of ImageList
    """

    name: str
    classes: list[ClassRow]
    lists: list[ImageList]

    @property
    def sizes(self) -> dict[str, int]:
        """The number of images of each split."""
        return {
            split: sum(len(one.rows) for one in self.lists if one.split == split)
            for split in SPLITS
            if any(one.split == split and len(one.rows) for one in self.lists)
        }

    def describe(self) -> list[list[Any]]:
        """Return which images these are, as plain values that are equal for equal images and labels."""
        return [[one.part, one.set, one.split, one.guidance_scale, digest_images(one.rows)] for one in self.lists]

    def list_images(self, split: str, *, shuffled: bool = False) -> Iterator[ExportedImage]:
        """Iterate over the images of a split: by part, class and index, or shuffled, always in the same way."""
        stems, own = _name_classes(self.classes), [one for one in self.lists if one.split == split]
        numbers = np.repeat(np.arange(len(own)), [len(one.rows) for one in own])
        rows = pa.concat_tables([one.rows for one in own])
        order = np.arange(len(rows))
        if shuffled:
            labels, indices = (rows[key].to_numpy() for key in ("class_id", "index"))
            order = np.lexsort((numbers, indices, labels, hash_rows(labels, indices, 0)))
        for start in range(0, len(order), ROWS_PER_BATCH):
            chosen = order[start : start + ROWS_PER_BATCH]
            for number, row in zip(numbers[chosen], rows.take(chosen).to_pylist(), strict=True):
                yield self._describe_image(own[number], row, stems)

    def _describe_image(self, own: ImageList, row: dict[str, Any], stems: Sequence[str]) -> ExportedImage:
        of_class = self.classes[row["class_id"]]
        metadata = {
            "label": row["class_id"],
            "class_key": of_class.key,
            "class_name": of_class.name,
            "set": own.set,
            "index": row["index"],
            "prompt": row["prompt"],
            "seed": row["seed"],
            "guidance_scale": own.guidance_scale,
            "flags": list(row["flags"]),
        }
        name = f"{own.part}{name_member(stems[row['class_id']], row['split'], row['index'])}"
        return ExportedImage(name, own.split, metadata, (row["file"], row["offset"], row["size"], row["digest"]))


def _name_classes(classes: Iterable[ClassRow]) -> list[str]:
    """Return how the names of each class's images begin: with its key or, if these would not differ, its number as well."""
    keys = [row.key for row in classes]
    if len({name_member(key, "", 0) for key in keys}) == len(keys):
        return keys
    return [f"{n}-{key}" for n, key in enumerate(keys)]


def find_suffix(data: bytes) -> str:
    """Return the usual file name extension of an encoded image, without a dot."""
    with Image.open(io.BytesIO(data)) as image:
        form = str(image.format)
    return SUFFIXES.get(form, re.sub(r"\W", "", form.lower()))


def plan_export(study: Study, results: Path, name: str, exclude_flags: Sequence[str], advice: str) -> Export:
    """Find the images of a set, or the training images of a mixture.

    Parameters
    ----------
    study : Study
    results : Path
        The study's folder of results.
    name : str
        The set or mixture.
    exclude_flags : sequence of str
        Images with any of these flags are left out; so are images that cannot be decoded.
    advice : str
        The command that generates and indexes the images.

    Raises
    ------
    StudyError
        If there is no such set, it has no images, or they are not generated or indexed yet.
    """
    unknown = suggest_name(name, [*study.sets, *study.mixtures], "set or mixture")
    if unknown is not None:
        raise StudyError(unknown)
    is_mixture = name in study.mixtures
    parts = study.mixtures[name] if is_mixture else [MixturePart(set=name)]
    lists = []
    for n, part in enumerate(parts, start=1):
        entry = study.sets[part.set]
        if entry.kind != "image" or entry.embeddings is not None:
            raise StudyError(f"{part.set} has no images, but {'prompts' if entry.embeddings is None else 'embeddings'}")
        paths = _find_indices(study, results, part.set, advice)
        for split in SPLITS[:1] if is_mixture else SPLITS:
            rows = gather_images(
                paths,
                split,
                exclude_flags=exclude_flags,
                images_per_class=part.images_per_class,
                class_ids=None if part.classes is None else study.find_classes(part.classes),
                seed=study.seed,
            )
            prefix = f"part{n}-" if is_mixture else ""
            lists.append(ImageList(prefix, part.set, split, entry.guidance_scale, rows))
    return Export(name, study.classes, lists)


def _find_indices(study: Study, results: Path, set_name: str, advice: str) -> list[Path]:
    collection = find_collection(study, set_name)
    folder = results / "images"
    names = [f"{collection}/{shard}" for shard in list_shards(study)]
    paths = [folder / f"{name}.parquet" for name in ([collection] if collection.startswith("natural/") else names)]
    missing = next((path for path in paths if not path.exists()), None)
    if missing is not None:
        raise StudyError(f"the images of {set_name} are not all generated or indexed yet ({missing} is missing): {advice}")
    return paths
