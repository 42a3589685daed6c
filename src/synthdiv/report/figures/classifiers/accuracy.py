"""Plot the accuracy of classifiers by training set, the course of training, and what interventions are worth."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import polars as pl
from matplotlib.figure import Figure

from synthdiv.core.manifests import read_manifest
from synthdiv.core.tables import read_table
from synthdiv.diagnosis.interventions import select_primary
from synthdiv.report.figures.style import SetStyle, fill_cells, read_styles


def plot_classifiers(means: pl.DataFrame, differences: pl.DataFrame) -> Figure:
    """Plot a grid per classifier: top-1 on each evaluation set (columns) for each training set (rows), mean over seeds.

    Parameters
    ----------
    means, differences : polars.DataFrame
        From :mod:`synthdiv.analysis.classifier_tables`.
    """
    names = means["classifier"].unique(maintain_order=True).to_list()
    trained = [means.filter(classifier=name)["train_set"].unique(maintain_order=True).to_list() for name in names]
    evaluated = [means.filter(classifier=name)["evaluation_set"].unique(maintain_order=True).to_list() for name in names]
    width, height = max(map(len, evaluated)), sum(map(len, trained))
    figure = Figure(figsize=(2.6 + 0.85 * width, 1.2 * len(names) + 0.45 * height + 0.6), layout="constrained")
    grids = figure.subplots(len(names), 1, squeeze=False, height_ratios=[len(rows) for rows in trained])[:, 0]
    for ax, name, rows, columns in zip(grids, names, trained, evaluated, strict=True):
        cells = {(row["train_set"], row["evaluation_set"]): row["top1"] for row in means.filter(classifier=name).to_dicts()}
        values = np.array([[cells.get((row, column), np.nan) for column in columns] for row in rows], dtype=float)
        fill_cells(ax, values, rows, columns)
        lines = describe_difference(means.filter(classifier=name), differences.filter(classifier=name))
        ax.set_title("\n".join([name, *lines]))
    figure.supxlabel("evaluation set")
    figure.supylabel("training set")
    return figure


def describe_difference(means: pl.DataFrame, differences: pl.DataFrame) -> list[str]:
    """Return lines that compare a classifier's best other training set with the evaluation set's own training split.

    The list is empty if the classifier was not trained on the evaluation set, or on nothing else.
    """
    target = means["evaluation_set"][0]
    evaluated = means.filter(evaluation_set=target).sort("top1", descending=True)
    own, others = evaluated.filter(train_set=target), evaluated.filter(pl.col("train_set") != target)
    if own.is_empty() or others.is_empty():
        return []
    best = others["train_set"][0]
    pair = differences.filter(pl.col("evaluation_set") == target, pl.col("train_set_a").is_in([target, best]))
    row = pair.filter(pl.col("train_set_b").is_in([target, best])).to_dicts()[0]
    sign = 1 if row["train_set_a"] == target else -1
    low, high = sorted((sign * row["difference_low"], sign * row["difference_high"]))
    verdict = "beyond noise" if row["differs"] else "not beyond noise"
    return [
        f"on {target}: {own['top1'][0]:.3f} with its training split, {others['top1'][0]:.3f} with the best other ({best});",
        f"difference {sign * row['difference']:+.3f} (95 % interval {low:+.3f} to {high:+.3f}, {verdict})",
    ]


def plot_training(
    logs: Mapping[str, Mapping[str, Sequence[pl.DataFrame]]], monitored: Mapping[str, str], styles: Mapping[str, SetStyle]
) -> Figure:
    """Plot loss and accuracy curves: a row per classifier, a colour per training set, a line per seed.

    Parameters
    ----------
    logs : mapping of classifier to mapping of training set to tables
        The log of each run.
    monitored : mapping of classifier to set
        The set whose evaluation split was evaluated during training.
    styles : mapping of training set to SetStyle
    """
    panels = (("loss", "training loss"), ("train_top1", "top-1 on augmented training images"), ("monitored_top1", ""))
    figure = Figure(figsize=(11, 0.6 + 2.9 * len(logs)), layout="constrained")
    grid = figure.subplots(len(logs), 3, squeeze=False)
    for axes, (classifier, sets) in zip(grid, logs.items(), strict=True):
        for ax, (column, title) in zip(axes, panels, strict=True):
            for name, tables in sets.items():
                for seed, table in enumerate(tables):
                    shown = table.drop_nulls(column)
                    label = name if seed == 0 else None
                    mark = {"marker": styles[name].marker, "markevery": [-1], "markersize": 4}
                    ax.plot(shown["epoch"], shown[column], color=styles[name].colour, linewidth=0.9, label=label, **mark)
            monitored_title = f"top-1 on {monitored[classifier]}" if classifier in monitored else "no monitored set"
            ax.set_title(title or monitored_title)
            ax.set_xlabel("epoch")
        axes[0].set_ylabel(classifier)
        axes[2].legend(frameon=False, fontsize=7, loc="center left", bbox_to_anchor=(1, 0.5))
    return figure


def plot_interventions(interventions: pl.DataFrame) -> Figure:
    """Plot the gain of each intervention with its interval, a panel per classifier, on the set on which they are tested."""
    panels = list(select_primary(interventions).group_by("classifier", maintain_order=True))
    sizes = [len(table) for _, table in panels]
    figure = Figure(figsize=(9, 0.4 * sum(sizes) + 1.1 * len(panels) + 0.3), layout="constrained")
    axes = figure.subplots(len(panels), 1, squeeze=False, height_ratios=[size + 1 for size in sizes])[:, 0]
    for ax, ((name,), table) in zip(axes, panels, strict=True):
        gains = 100 * table["gain"].to_numpy()
        # a CSV without intervals has empty columns of text
        bounds = 100 * table.select(pl.col("gain_low", "gain_high").cast(pl.Float64)).to_numpy()
        places = np.arange(len(table))
        filled = np.array([differs is True for differs in table["differs"]])
        ax.axvline(0, color="0.6", linewidth=0.8)
        ax.hlines(places, bounds[:, 0], bounds[:, 1], color="C0")
        ax.scatter(gains, places, s=36, c=np.where(filled, "C0", "white"), edgecolors="C0", zorder=3)
        ax.set_yticks(places, [f"{row['setting']}: {row['before']} → {row['after']}" for row in table.to_dicts()])
        ax.set_ylim(len(table) - 0.5, -0.5)
        right = ax.secondary_yaxis("right")
        right.set_yticks(places, [f"{row['base']} → {row['changed']}" for row in table.to_dicts()])
        right.tick_params(length=0)
        ax.set_title(f"{name}, evaluated on {table['evaluation_set'][0]}")
        ax.set_xlabel("gain in top-1, points")
    return figure


def draw_classifiers(files: Any) -> Figure:
    """Draw the accuracy of classifiers by training and evaluation set."""
    return plot_classifiers(read_table(files.means), read_table(files.differences))


def draw_training(
    files: Any, *, runs: Sequence[tuple[str, str]], monitored: Mapping[str, str], styled: Mapping[str, Any]
) -> Figure:
    """Draw the training curves of runs of a classifier on a training set."""
    logs: dict[str, dict[str, list[pl.DataFrame]]] = {}
    paths = [path for manifest in files.logs for path in read_manifest(manifest)]
    for (classifier, training), path in zip(runs, paths, strict=True):
        logs.setdefault(classifier, {}).setdefault(training, []).append(read_table(path))
    return plot_training(logs, monitored, read_styles(styled))


def draw_interventions(files: Any) -> Figure:
    """Draw what each setting is worth."""
    return plot_interventions(read_table(files.table))
