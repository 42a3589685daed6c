"""Read a study's config: check it against its types, and say all that is wrong in it.

The Snakefile imports this in every job, so it imports nothing heavy.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

from pydantic import ValidationError

from synthdiv.config.base import ConfigPart
from synthdiv.config.problems import about, list_problems, list_unreadable, raise_problems
from synthdiv.config.study_config import StudyConfig
from synthdiv.config.training import Recipe
from synthdiv.core.errors import StudyError
from synthdiv.core.files import read_text
from synthdiv.core.yaml_files import read_yaml

AnyPart = TypeVar("AnyPart", bound=ConfigPart)


def check_files(paths: Iterable[Path | str]) -> None:
    """Check config files for errors that are no longer visible in the config that Snakemake has read from them.

    Raises
    ------
    StudyError
        If a key appears twice.
    """
    for path in paths:
        _parse(path)


def _parse(path: Path | str) -> Any:
    """Parse a config like Snakemake, which reads a file as YAML if it is not JSON."""
    try:
        return json.loads(read_text(path, "config"), object_pairs_hook=partial(_make_mapping, path))
    except json.JSONDecodeError:
        return read_yaml(path, "config")


def _make_mapping(path: Path | str, pairs: Sequence[tuple[str, Any]]) -> dict[str, Any]:
    keys = [key for key, _ in pairs]
    twice = next((key for n, key in enumerate(keys) if key in keys[:n]), None)
    if twice is not None:
        raise StudyError(f"the config {path} has the key {twice!r} twice in one mapping")
    return dict(pairs)


def read_config_file(path: Path | str) -> dict[str, Any]:
    """Read the config of a study from its file, for those who do not get it from Snakemake.

    Raises
    ------
    StudyError
        If the file cannot be read, has a key twice, or is no mapping.
    """
    given = _parse(path)
    if not isinstance(given, dict):
        raise StudyError(f"the config {path} has no keys, such as `study: mine`: is this the config of a study?")
    return given


def read_config(config: Mapping[str, Any]) -> StudyConfig:
    """Read a study's config.

    Raises
    ------
    ConfigError
        About all mistakes: key, value, and what to write instead.
    """
    return read_part(config, StudyConfig)


def read_part(given: Any, kind: type[AnyPart], file: str | None = None) -> AnyPart:
    """Read a part of a config, from a file of its own if one is given; otherwise as :func:`read_config`."""
    problems = list_unreadable(given)
    if not problems:
        try:
            return kind.model_validate(given)
        except ValidationError as error:
            problems = list_problems(error, given, kind)
    raise_problems(replace(one, file=file) for one in problems)
    raise AssertionError("a config was refused without a reason")


def read_recipes(config: StudyConfig) -> dict[str, Recipe]:
    """Return the recipe of each classifier: the config's own, or that of the file that it names.

    Raises
    ------
    StudyError
        If a file cannot be read, or is no recipe.
    """
    recipes = {}
    for name, entry in config.classifiers.items():
        if isinstance(entry.recipe, Recipe):
            recipes[name] = entry.recipe
            continue
        with about(("classifiers", name, "recipe")):
            given = read_yaml(entry.recipe, "recipe")
            if not isinstance(given, dict):
                raise StudyError(f"{entry.recipe} must be a mapping, such as `model: resnet50`; it is {given!r}")
        recipes[name] = read_part(given, Recipe, entry.recipe)
    return recipes
