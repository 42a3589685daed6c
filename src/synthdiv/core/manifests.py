"""Manifests: one small file that lists the files of a collection and represents them.

A rule that reads a whole collection depends on its manifest alone, so that Snakemake checks one file instead of one per
shard. The manifest contains the files' digests, so it changes exactly when one of them does.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any, TypeGuard

from synthdiv.core.errors import StudyError
from synthdiv.core.files import replace_atomically


def write_manifest(files: Iterable[Path | str], path: Path | str) -> None:
    """Write the manifest of some files, in their order."""
    rows = [{"file": str(file), "sha256": hash_file(file)} for file in files]
    with replace_atomically(path) as temporary:
        temporary.write_text(json.dumps(rows, indent=0) + "\n")


def describe_files(paths: Iterable[Path | str]) -> list[dict[str, str]]:
    """Return the names and digests of files as rows of a manifest, with the rows of the manifests among them."""
    rows = []
    for path in map(Path, paths):
        if path.is_file():
            rows.append({"file": str(path), "sha256": hash_file(path)})
            content = json.loads(path.read_bytes()) if path.suffix == ".json" else None
            if _is_manifest(content):
                rows += content
    return rows


def _is_manifest(content: Any) -> TypeGuard[list[dict[str, str]]]:
    return isinstance(content, list) and all(isinstance(row, dict) and row.keys() == {"file", "sha256"} for row in content)


def _read_rows(path: Path | str) -> list[dict[str, str]]:
    try:
        rows = json.loads(Path(path).read_bytes())
    except ValueError:
        rows = None
    if not _is_manifest(rows):
        raise StudyError(f"the manifest {path} is damaged: delete it and run the study again")
    return rows


def read_manifest(path: Path | str) -> list[str]:
    """Return the paths of the files in a manifest; of a table, its own path.

    Raises
    ------
    StudyError
        If the manifest is damaged.
    """
    if Path(path).suffix != ".json":
        return [str(path)]
    return [row["file"] for row in _read_rows(path)]


def read_checked(paths: Iterable[Path | str]) -> list[str]:
    """Return the paths of the files in some manifests, which are still what the manifests say.

    Raises
    ------
    StudyError
        If a file is missing, or another one (the message names it and the command that makes it again), or a manifest is
        damaged.
    """
    files = []
    for path in paths:
        for row in _read_rows(path):
            file = row["file"]
            if not Path(file).exists() or hash_file(file) != row["sha256"]:
                wrong = "has changed since it was written" if Path(file).exists() else "is missing"
                raise StudyError(
                    f"{file} {wrong}, and {path} names it. This makes it again:\n"
                    f"  snakemake --profile local --force {path}\n(with the --configfile and the profile that you use)"
                )
            files.append(file)
    return files


def hash_file(path: Path | str) -> str:
    """Return the SHA-256 (hex) of a file."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
