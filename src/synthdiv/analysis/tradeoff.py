"""Tabulate the trade-off of prompts: a generated set's diversity against its semantic errors and other visual domains.

"Fake it till you make it" (Appendix) observes that more varied prompts lead to more errors, and that some
images are not photographs.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import polars as pl

from synthdiv.stats.intervals import wilson_interval

SHARES = ("semantic_error", "other_domain")
SCHEMA: dict[str, Any] = {
    **dict.fromkeys(("set", "first_prompt"), pl.String),
    **dict.fromkeys(("guidance_scale", "centroid_distance", "centroid_distance_low", "centroid_distance_high"), pl.Float64),
    "n_images": pl.Int64,
    **{name + end: pl.Float64 for name in SHARES for end in ("", "_low", "_high")},
}


def tabulate_tradeoff(
    causes: pl.DataFrame, distances: pl.DataFrame, natural: str, described: Mapping[str, tuple[str, float]]
) -> pl.DataFrame:
    """Tabulate diversity, semantic error and the share of images of another visual domain, one row per set.

    Parameters
    ----------
    causes : polars.DataFrame
        From :func:`synthdiv.diagnosis.causes.diagnose_sets`, for all generated sets.
    distances : polars.DataFrame
        Centroid Distance of each set and split.
    natural : str
        The reference set, whose centroids classify images. Its row is the first, from its evaluation split (semantic error,
        domain).
    described : mapping of set name to (str, float)
        The prompt of the set's first image, and its guidance scale.

    Returns
    -------
    polars.DataFrame
        set, first_prompt, guidance_scale; centroid_distance (of the training split) with bounds; n_images; semantic_error
        (the share of images that are not nearest to the natural centroid of their own class) and other_domain (the share
        that the encoder does not classify as photographs of their class; null if no encoder embeds texts), each with
        Wilson's bounds.
    """
    rows = []
    for name in [natural, *causes["set"].unique(maintain_order=True)]:
        own = causes.filter(set=name) if name != natural else causes.filter(set=causes["set"][0])
        prefix = "natural_" if name == natural else ""
        prompt, scale = described.get(name, (None, None))
        counts = own["n_natural" if name == natural else "n_images"]
        row: dict[str, Any] = {"set": name, "first_prompt": prompt, "guidance_scale": scale, "n_images": int(counts.sum())}
        (spread,) = distances.filter(set=name, split="train").iter_rows(named=True)
        row |= {column: spread[column] for column in spread if column.startswith("centroid_distance")}
        for metric, column in zip(SHARES, ("accuracy", "photographs"), strict=True):
            shares = own[prefix + column]
            if shares.null_count():
                continue
            wrong = int(counts.sum()) - round(float((shares * counts).sum()))
            low, high = wilson_interval(wrong, row["n_images"])
            row |= {metric: wrong / row["n_images"], f"{metric}_low": low, f"{metric}_high": high}
        rows.append(row)
    return pl.DataFrame(rows, schema=SCHEMA)
