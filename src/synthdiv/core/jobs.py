"""What every job of the workflow does first and last: a log of its own, errors in a sentence, and an orderly end."""

from __future__ import annotations

import atexit
import functools
import json
import logging
import os
import signal
import socket
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Any

from threadpoolctl import threadpool_limits

from synthdiv.core.errors import StudyError
from synthdiv.core.installation import check_installation
from synthdiv.core.results_format import write_results_format

logger = logging.getLogger(__name__)
aloud = logging.getLogger(f"{__name__}.aloud")
STARTED = "started on"
WORK = "work: "
_failed = False


def run_as_job(main: Callable[[Any], None]) -> Callable[..., None]:
    """Make a script's main function the job of its rule.

    Its output goes to the job's log, it computes with the rule's threads, and an error for people is told in its sentence.

    Parameters
    ----------
    main : callable
        Takes what Snakemake gives a script.

    Returns
    -------
    callable
        The same; without an argument it takes what Snakemake gave the script that Python was started with.
    """

    @functools.wraps(main)
    def run(smk: Any = None) -> None:
        given = smk if smk is not None else vars(sys.modules["__main__"])["snakemake"]
        start_job(given.log[0])
        limit_threads(given.threads)
        write_results_format(Path("results", given.config["study"]))
        if smk is None:
            check_installation(Path(given.scriptdir).resolve().parents[1])
        main(given)

    return run


def start_job(log: str | Path | None) -> None:
    """Send all output of the process to the job's log, and end orderly on SIGTERM.

    What an attempt that did not finish has logged stands before the next one's: Snakemake removes the log of a job that it
    starts, so a hidden second name keeps the file until the job has finished.

    Parameters
    ----------
    log : str, Path or None
        The rule's log file; None leaves the output where it is.
    """
    if log is not None:
        path = Path(log)
        kept = path.with_name(f".{path.name}.unfinished")
        path.parent.mkdir(parents=True, exist_ok=True)
        earlier = kept.read_bytes() if kept.exists() else b""
        kept.unlink(missing_ok=True)
        file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_APPEND, 0o644)
        os.write(file, earlier)
        _speak_to(os.dup(1))
        os.dup2(file, 1)
        os.dup2(file, 2)
        os.close(file)
        with suppress(OSError):  # a file system may have no second names
            os.link(path, kept)
    logging.basicConfig(
        level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s", datefmt="%Y-%m-%d %H:%M:%S", force=True
    )
    sys.excepthook = _report
    signal.signal(signal.SIGTERM, stop_job)
    if log is not None:
        logger.info("%s %s%s", STARTED, socket.gethostname(), _describe_slurm_job())
        atexit.register(_end, time.monotonic(), kept)


def announce(text: str) -> None:
    """Say something to whoever waits at the terminal, and to the log."""
    aloud.info(text)


def _speak_to(terminal: int) -> None:
    handler = logging.StreamHandler(os.fdopen(terminal, "w"))
    handler.setFormatter(logging.Formatter("%(message)s"))
    aloud.handlers = [handler]


def report_work(images: int, seconds: float, **metadata: Any) -> None:
    """Say in the log, for the table of jobs, what the job did.

    Parameters
    ----------
    images : int
        How many were drawn, read or trained on.
    seconds : float
        In how long, the loading of models apart.
    facts : JSON values
        What :func:`synthdiv.core.devices.describe_use` says.
    """
    logger.info("%s%s", WORK, json.dumps({"images": images, "seconds": round(seconds, 3), **metadata}, sort_keys=True))


def outlive_sigterm(worker: int) -> None:
    """Let a loader's worker ignore SIGTERM, which Slurm sends to every process of a job: its parent says when to end."""
    signal.signal(signal.SIGTERM, signal.SIG_IGN)


def limit_threads(count: int) -> None:
    """Let numpy, scikit-learn and torch compute with so many threads."""
    os.environ["OMP_NUM_THREADS"] = os.environ["MKL_NUM_THREADS"] = str(count)
    threadpool_limits(count)
    if "torch" in sys.modules:
        sys.modules["torch"].set_num_threads(count)


def _describe_slurm_job() -> str:
    number, gpus = os.environ.get("SLURM_JOB_ID"), os.environ.get("CUDA_VISIBLE_DEVICES")
    return (f", Slurm job {number}" if number else "") + (f", GPUs {gpus}" if number and gpus else "")


def _report(kind: type[BaseException], error: BaseException, traceback: TracebackType | None) -> None:
    global _failed
    _failed = True
    if issubclass(kind, StudyError):
        print(f"error: {error}", file=sys.stderr)
    else:
        sys.__excepthook__(kind, error, traceback)


def stop_job(number: int, frame: object = None) -> None:
    """End because of a signal, with the exit status that says so and leads to another attempt."""
    global _failed
    _failed = True
    logger.warning("stopped by %s; what is finished is kept, and the next attempt goes on", signal.Signals(number).name)
    raise SystemExit(128 + number)


def _end(start: float, kept: Path) -> None:
    if not _failed:
        logger.info("finished after %.1f s", time.monotonic() - start)
        kept.unlink(missing_ok=True)
