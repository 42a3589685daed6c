"""Manifests: one small file that lists the tables of a collection and represents them.

A rule that reads a whole collection depends on its manifest alone, so that Snakemake checks one file instead of one per
shard. The manifest contains the tables' digests, so it changes exactly when one of them does.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from pathlib import Path

from synthdiv.core.files import replace_atomically


def write_manifest(tables: Iterable[Path | str], path: Path | str) -> None:
    """Write the manifest of some tables, in their order."""
    rows = []
    for table in tables:
        with open(table, "rb") as file:
            rows.append({"table": str(table), "sha256": hashlib.file_digest(file, "sha256").hexdigest()})
    with replace_atomically(path) as temporary:
        temporary.write_text(json.dumps(rows, indent=0) + "\n")


def read_manifest(path: Path | str) -> list[str]:
    """Return the paths of the tables in a manifest; of a table, its own path."""
    if Path(path).suffix != ".json":
        return [str(path)]
    return [row["table"] for row in json.loads(Path(path).read_text())]
