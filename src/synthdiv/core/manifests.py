"""Listings: which tables make up a collection, in one small file that stands for them.

Whoever reads a whole collection depends on its listing: a study of many shards has as many times fewer files to look at. It
holds the tables' digests, so that it changes when one of them does, and only then.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from pathlib import Path

from synthdiv.core.files import replace_atomically


def write_manifest(tables: Iterable[Path | str], path: Path | str) -> None:
    """Write the listing of some tables, in their order."""
    rows = []
    for table in tables:
        with open(table, "rb") as file:
            rows.append({"table": str(table), "sha256": hashlib.file_digest(file, "sha256").hexdigest()})
    with replace_atomically(path) as temporary:
        temporary.write_text(json.dumps(rows, indent=0) + "\n")


def read_manifest(path: Path | str) -> list[str]:
    """The tables that a listing stands for; a table stands for itself."""
    if Path(path).suffix != ".json":
        return [str(path)]
    return [row["table"] for row in json.loads(Path(path).read_text())]
