"""Stamps of user-provided files: what changes if a file is edited, overwritten, replaced, added or removed.

The Snakefile imports this in every job, so it imports nothing heavy.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor

from synthdiv.core.files import is_hidden

THREADS = 16
"""Folders that are listed at once: a network file system answers many requests in the time of one."""


def stamp_paths(paths: Sequence[str]) -> str:
    """Return a digest of the names, sizes and modification times of files, and of all files in folders and their subfolders.

    It opens no file: a million files take seconds. An older modification time is a change, too. The times of inodes do not
    count, since they change when a study is moved to another disk. Nor do hidden files and folders.

    Parameters
    ----------
    paths : sequence of str
        Files and folders, in any order; one that does not exist counts as such.
    """
    digest, paths = hashlib.sha256(), sorted(paths)
    with ThreadPoolExecutor(THREADS) as pool:
        for path, lines in zip(paths, pool.map(_describe, paths), strict=True):
            digest.update(f"{path}\0{len(lines)}\0".encode(errors="surrogateescape"))
            for line in lines:
                digest.update(line)
    return digest.hexdigest()


def _describe(path: str) -> list[bytes]:
    """Describe a file, or the files of a folder in the order of their names."""
    found = _iter_files(path, set()) if os.path.isdir(path) else [path]
    return sorted(f"{one[len(path) :]}\0{_measure(one)}\n".encode(errors="surrogateescape") for one in found)


def _iter_files(folder: str, visited: set[tuple[int, int]]) -> Iterator[str]:
    metadata = os.stat(folder)
    if (metadata.st_dev, metadata.st_ino) in visited:  # a link to a folder around it
        return
    visited.add((metadata.st_dev, metadata.st_ino))
    with os.scandir(folder) as entries:
        for entry in entries:
            if entry.is_dir():
                yield from () if is_hidden(entry.name) else _iter_files(entry.path, visited)
            elif not is_hidden(entry.name):
                yield entry.path


def _measure(path: str) -> tuple[int, ...] | str | None:
    try:
        metadata = os.stat(path)
    except OSError as error:
        return error.strerror
    return metadata.st_size, metadata.st_mtime_ns
