"""The digest of a generator's fingerprint, by which the archive knows the generator's images."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from synthdiv.core.errors import StudyError
from synthdiv.core.fingerprints import make_digest

NOT_IN_DIGEST = {"digest", "model", "guidance", "trial"}
"""Keys of a fingerprint that its digest does not cover."""


def digest_fingerprint(fingerprint: Mapping[str, Any]) -> str:
    """Return the digest of a generator's fingerprint: of everything that identifies the generator."""
    return make_digest({name: value for name, value in fingerprint.items() if name not in NOT_IN_DIGEST})


def read_fingerprint(path: Path | str) -> dict[str, Any]:
    """Read the fingerprint of a generator, ``generators/<name>.json``.

    Raises
    ------
    StudyError
        If it is damaged: with another digest, every image would be generated again, in another folder of the archive.
    """
    try:
        fingerprint = json.loads(Path(path).read_bytes())
        intact = isinstance(fingerprint, dict) and digest_fingerprint(fingerprint) == fingerprint.get("digest")
    except ValueError:
        intact = False
    if not intact:
        raise StudyError(f"the generator's fingerprint {path} is damaged: delete it and run the study again")
    return fingerprint
