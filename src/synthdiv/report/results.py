"""The results tables of a study, as they are when somebody asks: all of them, some, or none yet."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path

import polars as pl

from synthdiv.catalog.tables import TABLES
from synthdiv.catalog.writing import list_text_columns
from synthdiv.config.problems import suggest_name
from synthdiv.core.errors import StudyError
from synthdiv.core.results_format import check_results_format
from synthdiv.core.tables import read_table
from synthdiv.jobs.files import has_result
from synthdiv.plan.study import Study


class ResultsTables(Mapping[str, pl.DataFrame]):
    """The finished results tables of a study by name; each is read when it is asked for.

    Parameters
    ----------
    study : Study
    folder : Path
        Its folder of results.

    Raises
    ------
    StudyError
        If the results are of another version of this workflow.
    """

    def __init__(self, study: Study, folder: Path) -> None:
        check_results_format(folder)
        names = (name for name in TABLES if has_result(study, name))
        self.study, self.folder = study, folder
        self.paths = {name: path for name in names if (path := self._find(name)) is not None}
        self._read = cache(read_result)

    def _find(self, name: str) -> Path | None:
        table = TABLES[name]
        paths = (self.folder / table.folder / f"{name}.{ending}" for ending in reversed(table.files))
        return next((path for path in paths if path.exists()), None)

    def __getitem__(self, name: str) -> pl.DataFrame:
        return self._read(self.paths[name])

    def __iter__(self) -> Iterator[str]:
        return iter(self.paths)

    def __len__(self) -> int:
        return len(self.paths)

    def find(self, name: str, advice: str) -> pl.DataFrame:
        """Return a table.

        Parameters
        ----------
        name : str
        advice : str
            The command that would write it.

        Raises
        ------
        StudyError
            If there is no such table, the study has none, or it is not written yet.
        """
        unknown = suggest_name(name, TABLES, "table")
        if unknown is not None:
            raise StudyError(unknown)
        if not has_result(self.study, name):
            raise StudyError(f"study {self.study.name} has no table {name}, since its config asks for nothing that is in it")
        if name not in self.paths:
            raise StudyError(f"the table {name} of study {self.study.name} is not written yet: {advice}")
        return self[name]


def read_result(path: Path) -> pl.DataFrame:
    """Read a results table."""
    return read_table(path, list_text_columns(path.stem))
