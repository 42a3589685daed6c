"""What every job of the workflow does first: a log of its own, errors in a sentence, and an orderly end."""

from __future__ import annotations

import logging
import os
import signal
import sys
from pathlib import Path
from types import TracebackType

from threadpoolctl import threadpool_limits

from synthdiv.errors import StudyError


def start_job(log: str | Path | None) -> None:
    """Send all output of the process to the job's log, and end orderly on SIGTERM.

    Parameters
    ----------
    log : str, Path or None
        The rule's log file; None leaves the output where it is.
    """
    if log is not None:
        Path(log).parent.mkdir(parents=True, exist_ok=True)
        file = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o644)
        os.dup2(file, 1)
        os.dup2(file, 2)
        os.close(file)
    logging.basicConfig(
        level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s", datefmt="%Y-%m-%d %H:%M:%S", force=True
    )
    sys.excepthook = _report
    signal.signal(signal.SIGTERM, _stop)


def limit_threads(count: int) -> None:
    """Let numpy, scikit-learn and torch (where it is imported later) compute with so many threads."""
    os.environ["OMP_NUM_THREADS"] = os.environ["MKL_NUM_THREADS"] = str(count)
    threadpool_limits(count)


def _report(kind: type[BaseException], error: BaseException, traceback: TracebackType | None) -> None:
    if issubclass(kind, StudyError):
        print(f"error: {error}", file=sys.stderr)
    else:
        sys.__excepthook__(kind, error, traceback)


def _stop(number: int, frame: object) -> None:
    raise SystemExit(128 + number)
