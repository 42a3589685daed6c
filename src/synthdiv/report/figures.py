"""Plot a study's report: contact sheets, prompt probes, the matrix and Centroid Distance; shared styles and helpers."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
import polars as pl
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from PIL import Image

from synthdiv.analysis.prompt_probes import SCHEMA as PROBES
from synthdiv.core.files import replace_atomically
from synthdiv.core.manifests import read_manifest
from synthdiv.core.tables import read_table
from synthdiv.images.archive import read_bytes
from synthdiv.images.flags import decode_image
from synthdiv.images.index import read_index, select_images

matplotlib.rcParams.update({"font.size": 9, "axes.spines.top": False, "axes.spines.right": False, "svg.fonttype": "none"})
matplotlib.rcParams["text.parse_math"] = False  # a class may be called $1 or $x$
CELL = 128  # pixels of an image on a contact sheet
DPI = 200  # twice a screen's resolution, and enough for print
PALETTE = ["#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000"]
"""Okabe and Ito's palette, which is safe for colour-blind readers."""
SHOWN = 10  # images of each prompt of a probe
MARKERS = ["o", "s", "^", "D", "v", "P", "X"]


def save_figure(figure: Figure, path: Path | str) -> None:
    """Write a figure as PNG, without a date."""
    with replace_atomically(path) as temporary:
        figure.savefig(temporary, format="png", dpi=DPI, bbox_inches="tight", metadata={"Software": None})


def spread_evenly(count: int, most: int) -> list[int]:
    """Return at most ``most`` of the numbers 0 to count - 1, evenly spread."""
    return sorted({round(n) for n in np.linspace(0, count - 1, min(count, most))})


def plot_contact_sheet(
    columns: Mapping[str, Sequence[Mapping[str, Any]]], class_ids: Sequence[int], class_names: Sequence[str], images: int
) -> Figure:
    """Lay out a row per class and a column per set; image n of a cell has the same class, split and index in every set.

    Parameters
    ----------
    columns : mapping of set name to index rows
        The training rows of these classes in each set.
    class_ids : sequence of int
        The rows, in order.
    class_names : sequence of str
        Their names.
    images : int
        Images per cell.
    """
    cells = []
    for class_id in class_ids:
        own = ([row for row in rows if row["class_id"] == class_id][:images] for rows in columns.values())
        cells.append(list(own))
    return paste_images(cells, class_names, list(columns), images)


def paste_images(
    cells: Sequence[Sequence[Sequence[Mapping[str, Any]]]], rows: Sequence[str], columns: Sequence[str], images: int = 0
) -> Figure:
    """Lay out a table of images.

    Parameters
    ----------
    cells : sequence of sequences of lists of index rows
        The images of each cell, by row and column.
    rows, columns : sequences of str
        Their names.
    images : int
        Space of a cell, in images; 0 uses the largest cell's number.
    """
    images = images or max((len(cell) for row in cells for cell in row), default=1)
    gap = CELL // 6
    width, height = len(columns) * (images * CELL + gap), len(rows) * CELL
    sheet = Image.new("RGB", (width, height), "white")
    for r, row in enumerate(cells):
        for c, cell in enumerate(row):
            for n, one in enumerate(cell):
                sheet.paste(read_tile(one), (c * (images * CELL + gap) + n * CELL, r * CELL))
    figure = Figure(figsize=(1.5 + width / DPI, 0.6 + height / DPI))
    axes = figure.add_axes(
        (1.5 / figure.get_figwidth(), 0, width / DPI / figure.get_figwidth(), height / DPI / figure.get_figheight())
    )
    axes.imshow(np.asarray(sheet), interpolation="none", aspect="auto")
    axes.set_yticks([CELL * (r + 0.5) for r in range(len(rows))], rows)
    axes.set_xticks([c * (images * CELL + gap) + images * CELL / 2 for c in range(len(columns))], list(columns))
    axes.xaxis.tick_top()
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)
    return figure


def read_tile(row: Mapping[str, Any]) -> Image.Image:
    """Return the image of an index row at the size of a contact sheet."""
    image = decode_image(read_bytes(row["file"], row["offset"], row["size"]))
    resample = Image.Resampling.NEAREST if image.width < CELL else Image.Resampling.LANCZOS
    return image.resize((CELL, CELL), resample)


