"""Plot metrics against the guidance scale."""

from __future__ import annotations

import textwrap
from typing import Any

import polars as pl
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from synthdiv.analysis.guidance import CHOICE_SCHEMA, SCHEMA
from synthdiv.core.fingerprints import format_scale
from synthdiv.core.tables import read_table

TITLES = {
    "centroid_distance": "Centroid Distance of the set",
    "prompt_accuracy": "the set's queries,\nby centroids of {reference}",
    "own_centroid_accuracy": "the set's queries,\nby its own centroids",
    "natural_query_accuracy": "queries of {query},\nby the set's centroids",
    "natural_reference_accuracy": "the set's queries,\nby centroids of {reference}",
    "trained_accuracy": "{classifier}, trained on the set,\nevaluated on {query}",
}
"""Titles of the panels, filled in from a :class:`synthdiv.plan.parts.SweepMetric`."""
COLUMNS = 3
MOST_LINES = 30
"""Classes with a line each, at most; of more, bands and the two extremes are shown."""
BANDS = ((0.05, 0.95, "0.9"), (0.25, 0.75, "0.8"))
"""Quantiles of the classes between which a band lies, and its grey."""
COLOUR = "#31688e"
MARKERS = {"best": COLOUR, "as good": "#8fd3c1", "worse": "white"}
"""Fill colours of the points: the highest value, those not lower beyond noise, and the others."""


