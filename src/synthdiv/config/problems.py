"""What is wrong in a config: all of it at once, each with its place, its value and what to write instead.

The Snakefile imports this in every job, so it imports nothing heavy.
"""

from __future__ import annotations

import datetime
import difflib
import os
import re
import reprlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError

from synthdiv.config.base import EMPTY, REPEATED, WRONG, ConfigPart, rewrite_number
from synthdiv.config.expected import (
    NAME,
    describe,
    find_part,
    list_item_types,
    list_keys,
    list_required,
    list_types,
    read_schema,
)
from synthdiv.core.errors import StudyError
from synthdiv.core.yaml_files import find_line

Keys = tuple[str | int, ...]
"""The keys, and the positions in lists, that lead to a value."""
Place = tuple[int, str, int]
"""The number of a file, the file, and a line in it."""
KEY = "[key]"
"""pydantic's last part of the place of a wrong key."""
DEEPEST = 100
"""Maximum number of keys inside each other."""
SHOWN = 60
"""Maximum length of a value that is shown."""
MOST_NAMES = 12
"""Names or keys that a message lists."""
MOST_PROBLEMS = 30
"""Mistakes that a message lists."""
LIKENESS = 0.65
"""How similar an unknown key must be to the one that is suggested, from 0 to 1."""
BOOLEAN = "YAML reads yes, no, on and off as true or false"


@dataclass(frozen=True)
class Problem:
    """Something wrong in a config.

    Attributes
    ----------
    path : tuple of str and int
        The keys, and the positions in lists, that lead to it.
    message : str
        What is wrong, or what to write instead of the value.
    value : str or None
        The wrong value, as it is shown.
    file : str or None
        The file that has it, if that is not one of the config's, but one that the config names.
    """

    path: Keys
    message: str
    value: str | None = None
    file: str | None = None


def name_path(path: Sequence[str | int]) -> str:
    """Return a path as a person writes it: ``sets.A.images``, and ``parts[1]`` for the second value of a list."""
    words = ""
    for key in path:
        if isinstance(key, int):
            words += f"[{key}]"
            continue
        shown = key if key.isprintable() and 0 < len(key) <= SHOWN else show(key)
        words += f".{shown}" if words else shown
    return words


