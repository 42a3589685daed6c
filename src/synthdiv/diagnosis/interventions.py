"""Whether a cure helps the diagnosed classes more than others: the proof of a diagnosis.

A classifier is trained on a base set, on one in which the diagnosed classes are cured, and on one in which as many other
classes get the same cure. What the cure changes of the accuracy on a class's own images, there and here, is compared.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import polars as pl

from synthdiv.stats.intervals import mean_interval

SCHEMA: dict[str, Any] = {
    **dict.fromkeys(("intervention", "classifier", "evaluation_set", "group", "train_set", "classes"), pl.String),
    **dict.fromkeys(("n_classes", "n_images", "n_seeds"), pl.Int64),
    **dict.fromkeys(("top1_before", "top1_after", "change", "change_low", "change_high"), pl.Float64),
}


def compare_intervention(
    before: pl.DataFrame,
    after: Mapping[str, pl.DataFrame],
    treated: Mapping[str, Sequence[int]],
    class_names: Sequence[str],
    head: Mapping[str, Any],
) -> list[dict[str, Any]]:
    """What a cure changes for the diagnosed classes, for others, and by how much more for the first.

    Parameters
    ----------
    before : polars.DataFrame
        Predictions on one evaluation set after training on the base, of all seeds.
    after : mapping of group ("diagnosed", "others") to DataFrame
        The same after training with that group cured.
    treated : mapping of group to sequence of int
        Its class_ids.
    class_names : sequence of str
        By class_id.
    head : mapping
        The row's first columns: cure, classifier, evaluation_set, and train_set by group.

    Returns
    -------
    list of dict
        Rows of ``SCHEMA``: a group each, and "diagnosed - others". Changes are paired by image, an image counting with the
        share of seeds that got it right; intervals are of 95 %, for other images of the same classes and the classifiers as
        trained.
    """
    rows = []
    middles, halves = [], []
    for group, predictions in after.items():
        x, y = (_share_right(table, treated[group]) for table in (predictions, before))
        change = (x["correct_top1"] - y["correct_top1"]).to_numpy()
        low, high = mean_interval(change, x["class_id"].to_numpy()) or (math.nan, math.nan)  # one image a class
        middles.append(float(change.mean()))
        halves.append((high - low) / 2)
        metrics = {"top1_before": y["correct_top1"].mean(), "top1_after": x["correct_top1"].mean(), "change": middles[-1]}
        counts = {"n_classes": len(treated[group]), "n_images": len(x), "n_seeds": predictions["seed"].n_unique()}
        names = ", ".join(class_names[n] for n in treated[group])
        own = {"train_set": head["train_set"][group], "group": group, "classes": names}
        rows.append({**head, **own, **counts, **metrics, "change_low": low, "change_high": high})
    more, half = middles[0] - middles[1], math.hypot(*halves)
    contrast = {"group": " - ".join(after), "change": more, "change_low": more - half, "change_high": more + half}
    return [*rows, {**head, "train_set": None} | contrast]


def _share_right(predictions: pl.DataFrame, class_ids: Sequence[int]) -> pl.DataFrame:
    """Of each image of some classes, the share of seeds that got it right."""
    own = predictions.filter(pl.col("class_id").is_in(list(class_ids)))
    return own.group_by("class_id", "index").agg(pl.col("correct_top1").mean()).sort("class_id", "index")
