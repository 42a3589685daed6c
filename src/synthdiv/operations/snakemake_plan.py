"""Ask Snakemake which files a run of the whole study would write: a dry run, in a process of its own."""

from __future__ import annotations

import contextlib
import json
import logging
import subprocess
import sys
from collections.abc import Sequence

from snakemake import cli
from snakemake.logging import logger
from snakemake_interface_logger_plugins.common import LogEvent

from synthdiv.core.errors import StudyError

TARGET = "report"


def list_planned_files(folder: str, options: Sequence[str]) -> frozenset[str]:
    """Return the files that Snakemake would write: those that are missing, and those that an edit made stale.

    Parameters
    ----------
    folder : str
        The folder in which Snakemake was started, where its relative options start.
    options : sequence of str
        The options of its command line, without targets.

    Raises
    ------
    StudyError
        If Snakemake cannot plan the study, for example because natural images are missing; the message is Snakemake's.
    """
    command = [sys.executable, "-m", __name__, *options]
    done = subprocess.run(command, cwd=folder, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise StudyError(done.stdout.strip() or done.stderr.strip())
    return frozenset(json.loads(done.stdout))


def main(options: Sequence[str]) -> None:
    """Make the dry run, and print the planned files as JSON, or Snakemake's error messages if it fails."""
    planned: list[str] = []
    errors: list[str] = []

    def collect(record: logging.LogRecord) -> bool:
        if getattr(record, "event", None) == LogEvent.JOB_INFO:
            planned.extend(vars(record)["output"])
        if record.levelno >= logging.ERROR:
            errors.append(record.getMessage())
        return False  # print nothing: a large study has 50,000 jobs

    logger.addFilter(collect)
    sys.argv = ["snakemake", TARGET, "--dry-run", *options]
    with contextlib.redirect_stdout(sys.stderr):
        try:
            cli.main(sys.argv[1:])
            failed = False
        except SystemExit as ended:
            failed = bool(ended.code)
    print("\n".join(errors) if failed else json.dumps(planned))
    sys.exit(failed)


if __name__ == "__main__":
    main(sys.argv[1:])
