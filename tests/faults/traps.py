"""Helpers for the tests of bad input: a study to corrupt, traps that show an execution, and a check for changed files."""

import hashlib
from contextlib import contextmanager
from pathlib import Path

import pytest
import small_study

from synthdiv.core.errors import StudyError
from synthdiv.plan.checks import check_sources
from synthdiv.plan.loading import load_study

OURS = {"results", "archive", ".snakemake"}
"""The only folders that a study may write to, apart from Python's caches of compiled code."""


class Trap:
    """When unpickled, it creates a file ``executed`` in the working directory."""

    def __reduce__(self):
        return open, ("executed", "w")


CALL = "touch executed"
"""Does the same in a shell."""


@contextmanager
def untouched(folder):
    """Check that nothing in the folder is executed, and that nothing changes outside the study's own folders."""

    def hash_files():
        files = (path for path in sorted(folder.rglob("*")) if path.relative_to(folder).parts[0] not in OURS)
        files = (path for path in files if path.suffix != ".pyc" and path.is_file())
        return {str(path): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}

    before = hash_files()
    yield
    assert not list(folder.rglob("executed"))
    assert hash_files() == before


def make_study(folder, **changes):
    """Write the small study's files, and return its config."""
    small_study.write_natural(folder, train=6, val=4)
    (folder / "overrides.csv").write_text(small_study.OVERRIDES)
    prompts = folder / "resources" / "prompts"
    prompts.mkdir(parents=True)
    (prompts / "promptaug.yaml").write_bytes((small_study.DEMO.parent / "prompts" / "promptaug.yaml").read_bytes())
    (folder / "resources" / "demo").symlink_to(small_study.DEMO)
    return small_study.make_config(**changes)


def refusal(config, folder):
    """Return the error message for a study's config, raised before anything runs; the working directory is the folder."""
    with untouched(folder), pytest.raises(StudyError) as caught:
        check_sources(load_study(config))
    return str(caught.value)


def accept(config, folder):
    """Load a study from an unusual but valid config."""
    with untouched(folder):
        study = load_study(config)
        check_sources(study)
    return study


def write_bytes(path, data):
    """Write a text or bytes."""
    Path(path).write_bytes(data if isinstance(data, bytes) else data.encode())
