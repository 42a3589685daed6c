"""Review prompts: which classes the reviewer classifies as others, and the results of earlier prompts.

"Diversity and Diffusion", Section 2: the images of each label are classified by a classifier trained on natural images; the
labels of lowest accuracy are reviewed by hand, and those that are wrong because of ambiguity alone are minimally clarified.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from synthdiv.catalog.writing import write_result
from synthdiv.core.tables import read_table
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
"""One row per class and review of it; ``review`` numbers the reviews."""
PREDICTIONS: dict[str, Any] = {
    "seed": pl.Int64,
    "class_id": pl.Int32,
    "index": pl.Int32,
    "predicted": pl.List(pl.Int32),
    "confidence": pl.Float32,
}


def list_predictions(class_ids: np.ndarray, indices: np.ndarray, predicted: np.ndarray) -> pl.DataFrame:
    """List the predictions of a single reviewer, in the format of :func:`synthdiv.classifiers.evaluation.classify_sets`."""
    columns = {"class_id": class_ids, "index": indices, "predicted": predicted[:, None].tolist()}
    empty = [None] * len(class_ids)
    return pl.DataFrame({"seed": empty, **columns, "confidence": empty}, schema=PREDICTIONS)


def vote_seeds(predictions: pl.DataFrame) -> pl.DataFrame:
    """Return the class that most models predict for each image.

    Parameters
    ----------
    predictions : polars.DataFrame
        One row per seed and image, from :func:`synthdiv.classifiers.evaluation.classify_sets`.

    Returns
    -------
    polars.DataFrame
        One row per image: class_id, index, predicted. Ties are broken by the greater total confidence, then by the smaller
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
    votes: pl.DataFrame, classes: Sequence[ClassRow], prompts: Sequence[str], columns: Sequence[str]
) -> pl.DataFrame:
    """Tabulate the classes, one row each, lowest accuracy first.

    Parameters
    ----------
    votes : polars.DataFrame
        From :func:`vote_seeds`.
    classes : list of ClassRow
        The study's classes.
    prompts : sequence of str
        The prompt of each class that its images were generated from.
    columns : sequence of str
        Columns of the CSV of overrides, for the proposed lines.

    Returns
    -------
    polars.DataFrame
        Columns of :data:`SCHEMA`; ``predicted_class`` is the most frequent wrong class of the images. A class whose images
        are all excluded has no accuracy and comes first.
    """
    rows, names = [], distinguish_names(classes)
    for row in classes:
        predicted = votes.filter(pl.col("class_id") == row.class_id)["predicted"].to_numpy()
        counts = np.bincount(predicted, minlength=len(classes))
        correct, count = int(counts[row.class_id]), len(predicted)
        counts[row.class_id] = 0
        worst = int(counts.argmax())
        low, high = wilson_interval(correct, count) if count else (None, None)
        rows.append(
            {"class_id": row.class_id, "key": row.key, "name": names[row.class_id], "n_images": count}
            | {"accuracy": correct / count if count else None, "accuracy_low": low, "accuracy_high": high}
            | {"predicted_class": names[worst] if counts[worst] else None}
            | {"predicted_class_share": counts[worst] / count if counts[worst] else None, "prompt": prompts[row.class_id]}
            | {"lemmas": row.lemmas, "definition": row.definition, "hypernym": row.hypernym}
            | {"proposed_override": propose_override(row, prompts[row.class_id], columns)}
        )
    return pl.DataFrame(rows, schema=SCHEMA).sort("accuracy", "class_id", nulls_last=False)


