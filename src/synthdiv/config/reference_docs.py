"""Write what editors and readers need to know of the config, from its types: ``make reference``.

That is config/README.md, the table of every key, and config/study.schema.json, which an editor uses to complete keys.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from synthdiv.config.expected import describe, list_choices, read_schema, resolve
from synthdiv.config.study_config import StudyConfig
from synthdiv.config.training import Recipe

HEAD = """# The keys of a study's config

Generated from the types in `src/synthdiv/config/` by `make reference`; edit their docstrings, not this page.

A config is self-contained: `snakemake --profile local --configfile=my_study.yaml` uses nothing of the demo's config.
Relative paths are resolved from the working directory. You choose the names in angle brackets. An editor with the YAML
language server completes and checks the keys, if the config begins with the line
`# yaml-language-server: $schema=study.schema.json`. After `$schema=`, write the path of `config/study.schema.json`,
relative to the config.

| key | value | default | description |
|---|---|---|---|
"""


RECIPE = """
## The keys of a classifier's recipe

Give them in the config under `classifiers.<name>.recipe`, or in a separate file whose path is given there.

| key | value | default | description |
|---|---|---|---|
"""


def describe_keys(schema: Mapping[str, Any], root: Mapping[str, Any], prefix: str = "") -> Iterator[str]:
    """Yield a table row for each key below a schema, depth first."""
    for choice in list_choices(schema, root):
        if choice.get("title") == Recipe.__name__ and prefix:
            continue
        for key, part in choice.get("properties", {}).items():
            yield _describe_key(f"{prefix}{key}", resolve(part, root), root, key in choice.get("required", []))
            yield from describe_keys(part, root, f"{prefix}{key}.")
        for part in [*choice.get("patternProperties", {}).values(), choice.get("additionalProperties")]:
            if isinstance(part, Mapping):
                yield from describe_keys(part, root, f"{prefix}<name>.")


def _describe_key(name: str, part: Mapping[str, Any], root: Mapping[str, Any], required: bool) -> str:
    words = " or ".join(dict.fromkeys(_describe_value(one, root) for one in list_choices(part, root)))
    given = part.get("default")
    default = "**required**" if required else "" if given is None else f"`{json.dumps(given)}`"
    text = " ".join(part.get("description", "").split())
    return f"| `{name}` | {words} | {default} | {text} |"


def _describe_value(schema: Mapping[str, Any], root: Mapping[str, Any]) -> str:
    if schema.get("type") == "object":
        return "a mapping"
    if "pattern" in schema:
        return "a name"
    return describe(schema, root)


def write_page() -> str:
    """Return the text of the page."""
    schema, recipe = read_schema(StudyConfig), read_schema(Recipe)
    rows = [HEAD.rstrip(), *describe_keys(schema, schema), RECIPE.rstrip(), *describe_keys(recipe, recipe)]
    return "\n".join(rows) + "\n"


def write_schema() -> str:
    """Return the text of the JSON Schema."""
    return json.dumps(read_schema(StudyConfig), indent=1) + "\n"


if __name__ == "__main__":
    folder = Path(sys.argv[1])
    (folder / "README.md").write_text(write_page(), encoding="utf-8")
    (folder / "study.schema.json").write_text(write_schema(), encoding="utf-8")
