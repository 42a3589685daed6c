"""Why sets fall short: the account of each as steps, and what embeddings suspect, with what tested each suspicion."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import polars as pl

from synthdiv.diagnosis.accounts import INTERACTION, NOT_PRICED, TOTAL, select_first
from synthdiv.diagnosis.suspicions import CONFOUNDED
from synthdiv.report.page.numbers import Tables, bounds, points
from synthdiv.report.page.verdict import Verdict
from synthdiv.report.summary import MONOTONE, percent

MOST_ACCOUNTS = 12
"""Accounts of a classifier that are shown, at most."""
UNTESTED = "not tested"
MEANINGS = {
    "ambiguity": "the prompt has another meaning, too",
    "adherence": "images do not show what the prompt says",
    "concept not represented": "the encoder does not connect the words with such images",
    "wrong images": "images are recognised as other classes, for a reason that texts do not tell",
    "diversity": "images vary too little, or repeat",
    "visual domain": "images of the class look different as a whole: style, texture, background",
}
"""What each suspected cause means."""


@dataclass(frozen=True)
class Account:
    """The account of a training set.

    Attributes
    ----------
    classifier, evaluation_set, train_set, base : str
    steps : tuple of (str, str, str)
        What each step is, its points and their interval; the total last.
    table : polars.DataFrame
        Its rows, to plot.
    """

    classifier: str
    evaluation_set: str
    train_set: str
    base: str
    steps: tuple[tuple[str, str, str], ...]
    table: pl.DataFrame


@dataclass(frozen=True)
class Ladder:
    """The steps from natural to generated images.

    Attributes
    ----------
    classifier, evaluation_set, base, changed : str
    steps : tuple of (str, str, str)
        What each step changes, its points and their interval; the whole ladder last.
    monotone : str
        Whether every step loses, as a sentence; empty if this is not known.
    table : polars.DataFrame
        Its rows, to plot.
    """

    classifier: str
    evaluation_set: str
    base: str
    changed: str
    steps: tuple[tuple[str, str, str], ...]
    monotone: str
    table: pl.DataFrame


@dataclass(frozen=True)
class Suspicion:
    """A suspected cause of a set's shortfall, as text.

    Attributes
    ----------
    set_name, cause : str
    classes : str
        In how many of the set's classes.
    found, wrongly : str
        How often the cause was found where it was planted, and how often it was suspected in natural classes; empty if this
        was not measured.
    test : str
        The intervention that tested it; empty if none did.
    gain : str
        What leaving the set for the test's gains, with the interval.
    verdict : str
        Right, wrong, not beyond noise, confounded by what got worse, or not tested.
    """

    set_name: str
    cause: str
    classes: str
    found: str
    wrongly: str
    test: str
    gain: str
    verdict: str


def list_accounts(tables: Tables, verdicts: Sequence[Verdict]) -> tuple[list[Account], int]:
    """Return the accounts of the best set and of the largest shortfalls, the smallest first, and how many there are."""
    if "accounts" not in tables:
        return [], 0
    first = select_first(tables["accounts"])
    first = first.with_columns(pl.col("gain_low", "gain_high").cast(pl.Float64))
    best = {verdict.classifier: verdict.best for verdict in verdicts}
    found, number = [], 0
    for _, own in first.group_by("classifier", maintain_order=True):
        accounts = [_describe_account(table) for _, table in own.group_by("train_set", maintain_order=True)]
        number += len(accounts)
        gains = dict(own.filter(kind=TOTAL).select("train_set", "gain").iter_rows())
        accounts.sort(key=lambda one: (one.train_set != best.get(one.classifier), gains[one.train_set]))
        found += sorted(accounts[:MOST_ACCOUNTS], key=lambda one: -gains[one.train_set])
    return found, number


def _describe_account(table: pl.DataFrame) -> Account:
    rows = table.to_dicts()
    (total,) = [row for row in rows if row["kind"] == TOTAL]
    steps = [row for row in rows if row["kind"] != TOTAL]
    described = [(_name_step(row), points(row["gain"]), bounds(row["gain_low"], row["gain_high"])) for row in steps]
    whole = ("in all", points(total["gain"]), bounds(total["gain_low"], total["gain_high"]))
    return Account(
        total["classifier"], total["evaluation_set"], total["train_set"], total["base"], (*described, whole), table
    )


def _name_step(row: dict) -> str:
    if row["kind"] == NOT_PRICED:
        note = f" ({row['note']})" if row["note"] else ""
        return f"from {row['base']} to {row['changed']}: not priced by any intervention{note}"
    if row["kind"] == INTERACTION:
        return f"{row['note']} (not part of the sum)"
    return f"{row['setting']}: {row['before']} → {row['after']}"


def find_ladder(tables: Tables) -> Ladder | None:
    """Return the ladder on its first evaluation set; None if the study has none."""
    if "ladder" not in tables:
        return None
    table = select_first(tables["ladder"]).with_columns(pl.col("gain_low", "gain_high").cast(pl.Float64))
    total, *steps = table.to_dicts()
    described = [(row["changes"], points(row["gain"]), bounds(row["gain_low"], row["gain_high"])) for row in (*steps, total)]
    return Ladder(
        total["classifier"],
        total["evaluation_set"],
        total["base"],
        total["changed"],
        tuple(described),
        MONOTONE.get(total["monotone"], ""),
        table,
    )


def list_suspicions(tables: Tables) -> list[Suspicion]:
    """Return every suspected cause, in the order of the table."""
    if "suspicions" not in tables:
        return []
    return [
        Suspicion(
            row["set"],
            row["cause"],
            f"{row['n_suspected']} of {row['n_classes']}",
            "" if row["hit_rate"] is None else percent(row["hit_rate"]),
            "" if row["false_rate"] is None else percent(row["false_rate"]),
            f"{row['setting']} {row['before']} → {row['after']} (to {row['tested_by']})" if row["tested_by"] else "",
            f"{points(row['gain'])} {bounds(row['gain_low'], row['gain_high'])}".strip() if row["tested_by"] else "",
            _describe_verdict(row) if row["tested_by"] else UNTESTED,
        )
        for row in tables["suspicions"].to_dicts()
    ]


def _describe_verdict(row: dict) -> str:
    if row["verdict"] is None:
        return "no interval: it needs several training seeds"
    return f"confounded: more classes with {row['also_worse']}" if row["verdict"] == CONFOUNDED else row["verdict"]


def list_meanings(suspicions: Sequence[Suspicion]) -> list[tuple[str, str]]:
    """Return the causes that are suspected, each with what it means."""
    suspected = {one.cause for one in suspicions}
    return [(name, meaning) for name, meaning in MEANINGS.items() if name in suspected]
