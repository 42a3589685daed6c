"""Modifier adherence: which parts of a grammar's prompt reach the image.

"Diversity and Diffusion", Appendix B (Figure 10): "parts of the prompts are not captured in the image generation". An image
is compared with its own prompt and with variants of it in which one modifier has another value. If the modifier reaches the
image, the own prompt is nearer than the variants; if not, it wins half of these comparisons.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import polars as pl

from synthdiv.core.errors import StudyError
from synthdiv.embeddings.table import Embeddings, make_unit
from synthdiv.metrics.neighbours import multiply_rows, split_rows
from synthdiv.prompts.datasets import Dataset
from synthdiv.stats.intervals import shares_interval

ALL = "all"
ROWS = 50_000
"""Number of comparisons per block."""
SCHEMA = {
    "set": pl.String,
    "modifier": pl.String,
    "value": pl.String,
    "class_id": pl.Int64,
    "class": pl.String,
    "n_images": pl.Int64,
    "share_won": pl.Float64,
    "low": pl.Float64,
    "high": pl.Float64,
    "nearest_share": pl.Float64,
    "chance": pl.Float64,
}
OTHERS = 20
"""Maximum number of other values of a modifier per image: there may be hundreds of scenes."""


def vary_prompts(dataset: Dataset, images: Embeddings, split: str) -> tuple[pl.DataFrame, list[str]]:
    """List the prompts that each image is compared with, for each modifier at most :data:`OTHERS` other values.

    Parameters
    ----------
    dataset : Dataset
        The dataset that the images were generated from; it has a grammar.
    images : Embeddings
        The images' embeddings.
    split : str
        The images' split.

    Returns
    -------
    variants : polars.DataFrame
        image (row number), modifier, value, own (whether it is the image's own value), prompt (position in ``prompts``).
    prompts : list of str
        The distinct prompts.
    """
    positions: dict[str, int] = {}
    rows = []
    for image, (class_id, index) in enumerate(zip(images.class_ids.tolist(), images.indices.tolist(), strict=True)):
        for modifier, values in dataset.vary_prompt(class_id, split, index, most=OTHERS).items():
            for n, (value, text) in enumerate(values.items()):
                rows.append((image, modifier, value, n == 0, positions.setdefault(text, len(positions))))
    schema = {"image": pl.Int64, "modifier": pl.String, "value": pl.String, "own": pl.Boolean, "prompt": pl.Int64}
    return pl.DataFrame(rows, schema=schema, orient="row"), list(positions)


def check_generated(images: Embeddings, variants: pl.DataFrame, prompts: Sequence[str], index: pl.DataFrame) -> None:
    """Check that the images were generated from the prompts that the grammar gives them.

    Parameters
    ----------
    images, variants, prompts
        As for :func:`vary_prompts`.
    index : polars.DataFrame
        The images' index: class_id, index, prompt.

    Raises
    ------
    StudyError
        If an image was generated from another prompt; the message names the image.
    """
    generated = {(class_id, n): text for class_id, n, text in index.select("class_id", "index", "prompt").iter_rows()}
    for image, prompt in variants.filter("own").unique("image", keep="first").select("image", "prompt").iter_rows():
        key = (int(images.class_ids[image]), int(images.indices[image]))
        if generated.get(key) != prompts[prompt]:
            raise StudyError(
                f"the image of class_id {key[0]}, index {key[1]} was generated from {generated.get(key)!r}, but the grammar "
                f"gives it {prompts[prompt]!r}: generate and embed the set again"
            )


def measure_adherence(images: Embeddings, variants: pl.DataFrame, vectors: np.ndarray) -> pl.DataFrame:
    """Compare each image by cosine with its own prompt and with its variants in which one modifier has another value.

    Parameters
    ----------
    images : Embeddings
        The images' embeddings.
    variants : polars.DataFrame
        From :func:`vary_prompts`.
    vectors : array of shape (prompts, d)
        The prompts' embeddings.

    Returns
    -------
    polars.DataFrame
        One row per image and modifier that has other values: class_id, index, modifier, value, n_others (number of other
        values), share_won (share of them that are less near; a tie counts half), nearest (1 if no other value is nearer,
        divided among equally near ones), chance (of nearest: 1 / (n_others + 1)). Sorted by class_id and index.
    """
    image, prompt = variants["image"].to_numpy(), variants["prompt"].to_numpy()
    cosines = np.empty(len(variants))
    for part in split_rows(len(variants), ROWS):
        cosines[part] = multiply_rows(make_unit(images.vectors[image[part]]), make_unit(vectors[prompt[part]]))
    compared = variants.with_columns(
        pl.Series("class_id", images.class_ids[image]),
        pl.Series("index", images.indices[image]),
        pl.Series("cosine", cosines),
    )
    keys = ["class_id", "index", "modifier"]
    own = compared.filter("own").select(*keys, "value", own_cosine="cosine")
    pairs = own.join(compared.filter(~pl.col("own")).select(*keys, "cosine"), on=keys, maintain_order="left")
    tied = pl.col("cosine") == pl.col("own_cosine")
    return (
        pairs.group_by(*keys, "value", maintain_order=True)
        .agg(
            n_others=pl.len(),
            share_won=((pl.col("own_cosine") > pl.col("cosine")) + 0.5 * tied).mean(),
            nearest=(pl.col("cosine") <= pl.col("own_cosine")).all() / (1 + tied.sum()),
            chance=1 / (1 + pl.len()),
        )
        .sort("class_id", "index", maintain_order=True)
    )


def tabulate_adherence(table: pl.DataFrame, set_name: str, class_names: Sequence[str]) -> pl.DataFrame:
    """Tabulate how often each modifier reaches the images: overall, by class and by value.

    The rows of a single value are not centred at chance: a prompt that is nearer than the others to every image wins
    wherever it is the own prompt, and makes the others lose. Over all values this averages out.

    Parameters
    ----------
    table : polars.DataFrame
        From :func:`measure_adherence`.
    set_name : str
        The images' set.
    class_names : sequence of str
        Class names, indexed by class_id.

    Returns
    -------
    polars.DataFrame
        set, modifier, value ("all", or one of its values), class_id (empty for all), class ("all", or a name), n_images,
        share_won (mean over images; chance is 0.5) with its 95 % interval for other images (low, high), nearest_share,
        chance (of nearest_share).
    """
    rows = []
    for (modifier,), own in table.group_by("modifier", maintain_order=True):
        head = {"set": set_name, "modifier": modifier}
        rows.append(head | {"value": ALL, "class_id": None, "class": ALL} | _average(own))
        for (class_id,), part in own.sort("class_id", maintain_order=True).group_by("class_id", maintain_order=True):
            assert isinstance(class_id, int)
            rows.append(head | {"value": ALL, "class_id": class_id, "class": class_names[class_id]} | _average(part))
        for (value,), part in own.sort("value", maintain_order=True).group_by("value", maintain_order=True):
            rows.append(head | {"value": value or "(empty)", "class_id": None, "class": ALL} | _average(part))
    return pl.DataFrame(rows, schema=SCHEMA)


def _average(part: pl.DataFrame) -> dict[str, float]:
    share, nearest, chance = (math.fsum(part[name]) / len(part) for name in ("share_won", "nearest", "chance"))
    low, high = shares_interval(part["share_won"].to_numpy(), float(part["n_others"].sum()))
    return {
        "n_images": len(part),
        "share_won": share,
        "low": low,
        "high": high,
        "nearest_share": nearest,
        "chance": chance,
    }
