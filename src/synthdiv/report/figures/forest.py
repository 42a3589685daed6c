"""Plot training sets side by side: a forest plot."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from matplotlib.figure import Figure

from synthdiv.report.figures.style import SetStyle


@dataclass(frozen=True)
class Estimate:
    """A value with its interval, and whether a bracket ties it to the best one."""

    name: str
    value: float
    low: float | None
    high: float | None
    label: str
    is_tied: bool = False


def plot_forest(rows: Sequence[Estimate], styles: Mapping[str, SetStyle], xlabel: str) -> Figure:
    """Plot an estimate per row, in the order given, with its interval and its label.

    Parameters
    ----------
    rows : sequence of Estimate
    styles : mapping of name to SetStyle
    xlabel : str
    """
    figure = Figure(figsize=(4.8, 0.31 * len(rows) + 0.7), layout="constrained")
    ax = figure.subplots()
    ax.axvline(0, color="0.6", linewidth=0.8)
    for n, row in enumerate(rows):
        style = styles[row.name]
        if row.low is not None and row.high is not None:
            ax.hlines(n, row.low, row.high, color=style.colour, linewidth=2)
        ax.plot(row.value, n, marker=style.marker, color=style.colour, markersize=7)
        ax.text(1.02, n, row.label, transform=ax.get_yaxis_transform(), va="center")
    tied = [n for n, row in enumerate(rows) if row.is_tied]
    if len(tied) > 1:  # a bracket, with a tick at each of them
        side = ax.get_yaxis_transform()
        ax.plot([0.99, 0.99], [tied[0], tied[-1]], transform=side, color="0.4", linewidth=1.2, clip_on=False)
        for n in tied:
            ax.plot([0.975, 0.99], [n, n], transform=side, color="0.4", linewidth=1.2, clip_on=False)
    ax.set_yticks(range(len(rows)), [row.name for row in rows])
    ax.tick_params(axis="y", length=0)
    ax.spines["left"].set_visible(False)
    ax.set_ylim(len(rows) - 0.5, -0.5)
    ax.set_xlabel(xlabel)
    return figure
