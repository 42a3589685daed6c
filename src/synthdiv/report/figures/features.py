"""Plot frozen features: their accuracy on transfer sets, and a spider plot of their statistics."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping
from typing import Any

import numpy as np
import polars as pl
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from synthdiv.core.tables import read_table
from synthdiv.report.figures.style import MARKERS, PALETTE, SetStyle, read_styles

COLUMNS = 3
INNER = 0.2
"""Radius of an axis's lowest value, where the highest has radius 1: lines that meet in the centre can't be distinguished."""
STATISTICS = {
    "sparsity": "sparsity",
    "intra_class_distance": "intra-class distance",
    "feature_redundancy": "redundancy",
    "coding_length": "coding length",
}
OTHERS = "pretrained encoders"


def plot_transfer(means: pl.DataFrame, styles: Mapping[str, SetStyle]) -> Figure:
    """Plot top-1 by transfer set: a panel per classifier, a marker per training set, and one panel of pretrained encoders.

    Parameters
    ----------
    means : polars.DataFrame
        From :func:`synthdiv.analysis.transfer_tables.average_transfer`.
    styles : mapping of training set to SetStyle
    """
    counts = means.group_by("encoder").agg(n=pl.col("train_set").n_unique())
    several = set(counts.filter(pl.col("n") > 1)["encoder"])
    named = means.with_columns(
        panel=pl.when(pl.col("encoder").is_in(list(several))).then("encoder").otherwise(pl.lit(OTHERS)),
        label=pl.when(pl.col("encoder").is_in(list(several)))
        .then("train_set")
        .otherwise(pl.concat_str("encoder", "train_set", separator=", ", ignore_nulls=True)),
    )
    panels = named.partition_by("panel", maintain_order=True)
    sets = means["transfer_set"].unique(maintain_order=True).to_list()
    heights = [0.2 + 0.2 * own["label"].n_unique() * len(sets) for own in panels]
    figure = Figure(figsize=(8, sum(heights) + 0.5 * len(panels) + 0.5), layout="constrained")
    grid = figure.subplots(len(panels), 1, squeeze=False, sharex=True, height_ratios=heights)[:, 0]
    for ax, own in zip(grid, panels, strict=True):
        labels = own["label"].unique(maintain_order=True).to_list()
        for n, label in enumerate(labels):
            table = own.filter(label=label)
            places = [sets.index(name) + 0.8 * ((n + 0.5) / len(labels) - 0.5) for name in table["transfer_set"]]
            errors = [table["top1"] - table["top1_low"], table["top1_high"] - table["top1"]]
            style = styles.get(label, SetStyle(PALETTE[n % len(PALETTE)], MARKERS[n % len(MARKERS)]))
            look = {"color": style.colour, "marker": style.marker, "linestyle": "none"}
            ax.errorbar(table["top1"], places, xerr=np.array(errors), capsize=2, markersize=5, label=label, **look)
        for n in range(len(sets) - 1):
            ax.axhline(n + 0.5, color="0.85", linewidth=0.8)
        ax.set_yticks(range(len(sets)), sets)
        ax.set_ylim(len(sets) - 0.45, -0.55)
        ax.tick_params(axis="y", length=0)
        ax.grid(axis="x", color="0.9", linewidth=0.8)
        ax.set_axisbelow(True)
        ax.set_title(own["panel"][0])
        title = None if own["panel"][0] == OTHERS else "trained on"
        ax.legend(title=title, loc="center left", bbox_to_anchor=(1, 0.5), frameon=False)
    grid[-1].set_xlabel("top-1 of a logistic regression on frozen features")
    return figure


def gather_axes(statistics: pl.DataFrame, classifiers: pl.DataFrame, transfer: pl.DataFrame | None) -> pl.DataFrame:
    """Gather the axes of the spider plot: the statistics, top-1 on each evaluation set, and top-1 on transfer sets.

    Parameters
    ----------
    statistics : polars.DataFrame
        Statistics of the features, with one row per seed and statistic.
    classifiers : polars.DataFrame
        From :func:`synthdiv.analysis.classifier_tables.average_seeds`.
    transfer : polars.DataFrame or None
        From :func:`synthdiv.analysis.transfer_tables.average_transfer`.

    Returns
    -------
    polars.DataFrame
        classifier, train_set, axis, value (mean over seeds), for the axes that every classifier and training set has.
    """
    keys = ["classifier", "train_set"]
    own = statistics.group_by(*keys, "statistic", maintain_order=True).agg(value=pl.col("value").mean())
    named = own.with_columns(axis=pl.col("statistic").replace_strict(STATISTICS))
    evaluated = classifiers.with_columns(axis=pl.format("top-1 on {}", "evaluation_set"), value="top1")
    tables = [named, evaluated]
    if transfer is not None:
        sets = transfer["transfer_set"].unique(maintain_order=True).to_list()
        name = f"transfer to {sets[0]}" if len(sets) == 1 else f"transfer, mean of {len(sets)} sets"
        found = transfer.rename({"encoder": "classifier"}).group_by(*keys, maintain_order=True).agg(pl.col("top1").mean())
        tables.append(found.with_columns(axis=pl.lit(name), value="top1"))
    encoders = named.select(keys).unique(maintain_order=True)
    table = pl.concat([one.select(*keys, "axis", "value") for one in tables]).join(
        encoders, on=keys, how="semi", maintain_order="left"
    )
    whole = table.drop_nulls().group_by("axis").len().filter(pl.col("len") == len(encoders))
    return table.join(whole, on="axis", how="semi", maintain_order="left")


def plot_spider(axes: pl.DataFrame, natural: str | None, styles: Mapping[str, SetStyle]) -> Figure:
    """Plot a panel per classifier and training set, with the natural set dashed; an axis has one scale in all panels.

    Parameters
    ----------
    axes : polars.DataFrame
        From :func:`gather_axes`.
    natural : str or None
        The training set to compare the others with.
    styles : mapping of training set to SetStyle
    """
    names = axes["axis"].unique(maintain_order=True).to_list()
    values = {name: own["value"].to_numpy() for (name,), own in axes.group_by("axis", maintain_order=True)}
    ranges = {name: (float(own.min()), float(own.max())) for name, own in values.items()}
    lines = [textwrap.wrap(name, 16, break_on_hyphens=False, break_long_words=False) for name in names]
    labels = ["\n".join([*own, _show(*ranges[name])]) for name, own in zip(names, lines, strict=True)]
    shapes = {
        key: [INNER + (1 - INNER) * _place(value, *ranges[name]) for name, value in own.select("axis", "value").iter_rows()]
        for key, own in axes.group_by("classifier", "train_set", maintain_order=True)
    }
    references = {classifier: shape for (classifier, training), shape in shapes.items() if training == natural}
    panels = [key for key in shapes if key[1] != natural or sum(one[0] == key[0] for one in shapes) == 1]
    columns = min(COLUMNS, len(panels))
    rows = -(-len(panels) // columns)
    figure = Figure(figsize=(4.1 * columns, 3.6 * rows + 0.4), layout="constrained")
    grid = figure.subplots(rows, columns, squeeze=False, subplot_kw={"projection": "polar"})
    several = len({classifier for classifier, _ in panels}) > 1
    for ax, key in zip(grid.flat, panels, strict=False):
        _draw_web(ax, labels)
        if key[0] in references and key[1] != natural:
            _draw_shape(ax, references[key[0]], "0.25", linestyle="--", linewidth=1.3)
        colour = styles[key[1]].colour
        _draw_shape(ax, shapes[key], colour, marker=styles[key[1]].marker, markersize=4, linewidth=1.8)
        ax.fill(_turn(len(names)), shapes[key], color=colour, alpha=0.15, linewidth=0)
        ax.set_title(f"{key[0]}, {key[1]}" if several else key[1], color=colour, weight="bold", pad=14)
    for ax in grid.flat[len(panels) :]:
        ax.set_visible(False)
    if any(key[1] != natural and key[0] in references for key in panels):
        line = Line2D([], [], color="0.25", linestyle="--", linewidth=1.3, label=f"trained on {natural}")
        figure.legend(handles=[line], loc="outside lower center", frameon=False)
    return figure


def _place(value: float, low: float, high: float) -> float:
    return (value - low) / (high - low) if high > low else 0.5


def _show(low: float, high: float) -> str:
    """Return the ends of an axis, with enough digits to distinguish them."""
    gap = high - low
    digits = 0 if gap >= 20 else 1 if gap >= 2 else 2 if gap >= 0.05 else 3
    return f"{low:.{digits}f} to {high:.{digits}f}"


def _turn(count: int) -> np.ndarray:
    return np.arange(count) * 2 * np.pi / count


def _draw_web(ax: Axes, labels: list[str]) -> None:
    angles = _turn(len(labels))
    ax.set_theta_offset(np.pi / 2)  # type: ignore[attr-defined]
    ax.set_theta_direction(-1)  # type: ignore[attr-defined]
    ax.set_ylim(0, 1.02)
    ax.set_yticks([INNER, (1 + INNER) / 2, 1], ["", "", ""])
    ax.set_xticks(angles, labels, fontsize=6.5)
    for angle, text in zip(angles, ax.get_xticklabels(), strict=True):
        side = np.sin(angle)
        text.set_horizontalalignment("center" if abs(side) < 0.1 else "left" if side > 0 else "right")
        text.set_verticalalignment("top" if np.cos(angle) < -0.9 else "bottom" if np.cos(angle) > 0.9 else "center")
    ax.grid(color="0.85", linewidth=0.7)
    ax.spines[:].set_visible(False)
    ax.tick_params(pad=1)


def _draw_shape(ax: Axes, shape: list[float], colour: str, **style: object) -> None:
    angles = _turn(len(shape))
    ax.plot([*angles, angles[0]], [*shape, shape[0]], color=colour, **style)  # type: ignore[arg-type]


def draw_transfer(files: Any, *, styled: Mapping[str, Any]) -> Figure:
    """Draw the transfer of frozen features."""
    return plot_transfer(read_table(files.means), read_styles(styled))


def draw_features(files: Any, *, natural: str | None, styled: Mapping[str, Any]) -> Figure:
    """Draw the statistics of features and the accuracies."""
    transfer = read_table(files.transfer[0]) if files.transfer else None
    axes = gather_axes(read_table(files.statistics), read_table(files.classifiers), transfer)
    return plot_spider(axes, natural, read_styles(styled))