def plot_probe_sheets(sheets: Mapping[str, Sequence[Sequence[Mapping[str, Any]]]], table: pl.DataFrame) -> Figure:
    """Plot a sheet per probe: a row per prompt, a column per initial noise, and the prompt's metrics next to its row.

    Parameters
    ----------
    sheets : mapping of probe name to index rows
        For each prompt the rows of its first images, in the order of their noises.
    table : polars.DataFrame
        From :func:`synthdiv.analysis.prompt_probes.finish_table`.
    """
    widest = max(len(rows[0]) for rows in sheets.values()) * CELL
    heights = [(len(rows) + 0.75) * CELL for rows in sheets.values()]
    figure = Figure(figsize=(widest / DPI, sum(heights) / DPI))
    top = 1.0
    for (name, rows), height in zip(sheets.items(), heights, strict=True):
        width, depth = len(rows[0]) * CELL, len(rows) * CELL
        top -= height / sum(heights)
        axes = figure.add_axes((0, top, width / widest, depth / sum(heights)))
        sheet = Image.new("RGB", (width, depth), "white")
        for r, tiles in enumerate(rows):
            for n, row in enumerate(tiles):
                sheet.paste(read_tile(row), (n * CELL, r * CELL))
        axes.imshow(np.asarray(sheet), interpolation="none", aspect="auto")
        own = table.filter(pl.col("probe") == name)
        prompts = [textwrap.fill(prompt, 24) for prompt in own["prompt"]]
        axes.set_yticks([CELL * (r + 0.5) for r in range(len(rows))], prompts)
        axes.set_xticks([])
        axes.tick_params(length=0)
        axes.spines[:].set_visible(False)
        class_name, reference = own.select("class", "reference").row(0)
        axes.set_title(f"{name} (class {class_name}, reference {reference})", loc="left")
        for r, row in enumerate(own.iter_rows(named=True)):
            for place, (title, text) in enumerate(_describe_prompt(row).items()):
                at = width + CELL * (0.15 + 1.7 * place)
                axes.text(at, CELL * (r + 0.5), text, va="center")
                if r == 0:
                    axes.text(at, -CELL / 12, title, va="bottom", color="0.4")
    return figure


def _describe_prompt(row: Mapping[str, Any]) -> dict[str, str]:
    def show(metric: str, digits: int, scale: float = 1) -> str:
        adjusted = row[f"{metric}_p_adjusted"]
        star = " *" if adjusted is not None and adjusted < 0.05 else ""
        value, low, high = (row[f"{metric}{end}"] for end in ("", "_low", "_high"))
        bounds = "" if low is None else f"\n[{low * scale:.{digits}f}, {high * scale:.{digits}f}]"
        return f"{value * scale:.{digits}f}{star}{bounds}"

    predicted = "" if row["predicted_class"] is None else f"{row['predicted_class']}\n{row['predicted_class_share']:.0%}"
    return {
        "accuracy": show("centroid_accuracy", 2),
        "wrong images\nclassified as": predicted,
        "1000 x Centroid\nDistance": show("centroid_distance", 2, 1000),
        "centroid-shift": f"{row['centroid_shift']:.4f}",
    }


def plot_experiments(experiments: pl.DataFrame, references: Sequence[str], queries: Sequence[str]) -> Figure:
    """Plot heat maps of the matrix: Centroid Accuracy, k-NN accuracy at k = 1 and 5, and average cosine similarity.

    Parameters
    ----------
    experiments : polars.DataFrame
        From :func:`synthdiv.analysis.matrix.tabulate_experiments`.
    references, queries : sequences of str
        The columns and the rows, in order.
    """
    panels = {
        "centroid_accuracy": "Centroid Accuracy",
        "knn1_accuracy": "k-NN accuracy, k = 1",
        "knn5_accuracy": "k-NN accuracy, k = 5",
        "mean_cosine": "average cosine similarity",
    }
    figure = Figure(figsize=(2.4 + 1.5 * len(references), 2.4 + 1.1 * len(queries)), layout="constrained")
    axes = figure.subplots(2, 2, sharex=True, sharey=True)
    for ax, (column, title) in zip(axes.flat, panels.items(), strict=True):
        cells = {(row["query"], row["reference"]): row[column] for row in experiments.iter_rows(named=True)}
        grid = np.array([[cells[query, reference] for reference in references] for query in queries], dtype=float)
        fill_cells(ax, grid, queries, references)
        ax.set_title(title)
    figure.supxlabel("reference set (training split)")
    figure.supylabel("query set (evaluation split)")
    return figure


