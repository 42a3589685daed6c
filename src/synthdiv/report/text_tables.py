"""Tables as text: aligned for a terminal, as LaTeX for a paper, or as HTML for a notebook."""

from __future__ import annotations

import html
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import polars as pl

from synthdiv.config.problems import suggest_name
from synthdiv.core.errors import StudyError

DIFFERENCES = ("difference", "gain", "shortfall", "loss", "pushed", "shift")
"""Columns that are 0 if there is nothing."""
SMALL, LARGE = 0.01, 1000
"""A column of smaller numbers has three digits; a larger number has no decimals."""
LEAST_P = 0.001
LATEX = str.maketrans(
    {
        "\\": r"\textbackslash{}",
        "~": r"\textasciitilde{}",
        "^": r"\textasciicircum{}",
        "<": r"\textless{}",
        ">": r"\textgreater{}",
        "|": r"\textbar{}",
        "\n": " ",
        **{character: rf"\{character}" for character in "&%$#_{}"},
    }
)


def render_table(table: pl.DataFrame) -> str:
    """Return a whole table as text, with "?" for numbers that are not known yet."""
    columns = []
    for name, values in table.to_dict(as_series=False).items():
        numeric = table[name].dtype.is_numeric()
        form = ",.1f" if table[name].dtype.is_float() else "," if numeric else ""
        cells = [_name(name), *("?" if value is None else format(value, form) for value in values)]
        columns.append((cells, numeric))
    return _align(columns)


def _name(column: str) -> str:
    return column.replace("_", " ")


def _align(columns: Sequence[tuple[Sequence[str], bool]]) -> str:
    """Return columns side by side, each with whether it is aligned right."""
    padded = []
    for cells, right in columns:
        width = max(map(len, cells))
        padded.append([cell.rjust(width) if right else cell.ljust(width) for cell in cells])
    return "\n".join("  " + "  ".join(row).rstrip() for row in zip(*padded, strict=True))


@dataclass(frozen=True)
class _Column:
    """A column as people read it: cells with a value and its interval, in bold if a difference is beyond noise."""

    name: str
    cells: list[str]
    bold: list[bool]
    is_number: bool


def show_table(table: pl.DataFrame, columns: Sequence[str] | None = None) -> str:
    """Return a results table for a terminal: intervals in brackets, and what is the same in all rows once, above.

    Parameters
    ----------
    table : polars.DataFrame
    columns : sequence of str, optional
        Only these columns, with their intervals. Default is all that have a value.

    Raises
    ------
    StudyError
        If the table does not have one of the columns.
    """
    same, shown = _read_columns(table, columns)
    lines = [f"  {_name(name)}: {value}" for name, value in same.items()]
    return "\n".join([*lines, _align([([_name(one.name), *one.cells], one.is_number) for one in shown])])


def write_latex(table: pl.DataFrame, about: str, columns: Sequence[str] | None = None) -> str:
    r"""Return a results table as LaTeX, for the package booktabs; what is the same in all rows is in a comment.

    Bold are differences beyond noise: by the column ``differs`` (corrected for the number of comparisons) or, in a table
    without it, those whose interval does not contain 0.

    Parameters
    ----------
    table : polars.DataFrame
    about : str
        What the table is about, for a comment.
    columns : sequence of str, optional
        As for :func:`show_table`.

    Raises
    ------
    StudyError
        As :func:`show_table`.
    """
    same, shown = _read_columns(table, columns)
    rows = [[_typeset(column.cells[n], bold=column.bold[n]) for column in shown] for n in range(len(table))]
    return "\n".join(
        [
            f"% {about} In brackets: 95 % intervals. Bold: a difference beyond noise.",
            *(f"% {_name(name)}: {' '.join(value.split())}" for name, value in same.items()),
            r"% It needs \usepackage{booktabs}.",
            rf"\begin{{tabular}}{{{''.join('r' if column.is_number else 'l' for column in shown)}}}",
            r"\toprule",
            " & ".join(escape_latex(_name(column.name)) for column in shown) + r" \\",
            r"\midrule",
            *(" & ".join(row) + r" \\" for row in rows),
            r"\bottomrule",
            r"\end{tabular}",
        ]
    )


