"""What a declaration of a results table consists of, and short forms for columns that many tables have.

A range is inclusive, and only given where it holds by definition: a value outside it is a bug, never a surprising result.
The normal and Student's intervals are not cut off, so their bounds may lie outside the range of the metric itself.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

Kind = Literal["text", "integer", "number", "boolean"]
Part = Literal[
    "2 Images",
    "3 Matrix",
    "4 Diversity and shift",
    "5 Classes",
    "6 Guidance and prompts",
    "7 Geometry",
    "8 Classifiers",
    "9 Claims, audit, cost",
]
"""A part of the report, after its summary."""


@dataclass(frozen=True)
class Column:
    """A column of a results table.

    Attributes
    ----------
    name : str
    meaning : str
        In Markdown; links are relative to docs/reference.
    kind : {"text", "integer", "number", "boolean"}
    unit : str
        Empty for shares, counts and other plain numbers.
    low, high : float or None
        The least and the greatest possible value; None if there is none.
    """

    name: str
    meaning: str
    kind: Kind = "text"
    unit: str = ""
    low: float | None = None
    high: float | None = None


Columns = tuple[Column, ...]


@dataclass(frozen=True)
class Table:
    """A results table.

    Attributes
    ----------
    name : str
        The stem of its files.
    about : str
        What it is about, as a sentence.
    row : str
        What one row is about, after "one row per".
    columns : tuple of Column
    files : tuple of str
        The endings of its files, which have the same content.
    chapter : str
        The chapter of the reference page.
    note : str
        What else a reader needs to know, as sentences.
    folder : str
        Relative to the study's results.
    part : str
        The part of the report in which a page shows it; empty if none does.
    rule : str
        The rule that writes it.
    """

    name: str
    about: str
    row: str
    columns: Columns
    chapter: str
    files: tuple[str, ...] = ("csv",)
    note: str = ""
    folder: str = "tables"
    part: Part | Literal[""] = ""
    rule: str = field(kw_only=True)

    @property
    def description(self) -> str:
        """What it is about, and what its rows are."""
        return f"{self.about} One row per {self.row}."


def integer(name: str, meaning: str, low: float | None = 0) -> Column:
    """Return a column of counts or of numbers of things."""
    return Column(name, meaning, "integer", low=low)


def share(name: str, meaning: str) -> Column:
    """Return a column of shares, accuracies or other numbers from 0 to 1."""
    return Column(name, meaning, "number", low=0, high=1)


def number(name: str, meaning: str, low: float | None = None, high: float | None = None, unit: str = "") -> Column:
    """Return a column of other numbers.

    Parameters
    ----------
    name, meaning, unit : str
    low, high : float, optional
        The range of the values.
    """
    return Column(name, meaning, "number", unit, low, high)


def bounds(name: str, low: float | None = None, high: float | None = None, *, of: str = "") -> Columns:
    """Return the two columns of an interval.

    Parameters
    ----------
    name : str
        The column that the interval belongs to; the bounds are ``<name>_low`` and ``<name>_high``.
    low, high : float, optional
        The range of the bounds.
    of : str
        What the interval is of; default: the column.
    """
    meaning = f"bounds of {of or f'`{name}`'}"
    return number(f"{name}_low", meaning, low, high), number(f"{name}_high", meaning, low, high)


def bounded(column: Column) -> Columns:
    """Return a metric and the bounds of an interval that stays in its range, as Wilson's does."""
    return column, *bounds(column.name, column.low, column.high)


def unbounded(column: Column) -> Columns:
    """Return a metric and the bounds of an interval that may exceed its range, as a normal one does."""
    return column, *bounds(column.name)


def differences(what: str, most: float = 1) -> Columns:
    """Return the columns of a difference of at most ``most`` either way; ``what`` says of which values."""
    return (
        integer("n_pairs", "number of pairs (of images, queries or classes) that are compared"),
        *unbounded(number("difference", what, -most, most)),
        share("p_value", "p-value of the [test](../explanation/intervals.md#differences)"),
        share("p_adjusted", "the same, corrected for the number of comparisons"),
        Column("differs", "whether `p_adjusted` is below 0.05", "boolean"),
    )


OVER_RUNS = (
    "Differences are [over images and training runs](../explanation/intervals.md#training-runs); with one seed, over images."
)
"""A note on differences between training sets."""
CLASS = (
    integer("class_id", "number of the class"),
    Column("name", "name of the class"),
)
"""The class of a row, in tables of classes."""
CLASS_OR_ALL = (
    integer("class_id", "number of the class; empty for all classes"),
    Column("name", "name of the class; `all` for all classes"),
)
"""The class of a row, in tables that have rows for all classes together, too."""
