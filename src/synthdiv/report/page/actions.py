"""What to do: changes whose gain training has measured, then suspicions that a test of few images would settle."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from synthdiv.diagnosis.interventions import select_primary
from synthdiv.report.page.numbers import Row, Tables, bounds, points
from synthdiv.report.page.verdict import Verdict


@dataclass(frozen=True)
class Action:
    """A change of one setting that gains accuracy beyond noise, or one that was tried from the best set.

    Attributes
    ----------
    start, end : str
        The training sets without and with it.
    change : str
    gain, interval : str
        In points.
    note : str
        What it means for the best set, or whether it is beyond noise.
    """

    start: str
    end: str
    change: str
    gain: str
    interval: str
    note: str


@dataclass(frozen=True)
class Proposal:
    """A test of a suspected cause that was not made yet.

    Attributes
    ----------
    sets : tuple of (str, str)
        Each set, and in how many of its classes the cause is suspected.
    cause, test : str
    config_lines : str
        To paste into the config or, for prompts, into an overrides table; empty if there are none.
    n_images : int or None
        Images that it needs.
    """

    sets: tuple[tuple[str, str], ...]
    cause: str
    test: str
    config_lines: str
    n_images: int | None


def list_actions(tables: Tables, verdicts: Sequence[Verdict]) -> tuple[list[Action], list[Action]]:
    """Return the changes that gain beyond noise, the largest gain first; and those that were tried from the best sets."""
    if "interventions" not in tables:
        return [], []
    best = {verdict.classifier: verdict.best for verdict in verdicts}
    rows = select_primary(tables["interventions"]).to_dicts()
    gains = [_turn(row) if row["gain"] < 0 else row for row in rows if row["differs"]]
    gains.sort(key=lambda row: -row["gain"])
    tried = [
        row if row["base"] == best.get(row["classifier"]) else _turn(row)
        for row in rows
        if best.get(row["classifier"]) in (row["base"], row["changed"])
    ]
    several = len({row["classifier"] for row in rows}) > 1
    return [_describe(row, best, several) for row in gains], [_describe_try(row, several) for row in tried]


def _turn(row: Row) -> Row:
    """Return the intervention in the other direction."""
    low, high = row["gain_low"], row["gain_high"]
    return {
        **row,
        "base": row["changed"],
        "changed": row["base"],
        "before": row["after"],
        "after": row["before"],
        "gain": -row["gain"],
        "gain_low": None if high is None else -high,
        "gain_high": None if low is None else -low,
    }


def _describe(row: Row, best: dict[str, str | None], several: bool) -> Action:
    lead = best.get(row["classifier"])
    note = "leads to the best set" if row["changed"] == lead else "improves on the best set" if row["base"] == lead else ""
    return _make(row, note, several)


def _describe_try(row: Row, several: bool) -> Action:
    if row["differs"] is None:
        return _make(row, "no interval: it needs several training seeds", several)
    return _make(row, ("gains" if row["gain"] > 0 else "costs") if row["differs"] else "not beyond noise", several)


def _make(row: Row, note: str, several: bool) -> Action:
    notes = [note] * bool(note) + [row["classifier"]] * several
    change = f"{row['setting']}: {row['before']} → {row['after']}"
    interval = bounds(row["gain_low"], row["gain_high"])
    return Action(row["base"], row["changed"], change, points(row["gain"]), interval, ", ".join(notes))


def list_proposals(tables: Tables, verdicts: Sequence[Verdict]) -> list[Proposal]:
    """Return the untested suspicions, those of the best sets first, then by images; equal advice is one proposal."""
    if "suspicions" not in tables:
        return []
    best = [verdict.best for verdict in verdicts]
    grouped: dict[tuple, list[Row]] = {}
    rows = [row for row in tables["suspicions"].to_dicts() if row["tested_by"] is None and row["test"]]
    for row in sorted(rows, key=lambda row: row["set"] not in best):
        grouped.setdefault((row["cause"], row["test"], row["config_lines"], row["n_images"]), []).append(row)
    found = [
        Proposal(
            tuple((row["set"], f"{row['n_suspected']} of {row['n_classes']}") for row in own),
            cause,
            test,
            lines or "",
            None if number is None else int(number),
        )
        for (cause, test, lines, number), own in grouped.items()
    ]

    def rank(one: Proposal) -> tuple[bool, bool, int]:
        return not any(name in best for name, _ in one.sets), one.n_images is None, one.n_images or 0

    return sorted(found, key=rank)
