"""Say in words what a key of the config takes, from the JSON schema of the config's types.

The Snakefile imports this in every job, so it imports nothing heavy.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

from synthdiv.config.base import ConfigPart

Schema = Mapping[str, Any]
PLAIN = {"integer": "an integer", "number": "a number", "string": "text", "boolean": "true or false", "null": "null"}
PLURAL = {"integer": "integers", "number": "numbers", "string": "texts", "boolean": "true or false"}
MOST_KEYS = 6
"""Keys that a message names."""
NAME = "a name of letters, digits, '_', '.' and '-', which starts with a letter or a digit and has at most 100 characters"


@cache
def read_schema(kind: type[ConfigPart]) -> dict[str, Any]:
    """Return the JSON schema of a part of the config."""
    return kind.model_json_schema(by_alias=True)


def resolve(schema: Schema, root: Schema) -> Schema:
    """Follow a schema's reference, keeping what the schema itself says."""
    if "$ref" in schema:
        found = root["$defs"][schema["$ref"].rsplit("/", 1)[1]]
        return {**found, **{key: value for key, value in schema.items() if key != "$ref"}}
    return schema


def list_choices(schema: Schema, root: Schema) -> list[Schema]:
    """Return the alternatives of a schema, or the schema itself, without that of a key that is left out."""
    schema = resolve(schema, root)
    if "anyOf" not in schema:
        return [schema]
    choices = [choice for one in schema["anyOf"] for choice in list_choices(one, root)]
    return [choice for choice in choices if choice.get("type") != "null"]


def find_part(schema: Schema, root: Schema, path: Sequence[str | int]) -> Schema | None:
    """Return the schema of what lies at a path below another schema; None if nothing may lie there."""
    found: list[Schema] = [schema]
    for key in path:
        found = [part for one in found for choice in list_choices(one, root) for part in _step(choice, key)]
    if not found:
        return None
    return found[0] if len(found) == 1 else {"anyOf": found}


def _step(schema: Schema, key: str | int) -> list[Schema]:
    if isinstance(key, int) and schema.get("type") == "array":
        prefix = schema.get("prefixItems", [])
        return [prefix[key]] if key < len(prefix) else [schema["items"]] if "items" in schema else []
    if key in schema.get("properties", {}):
        return [schema["properties"][key]]
    others = [*schema.get("patternProperties", {}).values(), schema.get("additionalProperties")]
    return [one for one in others if isinstance(one, Mapping)]


def list_keys(schema: Schema, root: Schema) -> list[str]:
    """List the keys that a schema has."""
    return [key for choice in list_choices(schema, root) for key in choice.get("properties", {})]


def list_required(schema: Schema, root: Schema) -> list[str]:
    """List the keys that a schema requires."""
    return [key for choice in list_choices(schema, root) for key in choice.get("required", [])]


def list_types(schema: Schema, root: Schema) -> set[str]:
    """List the JSON types that a schema takes, without text that is one of a few words."""
    return {
        choice["type"] for choice in list_choices(schema, root) if "type" in choice and not {"enum", "const"} & set(choice)
    }


def list_item_types(schema: Schema, root: Schema) -> set[str]:
    """List the JSON types of the values of a list."""
    lists = [choice for choice in list_choices(schema, root) if choice.get("type") == "array" and "items" in choice]
    return {kind for one in lists for kind in list_types(one["items"], root)}


def describe(schema: Schema, root: Schema) -> str:
    """Say what a schema takes: "an integer from 1", "one of png, jpeg, webp", "a list of numbers"."""
    return " or ".join(dict.fromkeys(_describe_one(choice, root) for choice in list_choices(schema, root)))


def _describe_one(schema: Schema, root: Schema) -> str:
    if "const" in schema:
        return str(schema["const"])
    if "enum" in schema:
        return f"one of {', '.join(map(str, schema['enum']))}"
    kind = schema.get("type")
    if kind == "array":
        return _describe_list(schema, root)
    if kind == "object":
        keys = list(schema.get("properties", {}))
        if "patternProperties" in schema:
            return f"a mapping of {'one or more ' if schema.get('minProperties') else ''}names of your choice"
        if len(keys) > MOST_KEYS:
            return f"a mapping with keys such as {', '.join(keys[:MOST_KEYS])} (config/README.md has all)"
        return f"a mapping with the keys {', '.join(keys)}" if keys else "a mapping"
    if "pattern" in schema:
        return NAME
    words = PLAIN.get(str(kind), "any value")
    if schema.get("minLength"):
        words = "text that is not empty"
    return f"{words}{_describe_bounds(schema)}"


def _describe_list(schema: Schema, root: Schema) -> str:
    length = ""
    if schema.get("minItems") == schema.get("maxItems") and "minItems" in schema:
        length = f"{schema['minItems']} "
    elif schema.get("minItems"):
        length = "one or more "
    items = schema.get("items") or (schema.get("prefixItems") or [{}])[0]
    (item, *more) = list_choices(items, root)
    if more:
        return f"a list of {length}values"
    if "enum" in item:
        return f"a list of {length}these: {', '.join(map(str, item['enum']))}"
    if item.get("type") == "object":
        return f"a list of {length}mappings with the keys {', '.join(item.get('properties', {}))}"
    return f"a list of {length}{PLURAL.get(str(item.get('type')), 'values')}{_describe_bounds(item)}"


def _describe_bounds(schema: Schema) -> str:
    low, above = schema.get("minimum"), schema.get("exclusiveMinimum")
    high, below = schema.get("maximum"), schema.get("exclusiveMaximum")
    words = f" from {_show(low)}" if low is not None else f" above {_show(above)}" if above is not None else ""
    if high is not None:
        words += f" to {_show(high)}" if low is not None else f"{' and' if words else ''} up to {_show(high)}"
    if below is not None:
        words += f"{' to' if words else ''} below {_show(below)}"
    if "multipleOf" in schema:
        words += f", a multiple of {_show(schema['multipleOf'])}"
    return words


def _show(number: float) -> str:
    return f"{number:g}" if abs(number) < 1e6 else f"{number:,}"
