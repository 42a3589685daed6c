"""Plot the accounts of training sets and the ladder as waterfalls, and the classes that fall short."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from typing import Any

import numpy as np
import polars as pl
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Patch

from synthdiv.catalog.writing import list_text_columns
from synthdiv.core.tables import read_table
from synthdiv.diagnosis.accounts import INTERACTION, NOT_PRICED, TOTAL, select_first
from synthdiv.diagnosis.shortfalls import NOT_TESTED, WITHIN_NOISE
from synthdiv.report.figures.style import PALETTE

MOST_SETS = 12
"""Sets of a classifier that have a waterfall, at most."""
MOST_CLASSES = 30
"""Classes whose shortfalls are shown, at most."""
COLOURS = {"loss": PALETTE[1], "gain": PALETTE[0], "total": "0.65"}


def choose_sets(accounts: pl.DataFrame) -> list[pl.DataFrame]:
    """Return the accounts on each classifier's first evaluation set; of many sets, those with the largest shortfall."""
    chosen = []
    for _, own in select_first(accounts).group_by("classifier", maintain_order=True):
        order = own.filter(kind=TOTAL).sort("gain", maintain_order=True)["train_set"].head(MOST_SETS)
        chosen += [
            table for _, table in own.filter(pl.col("train_set").is_in(order)).group_by("train_set", maintain_order=True)
        ]
    return chosen


def plot_accounts(accounts: pl.DataFrame) -> Figure:
    """Plot the steps of each training set's account, which lead from training on natural images to the set.

    Parameters
    ----------
    accounts : polars.DataFrame
        Columns of :data:`synthdiv.diagnosis.accounts.SCHEMA`.
    """
    panels = choose_sets(accounts)
    sizes = [len(_list_steps(table)) + 1 for table in panels]
    figure = Figure(figsize=(8, 0.27 * sum(sizes) + 0.45 * len(panels) + 0.9), layout="constrained")
    axes = figure.subplots(len(panels), 1, sharex=True, squeeze=False, height_ratios=[size + 0.6 for size in sizes])[:, 0]
    for ax, table in zip(axes, panels, strict=True):
        _draw_waterfall(ax, table)
    starts = {table["base"][0] for table in panels}
    against = f" compared with training on {starts.pop()}" if len(starts) == 1 else ""
    axes[-1].set_xlabel(f"top-1, points{against}")
    handles = [
        Patch(facecolor="white", edgecolor="0.5", hatch="////", label="not priced"),
        Patch(color=COLOURS["loss"], label="a setting costs"),
        Patch(color=COLOURS["gain"], label="a setting gains"),
        Patch(color=COLOURS["total"], label="in all"),
    ]
    figure.legend(handles=handles, loc="outside upper center", ncols=4, frameon=False)
    return figure


def plot_waterfall(table: pl.DataFrame, colour: str, limits: tuple[float, float]) -> Figure:
    """Plot the account of one training set in its colour: solid where a setting costs, and outlined where it gains.

    Parameters
    ----------
    table : polars.DataFrame
        Columns of :data:`synthdiv.diagnosis.accounts.SCHEMA`, of one classifier, evaluation set and training set.
    colour : str
        The set's.
    limits : (float, float)
        Of the axis, in points: equal ones make accounts comparable.
    """
    figure = Figure(figsize=(4.8, 0.27 * (len(_list_steps(table)) + 1) + 0.75), layout="constrained")
    ax = figure.subplots()
    _draw_waterfall(ax, table, {"loss": f"{colour}99", "gain": f"{colour}33", "total": colour})
    ax.set_title("", loc="left")
    ax.set_xlim(limits)
    ax.set_xlabel(f"top-1, points compared with {table['base'][0]}", loc="right")
    return figure


def find_limits(accounts: pl.DataFrame) -> tuple[float, float]:
    """Return the range, in points, of what all accounts reach on their way, with the intervals of their steps."""
    ends = [0.0]
    for _, table in accounts.group_by("train_set", maintain_order=True):
        reached = 0.0
        for step in _list_steps(table):
            ends += [100 * (reached + (step[name] or 0.0)) for name in ("gain", "gain_low", "gain_high")]
            reached += step["gain"]
        ends += [
            100 * (row[name] or 0.0) for row in table.filter(kind=TOTAL).to_dicts() for name in ("gain_low", "gain_high")
        ]
    margin = 0.04 * (max(ends) - min(ends)) or 1.0
    return min(ends) - margin, max(ends) + margin


def _list_steps(table: pl.DataFrame) -> list[dict[str, Any]]:
    return table.filter(~pl.col("kind").is_in([TOTAL, INTERACTION])).to_dicts()


def _draw_waterfall(ax: Axes, table: pl.DataFrame, colours: Mapping[str, str] = COLOURS) -> None:
    total, steps = table.filter(kind=TOTAL).to_dicts()[0], _list_steps(table)
    _draw_steps(ax, total, steps, [_describe_step(step) for step in steps], colours)
    order = next((step["order"] for step in steps if step["order"]), "")
    ax.set_title(f"{total['train_set']}{f' ({order})' if order else ''}", loc="left", fontsize=9, fontweight="bold")


