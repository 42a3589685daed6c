"""Find natural images: one folder per class, one folder with labels, WebDataset tars, Parquet files or IDX files.

Images that are files or members of a tar are used in place. Images in Parquet and IDX files are not byte ranges that can be
decoded: they are found by row, and :mod:`synthdiv.images.natural_index` copies them into the archive.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial

from tqdm import tqdm

from synthdiv.core.errors import StudyError
from synthdiv.images.image_source import ImageFiles
from synthdiv.images.readers.folders import count_beside, find_in_class_folder, find_in_flat_folder
from synthdiv.images.readers.found import FoundImage, FoundLabels, Labels, LeftOut
from synthdiv.images.readers.idx import find_in_idx, read_idx_images
from synthdiv.images.readers.parquet import find_in_parquet, read_parquet_images
from synthdiv.images.readers.tars import find_in_tar
from synthdiv.prompts.class_tables import ClassRow


def find_images(
    source: ImageFiles,
    classes: list[ClassRow],
    *,
    threads: int = 1,
    ignore_others: bool = False,
    left_out: LeftOut | None = None,
) -> list[FoundImage]:
    """List the images of a source.

    Parameters
    ----------
    source : ImageFiles
        The files of one split.
    classes : list of ClassRow
        The study's classes.
    threads : int
        Number of folders or files to list concurrently.
    ignore_others : bool
        Leave out images whose label names a class that the study lacks, instead of raising an error.
    left_out : Counter, optional
        Gets the numbers of files that are not taken.

    Raises
    ------
    StudyError
        If a label names no class, or a file cannot be read in its form.
    """
    form, paths = source.form, source.paths
    labels = Labels(classes, ignore_others=ignore_others)
    class_ids = {row.key: row.class_id for row in classes}
    others = [Counter[str]() for _ in paths]
    pairs = list(zip(paths, others, strict=True))
    parts: list[Callable[[], Iterator[FoundImage]]]
    if form == "folder":
        folders = zip(source.keys, paths, others, strict=True)
        parts = [partial(find_in_class_folder, class_ids[key], path, counter) for key, path, counter in folders]
    elif form == "flat":
        assert source.labels is not None
        parts = [partial(find_in_flat_folder, paths[0], source.labels, labels, others[0], source.label)]
    elif form == "tar":
        parts = [partial(find_in_tar, path, labels, counter, source.label) for path, counter in pairs]
    elif form == "parquet":
        parts = [partial(find_in_parquet, path, labels, counter, source.label) for path, counter in pairs]
    else:
        assert source.labels is not None
        parts = [partial(find_in_idx, paths[0], source.labels, labels, others[0])]
    with ThreadPoolExecutor(threads) as pool:
        listed = tqdm(pool.map(lambda part: list(part()), parts), total=len(parts), desc="list", mininterval=2, delay=2)
        try:
            found = [image for images in listed for image in images]
            beside = count_beside(paths) if form == "folder" else Counter[str]()
        except OSError as error:
            raise StudyError(f"{error.filename or paths[0]} cannot be read: {error.strerror or error}") from None
    if left_out is not None:
        owners = [class_ids[key] for key in source.keys] if form == "folder" else [None] * len(others)
        for owner, counter in zip([*owners, None], [*others, beside], strict=True):
            left_out.update({(owner, reason): count for reason, count in counter.items()})
    return found


def read_rows(path: str) -> Iterator[bytes]:
    """Yield the encoded images of a Parquet file, row by row; those of an IDX file as PNG.

    Raises
    ------
    StudyError
        If a row holds no image.
    """
    return read_parquet_images(path) if path.endswith(".parquet") else read_idx_images(path)


def list_labels(source: ImageFiles) -> list[str]:
    """List the labels in the tars, Parquet or IDX files of a source, in the order of the classes that they may become.

    Raises
    ------
    StudyError
        If its files have no labels, or cannot be read in their form.
    """
    labels, others, used = FoundLabels(), Counter[str](), set[int]()
    for path in source.paths:
        if source.form == "tar":
            found = find_in_tar(path, labels, others, source.label)
        elif source.form == "parquet":
            found = find_in_parquet(path, labels, others, source.label)
        elif source.form == "idx" and source.labels is not None:
            found = find_in_idx(path, source.labels, labels, others)
        else:
            raise StudyError(f"{path} has no file of labels: name a class table")
        used |= {image.class_id for image in found}
    names = [name for name, number in labels.names.items() if number in used]
    return sorted(names, key=lambda name: (not name.isdecimal(), int(name) if name.isdecimal() else 0, name))
