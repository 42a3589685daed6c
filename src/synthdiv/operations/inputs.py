"""Read what a user provides, as the study's jobs will: which images and vectors are used, and what is wrong with them.

No image is decoded and no model is loaded, so this takes as long as listing the files, or reading the embedding tables.
"""

from __future__ import annotations

import os
import tempfile
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from synthdiv.config.problems import Keys, about, locate_problems
from synthdiv.core.errors import StudyError
from synthdiv.core.files import is_hidden
from synthdiv.core.fingerprints import SPLITS
from synthdiv.embeddings.user_tables import read_embeddings
from synthdiv.images.image_source import ImageFiles
from synthdiv.images.natural_index import summarise_images
from synthdiv.images.splits import find_splits
from synthdiv.jobs.embeddings import import_embeddings
from synthdiv.jobs.images import index_images, list_indexed
from synthdiv.plan.sets import find_natural_files, list_splits
from synthdiv.plan.study import Study
from synthdiv.plan.transfer import list_transfer_sets
from synthdiv.plan.user_sources import check_images

SHOWN = 5
"""Folders that a line names."""


@dataclass(frozen=True)
class Inputs:
    """What a user provides.

    Attributes
    ----------
    counts : mapping of (set, split) to Counter of class_id
        The images or vectors of each class that the study uses. A set that cannot be read is left out.
    lines : list of str
        For each split, in words, what was found.
    problems : list of str
        What would stop the study.
    """

    counts: Mapping[tuple[str, str], Counter[int]] = field(default_factory=dict)
    lines: list[str] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)

    def count(self, name: str, splits: tuple[str, ...]) -> int | None:
        """Count the images or vectors of a set in some splits; None if one of them was not read."""
        found = [self.counts.get((name, split)) for split in splits]
        return None if None in found else sum(one.total() for one in found if one is not None)


def read_inputs(study: Study, files: Sequence[str] = (), given: Any = None, *, threads: int = 4) -> Inputs:
    """Read the images and embedding tables of all sets of a study that have some of their own.

    Parameters
    ----------
    study : Study
    files : sequence of str
        The files of its config, so that problems name file and line.
    given : mapping, optional
        The config as given.
    threads : int
        Number of folders or files to list concurrently.
    """
    counts: dict[tuple[str, str], Counter[int]] = {}
    inputs = Inputs(counts)
    problems: dict[str, None] = {}  # the selection split of a set may have those of its training split

    @contextmanager
    def collect_problems() -> Iterator[None]:
        try:
            with locate_problems(files, given):
                yield
        except StudyError as error:
            problems[str(error)] = None

    for one in list_indexed(study):
        kind, _, name = one["indexed"].partition("/")
        if kind == "transfer" and list_transfer_sets(study)[name].images is None:
            continue  # a library's set, which the library checks
        before = len(problems)
        for split in list_splits(study, name) if kind == "natural" else ():
            with collect_problems(), about(("sets", name, "images", split)):
                check_images(find_natural_files(study, name, split))
        if len(problems) == before:
            with collect_problems():
                found = _read_images(study, one["indexed"], inputs, threads)
                counts |= {} if kind == "transfer" else {(name, split): count for split, count in found.items()}
    for name, entry in study.sets.items():
        if entry.embeddings is not None:
            with collect_problems(), about(("sets", name, "embeddings")):
                counts |= {(name, split): count for split, count in _read_vectors(study, name, inputs).items()}
    inputs.problems.extend(problems)
    return inputs


def _read_images(study: Study, indexed: str, inputs: Inputs, threads: int) -> dict[str, Counter[int]]:
    """Find the images of a set as its index job does, and count those that are used by split and class."""
    job = index_images(study, indexed=indexed)
    where: Keys = ("transfer", "sets") if indexed.startswith("transfer/") else ("sets",)
    for split, source in job.source.files:
        with about((*where, job.name, "images", split)):
            check_images(source)
    with about((*where, job.name)), tempfile.TemporaryDirectory() as folder:
        classes, splits = find_splits(
            job.source,
            name=job.name,
            class_table=study.config.classes,
            digits=Path(folder) / "digits.parquet",
            seed=study.seed,
            threads=threads,
        )
    own = dict(job.source.files)
    for split, (found, chosen, left_out) in splits.items():
        others = _list_other_folders(own[split]) if split in own else []
        more = f" and {len(others) - SHOWN:,} more" if len(others) > SHOWN else ""
        note = f"; folders that are no class: {', '.join(others[:SHOWN])}{more}" if others else ""
        counted = Counter(one.image.class_id for one in chosen)
        per_class = f"{describe_counts(counted)}{_name_single({row.class_id: row.key for row in classes}, counted)}"
        inputs.lines.append(f"{summarise_images(job.name, split, found, chosen, left_out)}, {per_class}{note}")
    return {split: Counter(one.image.class_id for one in chosen) for split, (_, chosen, _) in splits.items()}


def _list_other_folders(files: ImageFiles) -> list[str]:
    """List the folders beside those of the classes: the class table may lack a class."""
    if files.form != "folder":
        return []
    own = set(files.paths)
    parents = {os.path.dirname(path) for path in own}
    beside = [entry for parent in parents for entry in os.scandir(parent) if entry.is_dir() and not is_hidden(entry.name)]
    inner = {os.path.dirname(path) for path in own}
    return sorted(entry.name for entry in beside if entry.path not in own | inner)


def _read_vectors(study: Study, name: str, inputs: Inputs) -> dict[str, Counter[int]]:
    """Read a set's embedding tables as their import does, and count the vectors by split and class."""
    job = import_embeddings(study, set_name=name)
    keys = [row.key for row in study.classes]
    table = read_embeddings(job.source, set_name=name, class_keys=keys)
    counts = {}
    for split in SPLITS:
        counts[split] = Counter(table.class_ids[np.array(table.splits) == split].tolist())
        words = f"{counts[split].total():,} vectors of {table.vectors.shape[1]:,} values"
        single = _name_single(dict(enumerate(keys)), counts[split])
        inputs.lines.append(f"{name}, {split}: {words}, {describe_counts(counts[split])}{single}")
    return counts


def _name_single(keys: Mapping[int, str], counts: Counter[int]) -> str:
    """Name the classes with one image, which say nothing about diversity, if others have more."""
    single = [keys[class_id] for class_id, count in sorted(counts.items()) if count == 1]
    if not single or len(single) == len(counts):
        return ""
    more = f" and {len(single) - SHOWN:,} more" if len(single) > SHOWN else ""
    return f"; TOO FEW, only 1: {', '.join(single[:SHOWN])}{more}"


def describe_counts(counts: Counter[int]) -> str:
    """Say how many images a class has: "12 of each of 3 classes", or "10 to 12 of each of 3 classes"."""
    low, high = min(counts.values()), max(counts.values())
    return f"{low:,}{f' to {high:,}' if high > low else ''} of each of {len(counts):,} classes"
