"""What every job of the workflow does first and last: a log of its own, errors in a sentence, and an orderly end."""

from __future__ import annotations

import atexit
import json
import logging
import os
import signal
import socket
import sys
import time
from pathlib import Path
from types import TracebackType
from typing import Any

from threadpoolctl import threadpool_limits

from synthdiv.errors import StudyError

logger = logging.getLogger(__name__)
STARTED = "started on"
FINISHED = "finished after"
WORK = "work: "
_failed = False


def start_job(log: str | Path | None) -> None:
    """Send all output of the process to the job's log, and end orderly on SIGTERM.

    A log whose job did not finish is kept, and the next attempt's follows it.

    Parameters
    ----------
    log : str, Path or None
        The rule's log file; None leaves the output where it is.
    """
    if log is not None:
        Path(log).parent.mkdir(parents=True, exist_ok=True)
        file = os.open(log, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o644)
        if _has_finished(file):
            os.truncate(file, 0)
        os.dup2(file, 1)
        os.dup2(file, 2)
        os.close(file)
    logging.basicConfig(
        level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s", datefmt="%Y-%m-%d %H:%M:%S", force=True
    )
    sys.excepthook = _report
    signal.signal(signal.SIGTERM, _stop)
    if log is not None:
        logger.info("%s %s%s", STARTED, socket.gethostname(), _describe_slurm_job())
        atexit.register(_end, time.monotonic())


def report_work(**facts: Any) -> None:
    """Say in the log, for the table of jobs, what the job did.

    Parameters
    ----------
    facts : JSON values
        ``images`` and ``seconds``, how many were drawn, read or trained on in how long, the loading of models apart; what
        :func:`synthdiv.devices.describe_use` says.
    """
    logger.info("%s%s", WORK, json.dumps(facts, sort_keys=True))


def outlive_sigterm(worker: int) -> None:
    """Let a loader's worker ignore SIGTERM, which Slurm sends to every process of a job: its parent says when to end."""
    signal.signal(signal.SIGTERM, signal.SIG_IGN)


def limit_threads(count: int) -> None:
    """Let numpy, scikit-learn and torch (where it is imported later) compute with so many threads."""
    os.environ["OMP_NUM_THREADS"] = os.environ["MKL_NUM_THREADS"] = str(count)
    threadpool_limits(count)


def _has_finished(file: int) -> bool:
    size = os.fstat(file).st_size
    last = os.pread(file, 200, max(0, size - 200)).decode(errors="replace").rstrip().rpartition("\n")[2]
    return FINISHED in last


def _describe_slurm_job() -> str:
    number, restarts = os.environ.get("SLURM_JOB_ID"), os.environ.get("SLURM_RESTART_COUNT", "0")
    if number is None:
        return ""
    gpus = os.environ.get("CUDA_VISIBLE_DEVICES")
    return f", Slurm job {number}" + (f", restart {restarts}" if restarts != "0" else "") + (f", GPUs {gpus}" if gpus else "")


def _report(kind: type[BaseException], error: BaseException, traceback: TracebackType | None) -> None:
    global _failed
    _failed = True
    if issubclass(kind, StudyError):
        print(f"error: {error}", file=sys.stderr)
    else:
        sys.__excepthook__(kind, error, traceback)


def _stop(number: int, frame: object) -> None:
    stop_job(number)


def stop_job(number: int) -> None:
    """End because of a signal, with the exit status that says so and leads to another attempt."""
    global _failed
    _failed = True
    logger.warning("stopped by %s; what is finished is kept, and the next attempt goes on", signal.Signals(number).name)
    raise SystemExit(128 + number)


def _end(start: float) -> None:
    if not _failed:
        logger.info("%s %.1f s", FINISHED, time.monotonic() - start)
