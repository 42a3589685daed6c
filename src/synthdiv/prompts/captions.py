"""Captions: what natural images show, in words.

The Snakefile imports this in every job, so it imports nothing heavy.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from synthdiv.core.errors import StudyError
from synthdiv.core.fingerprints import make_digest
from synthdiv.core.job import Part
from synthdiv.prompts.class_tables import ClassRow, read_csv_rows

NAMES = ("file", "index")
"""The columns by which a table may name an image."""


@dataclass(frozen=True)
class Captions:
    """The captions of a table.

    Attributes
    ----------
    path : str
    column : {"file", "index"}
        What names an image.
    by_class : mapping of class_id to mapping of str to str
        The caption of each named image.
    """

    path: str
    column: str
    by_class: Mapping[int, Mapping[str, str]]

    def find(self, row: Mapping[str, Any]) -> str:
        """Return the caption of an image, given its row of an index.

        Raises
        ------
        StudyError
            If it has none.
        """
        name = Path(row["file"]).name if self.column == "file" else str(row["index"])
        caption = self.by_class.get(row["class_id"], {}).get(name)
        if caption is None:
            where = f"the image {row['file']}" if self.column == "file" else f"class_id {row['class_id']}, image {name}"
            raise StudyError(f"the captions {self.path} have none for {where}, whose {self.column} is {name!r}")
        return caption

    def count(self, class_id: int) -> int:
        """Return the number of captions of a class."""
        return len(self.by_class.get(class_id, ()))

    def digest(self, class_ids: Collection[int]) -> str:
        """Return a digest of the captions of some classes."""
        return make_digest([self.column, [[n, self.by_class.get(n, {})] for n in sorted(class_ids)]])


def read_captions(path: str, classes: Sequence[ClassRow]) -> Captions:
    """Read captions from a CSV with the columns key, caption, and file or index.

    Raises
    ------
    StudyError
        If it cannot be read, names an unknown class, or an image twice, or a caption is empty.
    """
    rows = read_csv_rows(path, required=("key", "caption"), what="table of captions")
    if not rows:
        raise StudyError(f"the table of captions {path} has no row")
    named_by = [name for name in NAMES if name in rows[0][1]]
    if len(named_by) != 1:
        has = "both" if named_by else "neither"
        raise StudyError(f"the table of captions {path} needs one of the columns {' and '.join(NAMES)}; it has {has}")
    (column,) = named_by
    class_ids, by_class = {row.key: row.class_id for row in classes}, dict[int, dict[str, str]]()
    for number, row in rows:
        where = f"{path}, line {number}"
        key, name, caption = row["key"].strip(), row[column].strip(), row["caption"].strip()
        if key not in class_ids:
            raise StudyError(f"{where}: there is no class with the key {key!r}")
        if not caption:
            raise StudyError(f"{where}: the caption is empty")
        if column == "index" and not name.isdecimal():
            raise StudyError(f"{where}: index is {name!r}; it must be a number from 0")
        own = by_class.setdefault(class_ids[key], {})
        name = str(int(name)) if column == "index" else name
        if name in own:
            raise StudyError(f"{where}: an earlier line has a caption of the same image, {name!r} of {key!r}")
        own[name] = caption
    return Captions(path, column, by_class)


class CaptionSource(Part):
    """The captions that a job uses: where they are, and what those of some classes were when it was planned.

    Attributes
    ----------
    path : str
    digest : str
    """

    path: str
    digest: str

    @classmethod
    def describe(cls, captions: Captions, class_ids: Collection[int]) -> Self:
        """Describe the captions of some classes."""
        return cls(path=captions.path, digest=captions.digest(class_ids))

    def read(self, classes: Sequence[ClassRow], class_ids: Collection[int]) -> Captions:
        """Read the captions.

        Raises
        ------
        StudyError
            If they were edited after the job was planned.
        """
        captions = read_captions(self.path, classes)
        if captions.digest(class_ids) != self.digest:
            raise StudyError(f"the captions {self.path} were edited after this run was planned; start snakemake again")
        return captions
