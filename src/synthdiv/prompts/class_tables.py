"""Class tables: the classes of a study, in the order of their ids."""

from __future__ import annotations

import csv
import io
import os
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from synthdiv.core.errors import StudyError
from synthdiv.core.files import is_hidden, read_text

REQUIRED = ("class_id", "key", "name")
OPTIONAL = ("lemmas", "definition", "hypernym")
UNPRINTABLE = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029]")


@dataclass(frozen=True)
class ClassRow:
    """One class: its id from 0, a stable key (for ImageNet the wnid), its name, and its dictionary entry."""

    class_id: int
    key: str
    name: str
    lemmas: str
    definition: str
    hypernym: str


def distinguish_names(classes: Sequence[ClassRow]) -> list[str]:
    """Return the names of classes, with the key added to a name that is not unique: "crane (n03126707)"."""
    names = [row.name for row in classes]
    return [f"{row.name} ({row.key})" if names.count(row.name) > 1 else row.name for row in classes]


def read_csv_rows(path: Path | str, *, required: tuple[str, ...], what: str) -> list[tuple[int, dict[str, str]]]:
    """Read a CSV with a header into (line number, row) pairs; reject missing columns and ragged rows.

    Parameters
    ----------
    path : Path or str
        The file, UTF-8, with or without a byte order mark.
    required : tuple of str
        Columns that the file must have.
    what : str
        What the file is, for messages.

    Raises
    ------
    StudyError
        If the file cannot be read, is not UTF-8, lacks a column or repeats one, or has a row of another length.
    """
    text = read_text(path, what)
    if "\0" in text:
        line = text[: text.index("\0")].count("\n") + 1
        raise StudyError(f"the {what} {path}, line {line}: there is a NUL character; is this a text file?")
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
    """Make a class table from keys, which also give the names: "running_shoe" becomes "running shoe"."""
    return [ClassRow(n, key, key.replace("_", " "), "", "", "") for n, key in enumerate(map(str, keys))]


def format_classes(classes: Iterable[ClassRow]) -> str:
    """Return a class table as CSV, with the columns that it must have."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(REQUIRED)
    writer.writerows([row.class_id, row.key, row.name] for row in classes)
    return text.getvalue()


def _list_folders(path: Path | str) -> list[str]:
    with os.scandir(path) as entries:
        names = sorted(entry.name for entry in entries if entry.is_dir() and not is_hidden(entry.name))
    if not names:
        raise StudyError(f"the class table {path} is a folder without subfolders to name the classes")
    return names


def read_classes(path: Path | str) -> list[ClassRow]:
    """Read a class table (CSV), or use the subfolders of a folder as classes.

    Parameters
    ----------
    path : Path or str
        A CSV with the columns class_id (0 to C-1, each once), key, name, and optionally lemmas, definition, hypernym; or a
        folder, whose subfolders are the classes, sorted by name (hidden ones, and those that a system makes, are left out).

    Returns
    -------
    list of ClassRow
        Sorted by class_id.

    Raises
    ------
    StudyError
        If the table does not have this form, or the folder has no subfolder.
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
                f"class table {path}, line {number}: the key {row['key']!r} names a folder, which must be inside the folder "
                "of the classes: use no '.' or '..', and no / at either end"
            )
        classes.append(
            ClassRow(class_id, row["key"].strip(), row["name"].strip(), *(row.get(c, "").strip() for c in OPTIONAL))
        )
    if not classes:
        raise StudyError(f"class table {path} contains no class")
    keys: dict[str, int] = {}
    for entry in classes:
        if entry.key in keys:
            raise StudyError(
                f"class table {path}: the key {entry.key!r} belongs to class_id {keys[entry.key]} and {entry.class_id}"
            )
        keys[entry.key] = entry.class_id
    classes.sort(key=lambda row: row.class_id)
    ids = [row.class_id for row in classes]
    if ids != list(range(len(ids))):
        wrong = next(n for n, class_id in enumerate(ids) if class_id != n)
        raise StudyError(
            f"class table {path}: class_id must run from 0 to {len(ids) - 1}, each once; "
            f"{wrong} is missing or {ids[wrong]} appears twice"
        )
    return classes
