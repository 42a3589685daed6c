"""Write files atomically, and read text and JSON files with one-sentence errors."""

from __future__ import annotations

import errno
import glob
import json
import logging
import os
import re
import socket
import zlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from synthdiv.core.errors import StudyError

logger = logging.getLogger(__name__)

SYSTEM_FOLDERS = frozenset(
    ("__MACOSX", "@eaDir", "#recycle", "$RECYCLE.BIN", "$Recycle.Bin", "lost+found", "System Volume Information")
)
"""Folders that macOS packs into archives, and those that network storage, Windows and Linux make beside a user's."""
CHECKSUM = "checksum"
"""The key of a JSON file that has the checksum of the others."""


def is_hidden(name: str) -> bool:
    """Say whether a file or folder is none of the user's: its name begins with a dot, or a system makes such folders."""
    return name.startswith(".") or name in SYSTEM_FOLDERS


def read_text(path: Path | str, what: str) -> str:
    """Read a user's text file: UTF-8, with or without a byte order mark.

    Parameters
    ----------
    path : Path or str
        The file.
    what : str
        What the file is, for messages.

    Raises
    ------
    StudyError
        If it is missing, not a file, not readable, or not UTF-8.
    """
    try:
        with open(path, newline="", encoding="utf-8-sig") as file:
            return file.read()
    except FileNotFoundError:
        raise StudyError(
            f"the {what} {path} does not exist (relative paths start at the working directory, {Path.cwd()})"
        ) from None
    except UnicodeDecodeError as error:
        raise StudyError(f"the {what} {path} is not UTF-8 text: {error}") from None
    except OSError as error:
        raise StudyError(f"the {what} {path} cannot be read: {error.strerror}") from None
    except ValueError as error:  # a path with a NUL character
        raise StudyError(f"the {what} {str(path)!r} cannot be read: {error}") from None


def find_files(path: str) -> list[str]:
    """List the files that match a pattern; a path that exists, and the folders of a pattern that do, are no patterns."""
    folder = path
    while folder and not os.path.isdir(folder):
        folder = os.path.dirname(folder)
    rest = path[len(folder) :]
    if os.path.lexists(path) or not glob.has_magic(rest):
        return [path]
    return sorted(glob.glob(glob.escape(folder) + rest))


@contextmanager
def create_atomically(path: Path | str) -> Iterator[Path]:
    """Do as :func:`replace_atomically`, but leave a file that somebody else has written meanwhile as it is.

    What others may have read already does not change then: they may know the places of its parts.
    """
    with _write_atomically(path, _create) as temporary:
        yield temporary


@contextmanager
def replace_atomically(path: Path | str) -> Iterator[Path]:
    """Yield a temporary path in the same folder, and rename it to ``path`` if the block succeeds.

    If the process dies before that, ``path`` is unchanged. The temporary name starts with a dot and ends in ``.tmp``.

    Raises
    ------
    StudyError
        If the disk is full (or the quota used up), or the folder is not writable or not a folder.
    """
    with _write_atomically(path, os.replace) as temporary:
        yield temporary


def write_json(value: Mapping[str, Any], path: Path | str) -> None:
    """Write a JSON object atomically, for people to read too, with a checksum for :func:`read_json`."""
    with replace_atomically(path) as temporary:
        checked = {**value, CHECKSUM: _compute_checksum(value)}
        temporary.write_text(json.dumps(checked, indent=2, sort_keys=True) + "\n", encoding="utf-8")


def read_json(path: Path | str, what: str, advice: str) -> dict[str, Any]:
    """Read a JSON object that :func:`write_json` wrote.

    Parameters
    ----------
    path : Path or str
        The file.
    what : str
        What the file is, for messages.
    advice : str
        What to do if it is damaged.

    Raises
    ------
    StudyError
        If it cannot be read, or its content is not what was written.
    """
    try:
        value = json.loads(Path(path).read_bytes())
        intact = isinstance(value, dict) and value.pop(CHECKSUM, None) == _compute_checksum(value)
    except ValueError:
        intact = False
    except OSError as error:
        raise StudyError(f"the {what} {path} cannot be read: {error.strerror}") from None
    if not intact:
        raise StudyError(f"the {what} {path} is damaged: {advice}")
    return value


def _compute_checksum(value: Mapping[str, Any]) -> int:
    return zlib.crc32(json.dumps(value, sort_keys=True).encode())


def _create(temporary: Path, path: Path) -> None:
    try:
        os.link(temporary, path)
    except FileExistsError:
        logger.info("another job has written %s meanwhile; its file is used", path)
    except OSError:  # the file system has no hard links
        if not path.exists():
            os.replace(temporary, path)


@contextmanager
def _write_atomically(path: Path | str, finish: Callable[[Path, Path], None]) -> Iterator[Path]:
    path = Path(path)
    temporary = path.with_name(f".{path.name}.{socket.gethostname()}.{os.getpid()}.tmp")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        yield temporary
        with open(temporary, "rb") as file:
            os.fsync(file.fileno())
        finish(temporary, path)
    except OSError as error:
        code = _find_errno(error)
        if code in (errno.ENOSPC, errno.EDQUOT):
            raise StudyError(
                f"the disk is full: {path} could not be written ({os.strerror(code)}). Everything finished before it is "
                "kept; free some space and run the same command again"
            ) from error
        if code in (errno.EACCES, errno.EROFS, errno.ENOTDIR, errno.EISDIR):
            raise StudyError(f"{path} could not be written: {os.strerror(code)}") from error
        raise
    finally:
        with suppress(FileNotFoundError, NotADirectoryError):
            temporary.unlink()


def _find_errno(error: OSError) -> int | None:
    """Return an error's errno, which polars gives only in the message."""
    found = re.search(r"\(os error (\d+)\)", str(error))
    return error.errno or (int(found[1]) if found else None)
