"""The style of all figures, and what several draw."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from synthdiv.core.files import replace_atomically

matplotlib.rcParams.update({"font.size": 9, "axes.spines.top": False, "axes.spines.right": False, "svg.fonttype": "none"})
matplotlib.rcParams["text.parse_math"] = False  # a class may be called $1 or $x$
matplotlib.rcParams |= {"pdf.fonttype": 42, "svg.hashsalt": "synthdiv"}  # text as text; the same ids each time
DPI = 200  # twice a screen's resolution, and enough for print
PALETTE = ["#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000"]
"""Okabe and Ito's palette, which is safe for colour-blind readers."""
MARKERS = ["o", "s", "^", "D", "v", "P", "X"]
SIGNS = dict(zip(MARKERS, "●■▲◆▼✚✖", strict=True))
"""The markers as text."""


@dataclass(frozen=True)
class SetStyle:
    """How a set looks wherever it is shown."""

    colour: str
    marker: str

    @property
    def sign(self) -> str:
        """The marker as text."""
        return SIGNS[self.marker]


def style_sets(names: Sequence[str], natural: str | None) -> dict[str, SetStyle]:
    """Give each set a colour and a marker: black to the natural one, and 42 pairs to the others, before they repeat."""
    colours = PALETTE[:-1]
    others = [name for name in dict.fromkeys(names) if name != natural]
    styles = {name: SetStyle(colours[n % len(colours)], MARKERS[n % len(MARKERS)]) for n, name in enumerate(others)}
    return styles if natural is None else {natural: SetStyle(PALETTE[-1], MARKERS[0])} | styles


def read_styles(styled: Mapping[str, Any]) -> dict[str, SetStyle]:
    """Return the styles of a figure's option ``styled``: the names of the sets in order, and the natural one."""
    return style_sets(styled["names"], styled["natural"])


DATED = {"png": {"Software": None}, "svg": {"Date": None}, "pdf": {"CreationDate": None}}
"""What each format's metadata must leave out, so that the same figure is the same file."""


def save_figure(figure: Figure, path: Path | str) -> None:
    """Write a figure as PNG, SVG or PDF, by the path's suffix, without a date."""
    kind = Path(path).suffix.removeprefix(".")
    with replace_atomically(path) as temporary:
        figure.savefig(temporary, format=kind, dpi=DPI, bbox_inches="tight", metadata=DATED[kind])


def spread_evenly(count: int, most: int) -> list[int]:
    """Return at most ``most`` of the numbers 0 to count - 1, evenly spread."""
    return sorted({round(n) for n in np.linspace(0, count - 1, min(count, most))})


def fill_cells(ax: Axes, values: np.ndarray, rows: Sequence[str], columns: Sequence[str]) -> None:
    """Plot a heat map of shares with their numbers; n/a where there is none.

    Parameters
    ----------
    ax : Axes
    values : float array of shape (rows, columns)
    rows, columns : sequences of str
        Their names.
    """
    lowest = min(0.0, np.nanmin(values, initial=0.0))
    ax.imshow(np.ma.masked_invalid(values), cmap="viridis", vmin=lowest, vmax=1, aspect="auto")
    for (row, column), value in np.ndenumerate(values):
        text = "n/a" if np.isnan(value) else f"{value:.3f}"
        colour = "black" if np.isnan(value) or value > 0.6 else "white"
        ax.text(column, row, text, ha="center", va="center", size=8, color=colour)
    ax.set_xticks(range(len(columns)), columns, rotation=35, ha="right")
    ax.set_yticks(range(len(rows)), rows)
    ax.spines[:].set_visible(False)
    ax.tick_params(length=0)
