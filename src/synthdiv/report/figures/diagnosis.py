"""Plot the diagnosis: causes by set, evidence images, and the split of the error."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import polars as pl
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Patch

from synthdiv.core.tables import read_table
from synthdiv.diagnosis.causes import CAUSES, NONE, NOT_TESTED, WRONG
from synthdiv.diagnosis.wrong_images import KINDS
from synthdiv.report.figures.images import find_rows, paste_images

COLOURS = {
    "ambiguity": "#0072B2",
    "adherence": "#E69F00",
    "concept not represented": "#CC79A7",
    "wrong images": "#D55E00",
    "diversity": "#56B4E9",
    "visual domain": "#009E73",
    "not tested": "#D0D0D0",
    "none": "#F0F0F0",
}
"""Okabe and Ito's palette, which is safe for colour-blind readers."""
LETTERS = {
    "ambiguity": "Am",
    "adherence": "Ad",
    "concept not represented": "C",
    "wrong images": "W",
    "diversity": "D",
    "visual domain": "V",
}
ROWS = 16
"""Rows of the figure of evidence."""
MOST_CLASSES = 30
"""Classes with a cell each, at most; of more, those that are suspected in the most sets."""


def choose_classes(causes: pl.DataFrame, most: int) -> pl.DataFrame:
    """Choose the classes with a cell: all or, of many, those suspected in the most sets, then those most often wrong.

    Returns
    -------
    polars.DataFrame
        class_id and name.
    """
    classes = causes.group_by("class_id", maintain_order=True).agg(
        pl.col("name").first(),
        n_suspected=(~pl.col("cause").is_in([NONE, NOT_TESTED])).sum(),
        lost=(pl.col("natural_accuracy") - pl.col("accuracy")).max(),
    )
    if len(classes) > most:
        classes = classes.sort("n_suspected", "lost", descending=True, nulls_last=True, maintain_order=True).head(most)
    return classes.select("class_id", "name")


def plot_causes(causes: pl.DataFrame) -> Figure:
    """Plot the share of classes by cause, with a bar per set, and a cell per class.

    Parameters
    ----------
    causes : polars.DataFrame
        From :func:`synthdiv.diagnosis.causes.diagnose_sets`, for all sets.
    """
    sets = causes["set"].unique(maintain_order=True).to_list()
    classes = dict(choose_classes(causes, MOST_CLASSES).iter_rows())
    figure = Figure(figsize=(4.6 + 0.3 * max(len(classes), 8), 2.2 + 0.4 * len(sets)), layout="constrained")
    axes = figure.subplots(1, 2, sharey=True, width_ratios=[1, max(1.6, 0.1 * len(classes))])
    for row, name in enumerate(sets):
        own, left = causes.filter(pl.col("set") == name), 0.0
        for cause, colour in COLOURS.items():
            share = int((own["cause"] == cause).sum()) / len(own)
            axes[0].barh(row, share, left=left, color=colour, edgecolor="white", linewidth=0.5)
            left += share
    axes[0].set(xlim=(0, 1), xlabel="share of classes", yticks=range(len(sets)))
    axes[0].set_yticklabels(sets)
    axes[0].invert_yaxis()
    _fill_causes(axes[1], causes.filter(pl.col("class_id").is_in(list(classes))), sets, classes)
    number = causes["class_id"].n_unique()
    if len(classes) < number:
        axes[1].set_title(f"{len(classes)} of {number:,} classes: those suspected in the most sets", fontsize=9)
    shown = [cause for cause in COLOURS if (causes["cause"] == cause).any()]
    handles = [Patch(color=COLOURS[cause], label=cause) for cause in shown]
    figure.legend(handles=handles, loc="outside upper center", ncols=4, frameon=False)
    return figure


def _fill_causes(ax: Axes, causes: pl.DataFrame, sets: Sequence[str], classes: Mapping[int, str]) -> None:
    columns = list(classes)  # by id: two classes may have one name
    for row in causes.iter_rows(named=True):
        place = (columns.index(row["class_id"]), sets.index(row["set"]))
        ax.bar(place[0], 0.9, bottom=place[1] - 0.45, width=0.9, color=COLOURS[row["cause"]])
        colour = "white" if row["cause"] == "ambiguity" else "black"
        ax.text(*place, LETTERS.get(row["cause"], ""), ha="center", va="center", size=8, color=colour)
    ax.set_xticks(range(len(classes)), list(classes.values()), rotation=60, ha="right", rotation_mode="anchor")
    ax.tick_params(length=0)
    ax.spines[:].set_visible(False)


def choose_evidence(causes: pl.DataFrame, most: int) -> pl.DataFrame:
    """Choose the classes to show with images: one set per class and cause, and as many classes of each cause.

    Those are shown whose images are most often wrong or, if they are right, vary least.
    """
    found = causes.filter(~pl.col("cause").is_in([NONE, NOT_TESTED]))
    is_wrong = pl.col("cause").is_in([*KINDS, WRONG])
    most_deviating = pl.when(is_wrong).then(pl.col("accuracy") - pl.col("natural_accuracy")).otherwise("spread_ratio")
    ordered = found.sort(most_deviating, "set", "class_id", nulls_last=True)
    ordered = ordered.unique(["class_id", "cause"], keep="first", maintain_order=True)
    ranked = ordered.with_columns(rank=pl.int_range(pl.len()).over("cause")).sort("rank", maintain_order=True).head(most)
    return ranked.sort(pl.col("cause").cast(pl.Enum(CAUSES)), "rank").drop("rank")


