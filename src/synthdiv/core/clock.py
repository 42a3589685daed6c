"""Find inputs that were modified in the future: Snakemake rejects an output that is older than its input."""

from __future__ import annotations

import os
import shlex
import time
from collections.abc import Iterable
from contextlib import suppress
from datetime import datetime

from synthdiv.core.errors import StudyError

MAX_CLOCK_SKEW = 60
"""Seconds by which the clocks of a network may differ."""


def check_clock(paths: Iterable[str]) -> None:
    """Check that no input has a modification time in the future.

    Parameters
    ----------
    paths : iterable of str
        The inputs; missing ones are skipped.

    Raises
    ------
    StudyError
        If one does: the file, its time, and what to do.
    """
    now = time.time()
    for path in sorted(paths):
        with suppress(FileNotFoundError):
            modified = os.stat(path).st_mtime
            if modified > now + MAX_CLOCK_SKEW:
                when = datetime.fromtimestamp(modified).isoformat(" ", "minutes")
                raise StudyError(
                    f"{path} was last changed at {when}, which is in the future, so everything made from it would be older: "
                    f"check the machine's clock; if it is right, reset the file's time: touch {shlex.quote(path)}"
                )
