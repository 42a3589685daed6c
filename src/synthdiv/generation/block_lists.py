"""Lists of blocks: which blocks of the archive a shard needs, beside its index.

Snakemake deletes an index before the job that writes it starts, and when that job fails. The list stays, so that finished
blocks are known to be in use.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from synthdiv.core.files import read_json, write_json

SUFFIX = ".blocks"


def write_block_list(blocks: Iterable[Path | str], index: Path | str) -> None:
    """Write the list of the blocks that an index names, or will name."""
    write_json({"blocks": sorted({Path(path).name for path in blocks})}, Path(index).with_suffix(SUFFIX))


def read_block_list(path: Path | str) -> list[str]:
    """Read the file names of the blocks in a list.

    Raises
    ------
    StudyError
        If the list is damaged.
    """
    advice = "it is unknown which images are needed there. Delete it and run its study again"
    return read_json(path, "list of blocks", advice)["blocks"]
