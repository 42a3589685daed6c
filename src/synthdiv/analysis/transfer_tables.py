"""Tabulate the top-1 of linear probes on transfer sets, from the predictions of each image."""

from __future__ import annotations

from typing import Any

import numpy as np
import polars as pl

from synthdiv.classifiers.linear_probe import Transfer
from synthdiv.embeddings.table import Embeddings
from synthdiv.stats.crossed import arrange_seeds, compare_trained, pool_seed_variance
from synthdiv.stats.differences import SCHEMA as DIFFERENCE_SCHEMA
from synthdiv.stats.differences import correct_rows, describe_difference
from synthdiv.stats.intervals import wilson_interval

KEYS = ["transfer_set", "encoder", "train_set"]
"""Keys of an encoder's rows; train_set is empty if the encoder is not one of the study's classifiers."""
TRIALS: dict[str, Any] = {
    "seed": pl.Int64,
    "fit": pl.String,
    "C": pl.Float64,
    "validation_top1": pl.Float64,
    "converged": pl.Boolean,
    "n_train": pl.Int64,
    "d": pl.Int64,
}
MEANS: dict[str, Any] = {
    **dict.fromkeys(KEYS, pl.String),
    **dict.fromkeys(("n_seeds", "n_classes", "n_train", "n_evaluation"), pl.Int64),
    **dict.fromkeys(("top1", "top1_low", "top1_high", "top1_deviation"), pl.Float64),
    "compared_with": pl.String,
    **DIFFERENCE_SCHEMA,
}


def list_predictions(found: Transfer, evaluation: Embeddings, seed: int | None) -> pl.DataFrame:
    """List the predictions, one row per evaluation image: seed, class_id, index, predicted, correct_top1."""
    columns = {
        "seed": [seed] * len(evaluation),
        "class_id": evaluation.class_ids,
        "index": evaluation.indices,
        "predicted": found.predicted,
        "correct_top1": found.predicted == evaluation.class_ids,
    }
    return pl.DataFrame(columns, schema_overrides={"seed": pl.Int64})


def describe_fits(found: Transfer, seed: int | None) -> pl.DataFrame:
    """List the fits, one row each: every trial, and the final fit to the training and validation split."""
    chosen = {"C": found.c, "converged": found.converged}
    rows = [{"fit": "trial"} | trial for trial in found.trials] + [{"fit": "final"} | chosen]
    common = {"seed": seed, "n_train": found.n_train, "d": found.d}
    return pl.DataFrame([row | common for row in rows], schema=TRIALS)


def tabulate_transfer(predictions: pl.DataFrame, trials: pl.DataFrame) -> pl.DataFrame:
    """Tabulate top-1 with its interval and the fit of the regression, one row per transfer set, encoder and seed.

    Parameters
    ----------
    predictions, trials : polars.DataFrame
        Of all encoders, from :func:`list_predictions` and :func:`describe_fits`, with ``KEYS``.

    Returns
    -------
    polars.DataFrame
        ``KEYS``, seed, n_classes, n_train (training and validation split), n_evaluation, d, top1, top1_low, top1_high,
        C (the chosen one), trials, validation_top1 (at that C), converged (the final fit), trials_not_converged.
    """
    rows = []
    by_run = dict(trials.group_by(*KEYS, "seed", maintain_order=True))
    for key, own in predictions.group_by(*KEYS, "seed", maintain_order=True):
        count, n_correct = len(own), int(own["correct_top1"].sum())
        tested, final = (by_run[key].filter(fit=fit) for fit in ("trial", "final"))
        low, high = wilson_interval(n_correct, count)
        chosen = tested.filter(pl.col("C") == final["C"][0])["validation_top1"].to_list()
        sizes = {"n_classes": own["class_id"].n_unique(), "n_train": final["n_train"][0], "n_evaluation": count}
        metrics = {"d": final["d"][0], "top1": n_correct / count, "top1_low": low, "top1_high": high}
        fits = {"C": final["C"][0], "trials": len(tested), "validation_top1": next(iter(chosen), None)}
        fits |= {"converged": final["converged"][0], "trials_not_converged": int((~tested["converged"]).sum())}
        rows.append(dict(zip([*KEYS, "seed"], key, strict=True)) | sizes | metrics | fits)
    kinds = {"seed": pl.Int64, "train_set": pl.String, "validation_top1": pl.Float64}
    return pl.DataFrame(rows, schema_overrides=kinds, infer_schema_length=None)


def average_transfer(runs: pl.DataFrame, predictions: pl.DataFrame, natural: str | None) -> pl.DataFrame:
    """Average over seeds, and compare each training set with the natural one.

    The interval of top-1 is for other images and the same encoders; ``top1_deviation`` is the standard deviation over seeds.
    Differences are for other images and other training runs, as in :func:`synthdiv.stats.crossed.compare_trained`. P-values
    are corrected for the number of rows that have one by Benjamini and Hochberg's procedure.

    Parameters
    ----------
    runs : polars.DataFrame
        From :func:`tabulate_transfer`.
    predictions : polars.DataFrame
        The predictions that ``runs`` summarises.
    natural : str or None
        The training set that the others are compared with, if an encoder was trained on it.

    Returns
    -------
    polars.DataFrame
        Columns of ``MEANS``.
    """
    arranged = {key: arrange_seeds(own, "correct_top1") for key, own in predictions.group_by(*KEYS[:2], maintain_order=True)}
    between_seeds = {key: pool_seed_variance(list(values.values())) for key, (_, values) in arranged.items()}
    rows, compared = [], []
    for key, own in runs.group_by(*KEYS, maintain_order=True):
        count, top1 = int(own["n_evaluation"][0]), float(np.mean(own["top1"].to_numpy()))
        low, high = wilson_interval(top1 * count, count)
        sizes = {"n_seeds": len(own)} | own.select("n_classes", "n_train", "n_evaluation").row(0, named=True)
        metrics = {"top1": top1, "top1_low": low, "top1_high": high, "top1_deviation": own["top1"].std()}
        row = dict(zip(KEYS, key, strict=True)) | sizes | metrics
        class_ids, values = arranged[key[:2]]
        if natural not in values or key[2] == natural:
            rows.append(row)
            continue
        difference = compare_trained(values[key[2]], values[natural], class_ids, between_seeds[key[:2]])
        row |= {"compared_with": natural} | describe_difference(difference, count)
        rows.append(row)
        compared.append(row)
    corrected = {id(row): full for row, full in zip(compared, correct_rows(compared), strict=True)}
    return pl.DataFrame([corrected.get(id(row), row) for row in rows], schema=MEANS)
