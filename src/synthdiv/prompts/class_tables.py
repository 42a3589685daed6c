"""Class tables: the classes of a study, in the order of their ids."""

from __future__ import annotations

import csv
import io
import os
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from synthdiv.core.errors import StudyError
from synthdiv.core.files import read_text

REQUIRED = ("class_id", "key", "name")
OPTIONAL = ("lemmas", "definition", "hypernym")
UNPRINTABLE = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029]")


@dataclass(frozen=True)
class ClassRow:
    """One class: its id from 0, a stable key (for ImageNet the wnid), its name, and what a dictionary says of it."""

    class_id: int
    key: str
    name: str
    lemmas: str
    definition: str
    hypernym: str


def distinguish_names(classes: list[ClassRow]) -> list[str]:
    """The names of classes, with the key where two have the same one: "crane (n03126707)"."""
    names = [row.name for row in classes]
    return [f"{row.name} ({row.key})" if names.count(row.name) > 1 else row.name for row in classes]


def read_csv_rows(path: Path | str, *, required: tuple[str, ...], what: str) -> list[tuple[int, dict[str, str]]]:
    """Read a CSV with a header into (line number, row) pairs, refusing missing columns and ragged rows.

    Parameters
    ----------
    path : Path or str
        The file, UTF-8, with or without a byte order mark.
    required : tuple of str
        Columns that must be there.
    what : str
        What the file is, for the messages.

    Raises
    ------
    StudyError
        If the file can't be read, is not UTF-8, lacks a column or has one twice, or has a row of another length.
    """
    text = read_text(path, what)
    if "\0" in text:
        line = text[: text.index("\0")].count("\n") + 1
        raise StudyError(f"the {what} {path}, line {line}: there is a NUL character; is it a text file?")
    reader = csv.DictReader(io.StringIO(text, newline=""))
    try:
        columns = list(reader.fieldnames or [])
        numbered = [(reader.line_num, row) for row in reader]
    except csv.Error as error:
        raise StudyError(f"the {what} {path}, line {reader.line_num}: {error}") from None
    twice = next((column for column in columns if columns.count(column) > 1), None)
    if twice is not None:
        raise StudyError(f"the {what} {path} has the column {twice!r} twice")
    missing = [column for column in required if column not in columns]
    if missing:
        raise StudyError(f"the {what} {path} has no column {', '.join(missing)}; its columns are {', '.join(columns)}")
    for number, row in numbered:
        if None in row or None in row.values():
            raise StudyError(f"the {what} {path}, line {number}: expected {len(columns)} values; quote a value with commas")
    return numbered


def name_classes(keys: Iterable[str]) -> list[ClassRow]:
    """A class table of keys alone, which are names too: "running_shoe" is called running shoe."""
    return [ClassRow(n, key, key.replace("_", " "), "", "", "") for n, key in enumerate(map(str, keys))]


def _list_folders(path: Path | str) -> list[str]:
    with os.scandir(path) as entries:
        names = sorted(entry.name for entry in entries if entry.is_dir() and not entry.name.startswith("."))
    if not names:
        raise StudyError(f"the class table {path} is a folder without folders, whose names could be the classes'")
    return names


def read_classes(path: Path | str) -> list[ClassRow]:
    """Read a class table (CSV), or take the folders of a folder for the classes.

    Parameters
    ----------
    path : Path or str
        Columns class_id (0 to C-1, each once), key, name, and optionally lemmas, definition, hypernym. Of a folder, the
        names of the folders in it, sorted; none of a dot.

    Returns
    -------
    list of ClassRow
        Sorted by class_id.

    Raises
    ------
    StudyError
        If the table is not of this form, or the folder holds no folder.
    """
    if os.path.isdir(path):
        return name_classes(_list_folders(path))
    rows = read_csv_rows(path, required=REQUIRED, what="class table")
    classes = []
    for number, row in rows:
        try:
            class_id = int(row["class_id"])
        except ValueError:
            raise StudyError(f"class table {path}, line {number}: class_id {row['class_id']!r} is not an integer") from None
        for column in ("key", "name"):
            if not row[column].strip():
                raise StudyError(f"class table {path}, line {number}: the {column} is empty")
            if UNPRINTABLE.search(row[column].strip()):
                raise StudyError(
                    f"class table {path}, line {number}: the {column} {row[column]!r} has a line break or other control "
                    "character"
                )
        if re.search(r"(^|/)\.{0,2}(/|$)", row["key"].strip()):
            raise StudyError(
                f"class table {path}, line {number}: the key {row['key']!r} names a folder, and may not lead out of the one "
                "that holds the classes: no '.' or '..', and no / at an end"
            )
        classes.append(
            ClassRow(class_id, row["key"].strip(), row["name"].strip(), *(row.get(c, "").strip() for c in OPTIONAL))
        )
    if not classes:
        raise StudyError(f"class table {path} holds no class")
    keys: dict[str, int] = {}
    for entry in classes:
        if entry.key in keys:
            raise StudyError(
                f"class table {path}: the key {entry.key!r} stands at class_id {keys[entry.key]} and {entry.class_id}"
            )
        keys[entry.key] = entry.class_id
    classes.sort(key=lambda row: row.class_id)
    ids = [row.class_id for row in classes]
    if ids != list(range(len(ids))):
        wrong = next(n for n, class_id in enumerate(ids) if class_id != n)
        raise StudyError(
            f"class table {path}: class_id must run from 0 to {len(ids) - 1}, each once; "
            f"{wrong} is missing or {ids[wrong]} stands twice"
        )
    return classes
