"""Whether the package that Python imported is the workflow's own.

Read by the Snakefile in every job, so it imports nothing heavy.
"""

from __future__ import annotations

from pathlib import Path

from synthdiv.core.errors import StudyError

PACKAGE = Path(__file__).resolve().parents[1]


def check_installation(repository: Path) -> None:
    """Make sure that this package is a repository's own: its folder, or an installed copy that equals it.

    Parameters
    ----------
    repository : Path
        The clone whose Snakefile or script is running.

    Raises
    ------
    StudyError
        If it was imported from another clone, or is a copy that differs.
    """
    own = repository.resolve() / "src" / "synthdiv"
    if own == PACKAGE:
        return
    if "site-packages" not in PACKAGE.parts:
        raise StudyError(
            f"this workflow is in {repository}, but the package synthdiv was imported from {PACKAGE}, another clone: "
            f"activate {repository}/.venv, which `make` sets up, or start there the Python that belongs to it"
        )
    if _read_modules(own) != _read_modules(PACKAGE):
        raise StudyError(
            f"the package synthdiv in {PACKAGE.parent} is not that of {repository}, whose code was changed since: install "
            f"it again, `python -m pip install --no-deps --no-build-isolation {repository}`, or build the container anew"
        )


def _read_modules(package: Path) -> dict[str, bytes]:
    return {str(path.relative_to(package)): path.read_bytes() for path in package.rglob("*.py")}
