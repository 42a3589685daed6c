"""Test whether an intervention helps the diagnosed classes more than others: this validates the diagnosis.

A classifier is trained on a base set, on a set with the intervention on the diagnosed classes, and on a set with the same
intervention on as many other classes. The changes of the accuracy on the images of the treated classes are compared.
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
    """Compare the effect of an intervention on the diagnosed classes with its effect on others.

    Parameters
    ----------
    before : polars.DataFrame
        Predictions of all seeds on one evaluation set after training on the base set.
    after : mapping of group ("diagnosed", "others") to DataFrame
        The same after training with the intervention on that group.
    treated : mapping of group to sequence of int
        The group's class_ids.
    class_names : sequence of str
        Class names, indexed by class_id.
    head : mapping
        The row's first columns: intervention, classifier, evaluation_set, and train_set by group.

    Returns
    -------
    list of dict
        Rows of ``SCHEMA``: one per group, and "diagnosed - others". Changes are paired by image; an image's value is the
        share of seeds that classify it correctly. Intervals are 95 % intervals for other images of the same classes and the
        same trained classifiers.
    """
    rows = []
    changes, half_widths = [], []
    for group, predictions in after.items():
        x, y = (_share_correct(table, treated[group]) for table in (predictions, before))
        change = (x["correct_top1"] - y["correct_top1"]).to_numpy()
        low, high = mean_interval(change, x["class_id"].to_numpy()) or (math.nan, math.nan)  # one image per class
        changes.append(float(change.mean()))
        half_widths.append((high - low) / 2)
        metrics = {"top1_before": y["correct_top1"].mean(), "top1_after": x["correct_top1"].mean(), "change": changes[-1]}
        counts = {"n_classes": len(treated[group]), "n_images": len(x), "n_seeds": predictions["seed"].n_unique()}
        names = ", ".join(class_names[n] for n in treated[group])
        own = {"train_set": head["train_set"][group], "group": group, "classes": names}
        rows.append({**head, **own, **counts, **metrics, "change_low": low, "change_high": high})
    gain, half = changes[0] - changes[1], math.hypot(*half_widths)
    contrast = {"group": " - ".join(after), "change": gain, "change_low": gain - half, "change_high": gain + half}
    return [*rows, {**head, "train_set": None} | contrast]


def _share_correct(predictions: pl.DataFrame, class_ids: Sequence[int]) -> pl.DataFrame:
    """Return, for each image of some classes, the share of seeds that classify it correctly."""
    own = predictions.filter(pl.col("class_id").is_in(list(class_ids)))
    return own.group_by("class_id", "index").agg(pl.col("correct_top1").mean()).sort("class_id", "index")