def fill_cells(ax: Axes, values: np.ndarray, rows: Sequence[str], columns: Sequence[str]) -> None:
    """Plot a heat map of shares with their numbers; n/a where there is none.

    Parameters
    ----------
    ax : Axes
    values : float array of shape (rows, columns)
    rows, columns : sequences of str
        Their names.
    """
    lowest = min(0.0, np.nanmin(values, initial=0.0))
    ax.imshow(np.ma.masked_invalid(values), cmap="viridis", vmin=lowest, vmax=1, aspect="auto")
    for (row, column), value in np.ndenumerate(values):
        text = "n/a" if np.isnan(value) else f"{value:.3f}"
        colour = "black" if np.isnan(value) or value > 0.6 else "white"
        ax.text(column, row, text, ha="center", va="center", size=8, color=colour)
    ax.set_xticks(range(len(columns)), columns, rotation=35, ha="right")
    ax.set_yticks(range(len(rows)), rows)
    ax.spines[:].set_visible(False)
    ax.tick_params(length=0)


def plot_centroid_distance(table: pl.DataFrame) -> Figure:
    """Plot Centroid Distance with its 95 % interval: two bars per set, for its training and its evaluation split."""
    sets = table["set"].unique(maintain_order=True).to_list()
    figure = Figure(figsize=(2.0 + 1.0 * len(sets), 3.6), layout="constrained")
    axes = figure.subplots()
    names = ["centroid_distance", "centroid_distance_low", "centroid_distance_high"]
    for n, (split, colour) in enumerate((("train", "#31688e"), ("evaluation", "#8fd3c1"))):
        own = pl.DataFrame({"set": sets}).join(table.filter(split=split), on="set", how="left", maintain_order="left")
        values, low, high = own.select(pl.col(names).cast(pl.Float64)).to_numpy().T
        places = np.arange(len(sets)) + (n - 0.5) * 0.38
        axes.bar(places, values, width=0.36, label=split, color=colour)
        axes.vlines(places, low, high, color="black", linewidth=1)
    axes.set_xticks(range(len(sets)), sets, rotation=30, ha="right")
    axes.set_ylabel("Centroid Distance")
    axes.legend(frameon=False)
    return figure


def draw_contact_sheet(
    files: Any, *, columns: Sequence[str], class_names: Sequence[str], classes: int, images: int
) -> Figure:
    """Draw the first training images of evenly spread classes of each set."""
    class_ids = spread_evenly(len(class_names), classes)
    rows: dict[str, list[dict[str, Any]]] = {}
    for name, manifest in zip(columns, files.indices, strict=True):
        indices = map(read_index, read_manifest(manifest))
        chosen = [select_images(index, class_ids=class_ids, split="train", exclude_flags=[]) for index in indices]
        rows[name] = [row for table in chosen for row in table.to_pylist()]
    return plot_contact_sheet(rows, class_ids, [class_names[n] for n in class_ids], images)


def draw_experiments(files: Any, *, references: Sequence[str], queries: Sequence[str]) -> Figure:
    """Draw the matrix."""
    return plot_experiments(read_table(files.table), references, queries)


def draw_centroid_distance(files: Any) -> Figure:
    """Draw the Centroid Distance of each set."""
    return plot_centroid_distance(read_table(files.table))


def draw_prompt_probes(files: Any, *, images: Sequence[tuple[str, int]]) -> Figure:
    """Draw the first images of each prompt of each probe, of which each prompt has a number of images."""
    sheets = {}
    for (name, count), path in zip(images, files.indices, strict=True):
        rows = read_index(path).to_pylist()
        sheets[name] = [rows[start : start + min(SHOWN, count)] for start in range(0, len(rows), count)]
    return plot_probe_sheets(sheets, read_table(files.table, PROBES))