def show(value: Any) -> str:
    """Return a value as a person writes it in YAML; of a mapping or a long list, only what it is."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, Mapping):
        return "a mapping" if value else "{}"
    if isinstance(value, list):
        text = "" if any(isinstance(one, Mapping | list) for one in value) else f"[{', '.join(map(show, value))}]"
        return text if 0 < len(text) <= SHOWN else "a list"
    if isinstance(value, datetime.date):
        return str(value)
    shortened = reprlib.Repr()
    shortened.maxstring = shortened.maxother = SHOWN
    return shortened.repr(value)


class ConfigError(StudyError):
    """What is wrong in a config, with a line for each problem, in the order of the files.

    Parameters
    ----------
    problems : sequence of Problem
    files : sequence of str
        The config's files, to name file and line; of a key that several have, the last counts.
    given : mapping, optional
        The config as given, to recognise a value that is from none of the files.
    """

    def __init__(self, problems: Sequence[Problem], files: Sequence[str] = (), given: Any = None) -> None:
        self.problems = problems
        places = {one: _locate(one, files, given) for one in problems}
        ordered = sorted(places, key=lambda one: (places[one] is None, places[one] or ()))
        lines = [f"{_name_place(places[one])}: {_join(one)}" for one in ordered]
        left_out = [f"... and {len(lines) - MOST_PROBLEMS} more"] if len(lines) > MOST_PROBLEMS else []
        head = [f"the config has {len(lines)} mistakes:"] if len(lines) > 1 else []
        super().__init__("\n  ".join([*head, *lines[:MOST_PROBLEMS], *left_out]))


def raise_problems(problems: Iterable[Problem]) -> None:
    """Raise a :class:`ConfigError` about all problems, if there are any."""
    found = list(problems)
    if found:
        raise ConfigError(found)


@contextmanager
def about(keys: Keys) -> Iterator[None]:
    """Name the value of the config that an error of the block is about."""
    try:
        yield
    except ConfigError:
        raise
    except StudyError as error:
        raise ConfigError([Problem(keys, str(error))]) from error


@contextmanager
def locate_problems(files: Sequence[str], given: Any) -> Iterator[None]:
    """Name file and line in what the block raises about the config; parameters as for :class:`ConfigError`."""
    try:
        yield
    except ConfigError as error:
        raise ConfigError(error.problems, files, given) from None


def _join(problem: Problem) -> str:
    where = name_path(problem.path)
    if problem.value is not None:
        return f"{where or 'it'} is {problem.value}: {problem.message}"
    return f"{where}: {problem.message}" if where else problem.message


def _locate(problem: Problem, files: Sequence[str], given: Any) -> Place | None:
    """Return where a problem is; line 0 is the file as a whole."""
    if problem.file is not None:
        line = find_line(problem.file, problem.path) if problem.path else None
        return len(files) + 1, problem.file, line or 0
    if not problem.path:
        return (len(files), files[-1], 0) if files else None
    for number, file in reversed(list(enumerate(files, 1))):
        line = find_line(file, problem.path, given)
        if line is not None:
            return number, file, line
    return None


def _name_place(place: Place | None) -> str:
    if place is None:
        return "config"
    _, file, line = place
    relative = os.path.relpath(file)
    file = file if relative.startswith(os.pardir) else relative
    return f"{file}, line {line}" if line else file


def list_unreadable(given: Any) -> list[Problem]:
    """List the keys that YAML does not read as text, and values that contain themselves or are nested too deeply."""
    problems: list[Problem] = []
    pending: list[tuple[Keys, Any, tuple[Any, ...]]] = [((), given, ())]
    while pending:
        path, value, around = pending.pop()
        if any(value is one for one in around):
            problems.append(Problem(path, "it contains itself"))
        elif len(path) > DEEPEST:
            problems.append(Problem(path[:2], "it is nested too deeply"))
        elif isinstance(value, Mapping):
            for key, one in value.items():
                pending.append(((*path, str(key)), one, (*around, value)))
                if not isinstance(key, str):
                    message = f"YAML reads this key as {_name_type(key)}: put it in quotes"
                    problems.append(Problem((*path, str(key)), message))
        elif isinstance(value, list):
            pending += [((*path, n), one, (*around, value)) for n, one in enumerate(value)]
    return problems


def _name_type(key: Any) -> str:
    if isinstance(key, bool):
        return "true or false (as it does yes, no, on and off)"
    if isinstance(key, int | float):
        return "a number"
    return "a date" if isinstance(key, datetime.date) else "null" if key is None else type(key).__name__


def list_problems(error: ValidationError, given: Any, kind: type[ConfigPart]) -> list[Problem]:
    """Explain pydantic's errors.

    Parameters
    ----------
    error : ValidationError
    given : object
        What was validated.
    kind : type of ConfigPart
        As what.

    Returns
    -------
    list of Problem
        Of several errors about one value, those about what is inside it.
    """
    root = read_schema(kind)
    found: dict[Problem, str] = {}
    for one in error.errors(include_url=False):
        found.setdefault(_explain(one, given, root), one["type"])
    inside = {one.path[:n] for one in found for n in range(len(one.path))}
    inside |= {one.path for one, type_ in found.items() if type_ == "missing"}
    # a value that may have one of several types is only wrong as one of them if the others are wrong as well
    return [one for one, type_ in found.items() if not (one.path in inside and type_.endswith("_type"))]


def _explain(error: Mapping[str, Any], given: Any, root: Mapping[str, Any]) -> Problem:
    kind, location, value = error["type"], error["loc"], error["input"]
    own = _follow(location, given)
    if location and location[-1] == KEY:
        return Problem(own, f"write {NAME}, because files are named after it")
    if kind == WRONG:
        return Problem((*own, *error["ctx"]["path"]), error["msg"])
    if kind == REPEATED:
        return Problem(own, f"{error['msg']}: remove one")
    slipped = _find_slipped(own, given, root)
    if slipped is not None:
        return slipped
    part = find_part(root, root, own) or {}
    if kind == "extra_forbidden":
        return Problem(own, _suggest(own, value, root))
    if own and own[-1] in list_keys(part, root) and not isinstance(value, Mapping):
        message = f"{own[-1]} is a key of each of {name_path(own[:-1])}, not of {name_path(own[:-1])} itself: indent it more"
        return Problem(own, message, show(value))
    if kind == "missing" and isinstance(location[-1], str):
        needed = find_part(root, root, (*own, location[-1])) or {}
        meaning = needed.get("description", "").replace("\n", " ").partition(". ")[0].rstrip(".")
        return Problem(own, f"the key {location[-1]} is missing" + (f" ({meaning})" if meaning else ""))
    expected = describe(part, root)
    if kind == EMPTY or value is None:
        optional = bool(own) and own[-1] not in list_required(find_part(root, root, own[:-1]) or {}, root)
        give = "indent below it" if "object" in list_types(part, root) else "write"
        return Problem(own, f"the key has no value: {'remove it, or ' if optional else ''}{give} {expected}")
    number = rewrite_number(value) if list_types(part, root) & {"integer", "number"} else None
    if number is not None and ("." not in number or "number" in list_types(part, root)):
        return Problem(own, f"YAML reads this as text; write {number}", show(value))
    return Problem(own, f"write {expected}{_advise(value, part, root)}", show(value))


def _follow(location: Sequence[str | int], given: Any) -> Keys:
    """Return the part of pydantic's location that leads through the given values, without the names of types."""
    path: list[str | int] = []
    for key in location:
        if isinstance(given, Mapping) and key in given:
            given, key = given[key], str(key)
        elif isinstance(given, list) and isinstance(key, int) and key < len(given):
            given = given[key]
        else:
            continue
        path.append(key)
    return tuple(path)


