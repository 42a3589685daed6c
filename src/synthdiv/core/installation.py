"""Check that jobs can be started, with the package that belongs to the running workflow.

The Snakefile imports this in every job, so it imports nothing heavy.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

from synthdiv.core.errors import StudyError

PACKAGE = Path(__file__).resolve().parents[1]


def check_installation(repository: Path) -> None:
    """Check that a shell can start this Python, and that this package is the repository's own, or an installed copy of it.

    Parameters
    ----------
    repository : Path
        The clone whose Snakefile or script is running.

    Raises
    ------
    StudyError
        If the Python's path has to be quoted in a shell, which Snakemake does not do; if the clone's path has braces, which
        Snakemake takes for wildcards; or if the package was imported from another clone, or is a different copy.
    """
    if special := re.search(r"""[\s"'`$&;()<>|\\]""", sys.executable):
        raise StudyError(
            f"Snakemake cannot start jobs with the Python {sys.executable}, because its path contains {special[0]!r}: move "
            "the clone, or its environment, to a path without spaces and special characters"
        )
    if braces := re.search(r"[{}]", str(repository)):
        raise StudyError(
            f"{repository} has {braces[0]!r} in its path, which Snakemake takes for a wildcard: move the clone to a path "
            "without braces"
        )
    own = repository.resolve() / "src" / "synthdiv"
    if own == PACKAGE:
        return
    if PACKAGE.parent.name == "src" and (PACKAGE.parents[1] / "Snakefile").exists():
        raise StudyError(
            f"this workflow is in {repository}, but the package synthdiv was imported from {PACKAGE}, another clone: "
            f"activate {repository}/.venv, which `make environment` sets up, or use the Python environment of that clone"
        )
    ours, theirs = _read_modules(own), _read_modules(PACKAGE)
    differing = sorted(name for name in ours.keys() | theirs.keys() if ours.get(name) != theirs.get(name))
    if differing:
        raise StudyError(
            f"the package synthdiv in {PACKAGE.parent} differs from that of {repository} (in {differing[0]}), whose code "
            f"has changed: reinstall it, `python -m pip install --no-deps --no-build-isolation --editable {repository}`, "
            "or rebuild the container"
        )


def find_clone() -> Path:
    """Return the clone of this package or, if it is installed without one, the working directory with a clone's Snakefile.

    Raises
    ------
    StudyError
        If there is none.
    """
    for folder in (PACKAGE.parents[1], Path.cwd()):
        if (folder / "Snakefile").exists() and (folder / "workflow" / "rules").is_dir():
            return folder
    raise StudyError(
        f"the package synthdiv in {PACKAGE.parent} is installed without its workflow, and there is no clone of the "
        f"repository in the working directory, {Path.cwd()}: go to the clone"
    )


def _read_modules(package: Path) -> dict[str, bytes]:
    return {str(path.relative_to(package)): path.read_bytes() for path in package.rglob("*.py")}
