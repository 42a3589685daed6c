"""Ask Snakemake what a run of the whole study would write, and why: a dry run, in a process of its own."""

from __future__ import annotations

import contextlib
import json
import logging
import subprocess
import sys
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from snakemake import cli
from snakemake.logging import logger
from snakemake_interface_logger_plugins.common import LogEvent

from synthdiv.core.errors import StudyError

TARGET = "report"
EDITED = "Updated input files"
REASONS = {
    "Forced execution": "asked for",
    "Params have changed": "their settings changed",
    "Set of input files has changed": "they read other files than before",
    EDITED: "what they read was edited",
    "Incomplete output files": "they were interrupted",
    "Missing output files": "their results do not exist",
    "Input files updated by another job": "one of these jobs makes what they read",
}
"""How Snakemake's reasons begin, and as people read them; a job counts for the first that it has."""
OTHER = "Snakemake has another reason"
MOST_RULES = 5
"""Rules that a line names."""
MOST_FILES = 3
"""Edited files that a line names."""


@dataclass(frozen=True)
class PlannedJob:
    """A job that Snakemake would run.

    Attributes
    ----------
    rule : str
    reason : str
        Why, a value of ``REASONS`` or ``OTHER``.
    edited : tuple of str
        The files that it reads and that someone edited.
    files : tuple of str
        The files that it would write.
    """

    rule: str
    reason: str
    edited: tuple[str, ...]
    files: tuple[str, ...]


class SnakemakePlan:
    """What Snakemake would run; it contains the files that would be written.

    Parameters
    ----------
    jobs : iterable of PlannedJob
    """

    def __init__(self, jobs: Iterable[PlannedJob] = ()) -> None:
        self.jobs = tuple(jobs)
        self.files = frozenset(file for job in self.jobs for file in job.files)

    def __contains__(self, file: object) -> bool:
        return file in self.files

    def list_reasons(self) -> list[str]:
        """Return why jobs would run, a line per reason: the number of jobs, and the rules with the most of them."""
        lines = []
        for reason in (*REASONS.values(), OTHER):
            jobs = [job for job in self.jobs if job.reason == reason]
            if jobs:
                lines.append(f"{len(jobs):,} because {reason}{_name_edited(jobs)}: {_count_rules(jobs)}")
        return lines


def _name_edited(jobs: Sequence[PlannedJob]) -> str:
    files = list(dict.fromkeys(file for job in jobs for file in job.edited))
    more = f" and {len(files) - MOST_FILES:,} more" if len(files) > MOST_FILES else ""
    return f" ({', '.join(files[:MOST_FILES])}{more})" if files else ""


def _count_rules(jobs: Sequence[PlannedJob]) -> str:
    counts = Counter(job.rule for job in jobs).most_common()
    shown = ", ".join(f"{count:,} {rule}" for rule, count in counts[:MOST_RULES])
    left = sum(count for _, count in counts[MOST_RULES:])
    return f"{shown}, and {left:,} of other rules" if left else shown


def read_reason(text: str) -> tuple[str, list[str]]:
    """Return the first of Snakemake's reasons that a job has, as people read it, and the edited files if it is these.

    Parameters
    ----------
    text : str
        What a dry run prints as the reason.
    """
    parts = text.split("; ")
    for start, reason in REASONS.items():
        for part in parts:
            files = [file for file in part.partition(": ")[2].split(", ") if file]
            if part.startswith(start) and (files or start != EDITED):  # it names no file that another job updates
                return reason, files if start == EDITED else []
    return OTHER, []


def plan_study(folder: str, options: Sequence[str]) -> SnakemakePlan:
    """Return what Snakemake would run: what is missing, and what an edit made stale.

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
    return SnakemakePlan(
        PlannedJob(rule, reason, tuple(edited), tuple(files)) for rule, reason, edited, files in json.loads(done.stdout)
    )


def main(options: Sequence[str]) -> None:
    """Make the dry run, and print the planned jobs as JSON, or Snakemake's error messages if it fails."""
    planned: list[tuple[str, str, list[str], list[str]]] = []
    errors: list[str] = []

    def collect(record: logging.LogRecord) -> bool:
        if getattr(record, "event", None) == LogEvent.JOB_INFO:
            job = vars(record)
            if job["output"]:  # a target has none
                planned.append((job["rule_name"], *read_reason(str(job["reason"])), list(job["output"])))
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
