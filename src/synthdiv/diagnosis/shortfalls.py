"""The classes that fall short after training on a set, and what is known of each: a price, a suspicion, or nothing."""

from __future__ import annotations

from typing import Any

import numpy as np
import polars as pl

from synthdiv.diagnosis.accounts import INTERVENTION, NOT_PRICED, TOTAL, select_first
from synthdiv.stats.differences import adjust_p_values

NOT_TESTED, WITHIN_NOISE, AHEAD = "not tested", "within noise", "ahead"
PRICED, SUSPECTED, UNEXPLAINED = "priced", "suspected", "unexplained"
TESTED_BY = {
    "ambiguity": ("ambiguity",),
    "adherence": ("diversity against adherence",),
    "concept not represented": ("concept not represented",),
    "wrong images": ("ambiguity", "diversity against adherence", "concept not represented"),
    "diversity": ("diversity", "diversity against adherence"),
    "visual domain": ("concept not represented",),
}
"""What interventions act on that test a suspected cause, as they name it in ``acts_on``."""
SCHEMA: dict[str, Any] = {
    **dict.fromkeys(("classifier", "evaluation_set", "train_set"), pl.String),
    "class_id": pl.Int64,
    **dict.fromkeys(("name", "compared_with"), pl.String),
    "n_images": pl.Int64,
    **dict.fromkeys(("recall_before", "recall", "shortfall", "shortfall_low", "shortfall_high"), pl.Float64),
    **dict.fromkeys(("p_value", "p_adjusted"), pl.Float64),
    "differs": pl.Boolean,
    **dict.fromkeys(("priced", "not_priced"), pl.Float64),
    **dict.fromkeys(("finding", "setting", "before", "after"), pl.String),
    "cost": pl.Float64,
    "suspected": pl.String,
    "suspected_cost": pl.Float64,
}
KEYS = ["classifier", "train_set", "class_id"]


def tabulate_shortfalls(accounts: pl.DataFrame, causes: pl.DataFrame | None, names: list[str]) -> pl.DataFrame:
    """Tabulate the shortfall of each class after training on each set, and what is known of it.

    A class is *not tested* if there is one training seed, or one image of it. It is *within noise* if its shortfall is
    not significant at a false discovery rate of 5 % over the classes of all sets of a classifier, and *ahead* if it
    gains instead. Otherwise it is *priced* if interventions account for half of its shortfall or more; or else
    *suspected* if embeddings suggest a cause on which none of these interventions acts; or else *unexplained*.

    Parameters
    ----------
    accounts : polars.DataFrame
        Columns of :data:`synthdiv.diagnosis.accounts.CLASS_SCHEMA`; the first evaluation set of each classifier is used.
    causes : polars.DataFrame or None
        The table of causes, with set, class_id and cause.
    names : list of str
        The name of each class, by class_id.

    Returns
    -------
    polars.DataFrame
        Columns of ``SCHEMA``; positive values are accuracy that is lost. ``setting`` is that of the most costly
        intervention, ``suspected_cost`` the cost of those that act on the suspected cause.
    """
    first = select_first(accounts).with_columns(-pl.col("gain", "gain_low", "gain_high"))
    total = first.filter(kind=TOTAL)
    sums = [
        first.filter(kind=kind).group_by(KEYS).agg(pl.col("gain").sum().alias(name))
        for kind, name in ((INTERVENTION, "priced"), (NOT_PRICED, "not_priced"))
    ]
    largest = (
        first.filter(kind=INTERVENTION)
        .sort("gain", descending=True, maintain_order=True)
        .unique(KEYS, keep="first", maintain_order=True)
        .select(*KEYS, "setting", "before", "after", cost="gain")
    )
    table = total.drop("setting", "before", "after")
    for one in (*sums, largest):
        table = table.join(one, on=KEYS, how="left", maintain_order="left")
    table = _add_suspicions(table, first.filter(kind=INTERVENTION), causes)
    table = pl.concat([_adjust(own) for _, own in table.group_by("classifier", maintain_order=True)])
    finding = (
        pl.when(pl.col("differs").is_null())
        .then(pl.lit(NOT_TESTED))
        .when(~pl.col("differs"))
        .then(pl.lit(WITHIN_NOISE))
        .when(pl.col("gain") <= 0)
        .then(pl.lit(AHEAD))
        .when(pl.col("priced") >= 0.5 * pl.col("gain"))
        .then(pl.lit(PRICED))
        .when(pl.col("suspected").is_not_null() & pl.col("suspected_cost").is_null())
        .then(pl.lit(SUSPECTED))
        .otherwise(pl.lit(UNEXPLAINED))
    )
    class_names = pl.Series("name", [names[class_id] for class_id in table["class_id"]], dtype=pl.String)
    return table.with_columns(
        class_names,
        finding=finding,
        compared_with="base",
        recall_before="top1_before",
        recall="top1_after",
        shortfall="gain",
        # an interval's bounds change places with the sign
        shortfall_low="gain_high",
        shortfall_high="gain_low",
        priced=pl.col("priced").fill_null(0.0),
        not_priced=pl.col("not_priced").fill_null(0.0),
    ).select(pl.col(name).cast(dtype) for name, dtype in SCHEMA.items())


def _add_suspicions(table: pl.DataFrame, steps: pl.DataFrame, causes: pl.DataFrame | None) -> pl.DataFrame:
    """Add a suspected cause of each class, and what the interventions that test it cost: an untested one comes first."""
    if causes is None:
        empty = {"suspected": pl.lit(None, dtype=pl.String), "suspected_cost": pl.lit(None, dtype=pl.Float64)}
        return table.with_columns(**empty)
    tests = pl.DataFrame(
        [(cause, one) for cause, acts_on in TESTED_BY.items() for one in acts_on],
        schema={"suspected": pl.String, "acts_on": pl.String},
        orient="row",
    )
    found = list_class_causes(causes).rename({"set": "train_set", "cause": "suspected"})
    costs = (
        steps.join(found, on=["train_set", "class_id"])
        .join(tests, on=["suspected", "acts_on"], how="semi")
        .group_by(*KEYS, "suspected")
        .agg(suspected_cost=pl.col("gain").sum())
    )
    suspected = (
        table.select(KEYS)
        .join(found, on=["train_set", "class_id"], maintain_order="left")
        .join(costs, on=[*KEYS, "suspected"], how="left", maintain_order="left")
        .sort(pl.col("suspected_cost").is_not_null(), maintain_order=True)
        .unique(KEYS, keep="first", maintain_order=True)
    )
    return table.join(suspected, on=KEYS, how="left", maintain_order="left")


def list_class_causes(causes: pl.DataFrame) -> pl.DataFrame:
    """Return set, class_id and cause, with a row for each suspected cause of a class, in the order of the table."""
    each = pl.concat_str("cause", "further_causes", separator=", ", ignore_nulls=True).str.split(", ")
    found = causes.select("set", pl.col("class_id").cast(pl.Int64), cause=each).explode("cause")
    return found.filter(pl.col("cause").is_in(list(TESTED_BY)))


def _adjust(table: pl.DataFrame) -> pl.DataFrame:
    """Adjust the p-values of a classifier's classes and sets; without p-values, nothing differs or not."""
    p_values = table["p_value"].cast(pl.Float64).fill_null(float("nan")).to_numpy()
    adjusted = pl.Series("p_adjusted", adjust_p_values(np.asarray(p_values))).fill_nan(None)
    return table.with_columns(adjusted, differs=adjusted < 0.05)
