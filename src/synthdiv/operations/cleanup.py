"""What of the archive is in use, and what of it is left over from edited prompts, other settings or a killed job.

A block is in use if an index names it, in any folder that the workflow ran in with this archive (each leaves a mark in the
archive), or if the study at hand would draw it. Whatever is younger than a week is left alone: it may be of a run that
was stopped and goes on.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
from tqdm import tqdm

from synthdiv.core.errors import StudyError
from synthdiv.generation.shards import iter_blocks
from synthdiv.images.archive import MARKS
from synthdiv.images.index import METADATA_KEY
from synthdiv.operations.grid import Grid
from synthdiv.plan.generation import find_generator, list_run_indices
from synthdiv.plan.study import Study

YOUNG = 7 * 24 * 3600
"""Seconds."""
BLOCK = re.compile(r"[0-9a-f]{64}\.tar")
LEFTOVER = re.compile(r"\.[0-9a-f]{64}\.tar\..+\.tmp")  # of a job that was killed while it wrote a block
STATES = ("in an index", "planned", "young", "unused")


@dataclass(frozen=True)
class ArchiveFile:
    """A block of the archive, or what is left of one: its family (a generator, or "natural"), bytes, and time of change."""

    path: Path
    family: str
    size: int
    changed: float


def find_users(archive: Path | str) -> dict[Path, Path]:
    """The folders that the workflow ran in with an archive, by their marks."""
    return {mark: Path(mark.read_text().rstrip("\n")) for mark in sorted(Path(archive, MARKS).glob("*.txt"))}


def list_files(archive: Path | str) -> Iterator[ArchiveFile]:
    """Every block of an archive, and what killed jobs left; other files are none of ours."""
    for folder in sorted(Path(archive).glob("*/[0-9a-f][0-9a-f]")):
        with os.scandir(folder) as entries:
            for entry in entries:
                if BLOCK.fullmatch(entry.name) or LEFTOVER.fullmatch(entry.name):
                    with suppress(FileNotFoundError):  # of a job that has just finished writing it
                        metadata = entry.stat()
                        yield ArchiveFile(Path(entry.path), folder.parent.name, metadata.st_size, metadata.st_mtime)


def list_indices(folder: Path) -> Iterator[Path]:
    """The indices of all studies of a folder that the workflow ran in.

    Raises
    ------
    StudyError
        If one of its folders may not be read: what is not seen would be taken for unused.
    """

    def refuse(error: OSError) -> None:
        if not isinstance(error, FileNotFoundError | NotADirectoryError):
            reason = f"({error.strerror}), so which images are needed there is not known"
            raise StudyError(f"{error.filename} can't be read {reason}")

    try:
        studies = os.listdir(folder / "results")
    except OSError as error:
        refuse(error)
        return
    for study in studies:
        for path, _, names in os.walk(folder / "results" / study / "images", onerror=refuse, followlinks=True):
            yield from (Path(path, name) for name in names if name.endswith(".parquet"))


def read_named(folders: Iterable[Path]) -> set[str]:
    """The file names of all blocks that indices name, in the results of some folders.

    Raises
    ------
    StudyError
        If an index can't be read, or a folder that may hold some.
    """
    indices = [path for folder in folders for path in list_indices(folder)]
    named: set[str] = set()
    for path in tqdm(indices, unit="index", desc="read indices", mininterval=2):
        try:
            if METADATA_KEY not in (pq.read_schema(path).metadata or {}):
                continue  # no index, but images that lie beside them
            files = pq.read_table(path, columns=["file"])["file"].unique().to_pylist()
        except (pa.ArrowException, OSError) as error:
            raise StudyError(f"the index {path} can't be read ({error}): delete it, or mend it, first") from None
        named.update(filter(BLOCK.fullmatch, map(os.path.basename, files)))
    return named


def plan_names(study: Study, results: Path | str) -> set[str]:
    """The file names of the blocks that a study consists of, whether they are drawn or not."""
    grid, names = Grid(study, results), set()
    for run in tqdm(grid.runs, unit="run", desc="plan", mininterval=2):
        fingerprint = grid.fingerprints.get(find_generator(study, run.dataset, run.split))
        if fingerprint is not None:
            shards = list_run_indices(study, run).values()
            class_ids = [class_id for shard in shards for class_id in shard.class_ids]
            names |= {block.path.name for block in iter_blocks(study, run, class_ids, fingerprint)}
    return names


def sort_files(study: Study, results: Path | str, *, now: float) -> dict[str, list[ArchiveFile]]:
    """All files of a study's archive, by what they are.

    Parameters
    ----------
    study : Study
        Whose archive, and whose plans.
    results : Path or str
        Its folder of results.
    now : float
        Seconds since the epoch: what changed less than a week before is young.

    Returns
    -------
    dict of str to list of ArchiveFile
        By state: named in an index, planned by the study, young, or none of these: unused.
    """
    archive = study.config["archive"]
    named = read_named({Path.cwd(), *find_users(archive).values()})
    planned = plan_names(study, results)
    states: dict[str, list[ArchiveFile]] = {state: [] for state in STATES}
    for file in list_files(archive):
        if file.path.name in named:
            state = "in an index"
        elif file.path.name in planned:
            state = "planned"
        else:
            state = "young" if now - file.changed < YOUNG else "unused"
        states[state].append(file)
    return states


def tabulate_files(states: dict[str, list[ArchiveFile]]) -> pl.DataFrame:
    """A row a family and state: files and megabytes."""
    rows = [(file.family, state, file.size) for state, files in states.items() for file in files]
    table = pl.DataFrame(rows, schema={"of": pl.String, "state": pl.Enum(STATES), "size": pl.Int64}, orient="row")
    return (
        table.group_by("of", "state")
        .agg(files=pl.len(), MB=pl.col("size").sum() / 1e6)
        .sort("of", "state")
        .with_columns(pl.col("state").cast(pl.String))
    )


def check_users(archive: Path | str) -> None:
    """Make sure that nothing is removed which a folder needs that can't be looked at, or in which a run is under way.

    Raises
    ------
    StudyError
        If a folder that used the archive is not there, or Snakemake holds locks in it.
    """
    users = find_users(archive)
    for mark, folder in users.items():
        if not os.path.isdir(folder):
            raise StudyError(
                f"{folder} used the archive {archive} and is not there, so which images it needs is not known. If it is "
                f"gone for good, delete {mark}; if it is only not mounted here, run this where it is"
            )
    for folder in {Path.cwd(), *users.values()}:
        if any(folder.glob(".snakemake/locks/*.lock")):
            raise StudyError(
                f"Snakemake is running in {folder}: wait for its end. If it was killed, run `snakemake ... --unlock` there"
            )


def remove_files(files: Iterable[ArchiveFile]) -> int:
    """Delete files of an archive. Returns how many bytes that freed.

    Raises
    ------
    StudyError
        If one may not be deleted.
    """
    freed = 0
    for file in files:
        try:
            file.path.unlink(missing_ok=True)
        except OSError as error:
            raise StudyError(f"{file.path} can't be deleted: {error.strerror}") from None
        freed += file.size
    return freed
