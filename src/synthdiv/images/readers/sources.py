"""Find natural images: one folder per class, one folder with labels, WebDataset tars, Parquet files or IDX files.

Images that are files or members of a tar are used in place. Images in Parquet and IDX files are not byte ranges that can be
decoded: they are found by row, and :mod:`synthdiv.images.natural_index` copies them into the archive.
"""

from __future__ import annotations

import logging
import os
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial

from tqdm import tqdm

from synthdiv.core.errors import StudyError
from synthdiv.images.image_source import ImageFiles
from synthdiv.images.readers.folders import find_in_class_folder, find_in_flat_folder
from synthdiv.images.readers.found import FoundImage, Labels
from synthdiv.images.readers.idx import find_in_idx, read_idx_images
from synthdiv.images.readers.parquet import find_in_parquet, read_parquet_images
from synthdiv.images.readers.tars import find_in_tar
from synthdiv.prompts.class_tables import ClassRow

logger = logging.getLogger(__name__)


def find_images(
    source: ImageFiles, classes: list[ClassRow], *, threads: int = 1, ignore_others: bool = False
) -> list[FoundImage]:
    """List the images of a source, and log which other files it has.

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

    Raises
    ------
    StudyError
        If a label names no class, or a file cannot be read in its form.
    """
    form, paths = source.form, source.paths
    labels = Labels(classes, ignore_others=ignore_others)
    others = [Counter[str]() for _ in paths]
    parts: list[Callable[[], Iterator[FoundImage]]]
    if form == "folder":
        class_ids = {row.key: row.class_id for row in classes}
        folders = zip(source.keys, paths, others, strict=True)
        parts = [partial(find_in_class_folder, class_ids[key], path, counter) for key, path, counter in folders]
    elif form == "flat":
        assert source.labels is not None
        parts = [partial(find_in_flat_folder, paths[0], source.labels, labels, others[0], source.label)]
    elif form == "tar":
        parts = [
            partial(find_in_tar, path, labels, counter, source.label) for path, counter in zip(paths, others, strict=True)
        ]
    elif form == "parquet":
        parts = [partial(find_in_parquet, path, labels, source.label) for path in paths]
    else:
        assert source.labels is not None
        parts = [partial(find_in_idx, paths[0], source.labels, labels)]
    with ThreadPoolExecutor(threads) as pool:
        listed = tqdm(pool.map(lambda part: list(part()), parts), total=len(parts), desc="list", mininterval=2)
        try:
            found = [image for images in listed for image in images]
        except OSError as error:
            raise StudyError(f"{error.filename or paths[0]} cannot be read: {error.strerror or error}") from None
    _log_others(sum(others, Counter()), paths)
    return found


def _log_others(others: Counter[str], paths: Sequence[str]) -> None:
    if others:
        counts = ", ".join(f"{count} {suffix or 'without a suffix'}" for suffix, count in others.most_common())
        where = os.path.commonpath(paths) if len(paths) > 1 else paths[0]
        logger.warning(
            "%s has %d files that are no images by their suffix, and are left out: %s", where, others.total(), counts
        )


def read_rows(path: str) -> Iterator[bytes]:
    """Yield the encoded images of a Parquet file, row by row; those of an IDX file as PNG.

    Raises
    ------
    StudyError
        If a row holds no image.
    """
    return read_parquet_images(path) if path.endswith(".parquet") else read_idx_images(path)
