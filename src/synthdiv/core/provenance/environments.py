"""Record in a study's results each environment that computed some of them: software, commit, config and machine.

The Snakefile imports this in every job, so it imports nothing heavy.
"""

from __future__ import annotations

import json
import os
import platform
import re
import socket
import subprocess
from collections.abc import Mapping
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import Any

from synthdiv.core.errors import StudyError
from synthdiv.core.files import create_atomically, read_text
from synthdiv.core.fingerprints import make_digest
from synthdiv.core.provenance.versions import RECORDED, read_versions
from synthdiv.core.results_format import ENVIRONMENTS

PROCESSORS = Path("/proc/cpuinfo")
GPUS = Path("/proc/driver/nvidia/gpus")
FIRST = ("first_used", "first_host")
"""Keys of a record that say nothing of the environment; its file is named by the digest of the others."""
PATIENCE = 10
"""Seconds within which git answers, or the commit is not recorded."""


def record_environment(results: Path, config: Mapping[str, Any], repository: Path) -> None:
    """Record the environment of this process, unless it is recorded already; its file's time says when it was last used.

    Each environment has a file of its own, so that jobs on several machines do not overwrite each other's record.

    Parameters
    ----------
    results : Path
        The study's folder of results.
    config : mapping
        The study's config.
    repository : Path
        The clone whose code runs.
    """
    found = describe_environment(config, repository)
    path = results / ENVIRONMENTS / name_record(found)
    if path.exists():
        with suppress(PermissionError):  # another user's file
            os.utime(path)
        return
    entry = {"first_used": datetime.now().astimezone().isoformat(timespec="seconds"), "first_host": socket.gethostname()}
    with create_atomically(path) as temporary:
        temporary.write_text(json.dumps(entry | found, indent=1) + "\n", encoding="utf-8")


def name_record(found: Mapping[str, Any]) -> str:
    """Return the file name of the record of an environment."""
    return f"{make_digest({name: value for name, value in found.items() if name not in FIRST})[:12]}.json"


def list_damaged_records(results: Path) -> list[Path]:
    """List the records whose content is not what their names say."""
    damaged = []
    for path in sorted((results / ENVIRONMENTS).glob("*.json")):
        try:
            intact = name_record(json.loads(path.read_bytes())) == path.name
        except (ValueError, AttributeError):
            intact = False
        if not intact:
            damaged.append(path)
    return damaged


def describe_environment(config: Mapping[str, Any], repository: Path) -> dict[str, Any]:
    """Describe this process's environment: software, commit, config digest and type of machine; equal ones are equal."""
    return {
        "packages": read_versions(RECORDED),
        "python": platform.python_version(),
        "commit": _find_commit(repository),
        "config_digest": make_digest(config),
        "system": f"{platform.system()} {platform.machine()}",
        "processor": _find_processor(),
        "gpus": _find_gpus(),
    }


def read_last_versions(results: Path) -> dict[str, str]:
    """Return the packages of the environment that was used last; empty if none is recorded.

    Raises
    ------
    StudyError
        If its record is damaged.
    """
    paths = [(path.stat().st_mtime_ns, path) for path in (results / ENVIRONMENTS).glob("*.json")]
    if not paths:
        return {}
    _, path = max(paths)
    text = read_text(path, "record of an environment")
    try:
        return {str(package): str(version) for package, version in json.loads(text)["packages"].items()}
    except (ValueError, KeyError, TypeError, AttributeError):
        raise StudyError(f"the record of an environment {path} is damaged: delete it") from None


def _find_commit(repository: Path) -> str | None:
    """Return the commit of a clone, with -dirty if its files differ; None for a copy without git's folder.

    Every job asks, since the clone may be edited while a study runs.
    """
    if not (repository / ".git").exists():
        return None
    command = ["git", "--no-optional-locks", "-C", str(repository), "status", "--porcelain=v2", "--branch"]
    command.append("--untracked-files=no")
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return None
    commit = re.search(r"^# branch\.oid ([0-9a-f]+)$", done.stdout, flags=re.MULTILINE)
    if commit is None:
        return None
    is_dirty = any(not line.startswith("#") for line in done.stdout.splitlines())
    return f"{commit[1]}-dirty" if is_dirty else commit[1]


def _find_processor() -> str:
    with suppress(OSError):
        if found := re.search(r"^model name\s*: (.*)$", PROCESSORS.read_text(), flags=re.MULTILINE):
            return found[1]
    return platform.processor() or platform.machine()


def _find_gpus() -> list[str]:
    """List the machine's NVIDIA GPUs, as its driver names them; to ask CUDA would take seconds."""
    models = []
    with suppress(OSError):
        for path in sorted(GPUS.glob("*/information")):
            models += re.findall(r"^Model:\s*(.*)$", path.read_text(), flags=re.MULTILINE)
    return models
