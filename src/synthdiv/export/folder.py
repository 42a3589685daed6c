"""The folder of an export: what is in it, how it is continued after an interruption, and its checksums."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import polars as pl
from tqdm import tqdm

from synthdiv.core.errors import StudyError
from synthdiv.core.files import read_json, replace_atomically, write_json
from synthdiv.core.fingerprints import make_digest
from synthdiv.core.manifests import hash_file
from synthdiv.export.card import write_card
from synthdiv.export.formats import FORMATS
from synthdiv.export.images import Export
from synthdiv.plan.study import Study
from synthdiv.prompts.class_tables import format_classes

RECORD, CARD, CLASSES, CHECKSUMS = "export.json", "README.md", "classes.csv", "checksums.sha256"


def write_export(
    study: Study, results: Path, export: Export, tables: Mapping[str, pl.DataFrame], folder: Path, *, to: str
) -> None:
    """Write images, their metadata, the class table, a card and checksums; continue an export that was interrupted.

    Parameters
    ----------
    study : Study
    results : Path
        Its folder of results.
    export : Export
        The images.
    tables : mapping of str to polars.DataFrame
        The study's finished results tables, for the card.
    folder : Path
        The folder to write; new, empty, or one with a part of the same export.
    to : {"imagefolder", "webdataset", "datasets"}
        The format.

    Raises
    ------
    StudyError
        If there are no images, the folder has anything else in it, or an image is missing or damaged.
    """
    if not export.sizes:
        raise StudyError(f"{export.name} has no image to export: all have an excluded flag")
    _start(folder, {"study": study.name, "set": export.name, "format": to, "digest": make_digest(export.describe())})
    with tqdm(total=sum(export.sizes.values()), unit="image", desc=f"export {export.name}") as progress:
        FORMATS[to](export, folder, progress)
    _write(folder / CLASSES, format_classes(export.classes))
    _write(folder / CARD, write_card(study, results, export, tables, to=to))
    files = sorted(path for path in folder.rglob("*") if path.is_file() and path.name != CHECKSUMS)
    hashed = tqdm(files, unit="file", desc="checksums", delay=2)
    lines = [f"{hash_file(path)}  {path.relative_to(folder)}\n" for path in hashed]
    _write(folder / CHECKSUMS, "".join(lines))


def _start(folder: Path, record: Mapping[str, str]) -> None:
    """Check that a folder is new, or has a part of the same export; remove the rest of a file that was being written."""
    path = folder / RECORD
    if path.exists():
        earlier = read_json(path, "record of the export", "choose an empty folder")
        if earlier != record:
            raise StudyError(
                f"{folder} has another export, of {earlier.get('set')} of study {earlier.get('study')} as "
                f"{earlier.get('format')}, or of images that have changed since: choose an empty folder"
            )
        for left in folder.rglob(".*.tmp"):
            left.unlink()
    elif folder.exists() and any(folder.iterdir()):
        raise StudyError(f"{folder} is not empty: choose a new folder")
    else:
        write_json(record, path)


def _write(path: Path, text: str) -> None:
    with replace_atomically(path) as temporary:
        temporary.write_text(text, encoding="utf-8")
