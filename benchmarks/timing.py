"""Alternating timings of two ways to do the same."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from statistics import median
from typing import Any

ALTERNATIONS = 5


@dataclass(frozen=True)
class Comparison:
    """What is timed: ours against a peer's, and the ratio that ours has to keep."""

    name: str
    peer: str
    ours: Callable[[], Any]
    theirs: Callable[[], Any]
    bound: float | None


def time_cpu(task: Callable[[], Any]) -> float:
    """Seconds of CPU time, of all threads."""
    start = time.process_time()
    task()
    return time.process_time() - start


def compare(comparison: Comparison, alternations: int = ALTERNATIONS) -> dict[str, Any]:
    """Run both once to warm up, then in turn; a row of medians and their ratio."""
    comparison.ours()
    comparison.theirs()
    ours, theirs = [], []
    for _ in range(alternations):
        ours.append(time_cpu(comparison.ours))
        theirs.append(time_cpu(comparison.theirs))
    ratios = sorted(a / b for a, b in zip(ours, theirs, strict=True))
    return {
        "comparison": comparison.name,
        "peer": comparison.peer,
        "ours_cpu_seconds": round(median(ours), 4),
        "peer_cpu_seconds": round(median(theirs), 4),
        "ratio": round(median(ratios), 3),
        "ratio_lowest": round(ratios[0], 3),
        "ratio_highest": round(ratios[-1], 3),
        "bound": comparison.bound,
        "kept": None if comparison.bound is None else median(ratios) <= comparison.bound,
    }
