"""Start and end every job of the workflow: its own log, one-sentence errors, and a clean end."""

from __future__ import annotations

import atexit
import functools
import json
import logging
import os
import resource
import signal
import socket
import sys
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Any, Protocol, TypeVar

from threadpoolctl import threadpool_limits

from synthdiv.core.errors import StudyError
from synthdiv.core.installation import check_installation
from synthdiv.core.job import Job
from synthdiv.core.manifests import describe_files
from synthdiv.core.provenance.environments import record_environment
from synthdiv.core.results_format import write_results_format

logger = logging.getLogger(__name__)
terminal_logger = logging.getLogger(f"{__name__}.terminal")
STARTED = "started on"
WORK = "work: "
WRITES = "will write: "
WROTE = "wrote: "
FINISHED = "finished after"
CPU_SECONDS = "CPU time in s: "
_failed = False


class Script(Protocol):
    """What Snakemake gives to a script."""

    config: dict[str, Any]
    input: Any
    output: Any
    params: Any
    resources: Any
    log: Any
    threads: int
    scriptdir: str


AnyJob = TypeVar("AnyJob", bound=Job)


def run_as_job(kind: type[AnyJob]) -> Callable[[Callable[[AnyJob, Script], None]], Callable[..., None]]:
    """Turn a script's main function into the job of its rule.

    Its output goes to the job's log, it uses the rule's number of threads, and of a StudyError only the message is logged;
    likewise of a PermissionError, since any file may belong to another user.

    Parameters
    ----------
    kind : type of Job
        The job that the rule's params hold.

    Returns
    -------
    callable
        Decorates ``main(job, smk)``. The decorated function takes the object that Snakemake gives to a script; by default,
        the one that Snakemake gave to the started script.
    """

    def decorate(main: Callable[[AnyJob, Script], None]) -> Callable[..., None]:
        @functools.wraps(main)
        def run(smk: Script | None = None) -> None:
            given = _start_script(smk)
            if smk is None:
                record_environment(Path("results", given.config["study"]), given.config, find_repository(given))
            main(kind.from_params(given.params.job), given)

        return run

    return decorate


def run_as_command(main: Callable[[Script], None]) -> Callable[..., None]:
    """Turn a script's main function into a command on the whole study, which reads the study's config.

    Otherwise like :func:`run_as_job`.
    """

    @functools.wraps(main)
    def run(smk: Script | None = None) -> None:
        main(_start_script(smk))

    return run


def _start_script(smk: Script | None) -> Script:
    given = smk if smk is not None else vars(sys.modules["__main__"])["snakemake"]
    start_job(given.log[0], outputs=getattr(given, "output", ()) if smk is None else ())
    limit_threads(given.threads)
    write_results_format(Path("results", given.config["study"]))
    if smk is None:
        check_installation(find_repository(given))
    return given


def find_repository(smk: Script) -> Path:
    """Return the clone whose script is running."""
    return Path(smk.scriptdir).resolve().parents[1]


def find_class_table(smk: Script) -> str:
    """Return the study's class table. Its path decides no result; what it says is in the job."""
    return smk.config["classes"]


def start_job(log: str | Path | None, *, outputs: Iterable[str] = ()) -> None:
    """Send all output of the process to the job's log, give it no input, and end cleanly on SIGTERM.

    Libraries may ask on the terminal whether to run a model's own code; nobody, and no pipe, must answer.

    While the job runs, and if it fails, the log has the output of this attempt alone, since Snakemake shows the whole log of
    a failed job. When it has finished, the output of its earlier attempts precedes. Snakemake removes the log of a job that
    it starts, so a hidden hard link preserves that of an unfinished attempt.

    Parameters
    ----------
    log : str, Path or None
        The rule's log file; None leaves the output where it is.
    outputs : iterable of str
        The files that the job writes: the log names them and, when the job has finished, their digests, for target
        ``verify``.
    """
    empty = os.open(os.devnull, os.O_RDONLY)
    os.dup2(empty, 0)
    os.close(empty)
    if log is not None:
        path = Path(log)
        unfinished, earlier = (path.with_name(f".{path.name}.{attempts}") for attempts in ("unfinished", "earlier"))
        path.parent.mkdir(parents=True, exist_ok=True)
        if unfinished.exists():
            with open(earlier, "ab") as kept:
                kept.write(unfinished.read_bytes())
            unfinished.unlink()
        file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_APPEND, 0o644)
        _connect_terminal(os.dup(1))
        os.dup2(file, 1)
        os.dup2(file, 2)
        os.close(file)
        with suppress(OSError):  # a file system may not support hard links
            os.link(path, unfinished)
    logging.basicConfig(
        level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s", datefmt="%Y-%m-%d %H:%M:%S", force=True
    )
    sys.excepthook = _report_error
    signal.signal(signal.SIGTERM, stop_job)
    if log is not None:
        logger.info("%s %s%s", STARTED, socket.gethostname(), _describe_slurm_job())
        files = list(outputs)
        if files:
            logger.info("%s%s", WRITES, ", ".join(files))
        atexit.register(_finish_log, time.monotonic(), path, unfinished, earlier, files)


