"""Read YAML files that a person writes as plain data, with one-sentence errors.

The Snakefile imports this in every job, so it imports nothing heavy.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

import yaml

from synthdiv.core.errors import StudyError
from synthdiv.core.files import read_text

MERGE = "tag:yaml.org,2002:merge"


class _Loader(yaml.SafeLoader):
    """Load plain data only, and reject duplicate keys, of which the last one would win silently."""

    def compose_mapping_node(self, anchor: Any) -> Any:
        node = super().compose_mapping_node(anchor)
        keys: dict[tuple[str, str], yaml.ScalarNode] = {}
        for key, _ in node.value:
            if not isinstance(key, yaml.ScalarNode) or key.tag == MERGE:
                continue
            first = keys.setdefault((key.tag, key.value), key)
            if first is not key:
                lines = [one.start_mark.line + 1 for one in (first, key)]
                where = f"on lines {lines[0]} and {lines[1]}" if lines[0] != lines[1] else f"both on line {lines[0]}"
                raise yaml.YAMLError(f"the key {key.value!r} appears twice, {where}")
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
        reason = str(error).replace(' in "<unicode string>",', "")
        advice = "\nIndent with spaces, not with tabs." if "character '\\t'" in reason else ""
        raise StudyError(f"the {what} {path} is not valid YAML: {reason}{advice}") from None


@lru_cache(maxsize=8)
def _compose(text: str) -> yaml.Node | None:
    try:
        return yaml.compose(text, Loader=yaml.SafeLoader)
    except (ValueError, RecursionError, yaml.YAMLError):
        return None


def find_line(path: Path | str, keys: Sequence[str | int], merged: Any = None) -> int | None:
    """Return the line of a YAML file at which the last of some keys stands; None if the file does not have them.

    Parameters
    ----------
    path : Path or str
        The file.
    keys : sequence of str and int
        Keys, and positions in lists, each inside the value of the one before.
    merged : mapping, optional
        What was read from this file and from others: if it has another value there, the line does not count.
    """
    try:
        node = _compose(Path(path).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    line = 1 if node is not None else None
    for key in keys:
        found = _step(node, key)
        if found is None:
            return None
        line, node = found
        merged = _look_up(merged, key)
    is_same = merged is None or node is None or _is_same(node, merged)
    return line if is_same else None


def _step(node: yaml.Node | None, key: str | int) -> tuple[int, yaml.Node] | None:
    """Return the line of a key, or of a position in a list, and its value."""
    if isinstance(node, yaml.SequenceNode):
        found = node.value[key] if isinstance(key, int) and key < len(node.value) else None
        return None if found is None else (found.start_mark.line + 1, found)
    pairs = node.value if isinstance(node, yaml.MappingNode) else []
    for own, value in pairs:
        if isinstance(own, yaml.ScalarNode) and own.tag != MERGE and str(key) in (own.value, str(_construct(own))):
            return own.start_mark.line + 1, value
    for own, value in pairs:
        if own.tag == MERGE:
            for one in value.value if isinstance(value, yaml.SequenceNode) else [value]:
                found = _step(one, key)
                if found is not None:
                    return found
    return None


def _look_up(value: Any, key: str | int) -> Any:
    if isinstance(value, Mapping):
        return next((value[own] for own in value if str(own) == str(key)), None)
    return value[key] if isinstance(value, list) and isinstance(key, int) and key < len(value) else None


def _construct(node: yaml.Node) -> Any:
    try:
        return yaml.SafeLoader("").construct_object(node, deep=True)
    except (ValueError, yaml.YAMLError):
        return None


def _is_same(node: yaml.Node, value: Any) -> bool:
    if isinstance(node, yaml.MappingNode) or isinstance(value, Mapping):
        return isinstance(node, yaml.MappingNode) and isinstance(value, Mapping)
    found = _construct(node)
    return found == value or repr(found) == repr(value)  # NaN is not equal to itself
