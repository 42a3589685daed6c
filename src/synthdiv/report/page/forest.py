"""The training sets side by side: accuracy, and the difference from natural images, for a forest plot and its table."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from synthdiv.diagnosis.accounts import TOTAL, select_first
from synthdiv.report.page.numbers import Tables
from synthdiv.report.page.verdict import Verdict

NATURAL, BEST, CLOSE, BEHIND = "natural", "best", "may be as good as the best", "behind the best"
MIXED, UNKNOWN = "has natural images, too", ""


@dataclass(frozen=True)
class ForestRow:
    """A training set. Shares are between 0 and 1; what is not known is None.

    Attributes
    ----------
    name : str
    status : str
        Natural, or how it compares with the best set on the images that choose; sets with natural images are no choice.
    top1, low, high : float
        Accuracy on the evaluation set.
    difference, difference_low, difference_high : float or None
        From the set that the accounts start from.
    n_train, n_seeds : int or None
    """

    name: str
    status: str
    top1: float
    low: float | None
    high: float | None
    difference: float | None
    difference_low: float | None
    difference_high: float | None
    n_train: int | None
    n_seeds: int | None


@dataclass(frozen=True)
class Forest:
    """The training sets of a classifier, natural ones first, then the most accurate.

    Attributes
    ----------
    classifier, evaluation_set : str
    n_images : int
        Evaluation images.
    base : str or None
        The set that the others are compared with.
    detectable : float or None
        The smallest difference that is found on the images that choose.
    rows : tuple of ForestRow
    """

    classifier: str
    evaluation_set: str
    n_images: int
    base: str | None
    detectable: float | None
    rows: tuple[ForestRow, ...]

    @property
    def compared(self) -> tuple[ForestRow, ...]:
        """The sets whose difference from the base is known."""
        return tuple(row for row in self.rows if row.difference is not None)

    @property
    def has_intervals(self) -> bool:
        """Whether differences have intervals."""
        return any(row.difference_low is not None for row in self.rows)


def tabulate_forests(tables: Tables, verdicts: Sequence[Verdict]) -> list[Forest]:
    """Return the training sets of each classifier."""
    if "classifier_means" not in tables:
        return []
    by_classifier = {verdict.classifier: verdict for verdict in verdicts}
    groups = tables["classifier_means"].group_by("classifier", maintain_order=True)
    return [_tabulate(tables, str(name), by_classifier.get(str(name))) for (name,), _ in groups]


def _tabulate(tables: Tables, classifier: str, verdict: Verdict | None) -> Forest:
    means = tables["classifier_means"].filter(classifier=classifier)
    evaluation_set = means["evaluation_set"][0]
    totals = {}
    if "accounts" in tables:
        first = select_first(tables["accounts"]).filter(classifier=classifier, kind=TOTAL)
        totals = {row["train_set"]: row for row in first.to_dicts()}
    base = next((row["base"] for row in totals.values()), None)
    natural = next((row["natural"] for row in totals.values()), None)
    rows = []
    for row in means.filter(evaluation_set=evaluation_set).to_dicts():
        name, total = row["train_set"], totals.get(row["train_set"], {})
        rows.append(
            ForestRow(
                name,
                _find_status(name, natural, verdict),
                row["top1"],
                row["top1_low"],
                row["top1_high"],
                total.get("gain", 0.0 if name == base else None),
                total.get("gain_low"),
                total.get("gain_high"),
                row["n_train"],
                row["n_seeds"],
            )
        )
    rows.sort(key=lambda row: (row.status != NATURAL, -row.top1))
    count = means.filter(evaluation_set=evaluation_set)["n_evaluation"][0]
    detectable = None if verdict is None else verdict.detectable
    return Forest(classifier, evaluation_set, count, base, detectable, tuple(rows))


def _find_status(name: str, natural: str | None, verdict: Verdict | None) -> str:
    if name == natural:
        return NATURAL
    if verdict is None or verdict.best is None:
        return UNKNOWN
    if name == verdict.best:
        return BEST
    return CLOSE if name in verdict.close else BEHIND if name in verdict.behind_best else MIXED