def plot_guidance(whole: pl.DataFrame, per_class: pl.DataFrame, choice: pl.DataFrame) -> Figure:
    """Plot small multiples: a block of panels per dataset, a panel per metric, the guidance scale along x.

    Classes are thin grey lines or, if there are many, grey bands and two named extremes. The whole set is in colour with
    its interval as a band; the natural set's own value is a dashed line. Scales of different kinds of guidance are not
    comparable: no two datasets share an axis.

    Parameters
    ----------
    whole, per_class, choice : polars.DataFrame
        From :mod:`synthdiv.analysis.guidance`.
    """
    panels = {
        dataset: table.filter(pl.col("guidance_scale").is_not_null())
        .select("metric", "classifier")
        .unique(maintain_order=True)
        .rows()
        for (dataset,), table in whole.group_by("dataset", maintain_order=True)
    }
    heights = [1 + 2.7 * -(-len(own) // COLUMNS) for own in panels.values()]
    figure = Figure(figsize=(10.5, sum(heights)), layout="constrained")
    blocks = figure.subfigures(len(panels), 1, squeeze=False, height_ratios=heights)[:, 0]
    for block, (dataset, own) in zip(blocks, panels.items(), strict=True):
        rows = -(-len(own) // COLUMNS)
        axes = block.subplots(rows, COLUMNS, squeeze=False)
        kind = whole.filter(dataset=dataset)["guidance"][0]
        for ax, (name, classifier) in zip(axes.flat, own, strict=False):
            wanted = (
                (pl.col("dataset") == dataset)
                & (pl.col("metric") == name)
                & pl.col("classifier").eq_missing(pl.lit(classifier, dtype=pl.String))
            )
            found = choice.filter(wanted, pl.col("class_id").is_null()).row(0, named=True)
            _plot_panel(ax, whole.filter(wanted), per_class.filter(wanted), found)
            ax.set_xlabel(f"guidance scale ({kind})")
        for ax in axes.flat[len(own) :]:
            ax.set_visible(False)
        block.suptitle(dataset)
        n_classes = per_class.filter(dataset=dataset)["class_id"].n_unique()
        legend = _make_legend(whole.filter(dataset=dataset), n_classes)
        block.legend(handles=legend, loc="outside lower center", ncols=4 if len(legend) > 6 else 6, frameon=False)
    return figure


def _plot_panel(ax: Axes, whole: pl.DataFrame, per_class: pl.DataFrame, choice: dict) -> None:
    swept = whole.drop_nulls("guidance_scale").sort("guidance_scale")
    natural = whole.filter(pl.col("guidance_scale").is_null())
    _plot_classes(ax, per_class.drop_nulls("guidance_scale").sort("guidance_scale"))
    for value in natural["value"]:
        ax.axhline(value, color="0.3", linestyle="--", linewidth=1, zorder=2)
    scales = swept["guidance_scale"]
    ax.fill_between(scales, swept["low"], swept["high"], color=COLOUR, alpha=0.3, linewidth=0, zorder=2)
    ax.plot(scales, swept["value"], color=COLOUR, linewidth=1.6, zorder=3)
    as_good = (choice["also_as_good"] or "").split()
    for scale, value in zip(scales, swept["value"], strict=True):
        role = "best" if scale == choice["best_guidance_scale"] else "as good" if format_scale(scale) in as_good else "worse"
        ax.plot(scale, value, marker="o", markersize=6, color=COLOUR, markerfacecolor=MARKERS[role], zorder=4)
    ax.set_xticks(scales, map(format_scale, scales))
    first = swept.row(0, named=True)
    ax.set_title(TITLES[first["metric"]].format(**first), fontsize=9)
    if first["unit"] == "fraction":
        ax.set_ylim(0, 1.02)
    else:
        ax.set_ylim(bottom=0)
    ax.set_ylabel("accuracy" if first["unit"] == "fraction" else first["unit"].replace("^2", "²"))


def _plot_classes(ax: Axes, per_class: pl.DataFrame) -> None:
    lines = dict(list(per_class.group_by("class_id", maintain_order=True)))
    if len(lines) > MOST_LINES:
        by_scale = per_class.group_by("guidance_scale", maintain_order=True)
        for low, high, grey in BANDS:
            ends = by_scale.agg(low=pl.col("value").quantile(low, "linear"), high=pl.col("value").quantile(high, "linear"))
            ax.fill_between(ends["guidance_scale"], ends["low"], ends["high"], color=grey, linewidth=0, zorder=0)
        means = per_class.group_by("class_id", "name", maintain_order=True).agg(pl.col("value").mean())
        lines = {}
        for end, side, offset in ((means["value"].min(), "bottom", 3), (means["value"].max(), "top", -3)):  # inwards
            first, *others = means.filter(pl.col("value") == end).rows(named=True)
            table = per_class.filter(class_id=first["class_id"])
            words = textwrap.shorten(first["name"], 24, placeholder="…") + (f" and {len(others):,} more" if others else "")
            place = (table["guidance_scale"][-1], table["value"][-1])
            ax.annotate(words, place, (-3, offset), textcoords="offset points", ha="right", va=side, size=6)
            lines[(first["class_id"],)] = table
    for table in lines.values():
        ax.plot(table["guidance_scale"], table["value"], color="0.6", linewidth=0.6, zorder=1)


def _make_legend(whole: pl.DataFrame, n_classes: int) -> list[Line2D | Patch]:
    lines: list[Line2D | Patch] = [Line2D([], [], color=COLOUR, label="the set, with its 95 % interval")]
    if n_classes > MOST_LINES:
        words = [f"{round(100 * (high - low))} % of {n_classes:,} classes" for low, high, _ in BANDS]
        lines += [Patch(color=grey, label=text) for text, (*_, grey) in zip(words, BANDS, strict=True)]
    label = "the lowest and the highest class" if n_classes > MOST_LINES else "each class"
    lines.append(Line2D([], [], color="0.6", linewidth=0.6, label=label))
    natural = whole.filter(pl.col("guidance_scale").is_null())["set"]
    if len(natural):
        lines.append(Line2D([], [], color="0.3", linestyle="--", linewidth=1, label=f"{natural[0]} in place of the set"))
    names = {"best": "highest", "as good": "not lower beyond noise", "worse": "lower beyond noise"}
    for role, fill in MARKERS.items():
        lines.append(Line2D([], [], color=COLOUR, linestyle="none", marker="o", markerfacecolor=fill, label=names[role]))
    return lines


def draw_guidance(files: Any) -> Figure:
    """Draw the metrics by guidance scale."""
    whole, choice = read_table(files.table, SCHEMA), read_table(files.choice, CHOICE_SCHEMA)
    return plot_guidance(whole, read_table(files.per_class), choice)
