"""The format of a results folder: which version of this workflow wrote it.

The Snakefile imports this in every job, so it imports nothing heavy.
"""

from __future__ import annotations

from pathlib import Path

from synthdiv.core.errors import StudyError
from synthdiv.core.files import read_text, replace_atomically

RESULTS_FORMAT = 8
"""Increase this when files, columns or their meaning change, so that results of an older version are never half read."""
OTHERWISE = (
    "move the folder away or delete it, or give the study another name (generated images stay in the archive and are used "
    "again)"
)
FILE = "format"
RECORD = "study.json"
"""The record of the study; its contents are those of :mod:`synthdiv.plan.study_record`."""
ENVIRONMENTS = "environments"
"""The folder of the environments in which results were computed; see :mod:`synthdiv.core.provenance.environments`."""
NO_RESULTS = ("logs", "benchmarks", "calibration.json", ENVIRONMENTS, FILE, RECORD)
"""What a folder of results contains apart from results."""


def check_results_format(results: Path) -> None:
    """Reject a results folder that another version of this workflow wrote.

    Parameters
    ----------
    results : Path
        A study's folder of results; it may not exist yet, or hold nothing but logs.

    Raises
    ------
    StudyError
        If it contains results of another format, or without one.
    """
    path = results / FILE
    found = _read_format(path) if path.exists() else "1" if has_results(results) else str(RESULTS_FORMAT)
    if found != str(RESULTS_FORMAT):
        raise StudyError(
            f"{results} holds results of format {found}, and this version writes format {RESULTS_FORMAT}: {OTHERWISE}"
        )


def _read_format(path: Path) -> str:
    try:
        return read_text(path, "record of the results' format").strip()
    except StudyError as error:
        raise StudyError(f"{error}; so it is unknown which version wrote {path.parent}: {OTHERWISE}") from None


def write_results_format(results: Path) -> None:
    """Record the format of a results folder in it."""
    path = results / FILE
    if not path.exists():
        results.mkdir(parents=True, exist_ok=True)
        with replace_atomically(path) as temporary:
            temporary.write_text(f"{RESULTS_FORMAT}\n")


def has_results(results: Path) -> bool:
    """Return whether a study's folder contains results: more than logs, a calibration and records."""
    parts = [path for path in results.glob("*") if path.name not in NO_RESULTS]
    return any(path.is_file() for part in parts for path in (part, *part.rglob("*")))
