"""Numbers as the page shows them: accuracies in percent, differences in points, intervals in brackets."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import polars as pl

Tables = Mapping[str, pl.DataFrame]
"""A study's tables by name, those that it has."""
Row = Mapping[str, Any]


def points(value: float | None, *, signed: bool = True) -> str:
    """Return a difference of shares in points; an empty text if there is none."""
    if value is None:
        return ""
    text = f"{100 * value:.1f}"
    return "0.0" if text == "-0.0" else f"+{text}" if signed and value > 0 and text != "0.0" else text


def bounds(low: float | None, high: float | None) -> str:
    """Return an interval in points; an empty text if there is none."""
    return "" if low is None or high is None else f"[{points(low, signed=False)}, {points(high, signed=False)}]"


def is_beyond_noise(low: float | None, high: float | None) -> bool:
    """Return whether an interval excludes 0; False if there is none."""
    return low is not None and high is not None and (low > 0 or high < 0)


def count(number: int | None, noun: str) -> str:
    """Return a number of things."""
    return f"an unknown number of {noun}s" if number is None else f"{number:,} {noun}{'' if number == 1 else 's'}"
