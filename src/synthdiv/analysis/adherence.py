"""Modifier adherence: which parts of a grammar's prompt reach the image.

"Diversity and Diffusion", Appendix B (Figure 10): "parts of the prompts are not captured in the image generation". An image
is compared with its own prompt and with the same prompt in which one modifier has another value. A modifier that reaches the
image makes its own prompt the nearer one; one that does not wins half of these comparisons.
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
"""Comparisons at once."""
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
"""Other values of a modifier that an image is compared with, at most: scenes may come in hundreds."""


def vary_prompts(dataset: Dataset, images: Embeddings, split: str) -> tuple[pl.DataFrame, list[str]]:
    """Every prompt that some images are to be compared with, for each modifier with at most :data:`OTHERS` other values.

    Parameters
    ----------
    dataset : Dataset
        That the images were drawn from; it has a grammar.
    images : Embeddings
        Of the images.
    split : str
        Theirs.

    Returns
    -------
    variants : polars.DataFrame
        image (its row), modifier, value, own (whether it is the image's own value), prompt (its place in the list).
    prompts : list of str
        The different texts.
    """
    places: dict[str, int] = {}
    rows = []
    for image, (class_id, index) in enumerate(zip(images.class_ids.tolist(), images.indices.tolist(), strict=True)):
        for modifier, values in dataset.vary_prompt(class_id, split, index, most=OTHERS).items():
            for n, (value, text) in enumerate(values.items()):
                rows.append((image, modifier, value, n == 0, places.setdefault(text, len(places))))
    schema = {"image": pl.Int64, "modifier": pl.String, "value": pl.String, "own": pl.Boolean, "prompt": pl.Int64}
    return pl.DataFrame(rows, schema=schema, orient="row"), list(places)


def check_generated(images: Embeddings, variants: pl.DataFrame, prompts: Sequence[str], index: pl.DataFrame) -> None:
    """Make sure that the images were drawn from the prompts that the grammar gives them.

    Parameters
    ----------
    images, variants, prompts
        As for :func:`vary_prompts`.
    index : polars.DataFrame
        The images' index: class_id, index, prompt.

    Raises
    ------
    StudyError
        If one was not: which.
    """
    generated = {(class_id, n): text for class_id, n, text in index.select("class_id", "index", "prompt").iter_rows()}
    for image, prompt in variants.filter("own").unique("image", keep="first").select("image", "prompt").iter_rows():
        at = (int(images.class_ids[image]), int(images.indices[image]))
        if generated.get(at) != prompts[prompt]:
            raise StudyError(
                f"the image of class_id {at[0]}, index {at[1]} was drawn from {generated.get(at)!r}, but the grammar gives it "
                f"{prompts[prompt]!r}: draw and embed the set again"
            )


def measure_adherence(images: Embeddings, variants: pl.DataFrame, vectors: np.ndarray) -> pl.DataFrame:
    """Compare each image with its own prompt and with those in which one modifier has another value, by cosine.

    Parameters
    ----------
    images : Embeddings
        Of the images.
    variants : polars.DataFrame
        As :func:`vary_prompts` gives them.
    vectors : array of shape (prompts, d)
        The prompts' embeddings.

    Returns
    -------
    polars.DataFrame
        A row an image and modifier that has another value: class_id, index, modifier, value, n_others (other values),
        share_won (of them; a tie is half won), nearest (1 if no other value is nearer, shared between equally near ones),
        chance (of nearest: 1 / (n_others + 1)). Sorted by class_id and index.
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
    """How often each modifier reaches the images, whole, by class and by value.

    A value's own rows are not centred at chance: a prompt that is nearer to every image than others are wins wherever it is
    the image's own, and makes the others lose. Over all values that evens out.

    Parameters
    ----------
    table : polars.DataFrame
        As :func:`measure_adherence` gives it.
    set_name : str
        The images' set.
    class_names : sequence of str
        By class_id.

    Returns
    -------
    polars.DataFrame
        set, modifier, value ("all", or one of its values), class_id (empty for all), class ("all", or a name), n_images,
        share_won (the mean over images; chance is 0.5) with its 95 % interval for other images (low, high), nearest_share
        beside its own chance.
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
