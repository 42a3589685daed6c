"""Plot modifier adherence."""

from __future__ import annotations

from typing import Any

import numpy as np
import polars as pl
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.image import AxesImage
from matplotlib.patches import Rectangle
from matplotlib.ticker import PercentFormatter

from synthdiv.analysis.adherence import ALL, SCHEMA
from synthdiv.core.tables import read_table
from synthdiv.report.figures.style import spread_evenly

COLUMNS = 30
"""Maximum number of classes shown; they are spread evenly over the class table."""


def plot_adherence(table: pl.DataFrame) -> Figure:
    """Plot heat maps of the share of comparisons won: a block per set, a row per modifier, all classes first, then each.

    Parameters
    ----------
    table : polars.DataFrame
        From :func:`synthdiv.analysis.adherence.tabulate_adherence`.
    """
    table = table.filter(pl.col("value") == ALL)
    sets = table["set"].unique(maintain_order=True).to_list()
    all_classes = table["class_id"].drop_nulls().unique().sort().to_list()
    classes = [all_classes[n] for n in spread_evenly(len(all_classes), COLUMNS)]
    modifiers = [table.filter(set=name)["modifier"].unique(maintain_order=True).to_list() for name in sets]
    heights = [1.6 + 0.45 * len(own) for own in modifiers]
    figure = Figure(figsize=(3.6 + 0.55 * len(classes), 0.6 + sum(heights)), layout="constrained")
    grid = figure.subplots(
        len(sets), 2, squeeze=False, height_ratios=heights, width_ratios=[2, max(2.0, 0.55 * len(classes))]
    )
    shown = table.filter(pl.col("class_id").is_null() | pl.col("class_id").is_in(classes))
    furthest = float((shown["share_won"] - 0.5).abs().max())  # type: ignore[arg-type]
    for (left, right), name, own in zip(grid, sets, modifiers, strict=True):
        cells = shown.filter(set=name)
        _fill(left, cells.filter(pl.col("class_id").is_null()), own, furthest)
        image = _fill(right, cells.drop_nulls("class_id").sort("class_id", maintain_order=True), own, furthest)
        left.set_yticks(range(len(own)), own)
        left.set_title(name, loc="left")
        right.set_yticks([])
    if len(classes) < len(all_classes):
        note = f"A sample: {len(classes)} of {len(all_classes):,} classes, evenly spread; the first column is all of them"
        figure.suptitle(note, fontsize=9)
    bar = figure.colorbar(image, ax=grid, location="bottom", shrink=0.5, aspect=40, format=PercentFormatter(1))
    bar.set_label("share of comparisons won (hatched: the interval contains 50 %, the chance level)")
    return figure


def _fill(ax: Axes, cells: pl.DataFrame, modifiers: list[str], furthest: float) -> AxesImage:
    """Fill a heat map with a row per modifier and a column per class; a single column also shows its intervals."""
    names = cells.select("class_id", "class").unique(maintain_order=True).rows()
    columns = {class_id: n for n, (class_id, _) in enumerate(names)}
    values = np.full((len(modifiers), len(columns)), np.nan)
    for cell in cells.iter_rows(named=True):
        row, column = modifiers.index(cell["modifier"]), columns[cell["class_id"]]
        values[row, column] = cell["share_won"]
        text = f"{100 * cell['share_won']:.0f}"
        if len(columns) == 1:
            text += f" ({100 * cell['low']:.0f} to {100 * cell['high']:.0f})"
        strong = abs(cell["share_won"] - 0.5) > 0.55 * furthest
        ax.text(column, row, text, ha="center", va="center", size=8, color="white" if strong else "black")
        if cell["low"] <= 0.5 <= cell["high"]:
            place = (column - 0.5, row - 0.5)
            ax.add_patch(Rectangle(place, 1, 1, fill=False, hatch="////", edgecolor="0.75", linewidth=0))
    image = ax.imshow(np.ma.masked_invalid(values), cmap="PuOr", vmin=0.5 - furthest, vmax=0.5 + furthest, aspect="auto")
    ax.set_xticks(range(len(names)), [name for _, name in names], rotation=35, ha="right")
    ax.spines[:].set_visible(False)
    ax.tick_params(length=0)
    return image


def draw_adherence(files: Any) -> Figure:
    """Draw the adherence of modifiers."""
    return plot_adherence(read_table(files.table, SCHEMA))
