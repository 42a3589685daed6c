"""The table of predictions, and the import of predictions of classifiers that were trained elsewhere."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import polars as pl

from synthdiv.core.errors import StudyError
from synthdiv.images.natural_index import MAX_HELD_OUT

REQUIRED = ("train_set", "seed", "image", "class", "predicted")
OPTIONAL = ("evaluation_set", "log_probability", "confidence")
TEXT = ("train_set", "evaluation_set", "image", "class")
NUMBERS = ("seed", "log_probability", "confidence")
ROUNDING = 1e-4
"""How far rounding may carry a probability or its logarithm out of its range."""
SCHEMA: dict[str, Any] = {
    "seed": pl.Int64,
    "evaluation_set": pl.String,
    "class_id": pl.Int32,
    "index": pl.Int32,
    "predicted": pl.List(pl.Int32),
    "confidence": pl.Float32,
    "log_probability": pl.Float32,
    "correct_top1": pl.Boolean,
    "correct_top5": pl.Boolean,
}
"""Columns of the table."""


def read_predictions(
    path: Path | str, *, trained: Sequence[str], evaluated: Sequence[str], class_keys: Sequence[str]
) -> pl.DataFrame:
    """Read a table of predictions, and check it.

    Parameters
    ----------
    path : Path or str
        A Parquet file or a CSV.
    trained, evaluated : sequence of str
        The training sets and the evaluation sets that it must have.
    class_keys : sequence of str
        The keys of the study's classes, by class_id.

    Returns
    -------
    polars.DataFrame
        train_set, ``SCHEMA``, and image. The index of an image is its place among the images of its class, by name. Top-5
        is empty unless the table has five predicted classes or all.

    Raises
    ------
    StudyError
        If a column, a training set or an evaluation set is missing, a value is none or a class is unknown, or if not all
        seeds of all training sets have the same images, each once.
    """
    table = _read(path)
    if "evaluation_set" not in table.columns:
        if len(evaluated) > 1:
            raise StudyError(f"{path} has no column evaluation_set, which it needs: `evaluate` has {len(evaluated)} sets")
        table = table.with_columns(evaluation_set=pl.lit(evaluated[0]))
    for column, names in (("train_set", trained), ("evaluation_set", evaluated)):
        missing = [name for name in names if name not in table[column].unique()]
        if missing:
            raise StudyError(f"{path}: the column {column} has no {missing[0]!r}, which the config names")
    table = table.filter(pl.col("train_set").is_in(trained), pl.col("evaluation_set").is_in(evaluated))
    table = table.with_columns(
        class_id=_find_classes(path, table["class"], class_keys),
        predicted=_find_predicted(path, table["predicted"], class_keys),
    )
    _check_images(path, table)
    order = {name: n for n, name in enumerate(evaluated)}
    table = table.sort(pl.col("evaluation_set").replace_strict(order), maintain_order=True)
    numbers = pl.col("image").rank("dense").over("evaluation_set", "class_id") - 1
    most = int(table["predicted"].list.len().min())  # type: ignore[arg-type]
    top5 = pl.col("predicted").list.contains(pl.col("class_id")) if most >= min(5, len(class_keys)) else pl.lit(None)
    return table.with_columns(
        index=numbers, correct_top1=pl.col("predicted").list.first() == pl.col("class_id"), correct_top5=top5
    ).select("train_set", *(pl.col(name).cast(dtype) for name, dtype in SCHEMA.items()), "image")


def _read(path: Path | str) -> pl.DataFrame:
    try:
        is_csv = str(path).endswith(".csv")
        types = dict.fromkeys((*TEXT, "predicted"), pl.String) | dict.fromkeys(NUMBERS, pl.Float64)
        table = pl.read_csv(path, schema_overrides=types) if is_csv else pl.read_parquet(path)
    except (pl.exceptions.PolarsError, OSError) as error:
        raise StudyError(f"{path} cannot be read as a table: {str(error).splitlines()[0]}") from None
    missing = [name for name in REQUIRED if name not in table.columns]
    if missing:
        raise StudyError(f"{path} has no column {missing[0]}; it has {', '.join(table.columns)}")
    given = [name for name in OPTIONAL if name in table.columns and not table[name].is_null().all()]
    table = table.select(*REQUIRED, *given)
    for name in table.columns:
        if (row := _find_first(table[name].is_null())) is not None:
            raise StudyError(f"{path}, row {row}: it has no {name}")
    numbers, texts = ([name for name in names if name in table.columns] for names in (NUMBERS, TEXT))
    try:
        table = table.with_columns(pl.col(texts).cast(pl.String), pl.col(numbers).cast(pl.Float64))
    except pl.exceptions.PolarsError as error:
        raise StudyError(f"{path}: a column has values of another kind: {str(error).splitlines()[0]}") from None
    if (row := _find_first(table["seed"] != table["seed"].floor())) is not None:
        raise StudyError(f"{path}, row {row}: seed is {table['seed'][row]:g}; it must be a whole number")
    for name, low, high in (("log_probability", float("-inf"), 0.0), ("confidence", 0.0, 1.0)):
        if name not in table.columns:
            table = table.with_columns(pl.lit(None, dtype=pl.Float64).alias(name))
        elif (row := _find_first(~table[name].is_between(low - ROUNDING, high + ROUNDING))) is not None:
            raise StudyError(f"{path}, row {row}: {name} is {table[name][row]:.6g}; it must be from {low:g} to {high:g}")
        table = table.with_columns(pl.col(name).clip(low, high))
    return table


def _find_first(wrong: pl.Series) -> int | None:
    return wrong.arg_true().to_list()[0] if wrong.any() else None


def _find_classes(path: Path | str, keys: pl.Series, class_keys: Sequence[str]) -> pl.Series:
    """Return the class_ids of class keys."""
    ids = keys.replace_strict(list(class_keys), range(len(class_keys)), default=None, return_dtype=pl.Int32)
    if (row := _find_first(ids.is_null())) is not None:
        raise StudyError(f"{path}: {keys[row]!r} is not the key of a class of the study, such as {class_keys[0]!r}")
    return ids


def _find_predicted(path: Path | str, given: pl.Series, class_keys: Sequence[str]) -> pl.Series:
    """Return the class_ids of the predicted classes of each image, at most five."""
    given = given.arr.to_list() if isinstance(given.dtype, pl.Array) else given
    lists = given if isinstance(given.dtype, pl.List) else pl.DataFrame({"one": given}).select(pl.concat_list("one"))["one"]
    table = pl.DataFrame({"row": pl.int_range(len(lists), eager=True), "keys": lists.list.head(5).cast(pl.List(pl.String))})
    if (row := _find_first(table["keys"].list.len() == 0)) is not None:
        raise StudyError(f"{path}, row {row}: it has no predicted class")
    table = table.explode("keys")
    return (
        table.with_columns(_find_classes(path, table["keys"], class_keys))
        .group_by("row", maintain_order=True)
        .agg("keys")["keys"]
    )


def _check_images(path: Path | str, table: pl.DataFrame) -> None:
    """Check that every seed of every training set has the same images."""
    runs, image = ["evaluation_set", "train_set", "seed"], ["class_id", "image"]
    double = table.filter(table.select(*runs, *image).is_duplicated())
    if len(double):
        row = double.row(0, named=True)
        raise StudyError(
            f"{path} has the image {row['image']!r} of class {row['class']!r} twice for train_set {row['train_set']!r}, "
            f"seed {row['seed']:g}"
        )
    images = table.group_by("evaluation_set").agg(most=pl.struct(image).n_unique())
    counted = table.group_by(runs).agg(count=pl.len())
    wanted = table.select("train_set", "seed").unique().join(images, how="cross")
    found = wanted.join(counted, on=runs, how="left").with_columns(pl.col("count").fill_null(0)).sort(runs)
    for row in found.filter(pl.col("count") != pl.col("most")).iter_rows(named=True):
        raise StudyError(
            f"{path}: of the {row['most']} images of {row['evaluation_set']}, train_set {row['train_set']!r}, seed "
            f"{row['seed']:g}, has {row['count']}: all must have the same, since they are compared image by image"
        )


def split_selection(predictions: pl.DataFrame, selected: str | None, seed: int) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Set some images of an evaluation set aside, to choose a training set.

    Parameters
    ----------
    predictions : polars.DataFrame
        From :func:`read_predictions`.
    selected : str or None
        The evaluation set; with None, nothing is set aside.
    seed : int
        The study's seed. The choice depends on it and on the names of a class's images alone.

    Returns
    -------
    others, aside : polars.DataFrame
        A tenth of each class's images is set aside, at most ``MAX_HELD_OUT``, and never all.
    """
    images = predictions.filter(evaluation_set=selected).select("class_id", "image").unique()
    ranks = [hashlib.sha256(f"selection {seed} {name}".encode()).hexdigest() for name in images["image"]]
    count = pl.len().over("class_id")
    most = pl.min_horizontal(pl.lit(MAX_HELD_OUT), (count + 9) // 10, count - 1)
    aside = (
        images.with_columns(rank=pl.Series(ranks, dtype=pl.String))
        .with_columns(place=pl.col("rank").rank("ordinal").over("class_id"), most=most)
        .filter(pl.col("place") <= pl.col("most"))
        .select("class_id", "image", evaluation_set=pl.lit(selected, dtype=pl.String))
    )
    keys = ["evaluation_set", "class_id", "image"]
    return (
        predictions.join(aside, on=keys, how="anti", maintain_order="left"),
        predictions.join(aside, on=keys, how="semi", maintain_order="left"),
    )
