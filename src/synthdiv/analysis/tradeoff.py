"""What prompts trade: how varied a drawn set is, against how many images show something else, or another visual domain.

The second study ("Fake it till you make it", Appendix) observes that prompts which vary more also err more, and that some
images are no photographs.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import polars as pl
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from synthdiv.stats.intervals import wilson_interval

SHARES = ("semantic_error", "other_domain")
SCHEMA: dict[str, Any] = {
    **dict.fromkeys(("set", "first_prompt"), pl.String),
    **dict.fromkeys(("guidance_scale", "centroid_distance", "centroid_distance_low", "centroid_distance_high"), pl.Float64),
    "n_images": pl.Int64,
    **{name + end: pl.Float64 for name in SHARES for end in ("", "_low", "_high")},
}
DRAWN, NATURAL = "#0072B2", "#D55E00"


def tabulate_tradeoff(
    causes: pl.DataFrame, distances: pl.DataFrame, natural: str, described: Mapping[str, tuple[str, float]]
) -> pl.DataFrame:
    """Diversity, semantic error and the share of another visual domain, a row a set.

    Parameters
    ----------
    causes : polars.DataFrame
        From :func:`synthdiv.diagnosis.causes.diagnose_classes`, of all drawn sets.
    distances : polars.DataFrame
        Centroid Distance of each set and split.
    natural : str
        The set whose centroids judge; its own row stands first, of its evaluation split (semantic error, domain).
    described : mapping of set name to (str, float)
        The prompt of its first image, and its guidance scale.

    Returns
    -------
    polars.DataFrame
        set, first_prompt, guidance_scale; centroid_distance (of the training split) with bounds; n_images; semantic_error
        (the share of images that are not nearest to the natural centroid of their own class) and other_domain (the share
        that the encoder does not take for a photograph of their class; null where no encoder reads texts), each with Wilson
        bounds.
    """
    rows = []
    for name in [natural, *causes["set"].unique(maintain_order=True)]:
        own = causes.filter(set=name) if name != natural else causes.filter(set=causes["set"][0])
        prefix = "natural_" if name == natural else ""
        prompt, scale = described.get(name, (None, None))
        counts = own["n_natural" if name == natural else "n_images"]
        row: dict[str, Any] = {"set": name, "first_prompt": prompt, "guidance_scale": scale, "n_images": int(counts.sum())}
        (spread,) = distances.filter(set=name, split="train").iter_rows(named=True)
        row |= {column: spread[column] for column in spread if column.startswith("centroid_distance")}
        for figure, column in zip(SHARES, ("right", "photographs"), strict=True):
            shares = own[prefix + column]
            if shares.null_count():
                continue
            wrong = int(counts.sum()) - round(float((shares * counts).sum()))
            low, high = wilson_interval(wrong, row["n_images"])
            row |= {figure: wrong / row["n_images"], f"{figure}_low": low, f"{figure}_high": high}
        rows.append(row)
    return pl.DataFrame(rows, schema=SCHEMA)


def plot_tradeoff(table: pl.DataFrame) -> Figure:
    """Semantic error against diversity, a point a set; beside it the share of images of another visual domain.

    Parameters
    ----------
    table : polars.DataFrame
        From :func:`tabulate_tradeoff`.
    """
    domains = table["other_domain"].null_count() == 0
    figure = Figure(figsize=(10 if domains else 6, max(3.8, 1.4 + 0.33 * len(table))), layout="constrained")
    axes = figure.subplots(1, 2 if domains else 1, squeeze=False, width_ratios=[1.5, 1] if domains else [1])[0]
    for n, row in enumerate(table.iter_rows(named=True)):
        colour = DRAWN if n else NATURAL
        x, y = row["centroid_distance"], row["semantic_error"]
        axes[0].plot(x, y, "o" if n else "*", color=colour, markersize=5 if n else 10)
        axes[0].hlines(y, row["centroid_distance_low"], row["centroid_distance_high"], color=colour, linewidth=0.8)
        axes[0].vlines(x, row["semantic_error_low"], row["semantic_error_high"], color=colour, linewidth=0.8)
    axes[0].set(xlabel="Centroid Distance (diversity)", ylabel="semantic error")
    axes[0].set_ylim(bottom=0)
    axes[0].margins(x=0.12)
    _label_points(axes[0], table)
    if domains:
        _draw_domains(axes[1], table)
    return figure


def _label_points(ax: Axes, table: pl.DataFrame) -> None:
    """The sets' names, each above the one below it where points lie together."""
    wide, high = (high - low for low, high in (ax.get_xlim(), ax.get_ylim()))
    placed: list[tuple[float, float]] = []
    for row in table.sort("semantic_error").iter_rows(named=True):
        x, y = row["centroid_distance"], row["semantic_error"]
        near = [other for at, other in placed if abs(at - x) < 0.25 * wide]
        place = max([y, *(other + 0.04 * high for other in near if other + 0.04 * high > y)])
        placed.append((x, place))
        ax.annotate(row["set"], (x, y), xytext=(x + 0.008 * wide, place + 0.008 * high), size=8)


def _draw_domains(ax: Axes, table: pl.DataFrame) -> None:
    places = range(len(table))
    colours = [NATURAL] + [DRAWN] * (len(table) - 1)
    ax.hlines(places, table["other_domain_low"], table["other_domain_high"], color=colours, linewidth=1)
    ax.scatter(table["other_domain"], places, color=colours, s=20)
    ax.set_yticks(places, table["set"].to_list())
    ax.set(xlim=(-0.02, 1.02), xlabel="share that the encoder takes for no photograph")
    ax.invert_yaxis()
