"""The verdict: the best training set of each classifier, how far it is behind, and what cannot be told from it."""

from __future__ import annotations

from dataclasses import dataclass

import polars as pl

from synthdiv.diagnosis.accounts import INTERVENTION, TOTAL, select_first
from synthdiv.jobs.report import WriteSummary
from synthdiv.report.page.numbers import Row, Tables, bounds, count, is_beyond_noise, points
from synthdiv.report.summary import describe_shortfall, list_names, percent, span, summarise_leakage

MORE_SEEDS = (
    "Train with several seeds (in the config, seeds: [1, 2, 3]): one says nothing about how much training runs vary."
)
TRAIN = (
    "Train a classifier on each set, with three seeds (key classifiers of the config): embeddings only suspect what "
    "training would measure."
)
COMPARE = (
    "Add a set to compare with it: images of your own (key images, with settings), embeddings, or images to generate (keys "
    "generators and datasets). The tutorial has a config for each."
)
MOST_COSTS = 4
MUCH_SHARED = 0.01
"""The share of shared images of which the verdict warns; the section on trust says all."""


@dataclass(frozen=True)
class Verdict:
    """Which training set to take, for one classifier.

    Attributes
    ----------
    classifier : str
        Empty if none was trained.
    best : str or None
        The set with the highest accuracy; None if no classifier was trained.
    close, behind_best : tuple of str
        The sets that cannot be told from it, and those that can.
    is_decided : bool
    headline : str
    behind : str
        How far the best set is behind natural images, as a sentence.
    basis : str
        What the choice is based on, as a sentence.
    deciding : tuple of str
        What would decide it; empty if it is decided.
    costs : tuple of str
        What made other sets fall short beyond noise, the most costly first.
    warnings : tuple of str
        Which images the best set shares with natural ones, if they are many.
    detectable : float or None
        The smallest difference between two sets that is found with 80 % probability.
    """

    classifier: str
    best: str | None
    close: tuple[str, ...]
    behind_best: tuple[str, ...]
    is_decided: bool
    headline: str
    behind: str
    basis: str
    deciding: tuple[str, ...]
    costs: tuple[str, ...]
    warnings: tuple[str, ...]
    detectable: float | None

    @property
    def is_alone(self) -> bool:
        """Whether there is one set to choose from."""
        return self.best is not None and not self.close and not self.behind_best


def find_verdicts(tables: Tables, job: WriteSummary) -> list[Verdict]:
    """Return a verdict for each classifier with training sets to choose from; or one that says that there is none."""
    found = [_find_verdict(tables, classifier, choices) for classifier, choices in job.choices.items() if choices] or [
        _say_untrained(tables, job)
    ]
    return found


def _say_untrained(tables: Tables, job: WriteSummary) -> Verdict:
    if job.choices:
        return _make_open("Undecided: no classifier was trained on generated images alone.", "", (TRAIN,))
    if job.natural is None:
        more = "There is no natural set either, so nothing can be said to fall short: add a set with the key images."
        return _make_open("Undecided: no classifier was trained on these sets.", more, (TRAIN,))
    rows = tables["experiments"].filter(query=job.natural).sort("centroid_accuracy", descending=True, maintain_order=True)
    if not job.generated:
        own = rows.filter(reference=job.natural).to_dicts()
        known = [
            f"By embeddings, its class centroids recognise {percent(row['centroid_accuracy'])}"
            f"{span(row['centroid_accuracy_low'], row['centroid_accuracy_high'])} of its evaluation images."
            for row in own
        ]
        headline = f"Undecided: {job.natural} is natural, and no set is compared with it yet."
        return _make_open(headline, "".join(known), (COMPARE,))
    others = [row for row in rows.iter_rows(named=True) if row["reference"] in job.generated]
    hint = (
        f"By embeddings alone, the class centroids of {others[0]['reference']} recognise most natural images "
        f"({percent(others[0]['centroid_accuracy'])}); this is no training result."
        if others
        else ""
    )
    return _make_open("Undecided: no classifier was trained on these sets.", hint, (TRAIN,))


def _make_open(headline: str, basis: str, deciding: tuple[str, ...]) -> Verdict:
    return Verdict("", None, (), (), False, headline, "", basis, deciding, (), (), None)


def _find_verdict(tables: Tables, classifier: str, choices: tuple[str, ...]) -> Verdict:
    best, rivals, basis, detectable = _choose_by_selection(tables, classifier) or _choose_by_evaluation(
        tables, classifier, choices
    )
    close = tuple(rival["name"] for rival in rivals if rival["is_open"])
    untested = any(not rival["is_tested"] for rival in rivals)
    deciding = (MORE_SEEDS,) if untested else tuple(_say_enough(best, rival) for rival in rivals if rival["is_open"])
    if not rivals:
        headline, basis = f"{best} is the only generated training set.", ""
    elif not close:
        headline = f"Take {best}."
    elif untested:
        headline = f"Undecided: {best} is ahead, but the sets cannot be told apart."
    else:
        headline = f"Undecided: {best} is ahead, but {list_names(close)} may be as good."
    return Verdict(
        classifier=classifier,
        best=best,
        close=close,
        behind_best=tuple(rival["name"] for rival in rivals if not rival["is_open"]),
        is_decided=not close,
        headline=headline,
        behind=_say_behind(tables, classifier, best),
        basis=basis,
        deciding=deciding,
        costs=tuple(_list_costs(tables, classifier)),
        warnings=tuple(_list_shared(tables, best)),
        detectable=detectable,
    )


Choice = tuple[str, list[Row], str, float | None]
"""The best set, its rivals, what the choice is based on, and the smallest difference that is found."""