def _find_slipped(path: Keys, given: Any, root: Mapping[str, Any]) -> Problem | None:
    """Explain a key that is in a part of the config whose surroundings have such a key, as after a wrong indentation."""
    for n in range(len(path)):
        given = given.get(path[n]) if isinstance(given, Mapping) else None
        if path[n] in list_keys(find_part(root, root, path[:n]) or {}, root):
            continue
        own = find_part(root, root, path[: n + 1])
        if own is not None and isinstance(given, Mapping) and set(given) & set(list_keys(own, root)):
            continue  # it is a name of the user's choice
        for m in reversed(range(n)):
            if path[n] in list_keys(find_part(root, root, path[:m]) or {}, root):
                owner = name_path(path[:m]) or "the config itself"
                message = f"{path[n]} is a key of {owner}, not of {name_path(path[:n])}: indent it less"
                return Problem(path[: n + 1], message)
    return None


def _suggest(path: Keys, value: Any, root: Mapping[str, Any]) -> str:
    known = list_keys(find_part(root, root, path[:-1]) or {}, root)
    close = difflib.get_close_matches(str(path[-1]), known, n=1, cutoff=LIKENESS)
    hint = f"did you mean {close[0]}?" if close else "config/README.md lists the keys"
    if not close and len(known) <= MOST_NAMES:
        hint = f"the keys here are {', '.join(known)}"
    around = find_part(root, root, path[:-2]) or {}
    if not close and isinstance(value, Mapping):
        if len(path) == 1:
            hint += "; if it is part of another key, indent it more"
        elif "patternProperties" in around:
            hint += f"; if it is another of {name_path(path[:-2])}, indent it less"
    return f"there is no such key; {hint}"


def _advise(value: Any, part: Mapping[str, Any], root: Mapping[str, Any]) -> str:
    """Return what to pay attention to when writing another value; empty if nothing."""
    types = list_types(part, root)
    if isinstance(value, list):
        if "array" in types:
            return ""
        return ", not a list" if "object" not in types else ", without dashes" if value else ""
    if isinstance(value, str):
        is_number = re.fullmatch(r"[-+]?\d+(\.\d*)?", value) is not None and types & {"integer", "number"}
        is_boolean = value.lower() in ("yes", "no", "on", "off", "true", "false") and "boolean" in types
        if is_number or is_boolean:
            return ", without quotes"
    elif "string" in types and isinstance(value, bool):
        return f", in quotes ({BOOLEAN})"
    elif "string" in types and isinstance(value, int | float | datetime.date):
        return ", in quotes"
    items = list_item_types(part, root)
    if (isinstance(value, str) and "string" in items) or (isinstance(value, int | float) and items & {"integer", "number"}):
        return f", such as [{value}]"
    return ""


def suggest_name(name: str, among: Iterable[str], what: str) -> str | None:
    """Return what is wrong with a name that nothing has, with a suggestion; None if something has it.

    Parameters
    ----------
    name : str
    among : iterable of str
        The existing names.
    what : str
        The kind of thing that they name.
    """
    names = list(among)
    if name in names:
        return None
    close = difflib.get_close_matches(name, names, n=1)
    hint = f"did you mean {close[0]!r}?" if close else _list_names(names)
    return f"there is no {what} {name!r}; {hint}"


def _list_names(names: Sequence[str]) -> str:
    if len(names) == 1:
        return f"there is only {names[0]!r}"
    if len(names) > MOST_NAMES:
        return f"there are {len(names)}, such as {', '.join(names[:MOST_NAMES])}"
    return f"there are {', '.join(names) or 'none'}"


def check_name(name: str, among: Iterable[str], where: Keys, what: str) -> Iterator[Problem]:
    """Yield the problem of a name in the config that nothing has; parameters as for :func:`suggest_name`."""
    message = suggest_name(name, among, what)
    if message is not None:
        yield Problem(where, message)
