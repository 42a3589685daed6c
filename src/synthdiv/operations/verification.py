"""Check that the files of a study are still what its jobs wrote, and its images those that were indexed."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import pyarrow.parquet as pq
from tqdm import tqdm

from synthdiv.core.errors import StudyError
from synthdiv.core.jobs import FINISHED, WRITES, WROTE
from synthdiv.core.manifests import hash_file
from synthdiv.core.provenance.environments import list_damaged_records
from synthdiv.core.results_format import NO_RESULTS
from synthdiv.core.tables import METADATA_KEY, refuse_damage
from synthdiv.generation.block_lists import SUFFIX
from synthdiv.images.archive import BLOCK, check_padding, read_block, read_image
from synthdiv.images.index import read_index

Item = TypeVar("Item")
IMAGES_PER_TASK = 500


@dataclass
class Verification:
    """What was checked, and what is wrong.

    Attributes
    ----------
    files, images, blocks : int
        How many were checked.
    problems : list of str
        A sentence each.
    unknown : list of str
        Files of the study that no job says it wrote.
    unfinished : list of str
        Logs of jobs that failed, were stopped or are running: their results are missing.
    """

    files: int = 0
    images: int = 0
    blocks: int = 0
    problems: list[str] = field(default_factory=list)
    unknown: list[str] = field(default_factory=list)
    unfinished: list[str] = field(default_factory=list)


def verify_study(results: Path, *, threads: int) -> Verification:
    """Check every file of a study, and every image that its indices name, against the digests written with them.

    Parameters
    ----------
    results : Path
        The study's folder, ``results/<study>``, as the jobs know it.
    threads : int
        Number of files to read at once.
    """
    found = Verification()
    written = {Path(file): digest for file, digest in list_written(results)}
    found.files, problems = len(written), _check_all("files", _check_file, sorted(written.items()), threads)
    found.unknown = sorted(map(str, set(_list_results(results)) - written.keys()))
    problems += [f"the record of an environment {path} is damaged: delete it" for path in list_damaged_records(results)]
    found.unfinished = list_unfinished(results)
    images = sorted(_list_images(results, problems))
    blocks = sorted({Path(file) for file, *_ in images if BLOCK.fullmatch(Path(file).name)})
    tasks = [images[start : start + IMAGES_PER_TASK] for start in range(0, len(images), IMAGES_PER_TASK)]
    problems += _check_all("blocks", _check_block, blocks, threads) + _check_all("images", _check_images, tasks, threads)
    found.images, found.blocks, found.problems = len(images), len(blocks), list(dict.fromkeys(problems))
    return found


def list_written(results: Path) -> Iterator[tuple[str, str]]:
    """Yield the files that jobs wrote and their SHA-256, as the jobs' logs say.

    Raises
    ------
    StudyError
        If a log is damaged.
    """
    for log in sorted((results / "logs").rglob("*.log")):
        lines = re.findall(rf"{re.escape(WROTE)}(.*)$", log.read_text(errors="replace"), flags=re.MULTILINE)
        try:
            yield from ((row["file"], row["sha256"]) for row in (json.loads(lines[-1]) if lines else ()))
        except (ValueError, TypeError, KeyError):
            raise StudyError(f"the log {log} is damaged: delete it to check the other files") from None


def list_unfinished(results: Path) -> list[str]:
    """List the logs of the jobs that would have written files, but did not finish."""
    logs = {log: log.read_text(errors="replace") for log in sorted((results / "logs").rglob("*.log"))}
    return [str(log) for log, text in logs.items() if WRITES in text and FINISHED not in text]


def _list_results(results: Path) -> Iterator[Path]:
    """List the results of a study in folders, without Snakemake's report and what jobs keep for the next run."""
    for path in results.rglob("*"):
        parts = path.relative_to(results).parts
        kept = any(part.startswith(".") or part.endswith((".checked", SUFFIX)) for part in parts)
        if len(parts) > 1 and parts[0] not in NO_RESULTS and not kept and path.is_file():
            yield path


def _list_images(results: Path, problems: list[str]) -> Iterator[tuple[Any, ...]]:
    """Yield the places and digests of all images that a study's indices name, each once."""
    places: set[tuple[Any, ...]] = set()
    for path in sorted((results / "images").rglob("*.parquet")):
        try:
            with refuse_damage(path):
                is_index = METADATA_KEY in (pq.read_schema(path).metadata or {})
            if is_index:
                columns = (read_index(path)[name].to_pylist() for name in ("file", "offset", "size", "digest"))
                places.update(zip(*columns, strict=True))
        except StudyError as error:
            problems.append(str(error))
    yield from places


def _check_all(what: str, check: Callable[[Item], Iterable[str]], items: Sequence[Item], threads: int) -> list[str]:
    with ThreadPoolExecutor(threads) as pool:
        results = tqdm(pool.map(check, items), total=len(items), desc=f"verify {what}", mininterval=2)
        return [problem for problems in results for problem in problems]


def _check_file(item: tuple[Path, str]) -> Iterator[str]:
    path, digest = item
    try:
        if hash_file(path) != digest:
            yield f"{path} is not what its job wrote. This makes it again: snakemake --profile local --force {path}"
    except FileNotFoundError:
        yield f"{path} is missing"
    except OSError as error:
        yield f"{path} cannot be read: {error.strerror}"


def _check_block(path: Path) -> Iterator[str]:
    try:
        read_block(path)
        check_padding(path)
    except (StudyError, OSError) as error:
        yield str(error)


def _check_images(places: Sequence[tuple[Any, ...]]) -> Iterator[str]:
    for place in places:
        try:
            read_image(*place)
        except StudyError as error:
            yield str(error)