def _draw_steps(
    ax: Axes,
    total: dict[str, Any],
    steps: list[dict[str, Any]],
    labels: list[str],
    colours: Mapping[str, str] = COLOURS,
) -> None:
    """Draw each step as a bar from where the last one ended, and below them the total."""
    reached = 0.0
    ax.axvline(0, color="0.6", linewidth=0.8)
    for n, step in enumerate(steps):
        gain = 100 * step["gain"]
        if step.get("kind") == NOT_PRICED:
            ax.barh(n, gain, left=reached, facecolor="none", edgecolor="0.5", hatch="////", height=0.7)
        else:
            ax.barh(n, gain, left=reached, color=colours["loss" if gain < 0 else "gain"], height=0.7)
        _draw_interval(ax, n, reached, step)
        reached += gain
        ax.vlines(reached, n + 0.35, n + 0.65, color="0.5", linewidth=0.6)
    ax.barh(len(steps), reached, color=colours["total"], height=0.7)
    _draw_interval(ax, len(steps), 0.0, total)
    ax.set_yticks(range(len(steps) + 1), [*labels, f"in all: {100 * total['gain']:+.1f}"])
    ax.invert_yaxis()
    ax.tick_params(axis="y", length=0)


def _draw_interval(ax: Axes, row: int, start: float, step: dict[str, Any]) -> None:
    """Draw the interval of a step around its end."""
    if step["gain_low"] is not None:
        ax.hlines(row, start + 100 * step["gain_low"], start + 100 * step["gain_high"], color="black", linewidth=0.9)


def _describe_step(step: dict[str, Any]) -> str:
    gain = f"{100 * step['gain']:+.1f}"
    if step["kind"] == NOT_PRICED:
        return f"to {step['changed']} (not priced): {gain}"
    return f"{step['setting']}: {step['before']} → {step['after']}: {gain}"


def plot_ladder(ladder: pl.DataFrame, width: float = 8.0) -> Figure:
    """Plot the steps of the ladder on the classifier's first evaluation set.

    Parameters
    ----------
    ladder : polars.DataFrame
        Columns of :data:`synthdiv.diagnosis.ladder.SCHEMA`.
    width : float
        In inches.
    """
    total, *steps = select_first(ladder).to_dicts()
    figure = Figure(figsize=(width, 0.27 * len(steps) + 1.2), layout="constrained")
    ax = figure.subplots()
    _draw_steps(ax, total, steps, [f"{step['changes']}: {100 * step['gain']:+.1f}" for step in steps])
    ax.set_title(f"{total['base']} to {total['changed']}", loc="left", fontsize=9, fontweight="bold")
    ax.set_xlabel(f"top-1, points compared with training on {total['base']}")
    return figure


def plot_shortfalls(shortfalls: pl.DataFrame) -> Figure:
    """Plot the points that each class loses after training on each set, a panel per classifier; grey within noise.

    Parameters
    ----------
    shortfalls : polars.DataFrame
        From :func:`synthdiv.diagnosis.shortfalls.tabulate_shortfalls`. Of many classes, those with the largest mean are
        shown.
    """
    panels = [own for _, own in shortfalls.group_by("classifier", maintain_order=True)]
    heights = [own["train_set"].n_unique() for own in panels]
    count = min(shortfalls["class_id"].n_unique(), MOST_CLASSES)
    figure = Figure(figsize=(2.6 + 0.42 * count, 0.36 * sum(heights) + 1.9 * len(panels)), layout="constrained")
    axes = figure.subplots(len(panels), 1, squeeze=False, height_ratios=[height + 1 for height in heights])[:, 0]
    for ax, own in zip(axes, panels, strict=True):
        _fill_shortfalls(ax, own)
    return figure


def _fill_shortfalls(ax: Axes, table: pl.DataFrame) -> None:
    means = table.group_by("class_id", maintain_order=True).agg(pl.col("shortfall").mean(), pl.col("name").first())
    classes = means.sort("shortfall", descending=True, maintain_order=True).head(MOST_CLASSES)
    sets = table["train_set"].unique(maintain_order=True).to_list()
    rows = {(row["train_set"], row["class_id"]): row for row in table.iter_rows(named=True)}
    places = list(itertools.product(range(len(sets)), range(len(classes))))
    cells = {place: rows.get((sets[place[0]], classes["class_id"][place[1]])) for place in places}
    values = np.full((len(sets), len(classes)), np.nan)
    for place, found in cells.items():
        if found is not None and found["finding"] not in (NOT_TESTED, WITHIN_NOISE):
            values[place] = 100 * found["shortfall"]
    most = float(np.nanmax(np.abs(values), initial=1.0))
    ax.set_facecolor("0.93")
    ax.imshow(np.ma.masked_invalid(values), cmap="PuOr_r", vmin=-most, vmax=most, aspect="auto")
    for place, found in cells.items():
        if found is not None:
            colour = "0.55" if np.isnan(values[place]) else "white" if abs(values[place]) > 0.6 * most else "black"
            ax.text(*place[::-1], f"{round(100 * found['shortfall'])}", ha="center", va="center", size=8, color=colour)
    ax.set_xticks(range(len(classes)), classes["name"].to_list(), rotation=60, ha="right", rotation_mode="anchor")
    ax.set_yticks(range(len(sets)), sets)
    ax.spines[:].set_visible(False)
    ax.tick_params(length=0)
    chosen = f"; {len(classes)} of {len(means):,} classes: those with the largest mean" if len(classes) < len(means) else ""
    ax.set_title(f"points lost: {table['classifier'][0]}, evaluated on {table['evaluation_set'][0]}{chosen}", fontsize=9)


def draw_shortfalls(files: Any) -> Figure:
    """Draw the classes that fall short."""
    return plot_shortfalls(read_table(files.table))


def draw_accounts(files: Any) -> Figure:
    """Draw the accounts of the training sets."""
    return plot_accounts(_read_steps(files.table, "accounts"))


def draw_ladder(files: Any) -> Figure:
    """Draw the ladder."""
    return plot_ladder(_read_steps(files.table, "ladder"))


def _read_steps(path: str, name: str) -> pl.DataFrame:
    return read_table(path, list_text_columns(name)).with_columns(pl.col("gain_low", "gain_high").cast(pl.Float64))
