"""The index of natural images: which are taken, whether each decodes, and its flags.

Every image is decoded once. What that showed is kept a class, so that a job that was stopped goes on where it was, and an
added image makes only its class be decoded again.
"""

from __future__ import annotations

import hashlib
import json
import logging
from collections import Counter, defaultdict
from collections.abc import Generator, Iterable, Iterator, Mapping
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass
from itertools import chain, groupby, islice
from pathlib import Path
from typing import Any

import polars as pl
from tqdm import tqdm

from synthdiv.core.errors import StudyError
from synthdiv.core.files import replace_atomically
from synthdiv.core.fingerprints import BLOCK_SIZE, make_digest, name_block
from synthdiv.core.tables import write_table
from synthdiv.images.archive import locate_block, mark_use, name_member, read_block, read_bytes, write_block
from synthdiv.images.flags import decode_image, flag_image, measure_image
from synthdiv.images.index import write_index
from synthdiv.images.readers.found import Found
from synthdiv.images.readers.sources import read_rows
from synthdiv.prompts.class_tables import ClassRow

logger = logging.getLogger(__name__)

NAMED = 5
"""How many undecodable images a message names."""


COUNTS = {
    "split": pl.String,
    "class_id": pl.Int32,
    "key": pl.String,
    "name": pl.String,
    "n_found": pl.Int64,
    "n_predicted_class": pl.Int64,
    "n_undecodable": pl.Int64,
    "undecodable": pl.String,
}


@dataclass(frozen=True, slots=True)
class Chosen:
    """A natural image that a set takes, with its number in class and split."""

    image: Found
    index: int


def choose_images(
    found: Iterable[Found],
    classes: list[ClassRow],
    *,
    set_name: str,
    split: str,
    counts: Mapping[str, int] | int | None,
    seed: int,
    class_ids: Iterable[int] | None = None,
) -> list[Chosen]:
    """Number the images of each class, and choose a subset.

    Parameters
    ----------
    found : iterable of Found
        The images; an image's index is its place in its class by name.
    classes : list of ClassRow
        The study's.
    set_name, split : str
        For messages, and for the choice of a subset.
    counts : int, mapping of class key to int, or None
        Images a class; a seeded subset that does not depend on the order of files. None takes all, as does a class that the
        mapping lacks.
    seed : int
        The study's.
    class_ids : iterable of int, optional
        The classes that the set holds; images of others are not taken. Default is all.

    Returns
    -------
    list of Chosen
        By class and index.

    Raises
    ------
    StudyError
        If a class has no image, or fewer than are asked for.
    """
    by_class: dict[int, list[Found]] = {row.class_id: [] for row in classes}
    for image in found:
        by_class[image.class_id].append(image)
    chosen: list[Chosen] = []
    for row in classes if class_ids is None else [classes[class_id] for class_id in class_ids]:
        count = counts.get(row.key) if isinstance(counts, Mapping) else counts
        images = sorted(by_class[row.class_id], key=lambda image: image.name)
        if len(images) < (count or 1):
            raise StudyError(
                f"set {set_name!r}, {split}: the class {row.key!r} ({row.name}) has {len(images)} images; "
                f"{count or 'at least 1'} are needed"
            )
        numbers = list(range(len(images)))
        if count is not None:
            # the rank of a number, not of a path: a subset survives that a folder is moved
            numbers.sort(key=lambda n: hashlib.sha256(f"subset {seed} {split} {row.key} {n}".encode()).digest())
            numbers = sorted(numbers[:count])
        chosen += [Chosen(images[n], n) for n in numbers]
    return chosen


