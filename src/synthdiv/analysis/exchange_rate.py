"""The exchange rate between natural and synthetic images: how many natural ones a training set is worth."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

import numpy as np
import polars as pl


def count_kinds(parts: Sequence[tuple[str, int]], natural: Collection[str]) -> dict[str, int | str]:
    """How many natural and synthetic images a training set has, and which sets the synthetic ones are of.

    Parameters
    ----------
    parts : sequence of (set, number of images)
    natural : collection of str
        The natural sets.
    """
    synthetic = [(name, count) for name, count in parts if name not in natural]
    return {
        "n_natural": sum(count for name, count in parts if name in natural),
        "n_synthetic": sum(count for _, count in synthetic),
        "synthetic": " + ".join(f"{count} {name}" for name, count in synthetic),
    }


def measure_exchange_rate(means: pl.DataFrame, kinds: Mapping[str, Mapping[str, int | str]]) -> pl.DataFrame:
    """For each training set, how many natural images alone would lead to its accuracy.

    Between the numbers of natural images that were tried, accuracy is taken as linear in their logarithm; beyond them
    nothing is said.

    Parameters
    ----------
    means : polars.DataFrame
        Of one evaluation set a classifier: classifier, train_set, evaluation_set, top1, top1_low, top1_high.
    kinds : mapping of training set to :func:`count_kinds`
        Of those to be listed.

    Returns
    -------
    polars.DataFrame
        The means with n_natural, n_synthetic, synthetic, and worth_natural: the number of natural images, empty where
        it lies beyond those that were tried.
    """
    columns = ["n_natural", "n_synthetic", "synthetic"]
    listed = pl.DataFrame([{"train_set": name, **kind} for name, kind in kinds.items()], infer_schema_length=None)
    table = means.join(listed, on="train_set", how="inner", maintain_order="left")
    rows = []
    for (classifier,), group in table.group_by("classifier", maintain_order=True):
        alone = group.filter(pl.col("n_synthetic") == 0).sort("n_natural")
        numbers = np.log(alone["n_natural"].to_numpy())
        # a larger set is never worth less: where noise says so, the larger value so far
        curve = np.maximum.accumulate(alone["top1"].to_numpy()) if len(alone) else np.empty(0)
        for name, top1 in group.select("train_set", "top1").iter_rows():
            inside = len(alone) > 1 and curve[0] <= top1 <= curve[-1]
            worth = round(float(np.exp(np.interp(top1, curve, numbers))), 1) if inside else None
            rows.append({"classifier": classifier, "train_set": name, "worth_natural": worth})
    worths = pl.DataFrame(rows, schema={"classifier": pl.String, "train_set": pl.String, "worth_natural": pl.Float64})
    keys = ["classifier", "train_set", "evaluation_set"]
    joined = table.join(worths, on=["classifier", "train_set"], how="left", maintain_order="left")
    return joined.select(*keys, *columns, "n_seeds", "top1", "top1_low", "top1_high", "top1_deviation", "worth_natural")
