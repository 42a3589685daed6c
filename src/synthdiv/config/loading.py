"""A study's config: its schema, its defaults, and its validation errors.

The Snakefile imports this in every job, so it imports nothing heavy.
"""

from __future__ import annotations

import copy
import difflib
import math
import reprlib
from collections.abc import Iterable, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import jsonschema
import yaml

from synthdiv.core.errors import StudyError
from synthdiv.core.yaml_files import read_yaml

SCHEMA = Path(__file__).with_name("config.schema.yaml")


def _is_integer(checker: jsonschema.TypeChecker, value: Any) -> bool:
    """Return whether a value is an integer; unlike in JSON Schema, 6.0 is not."""
    return isinstance(value, int) and not isinstance(value, bool)


def _is_number(checker: jsonschema.TypeChecker, value: Any) -> bool:
    return _is_integer(checker, value) or (isinstance(value, float) and math.isfinite(value))


Validator = jsonschema.validators.extend(
    jsonschema.Draft202012Validator,
    type_checker=jsonschema.Draft202012Validator.TYPE_CHECKER.redefine_many({"integer": _is_integer, "number": _is_number}),
)


@cache
def read_schema() -> dict:
    """Return the schema of a study's config."""
    return yaml.load(SCHEMA.read_text(encoding="utf-8"), Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))


def check_files(paths: Iterable[Path | str]) -> None:
    """Check config files for errors that are no longer visible in the config that Snakemake has read from them.

    Raises
    ------
    StudyError
        If a key appears twice.
    """
    for path in paths:
        if Path(path).suffix in (".yaml", ".yml"):
            read_yaml(path, "config")


def check_config(
    config: Mapping[str, Any], schema: Mapping[str, Any] | None = None, *, name: str = "config"
) -> dict[str, Any]:
    """Validate a config (or the part that ``schema`` describes, called ``name`` in messages) and fill in its defaults.

    Raises
    ------
    StudyError
        One sentence about the first error: the key, the value, and what is expected.
    """
    schema = schema or read_schema()
    try:
        _check_keys(config, name)
    except RecursionError:
        raise StudyError(f"{name}: it is nested too deeply: does it contain itself?") from None
    filled = copy.deepcopy(dict(config))
    _fill_defaults(filled, schema, schema)
    errors = sorted(Validator(schema).iter_errors(filled), key=lambda error: list(map(str, error.path)))
    if errors:
        raise StudyError(_explain(errors[0], name))
    return filled


def _check_keys(config: Mapping, where: str) -> None:
    """Reject keys that YAML reads as a number, a date or a boolean."""
    for key, value in config.items():
        if not isinstance(key, str):
            raise StudyError(f"{where}: the key {key!r} is read as {type(key).__name__}, not as text: put it in quotes")
        if isinstance(value, Mapping):
            _check_keys(value, f"{where}: {key}" if ": " not in where else f"{where}.{key}")


def _fill_defaults(value: Any, schema: Mapping, root: Mapping) -> None:
    if "$ref" in schema:
        schema = root["$defs"][schema["$ref"].rsplit("/", 1)[1]]
    if not isinstance(value, dict):
        return
    for key, part in schema.get("properties", {}).items():
        if key not in value and "default" in part:
            value[key] = copy.deepcopy(part["default"])
        if key in value:
            _fill_defaults(value[key], part, root)
    others = schema.get("additionalProperties")
    if isinstance(others, Mapping):
        for key in value.keys() - schema.get("properties", {}).keys():
            _fill_defaults(value[key], others, root)


def _explain(error: jsonschema.ValidationError, name: str) -> str:
    path = ".".join(map(str, error.absolute_path))
    where = f"{name}: {path}" if path else name
    if error.validator == "additionalProperties":
        known = list(error.schema.get("properties", {}))
        unknown = next(key for key in error.instance if key not in known)
        close = difflib.get_close_matches(str(unknown), known, n=1)
        hint = f"did you mean {close[0]!r}?" if close else f"the keys here are {', '.join(known)}."
        full = f"{path}.{unknown}" if path else unknown
        return f"unknown config key {full}: {hint}" if name == "config" else f"{name}: unknown key {full}: {hint}"
    if error.validator == "required":
        missing = [key for key in error.validator_value if key not in error.instance]
        meaning = error.schema.get("properties", {}).get(missing[0], {}).get("description")
        return f"{where} needs the key {', '.join(missing)}" + (f" ({meaning.rstrip('.')})" if meaning else "")
    if error.validator == "oneOf" and path.startswith("sets.") and path.count(".") == 1:
        given = [key for key in ("images", "dataset", "embeddings") if key in error.instance]
        return f"{where} needs exactly one of images, dataset, embeddings; it has {', '.join(given) or 'none'}"
    if error.validator == "oneOf" and path.startswith("transfer.sets."):
        given = [key for key in ("torchvision", "root", "images", "sklearn") if key in error.instance]
        has = " and ".join(given) or "none"
        return f"{where} needs one source, torchvision with its root, images, or sklearn; it has {has}"
    if error.validator == "enum":
        return f"{where} is {error.instance!r}; it must be one of {', '.join(map(str, error.validator_value))}"
    if error.validator == "type" and isinstance(error.instance, float) and not math.isfinite(error.instance):
        return f"{where} is {error.instance}; it must be a finite number"
    if error.validator in ("pattern", "maxLength"):
        return (
            f"{where}: the name {reprlib.repr(error.instance)} must be letters, digits, '_', '.' and '-', start with a "
            "letter or a digit, and have at most 100 characters, because files are named after it"
        )
    return f"{where}: {error.message}"


def check_known(name: str, among: Mapping, where: str, what: str) -> None:
    """Reject a name in the config that does not exist, and suggest a similar one.

    Parameters
    ----------
    name : str
    among : mapping
        The existing names.
    where, what : str
        The config key, and the kind of thing that it names.

    Raises
    ------
    StudyError
        If ``name`` is not among them.
    """
    if name not in among:
        close = difflib.get_close_matches(name, list(among), n=1)
        hint = f"did you mean {close[0]!r}?" if close else f"there are {', '.join(among) or 'none'}."
        raise StudyError(f"config: {where}: there is no {what} {name!r}; {hint}")
