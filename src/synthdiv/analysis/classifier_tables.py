"""Tabulate classifier results from the predictions of each image: top-1, top-5, calibration, accuracy per class."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import combinations
from typing import Any

import numpy as np
import polars as pl

from synthdiv.stats.crossed import arrange_seeds, compare_trained, pool_seed_variance
from synthdiv.stats.differences import SCHEMA as DIFFERENCE_SCHEMA
from synthdiv.stats.differences import correct_rows, describe_difference
from synthdiv.stats.intervals import wilson_interval

BINS = 15
"""Number of bins of the calibration error."""
KEYS = ["classifier", "train_set", "evaluation_set"]


def compute_calibration_error(confidences: np.ndarray, correct: np.ndarray) -> float:
    """Return the expected calibration error: the mean distance between confidence and accuracy.

    Parameters
    ----------
    confidences : float array of shape (n,)
        The probability of the predicted class.
    correct : bool array of shape (n,)
        Whether the prediction is correct.

    Returns
    -------
    float
        Distance between accuracy and mean confidence, in 15 equally wide bins of confidence, averaged over images.

    References
    ----------
    C. Guo et al., "On calibration of modern neural networks" (2017), equation 3; bins of M. P. Naeini et al. (2015).
    """
    bins = np.minimum((np.asarray(confidences, dtype=np.float64) * BINS).astype(np.int64), BINS - 1)
    sums = np.bincount(bins, np.asarray(confidences, dtype=np.float64) - correct, minlength=BINS)
    return float(np.abs(sums).sum() / len(bins))


def tabulate_run(predictions: pl.DataFrame, head: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Tabulate the accuracy of one trained classifier, one row per evaluation set.

    Parameters
    ----------
    predictions : polars.DataFrame
        Predictions of one run, from :func:`synthdiv.classifiers.evaluation.classify_sets`.
    head : mapping
        The run's first columns: classifier, train_set, seed, n_train, steps, epochs, held_fixed.
    """
    rows = []
    for (name,), table in predictions.group_by("evaluation_set", maintain_order=True):
        count, correct = len(table), table["correct_top1"].to_numpy()
        is_known = {one: not table[one].null_count() for one in ("correct_top5", "confidence")}
        correct_top5 = float(table["correct_top5"].sum()) if is_known["correct_top5"] else None
        calibration = compute_calibration_error(table["confidence"].to_numpy(), correct) if is_known["confidence"] else None
        row = {**head, "evaluation_set": name, "n_evaluation": count}
        rows.append(row | _measure(float(correct.sum()), correct_top5, count) | {"calibration_error": calibration})
    return rows


def _measure(correct_top1: float, correct_top5: float | None, count: int) -> dict[str, float | None]:
    """Return shares with their intervals; for means over seeds, the numbers of correct images are means, too."""
    metrics: dict[str, float | None] = {}
    for name, correct in (("top1", correct_top1), ("top5", correct_top5)):
        low, high = (None, None) if correct is None else wilson_interval(correct, count)
        metrics |= {name: None if correct is None else correct / count, f"{name}_low": low, f"{name}_high": high}
    return metrics


def average_seeds(runs: pl.DataFrame) -> pl.DataFrame:
    """Average the rows of :func:`tabulate_run` over seeds.

    The interval is for other images and the same trained classifiers. ``top1_deviation`` is the standard deviation over
    seeds (empty for one seed), which is what another training would change.
    """
    rows = []
    for keys, table in runs.group_by(KEYS, maintain_order=True):
        count, seeds = int(table["n_evaluation"][0]), len(table)
        head = dict(zip(KEYS, keys, strict=True)) | {"n_seeds": seeds, "n_train": table["n_train"][0], "n_evaluation": count}
        correct_top1 = float(np.mean(table["top1"].to_numpy())) * count
        correct_top5 = None if table["top5"].null_count() else float(np.mean(table["top5"].to_numpy())) * count
        metrics = _measure(correct_top1, correct_top5, count)
        deviations = {f"{name}_deviation": table[name].std() for name in ("top1", "top5")}
        rows.append(head | metrics | deviations | {"calibration_error": table["calibration_error"].mean()})
    return pl.DataFrame(rows, infer_schema_length=None).cast({"top1_deviation": pl.Float64, "top5_deviation": pl.Float64})


