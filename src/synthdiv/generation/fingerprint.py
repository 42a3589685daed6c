"""Read the fingerprint of a generator, by whose digest the archive knows the generator's images."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from synthdiv.core.files import read_json


def read_fingerprint(path: Path | str) -> dict[str, Any]:
    """Read the fingerprint of a generator, ``generators/<name>.json``.

    Raises
    ------
    StudyError
        If it is damaged: with another digest, every image would be generated again, in another folder of the archive.
    """
    return read_json(path, "generator's fingerprint", "delete it and run the study again")
