"""Find the archive's blocks in use, and the leftovers of edited prompts, other settings or killed jobs.

A block is in use if an index or a shard's list of blocks names it, in any folder in which the workflow ran with this archive
(each leaves a mark in the archive), or if the current study would generate it. The list says what an unfinished generation
needs, which has no index. Files younger than a week are left alone: an interrupted run that will resume may need them.
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
from synthdiv.core.files import read_text
from synthdiv.core.tables import METADATA_KEY
from synthdiv.generation.block_lists import SUFFIX, read_block_list
from synthdiv.generation.shards import iter_blocks
from synthdiv.images.archive import BLOCK, MARKS
from synthdiv.jobs.images import plan_generation
from synthdiv.operations.generation_progress import GenerationProgress
from synthdiv.plan.generation import find_generator, find_prompts, list_run_indices
from synthdiv.plan.study import Study

YOUNG = 7 * 24 * 3600
"""Age in seconds below which a file is young."""
LEFTOVER = re.compile(r"\.[0-9a-f]{64}\.tar\..+\.tmp")  # of a job that was killed while it wrote a block
PART = re.compile("[0-9a-f]{2}")  # a folder of blocks
STATES = ("in an index", "planned", "young", "unused")


@dataclass(frozen=True)
class ArchiveFile:
    """A block of the archive, or the remains of one: its family (a generator, or "natural"), bytes and time of change."""

    path: Path
    family: str
    size: int
    changed: float


def find_users(archive: Path | str) -> dict[Path, Path]:
    """Find the folders in which the workflow ran with an archive, by their marks.

    Raises
    ------
    StudyError
        If they can't be read.
    """
    marks = [path for path in _list_folder(Path(archive, MARKS)) if path.suffix == ".txt"]
    return {mark: Path(read_text(mark, "mark of the archive's use").rstrip("\n")) for mark in marks}


def list_files(archive: Path | str) -> Iterator[ArchiveFile]:
    """Yield all blocks of an archive and the leftovers of killed jobs; other files are not the workflow's.

    Raises
    ------
    StudyError
        If a folder of the archive can't be read.
    """
    families = [path for path in _list_folder(Path(archive)) if path.is_dir()]
    for folder in (path for family in families for path in _list_folder(family) if PART.fullmatch(path.name)):
        for path in _list_folder(folder):
            if BLOCK.fullmatch(path.name) or LEFTOVER.fullmatch(path.name):
                with suppress(FileNotFoundError):  # a job has just finished writing it
                    status = path.stat()
                    yield ArchiveFile(path, folder.parent.name, status.st_size, status.st_mtime)


def _list_folder(folder: Path) -> list[Path]:
    """List a folder of an archive; it may be missing, but a folder that can't be read must not pass for an empty one."""
    try:
        return sorted(folder.iterdir())
    except FileNotFoundError:
        return []
    except OSError as error:
        raise StudyError(
            f"the archive's folder {folder} cannot be read: {error.strerror}. It may belong to another user: ask for "
            "permission to read it"
        ) from None


def list_image_files(folder: Path, suffix: str) -> Iterator[Path]:
    """Yield the indices of all studies in a folder in which the workflow ran, or the lists of their blocks.

    Parameters
    ----------
    folder : Path
        The folder.
    suffix : str
        ".parquet" for indices; :data:`synthdiv.generation.block_lists.SUFFIX` for lists.

    Raises
    ------
    StudyError
        If one of its folders can't be read, is a link to what is not there or empty, or is a study's and empty, like that of
        a disk that is not mounted: images indexed there would count as unused.
    """

    def refuse(error: OSError) -> None:
        _check_links(Path(error.filename))
        if not isinstance(error, FileNotFoundError | NotADirectoryError):
            reason = f"({error.strerror}), so it is unknown which images are needed there"
            raise StudyError(f"{error.filename} can't be read {reason}")

    try:
        studies = os.listdir(folder / "results")
    except OSError as error:
        refuse(error)
        return
    for study in studies:
        images = folder / "results" / study / "images"
        _check_links(images)
        _check_filled(images.parent)
        for path, folders, names in os.walk(images, onerror=refuse, followlinks=True):
            for name in (*folders, *names):
                _check_links(Path(path, name))
            yield from (Path(path, name) for name in names if name.endswith(suffix))


def _check_links(path: Path) -> None:
    for one in (path, *path.parents):
        if one.is_symlink():
            _check_filled(one)


def _check_filled(path: Path) -> None:
    if _is_empty(path) or not path.exists():
        state = "empty" if path.exists() else "not there"
        what = f"a link to {path.readlink()}, which is {state}," if path.is_symlink() else "empty,"
        raise StudyError(
            f"{path} is {what} so it is unknown which images are needed there: its disk may not be mounted. Mount it, or "
            f"remove the {'link' if path.is_symlink() else 'folder'} if the results are gone for good"
        )