def announce(text: str) -> None:
    """Write a text to the terminal and to the log."""
    terminal_logger.info(text)


def _connect_terminal(terminal: int) -> None:
    handler = logging.StreamHandler(os.fdopen(terminal, "w"))
    handler.setFormatter(logging.Formatter("%(message)s"))
    terminal_logger.handlers = [handler]


def report_work(images: int, seconds: float, **metadata: Any) -> None:
    """Log what the job did, for the table of jobs.

    Parameters
    ----------
    images : int
        How many images were generated, read or trained on.
    seconds : float
        The time this took, without the loading of models.
    metadata : JSON values
        The values of :func:`synthdiv.core.devices.describe_use`.
    """
    logger.info("%s%s", WORK, json.dumps({"images": images, "seconds": round(seconds, 3), **metadata}, sort_keys=True))


def ignore_sigterm(worker: int) -> None:
    """Let a data loader's worker ignore SIGTERM, which Slurm sends to every process of a job: its parent ends it."""
    signal.signal(signal.SIGTERM, signal.SIG_IGN)


def limit_threads(count: int) -> None:
    """Limit numpy, scikit-learn and torch to this number of threads."""
    os.environ["OMP_NUM_THREADS"] = os.environ["MKL_NUM_THREADS"] = str(count)
    threadpool_limits(count)
    if "torch" in sys.modules:
        sys.modules["torch"].set_num_threads(count)


def _describe_slurm_job() -> str:
    number, gpus = os.environ.get("SLURM_JOB_ID"), os.environ.get("CUDA_VISIBLE_DEVICES")
    return (f", Slurm job {number}" if number else "") + (f", GPUs {gpus}" if number and gpus else "")


def _report_error(kind: type[BaseException], error: BaseException, traceback: TracebackType | None) -> None:
    global _failed
    _failed = True
    if issubclass(kind, StudyError):
        print(f"error: {error}", file=sys.stderr)
    elif isinstance(error, PermissionError):
        print(
            f"error: {error.filename or error}: Permission denied. It may belong to another user: ask for permission to "
            "read and write it, or name another place in the config (key archive for the archive of images)",
            file=sys.stderr,
        )
    else:
        sys.__excepthook__(kind, error, traceback)


def stop_job(number: int, frame: object = None) -> None:
    """Exit because of a signal, with the matching exit status, which leads to another attempt."""
    global _failed
    _failed = True
    logger.warning("stopped by %s; finished work is kept, and the next attempt resumes", signal.Signals(number).name)
    raise SystemExit(128 + number)


def measure_cpu_time() -> float:
    """Return the CPU time in seconds of this process so far, with that of the processes that it started and that ended."""
    used = [resource.getrusage(whose) for whose in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(one.ru_utime + one.ru_stime for one in used)


def _finish_log(start: float, log: Path, unfinished: Path, earlier: Path, outputs: list[str]) -> None:
    if not _failed:
        logger.info("%s%s", WROTE, json.dumps(describe_files(outputs)))
        logger.info("%s%.2f", CPU_SECONDS, measure_cpu_time())
        logger.info("%s %.1f s", FINISHED, time.monotonic() - start)
        if earlier.exists():  # in place: the process appends to this file until it ends
            log.write_bytes(earlier.read_bytes() + log.read_bytes())
            earlier.unlink()
        unfinished.unlink(missing_ok=True)
