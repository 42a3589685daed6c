"""Plot accuracy by the number of training images: of natural ones with others added, and of several sizes of a set."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import polars as pl
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from synthdiv.core.tables import read_table
from synthdiv.diagnosis.interventions import select_primary
from synthdiv.report.figures.style import PALETTE, SetStyle, read_styles

Groups = Mapping[str, Sequence[Sequence[str]]]
"""By classifier: training sets that differ in their number of images alone."""


def plot_exchange_rate(exchange_rate: pl.DataFrame) -> Figure:
    """Plot top-1 against the number of natural images, with a line per set of added images."""
    classifiers = exchange_rate["classifier"].unique(maintain_order=True).to_list()
    figure = Figure(figsize=(6, 0.4 + 3.6 * len(classifiers)), layout="constrained")
    for ax, classifier in zip(figure.subplots(len(classifiers), 1, squeeze=False)[:, 0], classifiers, strict=True):
        own = exchange_rate.filter(classifier=classifier).sort("n_natural")
        for (synthetic,), table in own.group_by("synthetic", maintain_order=True):
            if len(table) == 1 and table["n_natural"][0] == 0:
                ax.axhline(table["top1"][0], color="0.5", linestyle=":", label=f"{synthetic}, no natural images")
            else:
                _plot_interval(ax, table, "n_natural", f"natural + {synthetic}" if synthetic else "natural only")
        ax.set_title(f"{classifier}, evaluated on {own['evaluation_set'][0]}")
        ax.set_xlabel("natural training images")
        ax.set_ylabel("top-1")
        ax.legend(frameon=False)
    return figure


def _plot_interval(ax: Axes, table: pl.DataFrame, x: str, label: str) -> None:
    errors = [table["top1"] - table["top1_low"], table["top1_high"] - table["top1"]]
    ax.errorbar(table[x], table["top1"], yerr=np.array(errors), marker="o", markersize=4, capsize=3, label=label)


def plot_sizes(
    means: pl.DataFrame,
    interventions: pl.DataFrame,
    groups: Groups,
    natural: Mapping[str, str | None],
    styles: Mapping[str, SetStyle],
) -> Figure:
    """Plot top-1 against the number of training images, a line per group of sets; natural images are a line of reference.

    Parameters
    ----------
    means : polars.DataFrame
        From :mod:`synthdiv.analysis.classifier_tables`.
    interventions : polars.DataFrame
        Columns of :data:`synthdiv.diagnosis.interventions.SCHEMA`: what each step from one size to the next gains.
    groups : Groups
    natural : mapping of classifier to training set
        None if there is no natural one.
    styles : mapping of training set to SetStyle
        A group has that of its largest set.
    """
    figure = Figure(figsize=(7, 0.4 + 3.8 * len(groups)), layout="constrained")
    for ax, (classifier, sets) in zip(figure.subplots(len(groups), 1, squeeze=False)[:, 0], groups.items(), strict=True):
        own = means.filter(classifier=classifier)
        own = own.filter(evaluation_set=own["evaluation_set"][0])
        steps = select_primary(interventions).filter(classifier=classifier)
        for names in sets:
            table = own.filter(pl.col("train_set").is_in(names)).sort("n_train", "top1")
            _plot_group(ax, table, steps, styles[table["train_set"][-1]])
        for row in (row for row in own.to_dicts() if row["train_set"] == natural[classifier]):
            label = f"{row['train_set']} ({row['n_train']:,} images)"
            ax.axhline(100 * row["top1"], color=PALETTE[-1], linestyle="--", linewidth=1, label=label)
            ax.axhspan(100 * row["top1_low"], 100 * row["top1_high"], color=PALETTE[-1], alpha=0.08, linewidth=0)
        shown = own.filter(pl.col("train_set").is_in([name for names in sets for name in names]))["n_train"].unique().sort()
        ax.set_xscale("log")
        ax.set_xticks(shown.to_list(), [f"{size:,}" for size in shown])
        ax.minorticks_off()
        ax.margins(x=0.08, y=0.12)
        ax.set(xlabel="training images", ylabel="top-1, %")
        ax.set_title(f"{classifier}, evaluated on {own['evaluation_set'][0]}", fontsize=9)
        ax.legend(frameon=False, fontsize=8, loc="center left", bbox_to_anchor=(1, 0.5))
    return figure


def _plot_group(ax: Axes, table: pl.DataFrame, steps: pl.DataFrame, style: SetStyle) -> None:
    """Plot accuracy with intervals and, between neighbouring sizes, the points that the larger one gains."""
    top1, low, high = (100 * table[name].to_numpy() for name in ("top1", "top1_low", "top1_high"))
    label = "\n".join(table["train_set"])
    ax.errorbar(
        table["n_train"],
        top1,
        yerr=[top1 - low, high - top1],
        marker=style.marker,
        color=style.colour,
        capsize=3,
        label=label,
    )
    at = {row["train_set"]: (row["n_train"], 100 * row["top1"]) for row in table.to_dicts()}
    for step in steps.filter(pl.col("base").is_in(list(at)) & pl.col("changed").is_in(list(at))).to_dicts():
        (x, y), (other_x, other_y) = at[step["base"]], at[step["changed"]]
        sign = 1 if other_x > x else -1
        words = f"{100 * sign * step['gain']:+.1f}"
        if step["gain_low"] is not None:
            ends = sorted(100 * sign * float(step[name]) for name in ("gain_low", "gain_high"))
            words += f" [{ends[0]:.1f}, {ends[1]:.1f}]"
        place = (np.sqrt(x * other_x), (y + other_y) / 2)  # the middle on a logarithmic axis
        ax.annotate(
            words, place, xytext=(0, -12), textcoords="offset points", ha="center", va="top", size=7, color=style.colour
        )


def draw_sizes(files: Any, *, groups: Groups, natural: Mapping[str, str | None], styled: Mapping[str, Any]) -> Figure:
    """Draw the accuracy by the number of training images."""
    means, interventions = read_table(files.means), read_table(files.interventions)
    return plot_sizes(means, interventions, groups, natural, read_styles(styled))


def draw_exchange_rate(files: Any) -> Figure:
    """Draw the accuracy by the number of natural images."""
    return plot_exchange_rate(read_table(files.table))
