"""Read YAML files that a person writes as plain data, with one-sentence errors.

The Snakefile imports this in every job, so it imports nothing heavy.
"""

from __future__ import annotations

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