def propose_override(row: ClassRow, prompt: str, columns: Sequence[str]) -> str | None:
    """Propose a line for a CSV of overrides: the class's name and hypernym. A person must decide whether it helps.

    Parameters
    ----------
    row : ClassRow
    prompt : str
        The class's current prompt.
    columns : sequence of str
        Columns of the CSV; all but key and prompt stay empty.

    Returns
    -------
    str or None
        None if that is the prompt already.
    """
    proposed = f"{row.name}, {row.hypernym}" if row.hypernym else row.name
    if proposed == prompt:
        return None
    line = io.StringIO()
    csv.writer(line, lineterminator="").writerow([{"key": row.key, "prompt": proposed}.get(name, "") for name in columns])
    return line.getvalue()


def keep_history(path: Path | str, table: pl.DataFrame, *, generated_by: str, reviewed_by: str) -> pl.DataFrame:
    """Append each class whose review differs from its last one to the history; existing rows are never changed.

    A job that runs again, after an interruption or for another page, appends nothing.

    Parameters
    ----------
    path : Path or str
        The history, a CSV; it is created if missing.
    table : polars.DataFrame
        From :func:`tabulate_classes`.
    generated_by, reviewed_by : str
        The generator and guidance scale; the reviewer.

    Returns
    -------
    polars.DataFrame
        For each class whose prompt has changed: the last review of an earlier prompt. Columns of :data:`HISTORY`.
    """
    path = Path(path)
    history = read_table(path, HISTORY) if path.exists() else pl.DataFrame(schema=HISTORY)
    last = {row["key"]: row for row in history.iter_rows(named=True)}
    number = (history["review"].max() or 0) + 1  # type: ignore[operator]
    reviewed = table.with_columns(review=pl.lit(number), generated_by=pl.lit(generated_by), reviewed_by=pl.lit(reviewed_by))
    rows = reviewed.sort("class_id").select(*(pl.col(name).cast(kind) for name, kind in HISTORY.items())).to_dicts()
    new = [row for row in rows if _without_number(row) != _without_number(last.get(row["key"], {}))]
    if new:
        write_result(pl.concat([history, pl.DataFrame(new, schema=HISTORY)]), path)
    current = {row["key"]: row["prompt"] for row in rows}
    before = {
        row["key"]: row for row in history.iter_rows(named=True) if current.get(row["key"], row["prompt"]) != row["prompt"]
    }
    return pl.DataFrame(list(before.values()), schema=HISTORY)


def _without_number(row: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in row.items() if name != "review"}


def introduce_review(
    *, dataset: str, overrides: str | None, reads_overrides: bool, images: int, generated_by: str, reviewed_by: str
) -> list[str]:
    """Write the introduction of the page: how it was made, and how to use it.

    Parameters
    ----------
    dataset : str
        The reviewed dataset.
    overrides : str or None
        The CSV of overrides to add lines to.
    reads_overrides : bool
        Whether that CSV sets prompts of the reviewed dataset itself.
    images : int
        Number of images per class.
    generated_by, reviewed_by : str
        The generator and guidance scale; the reviewer.
    """
    made = (
        f"{images} images per class, generated by {generated_by} from the prompts of dataset {dataset} in a split of their "
        f"own, classified by {reviewed_by}. The classes of lowest accuracy come first; the caption of an image is its "
        "predicted class. Brackets are 95 % intervals."
    )
    caution = (
        "A class may be misclassified for reasons other than an ambiguous prompt: look before you change one. A proposal "
        "is just the class's name and hypernym; nobody checked it."
    )
    if overrides is None:
        instructions = (
            f"No dataset of this config has overrides of {dataset}: put lines into a CSV with the columns key and "
            f"prompt, and add a dataset with the builder overrides and the base {dataset}, and a set of it."
        )
    elif reads_overrides:
        instructions = (
            f"Paste the lines that you accept into {overrides} (a key's new line replaces its old one) and run the target "
            "review again: only those classes are generated again; they are shown first, before and after."
        )
    else:
        instructions = (
            f"Paste the lines that you accept into {overrides} (a key's new line replaces its old one). They set prompts "
            f"of a dataset based on {dataset}: to see their effect, name a set of that dataset in review.set."
        )
    return [made, caution, instructions]
