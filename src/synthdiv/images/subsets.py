"""Choose images of a set, class by class, by pseudorandom numbers that depend on an image's class and index alone."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa

from synthdiv.images.index import check_archive, read_index, select_images


def gather_images(
    paths: Iterable[Path | str],
    split: str,
    *,
    exclude_flags: Sequence[str],
    images_per_class: int | None = None,
    class_ids: Sequence[int] | None = None,
    seed: int = 0,
    sample: int = 0,
) -> pa.Table:
    """Return the index rows of one split of a set.

    Parameters
    ----------
    paths : iterable of Path or str
        The set's indices.
    split : str
        "train" or "evaluation".
    exclude_flags : sequence of str
        Images with any of these flags are left out.
    images_per_class : int, optional
        Size of a subset of each class, selected by the seed; a smaller first subset is part of a larger one.
    class_ids : sequence of int, optional
        Classes to include; default: all.
    seed : int
        Selects the subset.
    sample : int
        The number of the subset: no two of the same size have an image in common.

    Raises
    ------
    StudyError
        If the archive lacks one of the blocks.
    """
    tables = []
    for path in paths:
        table = select_images(read_index(path), split=split, class_ids=class_ids, exclude_flags=exclude_flags)
        check_archive(table, path)
        tables.append(table)
    table = pa.concat_tables(tables).sort_by([("class_id", "ascending"), ("index", "ascending")])
    if images_per_class is None:
        return table
    ids, indices = table["class_id"].to_numpy(), table["index"].to_numpy()
    order = np.lexsort((hash_rows(ids, indices, seed), ids))
    starts = np.searchsorted(ids, ids)  # sorted by class: where each row's class begins
    ranks = np.arange(len(order)) - starts
    first = images_per_class * sample
    taken = (ranks >= first) & (ranks < first + images_per_class)
    return table.take(np.sort(order[taken]))


def hash_rows(class_ids: np.ndarray, indices: np.ndarray, seed: int) -> np.ndarray:
    """Return a pseudorandom number per row, determined by class, index and seed: uint64 array of shape (n,)."""
    start = mix_bits(np.full(len(class_ids), seed, dtype=np.uint64))
    return mix_bits(mix_bits(start ^ class_ids.astype(np.uint64)) + indices.astype(np.uint64))


def mix_bits(numbers: np.ndarray) -> np.ndarray:
    """Hash 64-bit numbers (the finaliser of splitmix64: Steele, Lea and Flood, 2014)."""
    mixed = numbers + np.uint64(0x9E3779B97F4A7C15)
    mixed = (mixed ^ (mixed >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    mixed = (mixed ^ (mixed >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return mixed ^ (mixed >> np.uint64(31))
