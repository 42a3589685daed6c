"""Measure the exchange rate of natural and synthetic images: how many natural images a training set is worth."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

import numpy as np
import polars as pl


def count_kinds(parts: Sequence[tuple[str, int]], natural: Collection[str]) -> dict[str, int | str]:
    """Count the natural and synthetic images of a training set, and name the synthetic sets.

    Parameters
    ----------
    parts : sequence of (set, number of images)
    natural : collection of str
        Names of the natural sets.
    """
    synthetic = [(name, count) for name, count in parts if name not in natural]
    return {
        "n_natural": sum(count for name, count in parts if name in natural),
        "n_synthetic": sum(count for _, count in synthetic),
        "synthetic": " + ".join(f"{count} {name}" for name, count in synthetic),
    }


def measure_exchange_rate(means: pl.DataFrame, kinds: Mapping[str, Mapping[str, int | str]]) -> pl.DataFrame:
    """Find, for each training set, the number of natural images that alone give the same accuracy.

    Between the evaluated numbers of natural images, accuracy is interpolated linearly in their logarithm. There is no
    extrapolation.

    Parameters
    ----------
    means : polars.DataFrame
        For one evaluation set per classifier: classifier, train_set, evaluation_set, top1, top1_low, top1_high.
    kinds : mapping of training set to :func:`count_kinds`
        The training sets to list.

    Returns
    -------
    polars.DataFrame
        The means with n_natural, n_synthetic, synthetic, and worth_natural: the number of natural images, empty where it
        is outside the evaluated range.
    """
    columns = ["n_natural", "n_synthetic", "synthetic"]
    listed = pl.DataFrame([{"train_set": name, **kind} for name, kind in kinds.items()], infer_schema_length=None)
    table = means.join(listed, on="train_set", how="inner", maintain_order="left")
    rows = []
    for (classifier,), group in table.group_by("classifier", maintain_order=True):
        natural = group.filter(pl.col("n_synthetic") == 0).sort("n_natural")
        log_counts = np.log(natural["n_natural"].to_numpy())
        # a larger set is never worth less: where noise suggests it, use the maximum so far
        curve = np.maximum.accumulate(natural["top1"].to_numpy()) if len(natural) else np.empty(0)
        for name, top1 in group.select("train_set", "top1").iter_rows():
            inside = len(natural) > 1 and curve[0] <= top1 <= curve[-1]
            worth = round(float(np.exp(np.interp(top1, curve, log_counts))), 1) if inside else None
            rows.append({"classifier": classifier, "train_set": name, "worth_natural": worth})
    worths = pl.DataFrame(rows, schema={"classifier": pl.String, "train_set": pl.String, "worth_natural": pl.Float64})
    keys = ["classifier", "train_set", "evaluation_set"]
    joined = table.join(worths, on=["classifier", "train_set"], how="left", maintain_order="left")
    return joined.select(*keys, *columns, "n_seeds", "top1", "top1_low", "top1_high", "top1_deviation", "worth_natural")
