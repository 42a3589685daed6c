"""Compare the results of one encoder with those of the others."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import combinations
from typing import Any

import numpy as np
import polars as pl

from synthdiv.stats.rank_correlation import rank_correlation

SCHEMA = {
    "metric": pl.String,
    "encoder": pl.String,
    "other_encoder": pl.String,
    "n_values": pl.Int64,
    "spearman": pl.Float64,
    "n_pairs": pl.Int64,
    "n_clear_pairs": pl.Int64,
    "n_clear_pairs_in_other": pl.Int64,
    "n_agreed": pl.Int64,
    "n_reversed": pl.Int64,
}


def compare_encoders(values: pl.DataFrame, encoders: Sequence[str]) -> pl.DataFrame:
    """Compare how the first encoder ranks experiments or sets with how each other encoder ranks them.

    A pair of values is clear if their 95 % intervals do not overlap: a conservative test, the same for every metric.

    Parameters
    ----------
    values : polars.DataFrame
        encoder, metric, item (the experiment or set that has the value), value, low, high.
    encoders : sequence of str
        The first is compared with each of the others.

    Returns
    -------
    polars.DataFrame
        metric, encoder, other_encoder, n_values (items that both have), spearman (rank correlation over them), n_pairs,
        n_clear_pairs (for the first), n_clear_pairs_in_other (of those, clear for the other, too), n_agreed (of those, in
        the same order), n_reversed (in the opposite order).
    """
    found: list[dict[str, Any]] = []
    for metric in values["metric"].unique(maintain_order=True):
        by_encoder = {
            name: {row["item"]: row for row in values.filter(metric=metric, encoder=name).iter_rows(named=True)}
            for name in encoders
        }
        ours = by_encoder[encoders[0]]
        for other in encoders[1:]:
            theirs = by_encoder[other]
            items = [
                item
                for item, row in ours.items()
                if row["value"] is not None and item in theirs and theirs[item]["value"] is not None
            ]
            if len(items) < 2:
                continue
            first, second = (np.array([rows[item]["value"] for item in items]) for rows in (ours, theirs))
            pairs = [(_order(ours, a, b), _order(theirs, a, b)) for a, b in combinations(items, 2)]
            clear = [pair for pair in pairs if pair[0]]
            both = [pair for pair in clear if pair[1]]
            spearman = rank_correlation(first, second)
            found.append(
                {
                    "metric": metric,
                    "encoder": encoders[0],
                    "other_encoder": other,
                    "n_values": len(items),
                    "spearman": None if math.isnan(spearman) else spearman,
                    "n_pairs": len(pairs),
                    "n_clear_pairs": len(clear),
                    "n_clear_pairs_in_other": len(both),
                    "n_agreed": sum(a == b for a, b in both),
                    "n_reversed": sum(a != b for a, b in both),
                }
            )
    return pl.DataFrame(found, schema=SCHEMA)


def _order(rows: dict[str, dict[str, Any]], a: str, b: str) -> int:
    """Return 1 if a is clearly above b, -1 if clearly below, 0 otherwise."""
    first, second = rows[a], rows[b]
    if None in (first["low"], second["low"]):
        return 0
    return int(first["low"] > second["high"]) - int(first["high"] < second["low"])
