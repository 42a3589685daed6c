"""Read YAML files that a person writes as plain data, with one-sentence errors.

The Snakefile imports this in every job, so it imports nothing heavy.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from synthdiv.core.errors import StudyError
from synthdiv.core.files import read_text


class _Loader(yaml.SafeLoader):
    """Load plain data only, and reject duplicate keys, of which the last one would win silently."""

    def compose_mapping_node(self, anchor: Any) -> Any:
        node = super().compose_mapping_node(anchor)
        lines: dict[tuple[str, str], int] = {}
        for key, _ in node.value:
            if not isinstance(key, yaml.ScalarNode) or key.tag == "tag:yaml.org,2002:merge":
                continue
            line = key.start_mark.line + 1
            first = lines.setdefault((key.tag, key.value), line)
            if first != line:
                raise yaml.YAMLError(f"the key {key.value!r} appears twice, on lines {first} and {line}")
        return node


def read_yaml(path: Path | str, what: str) -> Any:
    """Read a YAML file.

    Parameters
    ----------
    path : Path or str
        The file.
    what : str
        What the file is, for messages.

    Raises
    ------
    StudyError
        If it cannot be read, is not UTF-8 or not YAML, needs more than plain data, or has a duplicate key.
    """
    text = read_text(path, what)
    try:
        return yaml.load(text, Loader=_Loader)
    except RecursionError:
        raise StudyError(f"the {what} {path} is not valid YAML: it is nested too deeply") from None
    except (yaml.YAMLError, ValueError) as error:  # a date such as 2020-13-45 is a ValueError
        raise StudyError(f"the {what} {path} is not valid YAML: {error}") from None


@cache
def _compose(path: Path | str) -> yaml.Node | None:
    try:
        return yaml.compose(Path(path).read_text(encoding="utf-8"), Loader=yaml.SafeLoader)
    except (OSError, ValueError, RecursionError, yaml.YAMLError):
        return None


def find_line(path: Path | str, keys: Sequence[str | int]) -> int | None:
    """Return the line of a YAML file at which the last of some keys stands; None if the file does not have them.

    Parameters
    ----------
    path : Path or str
        The file.
    keys : sequence of str and int
        Keys, and positions in lists, each inside the value of the one before.
    """
    node = _compose(path)
    line = 1 if node is not None else None
    for key in keys:
        if isinstance(node, yaml.SequenceNode) and isinstance(key, int) and key < len(node.value):
            node = node.value[key]
            line = node.start_mark.line + 1
            continue
        pairs = node.value if isinstance(node, yaml.MappingNode) else []
        found = next(((own, value) for own, value in pairs if own.value == str(key)), None)
        if found is None:
            return None
        line, node = found[0].start_mark.line + 1, found[1]
    return line
