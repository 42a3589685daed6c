"""What the tests of bad input share: a study to spoil, traps that show that something was executed, and a look around."""

import hashlib
from contextlib import contextmanager
from pathlib import Path

import pytest
import small_study

from synthdiv.core.errors import StudyError
from synthdiv.plan.checks import check_sources
from synthdiv.plan.loading import load_study

OURS = {"results", "archive", ".snakemake"}
"""The only folders that a study may write to, beside Python's of what it has compiled."""


class Trap:
    """Unpickled, it makes a file called ``executed`` in the working directory."""

    def __reduce__(self):
        return open, ("executed", "w")


CALL = "touch executed"
"""The same, for a shell."""


@contextmanager
def untouched(folder):
    """Make sure that nothing in the folder is executed, and nothing changes but what is a study's own."""

    def look():
        files = (path for path in sorted(folder.rglob("*")) if path.relative_to(folder).parts[0] not in OURS)
        files = (path for path in files if path.suffix != ".pyc" and path.is_file())
        return {str(path): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}

    before = look()
    yield
    assert not list(folder.rglob("executed"))
    assert look() == before


def make_study(folder, **changes):
    """The small study's files, and its config."""
    small_study.write_natural(folder, train=6, val=4)
    (folder / "overrides.csv").write_text(small_study.OVERRIDES)
    prompts = folder / "resources" / "prompts"
    prompts.mkdir(parents=True)
    (prompts / "promptaug.yaml").write_bytes((small_study.DEMO.parent / "prompts" / "promptaug.yaml").read_bytes())
    (folder / "resources" / "demo").symlink_to(small_study.DEMO)
    return small_study.make_config(**changes)


def refusal(config, folder):
    """What a study's config is refused with, before anything runs; the working directory is the folder."""
    with untouched(folder), pytest.raises(StudyError) as caught:
        check_sources(load_study(config))
    return str(caught.value)


def accept(config, folder):
    """The study of a config that is odd but fine."""
    with untouched(folder):
        study = load_study(config)
        check_sources(study)
    return study


def write_bytes(path, data):
    """Write a text or bytes."""
    Path(path).write_bytes(data if isinstance(data, bytes) else data.encode())