def _choose_by_selection(tables: Tables, classifier: str) -> Choice | None:
    """Choose on images that only serve to choose; None without such images."""
    if "selection" not in tables:
        return None
    rows = tables["selection"].filter(classifier=classifier).to_dicts()
    if not rows:
        return None
    best = next(row for row in rows if row["best"])
    rivals: list[Row] = [
        {
            "name": row["train_set"],
            "is_open": row["may_be_best"] is not False,
            "is_tested": row["may_be_best"] is not None,
            "difference": row["difference"],
            "seeds": row["enough_seeds"],
            "images": row["enough_images"],
            "now": row,
        }
        for row in sorted(rows, key=lambda row: -row["top1"])
        if not row["best"]
    ]
    basis = (
        f"Chosen by the accuracy of classifier {classifier} ({percent(best['top1'])}, {count(best['n_seeds'], 'seed')}) on "
        f"{count(best['n_images'], 'image')} of {best['selection_set']} that were set aside to choose; the evaluation "
        "images below only report."
    )
    return best["train_set"], rivals, basis, best["detectable"]


def _choose_by_evaluation(tables: Tables, classifier: str, choices: tuple[str, ...]) -> Choice:
    means = tables["classifier_means"].filter(classifier=classifier)
    means = means.filter(evaluation_set=means["evaluation_set"][0])
    rows = sorted((row for row in means.to_dicts() if row["train_set"] in choices), key=lambda row: -row["top1"])
    best, *others = rows
    basis = (
        f"Chosen by the accuracy of classifier {classifier} ({percent(best['top1'])}) on the evaluation images of "
        f"{best['evaluation_set']}: no images serve to choose alone, so it is flattered (key images, selection, of a "
        "natural set)."
    )
    rivals: list[Row] = []
    for row in others:
        found = _find_difference(tables, classifier, row["evaluation_set"], best["train_set"], row["train_set"])
        several = row["n_seeds"] is not None and row["n_seeds"] > 1
        rivals.append(
            {
                "name": row["train_set"],
                "is_open": not (several and found is not None and found["differs"]),
                "is_tested": several and found is not None,
                "difference": row["top1"] - best["top1"],
                "seeds": None,
                "images": None,
                "now": None,
            }
        )
    return best["train_set"], rivals, basis, None


def _find_difference(tables: Tables, classifier: str, evaluation_set: str, one: str, other: str) -> Row | None:
    if "classifier_differences" not in tables:
        return None
    rows = tables["classifier_differences"].filter(classifier=classifier, evaluation_set=evaluation_set)
    pairs = ((one, other), (other, one))
    return next((row for row in rows.to_dicts() if (row["train_set_a"], row["train_set_b"]) in pairs), None)


def _say_enough(best: str, rival: Row) -> str:
    head = f"To tell {rival['name']} ({points(rival['difference'])} points) from {best}"
    if rival["now"] is None or rival["now"]["detectable"] is None:
        return f"{head}: more seeds, or images that only serve to choose."
    ways = [f"{rival['seeds']} seeds instead of {rival['now']['n_seeds']}"] if rival["seeds"] else []
    ways += [f"{rival['images']:,} images instead of {rival['now']['n_images']:,}"] if rival["images"] else []
    if ways:
        return f"{head}: {' or '.join(ways)}."
    return f"{head}: neither 20 times as many seeds nor 20 times as many images are enough: take either."


def _say_behind(tables: Tables, classifier: str, best: str) -> str:
    total = None
    if "accounts" in tables:
        rows = select_first(tables["accounts"]).filter(classifier=classifier, train_set=best, kind=TOTAL).to_dicts()
        total = next(iter(rows), None)
    if total is None or total["natural"] is None:
        return f"Classifier {classifier} was not trained on natural images, so how far {best} is behind them is not known."
    low, high = total["gain_low"], total["gain_high"]
    noise = " (one seed: no interval)" if low is None else "" if is_beyond_noise(low, high) else ", not beyond noise"
    return f"It is {describe_shortfall(total)}{noise}, on the evaluation images of {total['evaluation_set']}."


def _list_shared(tables: Tables, best: str) -> list[str]:
    """Say which evaluation images of other sets are training images of the best one, and which of its are natural ones."""
    if "leakage" not in tables:
        return []
    leaked = (pl.col("other_set") == best) & (pl.col("split") == "evaluation") & (pl.col("set") != best)
    copied = (pl.col("set") == best) & (pl.col("split") == "train") & (pl.col("other_set") != best)
    many = tables["leakage"].filter(leaked | copied, pl.col("duplicate_share") >= MUCH_SHARED)
    return summarise_leakage(many) if len(many) else []


def _list_costs(tables: Tables, classifier: str) -> list[str]:
    """List the steps of accounts that cost accuracy beyond noise, each once."""
    if "accounts" not in tables:
        return []
    steps = select_first(tables["accounts"]).filter(classifier=classifier, kind=INTERVENTION).to_dicts()
    lost = [step for step in steps if step["gain"] < 0 and is_beyond_noise(step["gain_low"], step["gain_high"])]
    found = {
        (step["setting"], step["before"], step["after"]): (
            f"{step['setting']} {step['before']} → {step['after']}"
            + (f" ({step['base']} to {step['changed']})" if step["base"] else "")
            + f": {points(step['gain'])} points {bounds(step['gain_low'], step['gain_high'])}"
        )
        for step in sorted(lost, key=lambda step: step["gain"], reverse=True)
    }
    return list(reversed(found.values()))[:MOST_COSTS]
