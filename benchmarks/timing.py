"""Alternating timings of two implementations of a task."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

import polars as pl

ALTERNATIONS = 5


@dataclass(frozen=True)
class Comparison:
    """A timed task: ours against a peer's, and the upper bound of the ratio."""

    name: str
    peer: str
    ours: Callable[[], Any]
    theirs: Callable[[], Any]
    bound: float | None
    clock: Callable[[], float] = time.process_time
    """CPU time of all threads; wall time if other processes do the work."""


def time_task(task: Callable[[], Any], clock: Callable[[], float] = time.process_time) -> float:
    """Return the seconds of a task, by default as CPU time of all threads."""
    start = clock()
    task()
    return clock() - start


def compare(comparison: Comparison, alternations: int = ALTERNATIONS) -> dict[str, Any]:
    """Run both once to warm up, then in turn; return a row of medians and their ratio."""
    comparison.ours()
    comparison.theirs()
    ours, theirs = [], []
    for _ in range(alternations):
        ours.append(time_task(comparison.ours, comparison.clock))
        theirs.append(time_task(comparison.theirs, comparison.clock))
    ratios = sorted(a / b for a, b in zip(ours, theirs, strict=True))
    return {
        "comparison": comparison.name,
        "peer": comparison.peer,
        "clock": "CPU" if comparison.clock is time.process_time else "wall",
        "ours_seconds": round(median(ours), 4),
        "peer_seconds": round(median(theirs), 4),
        "ratio": round(median(ratios), 3),
        "ratio_lowest": round(ratios[0], 3),
        "ratio_highest": round(ratios[-1], 3),
        "bound": comparison.bound,
        "kept": None if comparison.bound is None else median(ratios) <= comparison.bound,
    }


def show(table: pl.DataFrame, path: Path) -> None:
    """Print and write a table."""
    print(path, table, sep="\n", flush=True)
    table.write_csv(path)


def run_comparisons(comparisons: Iterable[Comparison], path: Path) -> None:
    """Run comparisons one after another, print each result, and write a table."""
    rows = []
    for comparison in comparisons:
        rows.append(compare(comparison))
        print(rows[-1], flush=True)
    show(pl.DataFrame(rows), path)


def widen_tables() -> None:
    """Let polars print whole tables."""
    pl.Config.set_tbl_rows(-1)
    pl.Config.set_tbl_cols(-1)
    pl.Config.set_tbl_width_chars(200)
    pl.Config.set_fmt_str_lengths(80)
