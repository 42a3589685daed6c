"""Plot which classes classifiers confuse after training on natural images, on the best other set and on the worst."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import polars as pl
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from synthdiv.core.tables import read_table
from synthdiv.report.figures.style import SetStyle, read_styles
from synthdiv.stats.intervals import wilson_interval

MOST_CLASSES = 20
"""Classes of a matrix, at most; of more, pairs are shown."""
MOST_PAIRS = 25
"""Pairs that are shown, at most."""


def choose_sets(means: pl.DataFrame, best: str | None, natural: str | None, choices: Sequence[str]) -> list[tuple[str, str]]:
    """Choose the training sets to show: the natural one, the best and the worst of the others, each with what it is.

    Parameters
    ----------
    means : polars.DataFrame
        Of a classifier and an evaluation set: train_set and top1.
    best : str or None
        The best set on images that only serve to choose; None chooses by ``means``.
    natural : str or None
    choices : sequence of str
        The training sets without natural images.
    """
    order = means.filter(pl.col("train_set").is_in(choices)).sort("top1", descending=True, maintain_order=True)["train_set"]
    first = best if best is not None else next(iter(order), None)
    chosen = [(natural, "natural"), (first, "best"), (next(iter(reversed(order)), None), "worst")]
    shown = {name: role for name, role in reversed(chosen) if name is not None}  # one set alone is no worst
    return [(name, role) for name, role in chosen if name is not None and shown[name] == role]


def plot_confusion(
    counts: pl.DataFrame,
    sets: Sequence[tuple[str, str]],
    class_names: Sequence[str],
    title: str,
    styles: Mapping[str, SetStyle],
) -> Figure:
    """Plot a confusion matrix per training set or, for many classes, the pairs that the second set confuses most.

    Parameters
    ----------
    counts : polars.DataFrame
        Of a classifier and an evaluation set: train_set, class_id, predicted, n_images (summed over seeds) and n_seeds.
    sets : sequence of (str, str)
        From :func:`choose_sets`.
    class_names : sequence of str
        By class_id.
    title : str
    styles : mapping of training set to SetStyle
    """
    total = pl.col("n_images").sum().over("train_set", "class_id")
    shares = counts.with_columns(share=pl.col("n_images") / total, n=total / pl.col("n_seeds").fill_null(1))
    if len(class_names) <= MOST_CLASSES:
        return _plot_matrices(shares, sets, class_names, title)
    return _plot_pairs(shares, sets, class_names, title, styles)


def _plot_matrices(shares: pl.DataFrame, sets: Sequence[tuple[str, str]], names: Sequence[str], title: str) -> Figure:
    size = max(2.2, 1.0 + 0.27 * len(names))
    figure = Figure(figsize=(1.4 + size * len(sets), size + 1.6), layout="constrained")
    axes = figure.subplots(1, len(sets), squeeze=False, sharey=True)[0]
    for ax, (name, role) in zip(axes, sets, strict=True):
        values = np.zeros((len(names), len(names)))
        own = shares.filter(train_set=name)
        values[own["class_id"], own["predicted"]] = 100 * own["share"]
        ax.imshow(values, cmap="Blues", vmin=0, vmax=100)
        for (row, column), value in np.ndenumerate(values):
            if round(value):
                colour = "white" if value > 60 else "black"
                ax.text(column, row, f"{value:.0f}", ha="center", va="center", size=7, color=colour)
        ax.set_xticks(range(len(names)), names, rotation=60, ha="right", rotation_mode="anchor")
        ax.set_yticks(range(len(names)), names)
        ax.spines[:].set_visible(False)
        ax.tick_params(length=0)
        ax.set_title(f"{name} ({role})", fontsize=9)
    axes[0].set_ylabel("true class")
    figure.supxlabel("predicted class", fontsize=9)
    figure.suptitle(f"{title}: share of the true class's images, %", fontsize=9)
    return figure


def _plot_pairs(
    shares: pl.DataFrame,
    sets: Sequence[tuple[str, str]],
    names: Sequence[str],
    title: str,
    styles: Mapping[str, SetStyle],
) -> Figure:
    leading = next((name for name, role in sets if role == "best"), sets[0][0])
    wrong = shares.filter(pl.col("class_id") != pl.col("predicted"))
    ranked = wrong.filter(train_set=leading).sort("share", "class_id", "predicted", descending=[True, False, False])
    pairs = ranked.select("class_id", "predicted").head(MOST_PAIRS)
    figure = Figure(figsize=(8, 0.24 * len(pairs) + 1.7), layout="constrained")
    ax = figure.subplots()
    sizes = {(row["train_set"], row["class_id"]): row["n"] for row in shares.iter_rows(named=True)}
    for k, (name, role) in enumerate(sets):
        found = {
            (row["class_id"], row["predicted"]): row["share"] for row in wrong.filter(train_set=name).iter_rows(named=True)
        }
        values = [found.get(pair, 0.0) for pair in pairs.iter_rows()]
        own = [sizes.get((name, class_id), 0.0) for class_id in pairs["class_id"]]
        _plot_shares(ax, values, own, 0.22 * (k - (len(sets) - 1) / 2), styles[name], f"{name} ({role})")
    ax.set_yticks(range(len(pairs)), [f"{names[one]} → {names[other]}" for one, other in pairs.iter_rows()], fontsize=7)
    ax.set_ylim(len(pairs) - 0.5, -0.5)
    ax.set_xlim(left=0)
    ax.tick_params(axis="y", length=0)
    ax.set_xlabel("share of the true class's images, %")
    more = f"the {len(pairs)} most confused of {len(ranked):,} confused pairs of {len(names):,} classes ({leading})"
    ax.set_title(f"{title}: {more}", fontsize=9, loc="right")
    figure.legend(loc="outside lower center", ncols=len(sets), frameon=False, fontsize=8)
    return figure


def _plot_shares(
    ax: Axes, shares: Sequence[float], sizes: Sequence[float], shift: float, style: SetStyle, label: str
) -> None:
    """Plot the shares of one training set, with Wilson's intervals for other images."""
    places = np.arange(len(shares)) + shift
    known = [
        (n, *wilson_interval(share * size, size)) for n, (share, size) in enumerate(zip(shares, sizes, strict=True)) if size
    ]
    lows, highs = [100 * low for _, low, _ in known], [100 * high for *_, high in known]
    rows = [places[n] for n, *_ in known]
    ax.hlines(rows, lows, highs, color=style.colour, linewidth=0.8)
    values = [100 * shares[n] for n, *_ in known]
    ax.plot(values, rows, color=style.colour, marker=style.marker, linestyle="none", markersize=4, label=label)


def draw_confusion(
    files: Any,
    *,
    classifier: str,
    natural: str | None,
    choices: Sequence[str],
    class_names: Sequence[str],
    styled: Mapping[str, Any],
) -> Figure:
    """Draw the classes that a classifier confuses on its first evaluation set."""
    means = read_table(files.means).filter(classifier=classifier)
    means = means.filter(evaluation_set=means["evaluation_set"][0])
    best = [
        name
        for path in files.selection
        for name in read_table(path).filter(pl.col("best"), classifier=classifier)["train_set"]
    ]
    keys = ["classifier", "evaluation_set", "train_set"]
    counts = read_table(files.counts).join(means.select(*keys, "n_seeds"), on=keys)
    sets = choose_sets(means, next(iter(best), None), natural, choices)
    title = f"{classifier}, evaluated on {means['evaluation_set'][0]}"
    return plot_confusion(counts, sets, class_names, title, read_styles(styled))