def _is_empty(path: Path) -> bool:
    return path.is_dir() and not os.listdir(path)


def read_named(folders: Iterable[Path]) -> set[str]:
    """Return the file names of all blocks that the indices in some folders' results name.

    Raises
    ------
    StudyError
        If an index, or a folder that may contain indices, can't be read.
    """
    indices = [path for folder in folders for path in list_image_files(folder, ".parquet")]
    named: set[str] = set()
    for path in tqdm(indices, unit="index", desc="read indices", mininterval=2):
        try:
            if METADATA_KEY not in (pq.read_schema(path).metadata or {}):
                continue  # not an index, but a table of images stored next to the indices
            files = pq.read_table(path, columns=["file"])["file"].unique().to_pylist()
        except (pa.ArrowException, OSError) as error:
            raise StudyError(f"the index {path} can't be read ({error}): delete or repair it first") from None
        named.update(filter(BLOCK.fullmatch, map(os.path.basename, files)))
    return named


def read_listed(folders: Iterable[Path]) -> set[str]:
    """Return the file names of all blocks in the lists of blocks in some folders' results.

    Raises
    ------
    StudyError
        If a list, or a folder that may contain lists, can't be read.
    """
    return {name for folder in folders for path in list_image_files(folder, SUFFIX) for name in read_block_list(path)}


def plan_names(study: Study, results: Path | str) -> set[str]:
    """Return the file names of all blocks of a study, whether they are generated yet or not."""
    progress, names = GenerationProgress(study, results), set()
    for run in tqdm(progress.runs, unit="run", desc="plan", mininterval=2):
        fingerprint = progress.fingerprints.get(find_generator(study, run.dataset, run.split))
        if fingerprint is not None:
            for shard in list_run_indices(study, run).values():
                blocks = iter_blocks(
                    plan_generation(study, run, shard), find_prompts(study, run), shard.class_ids, fingerprint
                )
                names |= {block.path.name for block in blocks}
    return names


def sort_files(study: Study, results: Path | str, *, now: float) -> dict[str, list[ArchiveFile]]:
    """Sort all files of a study's archive by state.

    Parameters
    ----------
    study : Study
        The study with the archive and the planned images.
    results : Path or str
        Its folder of results.
    now : float
        Seconds since the epoch; files that changed less than a week before are young.

    Returns
    -------
    dict of str to list of ArchiveFile
        By state: named in an index, planned (by the study, or listed by a job that may be unfinished), young, or none of
        these: unused.

    Raises
    ------
    StudyError
        If it is unknown which files are needed, as in :func:`check_users`, :func:`read_named` and :func:`read_listed`.
    """
    archive = study.config.archive
    check_users(archive)
    folders = {Path.cwd(), *find_users(archive).values()}
    named, planned = read_named(folders), read_listed(folders) | plan_names(study, results)
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
    """Count files and megabytes, with one row per family and state."""
    rows = [(file.family, state, file.size) for state, files in states.items() for file in files]
    table = pl.DataFrame(rows, schema={"of": pl.String, "state": pl.Enum(STATES), "size": pl.Int64}, orient="row")
    return (
        table.group_by("of", "state")
        .agg(files=pl.len(), MB=pl.col("size").sum() / 1e6)
        .sort("of", "state")
        .with_columns(pl.col("state").cast(pl.String))
    )


def check_users(archive: Path | str) -> None:
    """Check that every folder that uses the archive has results.

    Raises
    ------
    StudyError
        If the results of a folder that used the archive are not there, or empty like those of a disk that is not mounted.
    """
    for mark, folder in find_users(archive).items():
        results = folder / "results"
        _check_links(results)
        if _is_empty(results) or not results.exists():
            state = "empty" if results.exists() else "not there"
            raise StudyError(
                f"{folder} used the archive {archive}, and {results} is {state}, so it is unknown which images are needed "
                f"there: its disk may not be mounted. Run this where it is mounted, or delete {mark} if the results are "
                "gone for good"
            )


def check_locks(archive: Path | str) -> None:
    """Check that no run is in progress in a folder that uses the archive.

    Raises
    ------
    StudyError
        If Snakemake holds locks in one.
    """
    for folder in {Path.cwd(), *find_users(archive).values()}:
        if any(folder.glob(".snakemake/locks/*.lock")):
            raise StudyError(
                f"Snakemake is running in {folder}: wait until it ends. If it was killed, run `snakemake ... --unlock` there"
            )


def remove_files(files: Iterable[ArchiveFile]) -> int:
    """Delete files of an archive and return the number of bytes freed.

    Raises
    ------
    StudyError
        If a file can't be deleted.
    """
    freed = 0
    for file in files:
        try:
            file.path.unlink(missing_ok=True)
        except OSError as error:
            raise StudyError(f"{file.path} can't be deleted: {error.strerror}") from None
        freed += file.size
    return freed