def tabulate_classes(predictions: pl.DataFrame, class_names: Sequence[str]) -> pl.DataFrame:
    """Tabulate top-1 per class over all seeds, from the predictions of all runs (with classifier and train_set)."""
    names = pl.DataFrame({"class_id": range(len(class_names)), "name": class_names}, schema_overrides={"class_id": pl.Int32})
    counted = predictions.group_by([*KEYS, "class_id"], maintain_order=True).agg(
        n_seeds=pl.col("seed").n_unique(),
        n_evaluation=pl.len() // pl.col("seed").n_unique(),
        top1=pl.col("correct_top1").mean(),
    )
    intervals = [wilson_interval(top1 * n, n) for top1, n in counted.select("top1", "n_evaluation").iter_rows()]
    counted = counted.with_columns(
        top1_low=pl.Series([low for low, _ in intervals]), top1_high=pl.Series([high for _, high in intervals])
    )
    return counted.join(names, on="class_id", how="left", maintain_order="left")


def count_confusions(predictions: pl.DataFrame) -> pl.DataFrame:
    """Count how many images of each class were classified as each class, summed over seeds."""
    return (
        predictions.with_columns(predicted=pl.col("predicted").list.first())
        .group_by([*KEYS, "class_id", "predicted"])
        .agg(n_images=pl.len())
        .sort([*KEYS, "class_id", "predicted"])
    )


def compare_trainings(predictions: pl.DataFrame) -> pl.DataFrame:
    """Test which training sets differ: every pair of a classifier's, on each evaluation set, paired by image.

    Intervals and p-values are for other images and other training runs, by :func:`synthdiv.stats.crossed.compare_trained`;
    with one seed, for other images and the same trained classifiers. P-values are corrected for the number of pairs by
    Benjamini and Hochberg's procedure.

    Parameters
    ----------
    predictions : polars.DataFrame
        Predictions of all runs, with classifier and train_set.

    Returns
    -------
    polars.DataFrame
        classifier, evaluation_set, train_set_a, train_set_b, n_pairs, difference of top-1 (a - b), difference_low,
        difference_high, p_value, p_adjusted, differs (p_adjusted below 0.05).
    """
    found: list[dict[str, Any]] = []
    for (classifier, name), own in predictions.group_by("classifier", "evaluation_set", maintain_order=True):
        class_ids, values = arrange_seeds(own, "correct_top1")
        between_seeds = pool_seed_variance(list(values.values()))
        part: list[dict[str, Any]] = []
        for a, b in combinations(values, 2):
            result = compare_trained(values[a], values[b], class_ids, between_seeds)
            head = {"classifier": classifier, "evaluation_set": name, "train_set_a": a, "train_set_b": b}
            part.append(head | describe_difference(result, len(class_ids)))
        found += correct_rows(part)
    names = ("classifier", "evaluation_set", "train_set_a", "train_set_b")
    return pl.DataFrame(found, schema=dict.fromkeys(names, pl.String) | DIFFERENCE_SCHEMA)


def tabulate_gaps(predictions: pl.DataFrame, natural: str | None) -> pl.DataFrame:
    """Tabulate how far training on natural images is ahead on each evaluation set, also under a domain shift.

    Parameters
    ----------
    predictions : polars.DataFrame
        Predictions of all runs, with classifier and train_set.
    natural : str or None
        The natural training set; if None, the table is empty.

    Returns
    -------
    polars.DataFrame
        classifier, evaluation_set, train_set, metric (top1, top5), natural and generated (the accuracies), their difference
        as in :func:`compare_trainings`, and relative_gap (difference / natural; null if natural is 0).
    """
    found: list[dict[str, Any]] = []
    for (classifier, name), own in predictions.group_by("classifier", "evaluation_set", maintain_order=True):
        part: list[dict[str, Any]] = []
        for metric in ("top1", "top5"):
            class_ids, values = arrange_seeds(own, f"correct_{metric}")
            if natural is None or natural not in values:
                continue
            between_seeds = pool_seed_variance(list(values.values()))
            baseline = values.pop(natural)
            for training, generated in values.items():
                head = {"classifier": classifier, "evaluation_set": name, "train_set": training, "metric": metric}
                means = {"natural": float(baseline.mean()), "generated": float(generated.mean())}
                result = compare_trained(baseline, generated, class_ids, between_seeds)
                part.append(head | means | describe_difference(result, len(class_ids)))
        found += correct_rows(part)
    names = dict.fromkeys(("classifier", "evaluation_set", "train_set", "metric"), pl.String)
    table = pl.DataFrame(found, schema=names | dict.fromkeys(("natural", "generated"), pl.Float64) | DIFFERENCE_SCHEMA)
    ratio = pl.col("difference") / pl.col("natural")
    return table.with_columns(relative_gap=pl.when(pl.col("natural") > 0).then(ratio))


def choose_evaluations(table: pl.DataFrame, evaluations: Mapping[str, str]) -> pl.DataFrame:
    """Return the rows of each classifier's main evaluation set."""
    chosen = pl.DataFrame(list(evaluations.items()), schema=["classifier", "evaluation_set"], orient="row")
    return table.join(chosen, on=["classifier", "evaluation_set"], how="semi", maintain_order="left")
