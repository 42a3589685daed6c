"""Files that are written whole or not at all, and texts that are read or refused in a sentence."""

from __future__ import annotations

import errno
import os
import re
import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from synthdiv.core.errors import StudyError


def read_text(path: Path | str, what: str) -> str:
    """Read a text file that a user wrote: UTF-8, with or without a byte order mark.

    Parameters
    ----------
    path : Path or str
        The file.
    what : str
        What it is, for messages.

    Raises
    ------
    StudyError
        If it is missing, no file, may not be read, or is not UTF-8.
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


@contextmanager
def replace_atomically(path: Path | str) -> Iterator[Path]:
    """Give a temporary path beside ``path``, and rename it to ``path`` if the block ends well.

    A process that dies in between leaves ``path`` as it was. The temporary name starts with a dot and ends in ``.tmp``.

    Raises
    ------
    StudyError
        If the disk is full (or the quota used up), or the folder may not be written to or is none.
    """
    path = Path(path)
    temporary = path.with_name(f".{path.name}.{socket.gethostname()}.{os.getpid()}.tmp")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        yield temporary
        with open(temporary, "rb") as file:
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except OSError as error:
        number = _find_number(error)
        if number in (errno.ENOSPC, errno.EDQUOT):
            raise StudyError(
                f"the disk is full: {path} could not be written ({os.strerror(number)}). Everything finished before it is "
                "kept; make room and run the same command again"
            ) from error
        if number in (errno.EACCES, errno.EROFS, errno.ENOTDIR, errno.EISDIR):
            raise StudyError(f"{path} could not be written: {os.strerror(number)}") from error
        raise
    finally:
        with suppress(FileNotFoundError, NotADirectoryError):
            temporary.unlink()


def _find_number(error: OSError) -> int | None:
    """The system's number of an error; polars says it in words alone."""
    said = re.search(r"\(os error (\d+)\)", str(error))
    return error.errno or (int(said[1]) if said else None)