def index_images(
    chosen: list[Chosen],
    classes: list[ClassRow],
    *,
    split: str,
    archive: Path | str,
    checked: Path | str,
    on_undecodable: str,
    threads: int,
) -> Iterator[dict[str, Any]]:
    """Decode every image once for its flags, and give the rows of the index.

    Parameters
    ----------
    chosen : list of Chosen
        From :func:`choose_images`.
    classes : list of ClassRow
        The study's.
    split : str
        What is indexed.
    archive : Path or str
        Where images go that come without a file of their own.
    checked : Path or str
        A folder for what decoding showed, a file a class; those of earlier listings are removed.
    on_undecodable : {"error", "flag"}
        Whether images that do not decode stop the run, once all are known, or are flagged.
    threads : int
        Decoding threads.

    Raises
    ------
    StudyError
        If images do not decode and that is an error.
    """
    copies = bool(chosen) and chosen[0].image.row is not None
    broken = []
    with (
        ThreadPoolExecutor(threads) as pool,
        tqdm(total=len(chosen), unit="image", desc=f"decode {split}", mininterval=2) as progress,
        closing(  # what waits for a thread is given up when the rows are
            _copy_images(chosen, classes, split, archive, pool) if copies else _check_images(chosen, Path(checked), pool)
        ) as rows,
    ):
        for one, reason, row in rows:
            progress.update()
            if reason is not None:
                broken.append(f"{one.image.name} ({reason})")
                logger.warning("undecodable: %s", broken[-1])
            yield {"class_id": one.image.class_id, "split": split, "index": one.index, "prompt": None, "seed": None, **row}
    if broken and on_undecodable == "error":
        more = f"\n  and {len(broken) - NAMED} more, in the log" if len(broken) > NAMED else ""
        raise StudyError(
            f"{len(broken)} of {len(chosen)} images do not decode. Mend or remove them, or set `on_undecodable: flag`:\n  "
            + "\n  ".join(broken[:NAMED])
            + more
        )


def write_splits(
    splits: Mapping[str, tuple[list[Found], list[Chosen]]],
    classes: list[ClassRow],
    *,
    name: str,
    index: Path | str,
    counts: Path | str,
    archive: Path | str,
    checked: Path | str,
    on_undecodable: str,
    threads: int,
) -> int:
    """Write the index of a set, and what was found of each class.

    Parameters
    ----------
    splits : mapping of split to (found, chosen)
        All that lie there, and what is taken.
    classes : list of ClassRow
        The set's.
    name : str
        The set's.
    index, counts : Path or str
        The Parquet file, and the CSV of :func:`count_images`.
    archive, on_undecodable, threads
        As :func:`index_images` takes them.
    checked : Path or str
        A folder for what decoding showed, with one a split in it.

    Returns
    -------
    int
        How many images are in the index.
    """
    rows = [
        index_images(
            chosen,
            classes,
            split=split,
            archive=archive,
            checked=Path(checked) / split,
            on_undecodable=on_undecodable,
            threads=threads,
        )
        for split, (_, chosen) in splits.items()
    ]
    number = write_index(index, chain.from_iterable(rows), {"set": name})
    table = pl.read_parquet(index, columns=["class_id", "split", "index", "flags"])
    tables = [count_images(found, chosen, table, classes, split) for split, (found, chosen) in splits.items()]
    write_table(pl.concat(tables), counts)
    return number


def _look(data: bytes) -> dict[str, Any]:
    """What decoding an image shows: its figures, or why it does not decode."""
    try:
        return measure_image(decode_image(data))
    except ValueError as error:
        return {"undecodable": str(error)}


def _flag(seen: Mapping[str, Any]) -> list[str]:
    return ["undecodable"] if "undecodable" in seen else flag_image(dict(seen))


Row = tuple[Chosen, str | None, dict[str, Any]]


