"""Plot diversity against semantic error."""

from __future__ import annotations

from typing import Any

import polars as pl
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from synthdiv.core.tables import read_table

GENERATED, NATURAL = "#0072B2", "#D55E00"


def plot_tradeoff(table: pl.DataFrame) -> Figure:
    """Plot semantic error against diversity, a point per set, and the share of images of another visual domain.

    Parameters
    ----------
    table : polars.DataFrame
        From :func:`synthdiv.analysis.tradeoff.tabulate_tradeoff`.
    """
    domains = table["other_domain"].null_count() == 0
    figure = Figure(figsize=(10 if domains else 6, max(3.8, 1.4 + 0.33 * len(table))), layout="constrained")
    axes = figure.subplots(1, 2 if domains else 1, squeeze=False, width_ratios=[1.5, 1] if domains else [1])[0]
    for n, row in enumerate(table.iter_rows(named=True)):
        colour = GENERATED if n else NATURAL
        x, y = row["centroid_distance"], row["semantic_error"]
        axes[0].plot(x, y, "o" if n else "*", color=colour, markersize=5 if n else 10)
        axes[0].hlines(y, row["centroid_distance_low"], row["centroid_distance_high"], color=colour, linewidth=0.8)
        axes[0].vlines(x, row["semantic_error_low"], row["semantic_error_high"], color=colour, linewidth=0.8)
    axes[0].set(xlabel="Centroid Distance (diversity)", ylabel="semantic error")
    axes[0].set_ylim(bottom=0)
    axes[0].margins(x=0.12)
    _label_points(axes[0], table)
    if domains:
        _plot_domains(axes[1], table)
    return figure


def _label_points(ax: Axes, table: pl.DataFrame) -> None:
    """Label points with the sets' names, stacked where points are close together."""
    wide, high = (high - low for low, high in (ax.get_xlim(), ax.get_ylim()))
    placed: list[tuple[float, float]] = []
    for row in table.sort("semantic_error").iter_rows(named=True):
        x, y = row["centroid_distance"], row["semantic_error"]
        near = [other for at, other in placed if abs(at - x) < 0.25 * wide]
        place = max([y, *(other + 0.04 * high for other in near if other + 0.04 * high > y)])
        placed.append((x, place))
        ax.annotate(row["set"], (x, y), xytext=(x + 0.008 * wide, place + 0.008 * high), size=8)


def _plot_domains(ax: Axes, table: pl.DataFrame) -> None:
    places = range(len(table))
    colours = [NATURAL] + [GENERATED] * (len(table) - 1)
    ax.hlines(places, table["other_domain_low"], table["other_domain_high"], color=colours, linewidth=1)
    ax.scatter(table["other_domain"], places, color=colours, s=20)
    ax.set_yticks(places, table["set"].to_list())
    ax.set(xlim=(-0.02, 1.02), xlabel="share not classified as photographs")
    ax.invert_yaxis()


def draw_tradeoff(files: Any) -> Figure:
    """Draw diversity against error."""
    return plot_tradeoff(read_table(files.table))
