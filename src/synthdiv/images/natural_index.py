"""Index natural images: choose them, check that each decodes, and flag them.

Every image is decoded once, and the results are stored per class: an interrupted job resumes, and later runs read only
images that are new or have changed.
"""

from __future__ import annotations

import hashlib
import json
import logging
import zlib
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
from synthdiv.images.archive import digest_bytes, locate_block, mark_use, name_member, read_block, read_bytes, write_block
from synthdiv.images.flags import decode_image, flag_image, measure_image
from synthdiv.images.index import write_index
from synthdiv.images.readers.found import FoundImage, LeftOut
from synthdiv.images.readers.sources import read_rows
from synthdiv.prompts.class_tables import ClassRow

logger = logging.getLogger(__name__)

MAX_HELD_OUT = 50
"""Number of images of a class that are held out for selection by default, at most."""
MAX_NAMED = 5
"""Number of undecodable images that a message names."""


COUNTS = {
    "split": pl.String,
    "class_id": pl.Int32,
    "key": pl.String,
    "n_found": pl.Int64,
    "n_chosen": pl.Int64,
    "n_undecodable": pl.Int64,
    "undecodable": pl.String,
    "n_left_out": pl.Int64,
    "left_out": pl.String,
}


@dataclass(frozen=True, slots=True)
class ChosenImage:
    """A natural image chosen for a set, with its index within class and split."""

    image: FoundImage
    index: int


SplitImages = tuple[list[FoundImage], list[ChosenImage], LeftOut]
"""The images of a split: all that were found, those chosen, and the numbers of files that were left out."""