def _check_images(chosen: list[Chosen], checked: Path, pool: Executor) -> Generator[Row]:
    """Images that lie in files of their own, or in tars: a thread takes a class, since small images decode in a moment."""

    def check(images: list[Chosen]) -> tuple[Path, list[dict[str, Any]]]:
        manifest = [[one.image.file, one.image.offset, one.image.size, one.image.changed] for one in images]
        path = checked / f"{make_digest(manifest)}.json"
        if path.exists():
            return path, json.loads(path.read_text())
        seen = [_look(read_bytes(one.image.file, one.image.offset, one.image.size)) for one in images]
        with replace_atomically(path) as temporary:
            temporary.write_text(json.dumps(seen))
        return path, seen

    used = set()
    groups = [list(group) for _, group in groupby(chosen, key=lambda one: one.image.class_id)]
    for images, (path, seen) in zip(groups, pool.map(check, groups), strict=True):
        used.add(path)
        for one, metadata in zip(images, seen, strict=True):
            place = {"file": one.image.file, "offset": one.image.offset, "size": one.image.size}
            yield one, metadata.get("undecodable"), place | {"flags": _flag(metadata)}
    for path in set(checked.glob("*.json")) - used:
        path.unlink()


def _copy_images(
    chosen: list[Chosen], classes: list[ClassRow], split: str, archive: Path | str, pool: Executor
) -> Generator[Row]:
    """Images that are rows of a file, in the order of the file: written into blocks, which are named by their contents."""
    mark_use(archive)
    by_file = sorted(chosen, key=lambda one: (one.image.file, one.image.row))
    for file, group in groupby(by_file, key=lambda one: one.image.file):
        wanted = {one.image.row: one for one in group}
        rows = ((wanted[n], data) for n, data in enumerate(read_rows(file)) if n in wanted)
        while block := list(islice(rows, BLOCK_SIZE)):
            yield from _copy_block(block, classes, split, archive, pool)


def _copy_block(
    block: list[tuple[Chosen, bytes]], classes: list[ClassRow], split: str, archive: Path | str, pool: Executor
) -> Generator[Row]:
    members = [name_member(classes[one.image.class_id].key, split, one.index) for one, _ in block]
    contents = [hashlib.sha256(data).hexdigest() for _, data in block]
    path = locate_block(archive, "natural", name_block([make_digest(pair) for pair in zip(members, contents, strict=True)]))
    if not path.exists():
        seen = pool.map(_look, [data for _, data in block])
        write_block(
            path,
            [
                (member, _guess_extension(data), data, {"source": one.image.name} | metadata)
                for member, (one, data), metadata in zip(members, block, seen, strict=True)
            ],
        )
    for (one, _), stored in zip(block, read_block(path), strict=True):
        place = {"file": stored.file, "offset": stored.offset, "size": stored.size}
        yield one, stored.metadata.get("undecodable"), place | {"flags": _flag(stored.metadata)}


def count_images(
    found: Iterable[Found], chosen: Iterable[Chosen], index: pl.DataFrame, classes: list[ClassRow], split: str
) -> pl.DataFrame:
    """How many images a split of a set has, a class.

    Parameters
    ----------
    found : iterable of Found
        All that lie there.
    chosen : iterable of Chosen
        What was taken.
    index : polars.DataFrame
        What became of it: columns class_id, split, index, flags.
    classes : list of ClassRow
        The study's.
    split : str
        Which split.

    Returns
    -------
    polars.DataFrame
        A row a class that was taken: split, class_id, key, name, n_found, n_predicted_class, n_undecodable, undecodable (their names).
    """
    broken = index.filter((pl.col("split") == split) & pl.col("flags").list.contains("undecodable"))
    wanted = set(broken.select("class_id", "index").iter_rows())
    n_found, n_predicted_class, names = (
        Counter(image.class_id for image in found),
        Counter[int](),
        defaultdict[int, list[str]](list),
    )
    for one in chosen:
        n_predicted_class[one.image.class_id] += 1
        if (one.image.class_id, one.index) in wanted:
            names[one.image.class_id].append(one.image.name)
    rows = [
        (split, n, classes[n].key, classes[n].name, n_found[n], n_predicted_class[n], len(names[n]), "; ".join(names[n]))
        for n in sorted(n_predicted_class)
    ]
    return pl.DataFrame(rows, schema=COUNTS, orient="row")


def _guess_extension(data: bytes) -> str:
    if data.startswith(b"\xff\xd8"):
        return "jpg"
    return "webp" if data[8:12] == b"WEBP" else "png"
