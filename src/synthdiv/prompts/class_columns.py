"""The classes that a job uses: where their table is, and what it said when the job was planned.

The Snakefile imports this in every job, so it imports nothing heavy.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Self

from synthdiv.core.errors import StudyError
from synthdiv.core.fingerprints import make_digest
from synthdiv.core.job import Part
from synthdiv.prompts.class_tables import ClassRow, read_classes


class ClassColumns(Part):
    """Some columns of a class table. The table may have a thousand rows, so that a job has their digest.

    Attributes
    ----------
    table : str or None
        The file, or the folder of the classes' folders; None for the study's own table, whose path decides nothing.
    columns : tuple of str
        The columns that the job uses.
    digest : str
        The digest of what they say.
    """

    table: str | None
    columns: tuple[str, ...]
    digest: str

    @classmethod
    def describe(cls, table: str | None, rows: Sequence[ClassRow], *columns: str) -> Self:
        """Describe columns of a table with some rows."""
        return cls(table=table, columns=columns, digest=_digest(rows, columns))

    def read(self, own: str) -> list[ClassRow]:
        """Read the table.

        Parameters
        ----------
        own : str
            The study's own table.

        Raises
        ------
        StudyError
            If the columns were edited after the job was planned.
        """
        table = own if self.table is None else self.table
        rows = read_classes(table)
        if _digest(rows, self.columns) != self.digest:
            raise StudyError(f"the class table {table} was edited after this run was planned; start snakemake again")
        return rows

    def read_keys(self, own: str) -> list[str]:
        """Return the keys of the classes, by class_id; otherwise as :meth:`read`."""
        return [row.key for row in self.read(own)]

    def read_names(self, own: str) -> list[str]:
        """Return the names of the classes, by class_id; otherwise as :meth:`read`."""
        return [row.name for row in self.read(own)]


def _digest(rows: Sequence[ClassRow], columns: Sequence[str]) -> str:
    return make_digest([[getattr(row, column) for column in columns] for row in rows])
