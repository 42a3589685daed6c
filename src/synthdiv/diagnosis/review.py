"""The review of prompts: which classes a judge takes for another, and what an earlier prompt of them led to.

"Diversity and Diffusion", Section 2: the images of each label are classified by a classifier trained on natural images; the
labels of lowest accuracy are reviewed by hand, and those that are wrong for ambiguity alone are minimally clarified.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from synthdiv.core.tables import read_table, write_table
from synthdiv.prompts.class_tables import ClassRow, distinguish_names
from synthdiv.stats.intervals import wilson_interval

METRICS: dict[str, Any] = {
    "n_images": pl.Int64,
    "accuracy": pl.Float64,
    "accuracy_low": pl.Float64,
    "accuracy_high": pl.Float64,
    "predicted_class": pl.String,
    "predicted_class_share": pl.Float64,
}
SCHEMA: dict[str, Any] = {
    "class_id": pl.Int32,
    "key": pl.String,
    "name": pl.String,
    **METRICS,
    **dict.fromkeys(("prompt", "lemmas", "definition", "hypernym", "proposed_override"), pl.String),
}
HISTORY: dict[str, Any] = {
    "review": pl.Int64,
    "key": pl.String,
    "name": pl.String,
    "prompt": pl.String,
    **METRICS,
    "generated_by": pl.String,
    "reviewed_by": pl.String,
}
"""A row a class and what a review said of it; ``review`` numbers the reviews."""
PREDICTIONS: dict[str, Any] = {
    "seed": pl.Int64,
    "class_id": pl.Int32,
    "index": pl.Int32,
    "predicted": pl.List(pl.Int32),
    "confidence": pl.Float32,
}


def list_predictions(class_ids: np.ndarray, indices: np.ndarray, predicted: np.ndarray) -> pl.DataFrame:
    """What one judge takes images for, in the form of :func:`synthdiv.classifiers.evaluation.classify_sets`."""
    columns = {"class_id": class_ids, "index": indices, "predicted": predicted[:, None].tolist()}
    nothing = [None] * len(class_ids)
    return pl.DataFrame({"seed": nothing, **columns, "confidence": nothing}, schema=PREDICTIONS)


def vote_seeds(predictions: pl.DataFrame) -> pl.DataFrame:
    """What most of the models take each image for.

    Parameters
    ----------
    predictions : polars.DataFrame
        A row a seed and image, as :func:`synthdiv.classifiers.evaluation.classify_sets` gives them.

    Returns
    -------
    polars.DataFrame
        A row an image: class_id, index, predicted. Of equal votes, those of the greater confidence count; then the smaller
        class_id.
    """
    return (
        predictions.with_columns(pl.col("predicted").list.first())
        .group_by("class_id", "index", "predicted")
        .agg(votes=pl.len(), confidence=pl.col("confidence").cast(pl.Float64).sort().sum())
        .sort("class_id", "index", "votes", "confidence", "predicted", descending=[False, False, True, True, False])
        .group_by("class_id", "index", maintain_order=True)
        .agg(pl.col("predicted").first())
    )


def tabulate_classes(
    votes: pl.DataFrame, classes: list[ClassRow], prompts: Sequence[str], columns: Sequence[str]
) -> pl.DataFrame:
    """A row a class, the lowest accuracy first.

    Parameters
    ----------
    votes : polars.DataFrame
        From :func:`vote_seeds`.
    classes : list of ClassRow
        The study's.
    prompts : sequence of str
        Of each class, what the images were drawn with.
    columns : sequence of str
        Of the CSV of overrides that a proposed line is for.

    Returns
    -------
    polars.DataFrame
        Columns as :data:`SCHEMA` says; ``predicted_class`` is the wrong class that most images were taken for. A class of which
        every image was left out has no accuracy, and comes first.
    """
    rows, names = [], distinguish_names(classes)
    for row in classes:
        predicted = votes.filter(pl.col("class_id") == row.class_id)["predicted"].to_numpy()
        counts = np.bincount(predicted, minlength=len(classes))
        right, count = int(counts[row.class_id]), len(predicted)
        counts[row.class_id] = 0
        worst = int(counts.argmax())
        low, high = wilson_interval(right, count) if count else (None, None)
        rows.append(
            {"class_id": row.class_id, "key": row.key, "name": names[row.class_id], "n_images": count}
            | {"accuracy": right / count if count else None, "accuracy_low": low, "accuracy_high": high}
            | {"predicted_class": names[worst] if counts[worst] else None}
            | {"predicted_class_share": counts[worst] / count if counts[worst] else None, "prompt": prompts[row.class_id]}
            | {"lemmas": row.lemmas, "definition": row.definition, "hypernym": row.hypernym}
            | {"proposed_override": propose_override(row, prompts[row.class_id], columns)}
        )
    return pl.DataFrame(rows, schema=SCHEMA).sort("accuracy", "class_id", nulls_last=False)


def propose_override(row: ClassRow, prompt: str, columns: Sequence[str]) -> str | None:
    """A line for a CSV of overrides: the class's name and hypernym. Whether it helps is for a person to say.

    Parameters
    ----------
    row : ClassRow
    prompt : str
        The class's present one.
    columns : sequence of str
        The CSV's; those but key and prompt stay empty.

    Returns
    -------
    str or None
        None where the prompt is that already.
    """
    proposed = f"{row.name}, {row.hypernym}" if row.hypernym else row.name
    if proposed == prompt:
        return None
    line = io.StringIO()
    csv.writer(line, lineterminator="").writerow([{"key": row.key, "prompt": proposed}.get(name, "") for name in columns])
    return line.getvalue()


def read_columns(path: Path | str | None) -> list[str]:
    """The columns of a CSV of overrides; those that it must have where there is none yet."""
    if path is None:
        return ["key", "prompt"]
    with open(path, newline="", encoding="utf-8-sig") as file:
        return next(csv.reader(file))


def keep_history(path: Path | str, table: pl.DataFrame, *, generated_by: str, reviewed_by: str) -> pl.DataFrame:
    """Append to the history what a review says of classes and was not said of them last; nothing in it is changed.

    A job that is done again, after it was stopped or for another page, appends nothing.

    Parameters
    ----------
    path : Path or str
        The history, a CSV; it need not be there.
    table : polars.DataFrame
        From :func:`tabulate_classes`.
    generated_by, reviewed_by : str
        The generator and guidance scale, and the judge.

    Returns
    -------
    polars.DataFrame
        For each class whose prompt was another one before: the last that the history says of that one. Columns as
        :data:`HISTORY` says.
    """
    path = Path(path)
    history = read_table(path, HISTORY) if path.exists() else pl.DataFrame(schema=HISTORY)
    last = {row["key"]: row for row in history.iter_rows(named=True)}
    number = (history["review"].max() or 0) + 1  # type: ignore[operator]
    said = table.with_columns(review=pl.lit(number), generated_by=pl.lit(generated_by), reviewed_by=pl.lit(reviewed_by))
    own = said.sort("class_id").select(*(pl.col(name).cast(kind) for name, kind in HISTORY.items())).to_dicts()
    new = [row for row in own if _without_number(row) != _without_number(last.get(row["key"], {}))]
    if new:
        write_table(pl.concat([history, pl.DataFrame(new, schema=HISTORY)]), path)
    present = {row["key"]: row["prompt"] for row in own}
    before = {
        row["key"]: row for row in history.iter_rows(named=True) if present.get(row["key"], row["prompt"]) != row["prompt"]
    }
    return pl.DataFrame(list(before.values()), schema=HISTORY)


def _without_number(row: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in row.items() if name != "review"}


def introduce_review(
    *, dataset: str, overrides: str | None, reads_overrides: bool, images: int, generated_by: str, reviewed_by: str
) -> list[str]:
    """What the page says first: how it came about, and what to do with it.

    Parameters
    ----------
    dataset : str
        The reviewed one.
    overrides : str or None
        The CSV of overrides that lines are to be added to.
    reads_overrides : bool
        Whether it decides the prompts of that very dataset.
    images : int
        Of each class.
    generated_by, reviewed_by : str
        The generator and guidance scale, and the judge.
    """
    made = (
        f"{images} images of each class, drawn by {generated_by} with the prompts of dataset {dataset}, in a split of their "
        f"own; judged by {reviewed_by}. The classes of lowest accuracy come first; below an image stands what it was taken "
        "for. Brackets are 95 % intervals."
    )
    caution = (
        "A class may be taken for another for more reasons than an ambiguous prompt: look before you change one. A "
        "proposal is the class's name and hypernym and nothing more; nobody checked it."
    )
    if overrides is None:
        there = (
            f"No dataset of this config takes overrides of {dataset}: put lines into a CSV with the columns key and "
            f"prompt, and add a dataset of builder overrides with the base {dataset}, and a set of it."
        )
    elif reads_overrides:
        there = (
            f"Paste the lines that you accept into {overrides} (a key's new line in place of its old one) and ask for "
            "the target review again: only those classes are drawn again, and stand here first, with before and after."
        )
    else:
        there = (
            f"Paste the lines that you accept into {overrides} (a key's new line in place of its old one). They decide "
            f"the prompts of a dataset on top of {dataset}: to see what they change, name a set of that one in review.set."
        )
    return [made, caution, there]
