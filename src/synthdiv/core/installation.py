"""Check that the imported package belongs to the running workflow.

The Snakefile imports this in every job, so it imports nothing heavy.
"""

from __future__ import annotations

from pathlib import Path

from synthdiv.core.errors import StudyError

PACKAGE = Path(__file__).resolve().parents[1]


def check_installation(repository: Path) -> None:
    """Check that this package is the repository's own: its folder, or an identical installed copy.

    Parameters
    ----------
    repository : Path
        The clone whose Snakefile or script is running.

    Raises
    ------
    StudyError
        If it was imported from another clone, or is a different copy.
    """
    own = repository.resolve() / "src" / "synthdiv"
    if own == PACKAGE:
        return
    if "site-packages" not in PACKAGE.parts:
        raise StudyError(
            f"this workflow is in {repository}, but the package synthdiv was imported from {PACKAGE}, another clone: "
            f"activate {repository}/.venv, which `make environment` sets up, or use the Python environment of that clone"
        )
    if _read_files(own) != _read_files(PACKAGE):
        raise StudyError(
            f"the package synthdiv in {PACKAGE.parent} differs from that of {repository}, whose code has changed: reinstall "
            f"it, `python -m pip install --no-deps --no-build-isolation --editable {repository}`, or rebuild the container"
        )


def _read_files(package: Path) -> dict[str, bytes]:
    files = (path for path in package.rglob("*") if path.is_file() and "__pycache__" not in path.parts)
    return {str(path.relative_to(package)): path.read_bytes() for path in files}