def choose_images(
    found: Iterable[FoundImage],
    classes: list[ClassRow],
    *,
    set_name: str,
    split: str,
    counts: Mapping[str, int] | int | None,
    seed: int,
    class_ids: Iterable[int] | None = None,
    held_out: int | str | None = None,
    is_held_out: bool = False,
) -> list[ChosenImage]:
    """Number the images of each class, and choose all or a seeded subset, or those that are held out of it.

    Parameters
    ----------
    found : iterable of FoundImage
        The images; an image's index is its position in its class when sorted by name.
    classes : list of ClassRow
        The study's classes.
    set_name, split : str
        Names for messages; the split also seeds the choice of a subset.
    counts : int, mapping of class key to int, or None
        Images per class: a seeded subset that does not depend on the order of files. With None, and for classes that the
        mapping lacks, all images are chosen.
    seed : int
        The study's seed.
    class_ids : iterable of int, optional
        The set's classes; images of other classes are left out. Default is all classes.
    held_out : int or "default", optional
        How many images of each class are held out. The default is a tenth of them, at most 50, and none that ``counts``
        asks for.
    is_held_out : bool
        Whether these are chosen, and not the others.

    Returns
    -------
    list of ChosenImage
        Sorted by class and index.

    Raises
    ------
    StudyError
        If a class has no image, or fewer than requested.
    """
    by_class: dict[int, list[FoundImage]] = {row.class_id: [] for row in classes}
    for image in found:
        by_class[image.class_id].append(image)
    chosen: list[ChosenImage] = []
    for row in classes if class_ids is None else [classes[class_id] for class_id in class_ids]:
        count = counts.get(row.key) if isinstance(counts, Mapping) else counts
        images = sorted(by_class[row.class_id], key=lambda image: image.name)
        aside = held_out if isinstance(held_out, int) else 0
        if len(images) < (count or 1) + aside:
            and_aside = f", and {aside} for its selection split" if aside else ""
            raise StudyError(
                f"set {set_name!r}, {split}: the class {row.key!r} ({row.name}) has {len(images)} images; "
                f"{count or 'at least 1'} are needed{and_aside}"
            )
        if held_out == "default":
            aside = min(MAX_HELD_OUT, -(-len(images) // 10), len(images) - (count or 1))
        numbers = list(range(len(images)))
        if count is not None or held_out is not None:
            # ranks numbers, not paths: moving the folder does not change the subset
            numbers.sort(key=lambda n: hashlib.sha256(f"subset {seed} {split} {row.key} {n}".encode()).digest())
            rest = len(numbers) - aside
            numbers = sorted(numbers[rest:] if is_held_out else numbers[: rest if count is None else count])
        chosen += [ChosenImage(images[n], n) for n in numbers]
    return chosen


def index_images(
    chosen: list[ChosenImage],
    classes: list[ClassRow],
    *,
    split: str,
    archive: Path | str,
    checked: Path | str,
    on_undecodable: str,
    threads: int,
) -> Iterator[dict[str, Any]]:
    """Decode every image once to flag it, and yield the rows of the index.

    Parameters
    ----------
    chosen : list of ChosenImage
        The images, from :func:`choose_images`.
    classes : list of ClassRow
        The study's classes.
    split : str
        The split to index.
    archive : Path or str
        The archive, into which images that are rows of a file are copied.
    checked : Path or str
        A folder for the results of decoding, one file per class; outdated files are removed.
    on_undecodable : {"error", "flag"}
        Whether undecodable images raise an error, after all images have been decoded, or are flagged.
    threads : int
        Number of decoding threads.

    Raises
    ------
    StudyError
        If images do not decode and ``on_undecodable`` is "error".
    """
    copies = bool(chosen) and chosen[0].image.row is not None
    undecodable = []
    with (
        ThreadPoolExecutor(threads) as pool,
        tqdm(total=len(chosen), unit="image", desc=f"decode {split}", mininterval=2) as progress,
        closing(  # cancels waiting tasks if the rows are not consumed to the end
            _copy_images(chosen, classes, split, archive, pool) if copies else _check_images(chosen, Path(checked), pool)
        ) as rows,
    ):
        for one, reason, row in rows:
            progress.update()
            if reason is not None:
                undecodable.append(f"{one.image.name} ({reason})")
                logger.warning("undecodable: %s", undecodable[-1])
            yield {"class_id": one.image.class_id, "split": split, "index": one.index, "prompt": None, "seed": None, **row}
    if undecodable and on_undecodable == "error":
        more = f"\n  and {len(undecodable) - MAX_NAMED} more, in the log" if len(undecodable) > MAX_NAMED else ""
        raise StudyError(
            f"{len(undecodable)} of {len(chosen)} images do not decode. "
            "Repair or remove them, or set `on_undecodable: flag`:\n  " + "\n  ".join(undecodable[:MAX_NAMED]) + more
        )


def write_splits(
    splits: Mapping[str, SplitImages],
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
    """Write the index of a set, and the image counts of its classes.

    Parameters
    ----------
    splits : mapping of split to SplitImages
    classes : list of ClassRow
        The set's classes.
    name : str
        The set's name.
    index, counts : Path or str
        The Parquet file to write, and the CSV file of :func:`count_images`.
    archive, on_undecodable, threads
        As in :func:`index_images`.
    checked : Path or str
        A folder for the results of decoding, with one subfolder per split.

    Returns
    -------
    int
        The number of images in the index.
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
        for split, (_, chosen, _) in splits.items()
    ]
    number = write_index(index, chain.from_iterable(rows), {"set": name})
    table = pl.read_parquet(index, columns=["class_id", "split", "index", "flags"])
    tables = [count_images(*images, table, classes, split) for split, images in splits.items()]
    write_table(pl.concat(tables), counts)
    return number


def _try_decoding(data: bytes) -> dict[str, Any]:
    """Return an image's measurements, or the reason why it does not decode."""
    try:
        return measure_image(decode_image(data))
    except ValueError as error:
        return {"undecodable": str(error)}


def _flag(result: Mapping[str, Any]) -> list[str]:
    return ["undecodable"] if "undecodable" in result else flag_image(dict(result))


Row = tuple[ChosenImage, str | None, dict[str, Any]]


def _check_images(chosen: list[ChosenImage], checked: Path, pool: Executor) -> Generator[Row]:
    """Check images that are files or members of tars, one class per task, since small images decode in a moment."""
    groups = [list(group) for _, group in groupby(chosen, key=lambda one: one.image.class_id)]
    paths = [checked / f"{images[0].image.class_id}.json" for images in groups]
    for images, results in zip(groups, pool.map(_check_class, groups, paths), strict=True):
        for one, result in zip(images, results, strict=True):
            place = {"file": one.image.file, "offset": one.image.offset, "size": one.image.size}
            row = place | {"digest": bytes.fromhex(result["digest"]), "flags": _flag(result)}
            yield one, result.get("undecodable"), row
    for path in set(checked.glob("*.json")) - set(paths):
        path.unlink()


def _check_class(images: list[ChosenImage], path: Path) -> list[dict[str, Any]]:
    """Check the images of a class; those that have not changed since they were checked last are not read again."""
    known = _read_checked(path)
    results = {}
    for one in images:
        place = (one.image.file, one.image.offset, one.image.size, *one.image.changed)
        results[place] = known[place] if place in known else _check_image(one.image)
    if results != known:
        text = json.dumps(list(results.items()))
        with replace_atomically(path) as temporary:
            temporary.write_text(f"{zlib.crc32(text.encode())}\n{text}")
    return list(results.values())


def _check_image(image: FoundImage) -> dict[str, Any]:
    data = read_bytes(image.file, image.offset, image.size)
    return {"digest": digest_bytes(data).hex(), **_try_decoding(data)}


def _read_checked(path: Path) -> dict[tuple[Any, ...], dict[str, Any]]:
    """Return the earlier results of a class by the images' places and times; none if the file is missing or damaged."""
    if not path.exists():
        return {}
    checksum, _, text = path.read_bytes().partition(b"\n")
    if checksum != str(zlib.crc32(text)).encode():
        return {}
    return {tuple(place): result for place, result in json.loads(text)}


def _copy_images(
    chosen: list[ChosenImage], classes: list[ClassRow], split: str, archive: Path | str, pool: Executor
) -> Generator[Row]:
    """Copy images that are rows of a file, in file order, into blocks that are named by their contents."""
    mark_use(archive)
    by_file = sorted(chosen, key=lambda one: (one.image.file, one.image.row))
    for file, group in groupby(by_file, key=lambda one: one.image.file):
        by_row = {one.image.row: one for one in group}
        rows = ((by_row[n], data) for n, data in enumerate(read_rows(file)) if n in by_row)
        while block := list(islice(rows, BLOCK_SIZE)):
            yield from _copy_block(block, classes, split, archive, pool)


def _copy_block(
    block: list[tuple[ChosenImage, bytes]], classes: list[ClassRow], split: str, archive: Path | str, pool: Executor
) -> Generator[Row]:
    members = [name_member(classes[one.image.class_id].key, split, one.index) for one, _ in block]
    contents = [hashlib.sha256(data).hexdigest() for _, data in block]
    path = locate_block(archive, "natural", name_block([make_digest(pair) for pair in zip(members, contents, strict=True)]))
    if not path.exists():
        results = pool.map(_try_decoding, [data for _, data in block])
        write_block(
            path,
            [
                (member, _guess_extension(data), data, {"source": one.image.name} | result)
                for member, (one, data), result in zip(members, block, results, strict=True)
            ],
        )
    for (one, data), stored in zip(block, read_block(path), strict=True):
        if digest_bytes(data) != stored.digest:
            raise StudyError(f"{path} has other images than its name says: delete it, and the next run writes it again")
        location = {"file": stored.file, "offset": stored.offset, "size": stored.size, "digest": stored.digest}
        yield one, stored.metadata.get("undecodable"), location | {"flags": _flag(stored.metadata)}


def count_images(
    found: Iterable[FoundImage],
    chosen: Iterable[ChosenImage],
    left_out: LeftOut,
    index: pl.DataFrame,
    classes: list[ClassRow],
    split: str,
) -> pl.DataFrame:
    """Count the images of each class in one split of a set, and the files that are left out.

    Parameters
    ----------
    found : iterable of FoundImage
        All images found.
    chosen : iterable of ChosenImage
        The images chosen.
    left_out : Counter
        From :func:`synthdiv.images.readers.sources.find_images`.
    index : polars.DataFrame
        Their index: columns class_id, split, index, flags.
    classes : list of ClassRow
        The study's classes.
    split : str
        The split to count.

    Returns
    -------
    polars.DataFrame
        One row per class with chosen images, and one without a class if files that belong to no class's folder are left out:
        split, class_id, key, n_found, n_chosen (images chosen), n_undecodable, undecodable (their names), n_left_out,
        left_out (why).
    """
    undecodable = index.filter((pl.col("split") == split) & pl.col("flags").list.contains("undecodable"))
    places = set(undecodable.select("class_id", "index").iter_rows())
    n_found, n_chosen = Counter(image.class_id for image in found), Counter[int]()
    names, reasons = defaultdict[int | None, list[str]](list), defaultdict[int | None, Counter[str]](Counter)
    for one in chosen:
        n_chosen[one.image.class_id] += 1
        if (one.image.class_id, one.index) in places:
            names[one.image.class_id].append(one.image.name)
    for (class_id, reason), count in left_out.items():
        reasons[class_id][reason or "without a suffix"] += count
    rows: list[tuple[Any, ...]] = [
        (split, n, classes[n].key, n_found[n], n_chosen[n], len(names[n]), "; ".join(names[n]), *_list_reasons(reasons[n]))
        for n in sorted(n_chosen)
    ]
    if None in reasons:
        rows.append((split, None, None, 0, 0, 0, "", *_list_reasons(reasons[None])))
    return pl.DataFrame(rows, schema=COUNTS, orient="row")


def summarise_images(name: str, split: str, found: list[FoundImage], chosen: list[ChosenImage], left_out: LeftOut) -> str:
    """Say in a sentence how many images of a set's split were found and are used, and which other files were left out."""
    reasons = Counter[str]()
    for (_, reason), count in left_out.items():
        reasons[reason or "without a suffix"] += count
    others = f"; left out: {_list_reasons(reasons)[1]}" if reasons else ""
    return f"{name}, {split}: {len(found):,} images found, {len(chosen):,} used{others}"


def _list_reasons(reasons: Counter[str]) -> tuple[int, str]:
    return reasons.total(), ", ".join(f"{count} {reason}" for reason, count in sorted(reasons.items()))


def _guess_extension(data: bytes) -> str:
    if data.startswith(b"\xff\xd8"):
        return "jpg"
    return "webp" if data[8:12] == b"WEBP" else "png"
