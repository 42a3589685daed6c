"""Plot the matrix of experiments, and Centroid Distance."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import polars as pl
from matplotlib.figure import Figure

from synthdiv.core.tables import read_table
from synthdiv.report.figures.style import fill_cells

SPLIT_COLOURS = {"train": "#31688e", "evaluation": "#8fd3c1"}


def plot_experiments(experiments: pl.DataFrame, references: Sequence[str], queries: Sequence[str]) -> Figure:
    """Plot heat maps of the matrix: Centroid Accuracy, k-NN accuracy at k = 1 and 5, and average cosine similarity.

    Parameters
    ----------
    experiments : polars.DataFrame
        From :func:`synthdiv.analysis.matrix.tabulate_experiments`; a cell without an experiment is "n/a".
    references, queries : sequences of str
        The rows and the columns, in order.
    """
    panels = {
        "centroid_accuracy": "Centroid Accuracy",
        "knn1_accuracy": "k-NN accuracy, k = 1",
        "knn5_accuracy": "k-NN accuracy, k = 5",
        "mean_cosine": "average cosine similarity",
    }
    figure = Figure(figsize=(2.4 + 1.5 * len(queries), 2.4 + 1.1 * len(references)), layout="constrained")
    axes = figure.subplots(2, 2, sharex=True, sharey=True)
    for ax, (column, title) in zip(axes.flat, panels.items(), strict=True):
        cells = {(row["reference"], row["query"]): row[column] for row in experiments.iter_rows(named=True)}
        grid = np.array([[cells.get((reference, query)) for query in queries] for reference in references], dtype=float)
        fill_cells(ax, grid, references, queries)
        ax.set_title(title)
    figure.supxlabel("query set")
    figure.supylabel("reference set")
    return figure


def plot_centroid_distance(table: pl.DataFrame) -> Figure:
    """Plot Centroid Distance with its 95 % interval: one bar per set and split."""
    sets = table["set"].unique(maintain_order=True).to_list()
    figure = Figure(figsize=(2.0 + 1.0 * len(sets), 3.6), layout="constrained")
    axes = figure.subplots()
    names = ["centroid_distance", "centroid_distance_low", "centroid_distance_high"]
    splits = [(split, colour) for split, colour in SPLIT_COLOURS.items() if split in table["split"]]
    for n, (split, colour) in enumerate(splits):
        own = pl.DataFrame({"set": sets}).join(table.filter(split=split), on="set", how="left", maintain_order="left")
        values, low, high = own.select(pl.col(names).cast(pl.Float64)).to_numpy().T
        places = np.arange(len(sets)) + (n - (len(splits) - 1) / 2) * 0.38
        axes.bar(places, values, width=0.36, label=split, color=colour)
        axes.vlines(places, low, high, color="black", linewidth=1)
    axes.set_xticks(range(len(sets)), sets, rotation=30, ha="right")
    axes.set_ylabel("Centroid Distance")
    if len(splits) > 1:
        axes.legend(frameon=False)
    return figure


def draw_experiments(files: Any, *, references: Sequence[str], queries: Sequence[str]) -> Figure:
    """Draw the matrix."""
    return plot_experiments(read_table(files.table), references, queries)


def draw_centroid_distance(files: Any) -> Figure:
    """Draw the Centroid Distance of each set."""
    return plot_centroid_distance(read_table(files.table))