def plot_evidence(
    chosen: pl.DataFrame, cells: Sequence[Sequence[Sequence[Mapping[str, Any]]]], n_suspected: int = 0
) -> Figure:
    """Plot a row per diagnosed class: images of the set, from the most to the least natural, next to natural images.

    Parameters
    ----------
    chosen : polars.DataFrame
        From :func:`choose_evidence`.
    cells : sequence of (list of index rows, list of index rows)
        For each row, the images of the set and the natural ones.
    n_suspected : int
        All causes that are suspected, of which the rows are a sample.
    """
    if not len(chosen):
        figure = Figure(figsize=(5, 1))
        figure.text(0.5, 0.5, "no class has a suspected cause", ha="center", va="center")
        return figure
    labels = []
    for row in chosen.iter_rows(named=True):
        predicted = (
            f" (classified as {row['predicted_class']}: {row['predicted_class_share']:.0%})"
            if row["predicted_class_share"] >= 0.2
            else ""
        )
        labels.append(f"{row['name']}, {row['set']}\n{row['cause']}{predicted}")
    figure = paste_images(cells, labels, ["generated", "natural"])
    note = (
        f"A sample: {len(chosen)} of {n_suspected:,} suspected causes of classes and sets"
        if n_suspected > len(chosen)
        else ""
    )
    figure.axes[0].set_xlabel(note)
    return figure


def plot_error_split(split: pl.DataFrame, terms: pl.DataFrame, reference: str) -> Figure:
    """Plot how much of each set's error is diversity and how much is shift, and the effect of natural class clusters.

    Parameters
    ----------
    split, terms : polars.DataFrame
        From :func:`synthdiv.diagnosis.error_split.tabulate_split` and :func:`synthdiv.diagnosis.error_split.tabulate_terms`.
    reference : str
        The reference set.
    """
    whole = split.filter((pl.col("reference") == reference) & pl.col("class_id").is_null())
    moved = terms.filter((pl.col("reference") == reference) & pl.col("class_id").is_null())
    sets = whole["set"].to_list()
    figure = Figure(figsize=(9 if len(moved) else 5, 1.6 + 0.42 * len(sets)), layout="constrained")
    axes = figure.subplots(1, 2 if len(moved) else 1, squeeze=False)[0]
    rows = np.arange(len(sets))
    axes[0].barh(rows, whole["own_error"], color=COLOURS["diversity"], label="own centroids: diversity, class overlap")
    axes[0].barh(
        rows, whole["shift"], left=whole["own_error"], color=COLOURS["adherence"], height=0.5, label="centroid-shift"
    )
    axes[0].hlines(rows, whole["error_low"], whole["error_high"], color="black", linewidth=1)
    axes[0].set(xlabel=f"error by centroids of {reference}", yticks=rows)
    axes[0].set_yticklabels(sets)
    axes[0].invert_yaxis()
    axes[0].legend(loc="lower center", bbox_to_anchor=(0.5, 1), frameon=False)
    if len(moved):
        _plot_terms(axes[1], moved)
    return figure


def _plot_terms(ax: Axes, moved: pl.DataFrame) -> None:
    kinds: dict[str, Any] = {"location": "#E69F00", "spread": "#56B4E9", "shape": "#999999"}
    for row, one in enumerate(moved.iter_rows(named=True)):
        for n, (name, colour) in enumerate(kinds.items()):
            y = row + 0.27 * (n - 1)
            ax.barh(y, one[name], height=0.25, color=colour, label=name if row == 0 else None)
            if one[f"{name}_low"] is not None:
                ax.plot([one[f"{name}_low"], one[f"{name}_high"]], [y, y], color="black", linewidth=1)
    ax.axvline(0, color="0.4", linewidth=0.8)
    ax.set(xlabel=f"accuracy gained with class clusters of {moved['target'][0]}", yticks=range(len(moved)))
    ax.set_yticklabels(moved["set"].to_list())
    ax.invert_yaxis()
    ax.legend(loc="lower center", bbox_to_anchor=(0.5, 1), ncols=3, frameon=False)


def draw_causes(files: Any) -> Figure:
    """Draw the causes by class."""
    return plot_causes(read_table(files.causes))


def draw_error_split(files: Any, *, reference: str) -> Figure:
    """Draw the error split by a reference set."""
    return plot_error_split(read_table(files.split), read_table(files.terms), reference)


def draw_evidence(files: Any, *, sets: Sequence[str]) -> Figure:
    """Draw images of the classes that fall short; the last set is the natural one."""
    *shown, natural = sets
    indices = dict(zip(sets, files.indices, strict=True))
    causes = read_table(files.causes)
    causes = causes.filter(pl.col("set").is_in(shown))
    chosen, suspected = choose_evidence(causes, ROWS), causes.filter(~pl.col("cause").is_in([NONE, NOT_TESTED]))
    class_ids = chosen["class_id"].unique().to_list()
    rows = {name: find_rows(indices[name], class_ids) for name in {*chosen["set"], natural}}
    cells = []
    for row in chosen.iter_rows(named=True):
        wanted = [int(index) for index in row["evidence"].split()]
        generated = {one["index"]: one for one in rows[row["set"]][row["class_id"]]}
        cells.append(([generated[index] for index in wanted], rows[natural][row["class_id"]][: len(wanted)]))
    return plot_evidence(chosen, cells, len(suspected))
