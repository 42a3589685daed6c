"""What all parts of a config share: how they are read, and the types that several of them use.

The Snakefile imports this in every job, so it imports nothing heavy.
"""

from __future__ import annotations

import ast
import inspect
import itertools
import math
import re
import textwrap
from typing import Annotated, Any, TypeVar

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, GetJsonSchemaHandler, StringConstraints
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, PydanticCustomError

T = TypeVar("T")
WRONG = "wrong"
"""The type of errors whose message is a whole sentence."""
EMPTY = "empty"
"""The type of errors of a key without a value."""
REPEATED = "repeated"
"""The type of errors of a list with a repeated value."""
MOST_DIGITS = 1e9
"""Integers below this are written with all digits."""


class ConfigPart(BaseModel):
    """A part of the config. It refuses unknown keys, and values of another type than a key's.

    The docstring of an attribute describes the key: in messages, in the schema for editors and in the reference page.
    """

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        strict=True,
        allow_inf_nan=False,
        validate_by_name=True,
        validate_by_alias=True,
        defer_build=True,
    )

    @classmethod
    def __get_pydantic_json_schema__(cls, core_schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        """Add the attributes' docstrings, which pydantic itself would read at each import, for longer than all else."""
        schema = handler(core_schema)
        properties = handler.resolve_ref_schema(schema).get("properties", {})
        for name, text in _read_docstrings(cls).items():
            properties[cls.model_fields[name].alias or name]["description"] = text
        return schema

    def to_dict(self) -> dict[str, Any]:
        """Return the part as plain values: all keys that have a value or a default."""
        return self.model_dump(mode="json", by_alias=True)


def _read_docstrings(kind: type) -> dict[str, str]:
    """Return the docstrings of a class's attributes, its bases' too."""
    found: dict[str, str] = {}
    for one in reversed(kind.__mro__):
        if one is not ConfigPart and issubclass(one, ConfigPart):
            (body,) = ast.parse(textwrap.dedent(inspect.getsource(one))).body
            assert isinstance(body, ast.ClassDef)
            for statement, after in itertools.pairwise(body.body):
                match statement, after:
                    case ast.AnnAssign(target=ast.Name(id=name)), ast.Expr(value=ast.Constant(value=str(text))):
                        found[name] = inspect.cleandoc(text)
    return found


def wrong(message: str, *path: str | int) -> PydanticCustomError:
    """Make the error of a value that its own type does not explain, or of what is at a path inside it.

    The message is a whole sentence without its end.
    """
    return PydanticCustomError(WRONG, "{message}", {"message": message, "path": path})


def _refuse_empty(value: Any) -> Any:
    if value is None:
        raise PydanticCustomError(EMPTY, "the key has no value")
    return value


def _refuse_repeated(values: list[T]) -> list[T]:
    repeated = next((value for n, value in enumerate(values) if value in values[:n]), None)
    if repeated is not None:
        raise PydanticCustomError(REPEATED, "{value} is listed twice", {"value": repr(repeated)})
    return values


def rewrite_number(value: Any) -> str | None:
    """Write a number such as 1e-4, which YAML reads as text, so that YAML reads a number; None for anything else."""
    found = re.fullmatch(r"([-+]?\d+)(\.\d*)?[eE]([-+]?)(\d+)", value) if isinstance(value, str) else None
    if found is None:
        return None
    number = float(value)
    if abs(number) < MOST_DIGITS and number.is_integer():
        return str(int(number))
    whole, decimals, sign, exponent = found.groups()
    return f"{whole}{decimals or '.0'}e{sign or '+'}{exponent}"


def _refuse_odd_values(arguments: dict[str, Any]) -> dict[str, Any]:
    """Refuse numbers, at any depth, that are not finite, or that YAML reads as text."""
    pending: list[tuple[tuple[str | int, ...], Any]] = [((), arguments)]
    while pending:
        path, value = pending.pop()
        if isinstance(value, dict):
            pending += [((*path, key), one) for key, one in value.items()]
        elif isinstance(value, list):
            pending += [((*path, n), one) for n, one in enumerate(value)]
        elif isinstance(value, float) and not math.isfinite(value):
            raise wrong(f"write a finite number instead of {value}", *path)
        elif (number := rewrite_number(value)) is not None:
            raise wrong(f"YAML reads {value} as text; write {number}", *path)
    return arguments


def is_none(value: Any) -> bool:
    """Return whether a value is None."""
    return value is None


Given = Annotated[T | None, BeforeValidator(_refuse_empty), Field(exclude_if=is_none)]
"""A key without a default. It may be left out, but not be empty."""
Distinct = Annotated[list[T], AfterValidator(_refuse_repeated)]
"""A list without repetitions."""
Arguments = Annotated[dict[str, Any], AfterValidator(_refuse_odd_values)]
"""Arguments of a function of another library."""
# A name of the user's choice, after which files and folders are named. A comment: Sphinx would read its pattern as markup.
Name = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]*$", max_length=100)]
Count = Annotated[int, Field(ge=1)]
Index = Annotated[int, Field(ge=0)]
Seed = Annotated[int, Field(ge=0, le=2**32 - 1)]
"""A seed that numpy, scikit-learn and torch take."""
Positive = Annotated[float, Field(gt=0)]
Share = Annotated[float, Field(ge=0, le=1)]
PositiveShare = Annotated[float, Field(gt=0, le=1)]
GuidanceScale = Annotated[float, Field(ge=0, le=1000)]
ImageCount = Annotated[int, Field(ge=1, le=10_000_000)]
