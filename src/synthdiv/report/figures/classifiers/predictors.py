"""Plot predictors of shortfalls and of gains."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import polars as pl
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from synthdiv.analysis.predictors import INTERVENTION, SCHEMA, SHORTFALL
from synthdiv.core.tables import read_table
from synthdiv.report.figures.style import SetStyle, read_styles

METRIC_NAMES = {
    "centroid_distance": "Centroid Distance",
    "vendi_score": "Vendi score",
    "frechet_distance": "Fréchet distance",
    "frechet_distance_unsquared": "Fréchet distance, unsquared",
    "frechet_mean_term": "Fréchet, mean term",
    "frechet_covariance_term": "Fréchet, covariance term",
    "lda on embeddings": "discriminant analysis on embeddings",
    "knn1_accuracy": "k-NN accuracy, k = 1",
    "knn5_accuracy": "k-NN accuracy, k = 5",
}
PANELS = 8
"""Number of metrics shown as scatter plots."""
MOST_POINTS = 100
"""Classes of a pair of sets with a point each, at most; of more, groups of equal size are shown."""
GROUPS = 10


def plot_predictors(ranks: pl.DataFrame, points: pl.DataFrame, styles: Mapping[str, SetStyle]) -> Figure:
    """Plot predictors of shortfalls and of gains: their rank correlations and signs, and gains against the best of them.

    Parameters
    ----------
    ranks, points : polars.DataFrame
        From :mod:`synthdiv.analysis.predictors`, of one classifier.
    styles : mapping of training set to SetStyle
        A pair has that of its second set.
    """
    figure = Figure(figsize=(17, 8.5), layout="constrained")
    left, right = figure.subfigures(1, 2, width_ratios=[1.5, 2.2])  # type: ignore[misc]
    axes = left.subplots(2, 2)
    for ax, (outcome, level, column, title) in zip(
        axes.flat,
        (
            (SHORTFALL, "set", "spearman", "shortfalls of sets"),
            (INTERVENTION, "set", "same_sign", "interventions"),
            (SHORTFALL, "class", "spearman", "shortfalls of classes"),
            (INTERVENTION, "class", "spearman", "gains of classes"),
        ),
        strict=True,
    ):
        _plot_ranks(ax, ranks.filter(outcome=outcome, level=level), column, title)
    classes = ranks.filter(level="class").drop_nulls("spearman")
    shown = classes["outcome"].head(1).to_list()
    best = classes.filter(pl.col("outcome").is_in(shown))["metric"].head(PANELS).to_list()
    own = points.filter(pl.col("outcome").is_in(shown))
    grid = right.subplots(2, 4, sharey=True)
    pairs = own.select("base", "train_set").unique(maintain_order=True).rows()
    for ax, metric in zip(grid.flat, best, strict=False):
        for base, name in pairs:
            table = own.filter(metric=metric, base=base, train_set=name)
            of_classes, whole = table.filter(level="class"), table.filter(level="set")
            style, label = styles[name], f"{base} → {name}"
            _plot_classes(ax, of_classes.drop_nulls(["change", "gain"]), style, label)
            ax.scatter(
                whole["change"], whole["gain"], s=90, marker="*", color=style.colour, edgecolor="black", linewidth=0.6
            )
        ax.axhline(0, color="0.7", linewidth=0.8)
        ax.set_xlabel(f"change of {_name_metric(metric)}")
        ax.locator_params(axis="x", nbins=4)
    for ax in list(grid.flat)[len(best) :]:
        ax.set_visible(False)
    several = own.filter(level="class").group_by("metric", "base", "train_set").len()
    note = f"line: median of {GROUPS} groups of classes with a similar change; band: quartiles"
    if best:
        handles, labels = grid[0, 0].get_legend_handles_labels()
        legend = right.legend(handles, labels, loc="outside upper center", ncols=3, frameon=False, fontsize=8)
        legend.set_title(note if (several["len"] > MOST_POINTS).any() else None, {"size": 8})
    right.supylabel("gain in top-1 (star: whole set)")
    return figure


def _plot_classes(ax: Axes, points: pl.DataFrame, style: SetStyle, label: str) -> None:
    """Plot a point per class or, for many, the quartiles of the gain in groups of classes with a similar change."""
    if len(points) <= MOST_POINTS:
        ax.scatter(points["change"], points["gain"], s=12, color=style.colour, marker=style.marker, alpha=0.6, label=label)
        return
    group = pl.col("change").rank("ordinal") * GROUPS // (pl.len() + 1)
    quartiles = {f"q{n}": pl.col("gain").quantile(n / 4, "linear") for n in (1, 2, 3)}
    groups = points.group_by(group.alias("group")).agg(pl.col("change").median(), **quartiles).sort("change")
    ax.fill_between(groups["change"], groups["q1"], groups["q3"], color=style.colour, alpha=0.1, linewidth=0)
    ax.plot(groups["change"], groups["q2"], color=style.colour, marker=style.marker, markersize=4, linewidth=1, label=label)


def _plot_ranks(ax: Axes, ranks: pl.DataFrame, column: str, title: str) -> None:
    """Plot a correlation or a share of signs of each metric, with its interval and a line where it says nothing."""
    table = ranks.drop_nulls(column).reverse()
    middle, low, high = (table[name].to_numpy() for name in (column, f"{column}_low", f"{column}_high"))
    places = np.arange(len(table))
    ax.errorbar(middle, places, xerr=np.maximum([middle - low, high - middle], 0), fmt="o", markersize=3, capsize=2)
    ax.set_yticks(places, [_name_metric(name) for name in table["metric"]], fontsize=7)
    lowest, neutral = (-1.0, 0.0) if column == "spearman" else (0.0, 0.5)
    ax.axvline(neutral, color="0.7", linewidth=0.8)
    ax.set_xlim(lowest - 0.05, 1.05)
    count = int(table["n_points"].max() or 0)  # type: ignore[arg-type]
    ax.set_xlabel("rank correlation" if column == "spearman" else "share with the same sign")
    ax.set_title(f"{title} (up to {count})", fontsize=9)


def _name_metric(metric: str) -> str:
    return METRIC_NAMES.get(metric, metric.replace("_", " "))


def draw_predictors(files: Any, *, classifier: str, styled: Mapping[str, Any]) -> Figure:
    """Draw the predictors of a classifier's shortfalls and gains."""
    own = pl.col("classifier") == classifier
    ranks, points = read_table(files.table, SCHEMA).filter(own), read_table(files.points).filter(own)
    return plot_predictors(ranks, points, read_styles(styled))
