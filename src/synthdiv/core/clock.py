"""Whether inputs are from the future: Snakemake refuses what a job makes of one, for being older than it."""

from __future__ import annotations

import os
import shlex
import time
from collections.abc import Iterable
from contextlib import suppress
from datetime import datetime

from synthdiv.core.errors import StudyError

MOST_AHEAD = 60
"""Seconds by which the clocks of a network may differ."""


def check_clock(paths: Iterable[str]) -> None:
    """Make sure that no input was changed later than now.

    Parameters
    ----------
    paths : iterable of str
        The inputs; those that are not there yet are passed over.

    Raises
    ------
    StudyError
        If one was: which, when, and what to do.
    """
    now = time.time()
    for path in sorted(paths):
        with suppress(FileNotFoundError):
            changed = os.stat(path).st_mtime
            if changed > now + MOST_AHEAD:
                when = datetime.fromtimestamp(changed).isoformat(" ", "minutes")
                raise StudyError(
                    f"{path} was last changed at {when}, which is in the future, and whatever is made of it would be older: "
                    f"is the machine's clock right? If so, set the file's: touch {shlex.quote(path)}"
                )
