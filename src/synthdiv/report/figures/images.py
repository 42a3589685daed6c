"""Lay out images in tables: contact sheets of sets, and of prompt probes."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import polars as pl
import pyarrow.compute as pc
from matplotlib.figure import Figure
from PIL import Image

from synthdiv.analysis.prompt_probes import SCHEMA as PROBES
from synthdiv.core.manifests import read_manifest
from synthdiv.core.tables import read_table
from synthdiv.images.index import load_image, read_index, select_images
from synthdiv.report.figures.style import DPI, spread_evenly

CELL = 128  # pixels of an image on a contact sheet
SHOWN = 10  # images of each prompt of a probe
PAIRS = 5  # of similar images of two splits
COMPARISONS = 16  # of two splits whose most similar images are shown


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
    image = load_image(row)
    resample = Image.Resampling.NEAREST if image.width < CELL else Image.Resampling.LANCZOS
    return image.resize((CELL, CELL), resample)


def find_rows(manifest: str, class_ids: Sequence[int], most: int | None = None) -> dict[int, list[dict[str, Any]]]:
    """Find the training rows of some classes, in the order of the index.

    Parameters
    ----------
    manifest : str
        The file that represents the indices of a set.
    class_ids : sequence of int
    most : int, optional
        Rows of each class, at most.
    """
    found: dict[int, list[dict[str, Any]]] = {class_id: [] for class_id in class_ids}
    for path in read_manifest(manifest):
        rows = select_images(read_index(path), class_ids=class_ids, split="train", exclude_flags=[])
        for class_id, own in found.items():
            own += rows.filter(pc.equal(rows["class_id"], class_id)).slice(0, most).to_pylist()
    return {class_id: own[:most] for class_id, own in found.items()}


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


def choose_similar(pairs: pl.DataFrame) -> list[pl.DataFrame]:
    """Choose the most similar pairs of images of each two splits; those with duplicates first, and few of each."""
    by_splits = (
        pairs.filter(pl.col("file").is_not_null())
        .with_columns(is_duplicate=pl.col("kind") != "nearest")
        .sort("is_duplicate", "correlation", descending=True, nulls_last=True, maintain_order=True)
    )
    groups = by_splits.partition_by("set", "split", "other_set", "other_split", maintain_order=True)
    return [group.head(PAIRS) for group in groups[:COMPARISONS]]


def plot_similar(groups: Sequence[pl.DataFrame]) -> Figure:
    """Lay out the most similar images of each two splits as pairs, with what kind of pair each is.

    Parameters
    ----------
    groups : sequence of polars.DataFrame
        From :func:`choose_similar`.
    """
    if not groups:
        figure = Figure(figsize=(5, 1))
        figure.text(0.5, 0.5, "no images to compare", ha="center", va="center")
        return figure
    cells, labels = [], []
    for group in groups:
        rows = group.rows(named=True)
        cells.append([_locate_pair(row) for row in rows])
        labels.append("{set}, {split}\nin {other_set}, {other_split}".format(**rows[0]))
    columns = [f"pair {n + 1}" for n in range(max(map(len, groups)))]
    figure = paste_images(cells, labels, columns, 2)
    for r, group in enumerate(groups):
        for c, row in enumerate(group.iter_rows(named=True)):
            text = row["kind"] if row["correlation"] is None else f"{row['kind']} {row['correlation']:.3f}"
            place = (c * (2 * CELL + CELL // 6) + CELL, r * CELL + CELL - 2)
            box = {"facecolor": "white", "pad": 1, "edgecolor": "none"}
            figure.axes[0].text(*place, text, ha="center", va="bottom", size=6, bbox=box)
    return figure


def _locate_pair(row: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the places of the two images of a pair, as rows of an index."""
    pair = [{name: row[f"{prefix}{name}"] for name in ("file", "offset", "size", "digest")} for prefix in ("", "other_")]
    return [one | {"digest": bytes.fromhex(one["digest"])} for one in pair]


def draw_similar(files: Any) -> Figure:
    """Draw the most similar images of each two splits."""
    return plot_similar(choose_similar(read_table(files.pairs)))


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
    figure = plot_contact_sheet(rows, class_ids, [class_names[n] for n in class_ids], images)
    if len(class_ids) < len(class_names):
        figure.axes[0].set_xlabel(f"A sample: {len(class_ids)} of {len(class_names):,} classes, evenly spread")
    return figure


def draw_prompt_probes(files: Any, *, images: Sequence[tuple[str, int]]) -> Figure:
    """Draw the first images of each prompt of each probe, of which each prompt has a number of images."""
    sheets = {}
    for (name, count), path in zip(images, files.indices, strict=True):
        rows = read_index(path).to_pylist()
        sheets[name] = [rows[start : start + min(SHOWN, count)] for start in range(0, len(rows), count)]
    return plot_probe_sheets(sheets, read_table(files.table, PROBES))
