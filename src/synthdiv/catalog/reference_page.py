"""Write docs/reference/tables.md, the reference of every results table, from the declarations: ``make reference``."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from itertools import groupby
from pathlib import Path

from synthdiv.catalog.table import Column, Table
from synthdiv.catalog.tables import TABLES

HEAD = """# Tables

Generated from `src/synthdiv/catalog/` by `make reference`; edit the declarations there, not this page.

[results.md](results.md) says what sets and experiments are, and how to read the numbers. If a table has two files, both
have the same content. A value is empty if it does not apply or is unknown.
"""


def write_page() -> str:
    """Return the text of the page."""
    chapters = [(chapter, list(tables)) for chapter, tables in groupby(TABLES.values(), key=lambda one: one.chapter)]
    contents = [
        f"- [{chapter}](#{make_anchor(chapter)}): "
        + ", ".join(f"[{one.name}](#{make_anchor(name_files(one))})" for one in own)
        for chapter, own in chapters
    ]
    parts = [HEAD, *contents]
    for chapter, own in chapters:
        parts += ["", f"## {chapter}"]
        for table in own:
            parts += ["", *describe_table(table)]
    return "\n".join(parts) + "\n"


def make_anchor(title: str) -> str:
    """Return the anchor that GitHub gives a heading."""
    return re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-")


def name_files(table: Table) -> str:
    """Return the heading of a table: its files."""
    folder = "" if table.folder == "tables" else f"{table.folder}/"
    return " and ".join(f"`{folder}{table.name}.{ending}`" for ending in table.files)


def describe_table(table: Table) -> Iterator[str]:
    """Yield the lines about a table."""
    yield from (f"### {name_files(table)}", "", f"{table.description} {table.note}".rstrip(), "")
    yield from ("| column | meaning | values |", "|---|---|---|")
    # the two bounds of an interval share a row
    for (meaning, values), columns in groupby(table.columns, key=lambda one: (one.meaning, describe_values(one))):
        yield f"| {', '.join(f'`{one.name}`' for one in columns)} | {meaning} | {values} |"


def describe_values(column: Column) -> str:
    """Return the kind of a column's values, their range and their unit: "number, 0 to 1"."""
    low, high = (None if end is None else f"{end:g}" for end in (column.low, column.high))
    span = f"{low} to {high}" if low and high else f"from {low}" if low else f"up to {high}" if high else ""
    return ", ".join(part for part in (column.kind, span, column.unit and f"in {column.unit}") if part)


if __name__ == "__main__":
    Path(sys.argv[1]).write_text(write_page(), encoding="utf-8")