def write_html(table: pl.DataFrame, columns: Sequence[str] | None = None) -> str:
    """Return a results table as HTML, with what is the same in all rows above, and bold as by :func:`write_latex`.

    Parameters
    ----------
    table, columns
        As for :func:`show_table`.

    Raises
    ------
    StudyError
        As :func:`show_table`.
    """
    same, shown = _read_columns(table, columns)
    above = "".join(f"<div>{html.escape(_name(name))}: {html.escape(value)}</div>" for name, value in same.items())
    head = "".join(f"<th>{html.escape(_name(column.name))}</th>" for column in shown)
    rows = ["".join(_mark_up(column, n) for column in shown) for n in range(len(table))]
    body = "".join(f"<tr>{row}</tr>" for row in rows)
    return f"{above}<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"


def _mark_up(column: _Column, row: int) -> str:
    text = html.escape(column.cells[row])
    text = f"<b>{text}</b>" if column.bold[row] else text
    return f'<td style="text-align: {"right" if column.is_number else "left"}">{text}</td>'


def _typeset(cell: str, *, bold: bool) -> str:
    text = rf"\textbf{{{escape_latex(cell)}}}" if bold else escape_latex(cell)
    return f"{{}}{text}" if text.startswith(("[", "*")) else text  # after the end of a row, these would be its option


def escape_latex(text: str) -> str:
    """Return a text as LaTeX, with a minus sign before a number."""
    return re.sub(r"(?<![\w.-])-(?=\d)", "$-$", text.translate(LATEX))


def _read_columns(table: pl.DataFrame, names: Sequence[str] | None) -> tuple[dict[str, str], list[_Column]]:
    """Return the values that are the same in all rows, and the other columns; bounds of an interval are no columns."""
    bounds = {bound for name in table.columns for bound in _name_bounds(table, name)}
    unknown = next((one for name in names or () if (one := suggest_name(name, table.columns, "column")) is not None), None)
    if unknown is not None:
        raise StudyError(unknown)
    columns = [_read_column(table, name) for name in names or [name for name in table.columns if name not in bounds]]
    columns = [one for one in columns if any(one.cells) or names is not None or table.is_empty()]
    same = {} if len(table) < 2 else {one.name: one.cells[0] for one in columns if len(set(one.cells)) == 1}
    return same, [one for one in columns if one.name not in same]


def _name_bounds(table: pl.DataFrame, column: str) -> list[str]:
    """Return the columns that hold the bounds of a column's interval, if there are any."""
    prefix = "" if column == "value" and table[column].dtype.is_numeric() else f"{column}_"
    return [f"{prefix}low", f"{prefix}high"]


def _read_column(table: pl.DataFrame, name: str) -> _Column:
    interval = _name_bounds(table, name)
    if not set(interval) <= set(table.columns):
        cells = _format(name, table[name].to_list())
        return _Column(name, cells, [False] * len(table), table[name].dtype.is_numeric())
    values, lows, highs = (table[one].cast(pl.Float64).to_list() for one in (name, *interval))
    n, texts = len(table), _format(name, [*values, *lows, *highs])
    triples = zip(texts[:n], texts[n : 2 * n], texts[2 * n :], strict=True)
    cells = [f"{value} [{low}, {high}]" if low and high else value for value, low, high in triples]
    beyond = [False] * n
    if name in DIFFERENCES and "differs" in table.columns:
        beyond = [one is True for one in table["differs"]]
    elif name in DIFFERENCES:
        beyond = [None not in (low, high) and not low <= 0 <= high for low, high in zip(lows, highs, strict=True)]
    return _Column(name, cells, beyond, True)


def _format(name: str, values: Sequence[Any]) -> list[str]:
    """Return the values of a column as people read them: numbers with three decimals, or three digits if all are small."""
    numbers = [abs(value) for value in values if isinstance(value, float)]
    are_small = bool(numbers) and max(numbers) < SMALL

    def format_one(value: Any) -> str:
        if value is None:
            return ""
        if isinstance(value, bool):
            return "yes" if value else "no"
        if isinstance(value, int):
            return f"{value:,}"
        if not isinstance(value, float):
            return str(value)
        if name.startswith("p_") and value < LEAST_P:
            return f"<{LEAST_P}"
        return f"{value:.3g}" if are_small else f"{value:,.0f}" if abs(value) >= LARGE else f"{value:.3f}"

    return [format_one(value) for value in values]
