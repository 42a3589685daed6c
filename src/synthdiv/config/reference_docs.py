"""Write config/README.md, the table of every config key, from the schema: ``make config-docs``."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from synthdiv.config.loading import read_schema

HEAD = """# The keys of a study's config

Generated from `src/synthdiv/config/config.schema.yaml` by `make config-docs`; edit the schema, not this page.

A config is self-contained: `snakemake --profile local --configfile=my_study.yaml` uses nothing of the demo's config.
Relative paths start at the working directory. You choose the names in angle brackets.

| key | type | default | description |
|---|---|---|---|
"""


RECIPE = """
## The keys of a classifier's recipe

Give them in the config under `classifiers.<name>.recipe`, or in a separate file whose path is given there.

| key | type | default | description |
|---|---|---|---|
"""


def describe_keys(schema: Mapping[str, Any], root: Mapping[str, Any], prefix: str = "") -> Iterator[str]:
    """Yield a table row for each key below a schema, depth first."""
    if "$ref" in schema:
        schema = root["$defs"][schema["$ref"].rsplit("/", 1)[1]]
    for key, part in schema.get("properties", {}).items():
        yield _describe_key(f"{prefix}{key}", part, key in schema.get("required", []))
        yield from describe_keys(part, root, f"{prefix}{key}.")
    others = schema.get("additionalProperties")
    if isinstance(others, Mapping):
        yield from describe_keys(others, root, f"{prefix}<name>.")


def _describe_key(name: str, part: Mapping[str, Any], required: bool) -> str:
    if "enum" in part:
        kind = ", ".join(f"`{value}`" for value in part["enum"])
    else:
        kind = part.get("type", "string or object")
        kind = " or ".join(kind) if isinstance(kind, list) else kind
    default = "**required**" if required else f"`{json.dumps(part['default'])}`" if "default" in part else ""
    return f"| `{name}` | {kind} | {default} | {part['description']} |"


def write_page() -> str:
    """Return the text of the page."""
    schema = read_schema()
    recipe = schema["$defs"]["recipe"]
    return "\n".join([HEAD.rstrip(), *describe_keys(schema, schema), RECIPE.rstrip(), *describe_keys(recipe, schema)]) + "\n"


if __name__ == "__main__":
    print(write_page(), end="")
