"""The record of a study in its results: of which config, seed and classes they are.

The Snakefile imports this in every job, so it imports nothing heavy.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Self

from synthdiv.core.errors import StudyError
from synthdiv.core.files import read_json, write_json
from synthdiv.core.job import Part
from synthdiv.core.results_format import RECORD, has_results
from synthdiv.plan.study import Study

SHOWN = 3
"""Maximum number of class keys that a message names."""


class StudyRecord(Part):
    """What every result of a study depends on, and the config files of its last run.

    Config files in the working directory are relative to it, so that the folder may move.
    """

    config: list[str]
    seed: int
    class_keys: list[str]

    @classmethod
    def of(cls, study: Study, config_files: Iterable[str]) -> Self:
        """Return the record of a study."""
        here = Path.cwd().resolve()
        paths = [Path(path).resolve() for path in config_files]
        relative = [str(path.relative_to(here) if path.is_relative_to(here) else path) for path in paths]
        return cls(config=relative, seed=study.seed, class_keys=[row.key for row in study.classes])


def check_record(results: Path, study: Study, config_files: Iterable[str]) -> str | None:
    """Refuse a study whose folder holds results of another seed or other class keys.

    Parameters
    ----------
    results : Path
        The study's folder of results; it may not exist yet.
    study : Study
        The study.
    config_files : iterable of str
        The files of its config.

    Returns
    -------
    str or None
        A warning, if the results are of a config at another path.

    Raises
    ------
    StudyError
        If the results are of another study.
    """
    path = results / RECORD
    if not path.exists() or not has_results(results):
        return None
    before, now = _read_record(path), StudyRecord.of(study, config_files)
    if before.seed != now.seed:
        _refuse(results, study, before, f"with seed {before.seed}, and the config of this run has seed {now.seed}")
    if before.class_keys != now.class_keys:
        difference = _compare_keys(before.class_keys, now.class_keys)
        _refuse(results, study, before, f"with other classes than the config of this run: {difference}")
    if before.config != now.config:
        return (
            f"{results} is from {_name(before.config)}, and this run's config is {_name(now.config)}: its results replace "
            "those of the other config where the two differ. For separate results, give one of them another `study:` name"
        )
    return None


def write_record(results: Path, study: Study, config_files: Iterable[str]) -> None:
    """Record a study in its folder of results."""
    write_json(StudyRecord.of(study, config_files).model_dump(mode="json"), results / RECORD)


def _read_record(path: Path) -> StudyRecord:
    advice = "it is unknown of which seed and classes these results are. If they are of this study, delete the file"
    return StudyRecord.model_validate(read_json(path, "record of the study", advice))


def _refuse(results: Path, study: Study, before: StudyRecord, difference: str) -> None:
    raise StudyError(
        f"{results} holds results of study {study.name} {difference}. They are from {_name(before.config)}. To keep them, "
        "give this config another `study:` name. To replace them, delete the folder (generated images stay in the archive). "
        f"If you edited the study on purpose, delete {results / RECORD}: the next run repeats what depends on the edit"
    )


def _compare_keys(before: Sequence[str], now: Sequence[str]) -> str:
    new, gone = ([key for key in one if key not in set(other)] for one, other in ((now, before), (before, now)))
    if new and gone:
        return f"it has the class keys {_list_some(new)}, and lacks {_list_some(gone)}"
    if new:
        return f"it has the class keys {_list_some(new)} in addition"
    if gone:
        return f"it lacks the class keys {_list_some(gone)}"
    return "it has the class keys in another order"


def _list_some(keys: Sequence[str]) -> str:
    more = f" and {len(keys) - SHOWN:,} more" if len(keys) > SHOWN else ""
    return ", ".join(keys[:SHOWN]) + more


def _name(files: Sequence[str]) -> str:
    return " and ".join(files) or "a config without a file"
