"""The classes: what each loses after training on each set, and everything that is known of those that lose most."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import polars as pl

from synthdiv.diagnosis.interventions import select_primary
from synthdiv.diagnosis.shortfalls import NOT_TESTED, PRICED, SUSPECTED, WITHIN_NOISE
from synthdiv.jobs.report import WriteSummary
from synthdiv.report.page.numbers import Row, Tables, bounds, is_beyond_noise, points
from synthdiv.report.page.verdict import Verdict
from synthdiv.report.summary import percent

MOST_ROWS = 100
"""Classes in the table, at most."""
MOST_OPENED = 30
"""Classes that open, with images, at most."""
MOST_PREDICTED = 3
WORST = 3
"""Classes that are shown in pictures without a click."""


@dataclass(frozen=True)
class Cell:
    """What is known of a class after training on a set.

    Attributes
    ----------
    text : str
        Points lost; or, without classifiers, the suspected cause.
    sort : float
        By which the column is sorted.
    is_grey : bool
        Whether it is within noise, or not tested.
    shade : float
        How strongly it is coloured, between 0 and 1; negative if the set is ahead.
    words : str
        The same, with the interval and what is known, for a tooltip and for readers of a class.
    """

    text: str
    sort: float
    is_grey: bool
    shade: float
    words: str


@dataclass(frozen=True)
class Finding:
    """What is known of a class in one set, as text; empty where unknown."""

    set_name: str
    recall: str
    lost: str
    words: str
    predicted: str
    seen_as: str


@dataclass(frozen=True)
class OpenedClass:
    """A class with what is known of it.

    Attributes
    ----------
    class_id : int
    name : str
    findings : tuple of Finding
    texts : tuple of (str, str)
        Where each text is from, and the text.
    interventions : tuple of (str, str, str, bool)
        What changed, points gained, their interval, and whether it excludes 0.
    """

    class_id: int
    name: str
    findings: tuple[Finding, ...]
    texts: tuple[tuple[str, str], ...]
    interventions: tuple[tuple[str, str, str, bool], ...]


@dataclass(frozen=True)
class ClassTable:
    """The table of classes.

    Attributes
    ----------
    kind : str
        "lost", "suspected" or "" if nothing is known of classes.
    heading : str
        What the cells are.
    ranked_by : str
    lead : str
        The set whose losses rank the classes; empty if they are not measured.
    sets : tuple of str
        The columns.
    rows : tuple of (int, str, tuple of Cell or None)
        Class, name and cells, the worst first.
    n_classes : int
        All classes, of which the table may show a sample.
    lost : tuple of str
        All classes that the ranking set loses beyond noise, the worst first, with the points.
    opened : tuple of OpenedClass
    """

    kind: str
    heading: str
    ranked_by: str
    lead: str
    sets: tuple[str, ...]
    rows: tuple[tuple[int, str, tuple[Cell | None, ...]], ...]
    n_classes: int
    lost: tuple[str, ...]
    opened: tuple[OpenedClass, ...]

    @property
    def worst(self) -> tuple[tuple[int, str, tuple[Cell | None, ...]], ...]:
        """The classes to look at first."""
        return self.rows[:WORST]


def tabulate_classes(
    tables: Tables, job: WriteSummary, verdicts: Sequence[Verdict], prompts: Mapping[str, pl.DataFrame]
) -> ClassTable:
    """Return the table of classes, by the first classifier or, without one, by what embeddings suspect.

    Parameters
    ----------
    tables : Tables
    job : WriteSummary
    verdicts : sequence of Verdict
    prompts : mapping of dataset to polars.DataFrame
        Its prompts: class_id and prompt.
    """
    if "shortfalls" in tables:
        return _tabulate_shortfalls(tables, job, verdicts[0].best, prompts)
    if "causes" in tables:
        return _tabulate_causes(tables, job, prompts)
    return ClassTable("", "", "", "", (), (), len(job.class_names), (), ())


def _tabulate_shortfalls(
    tables: Tables, job: WriteSummary, best: str | None, prompts: Mapping[str, pl.DataFrame]
) -> ClassTable:
    table = tables["shortfalls"]
    table = table.filter(classifier=table["classifier"][0])
    first = table.row(0, named=True)
    means = dict(table.group_by("train_set").agg(pl.col("shortfall").mean()).iter_rows())
    sets = sorted(dict.fromkeys(table["train_set"]), key=lambda name: means[name] or 0.0)  # the best first
    by_place = {(row["class_id"], row["train_set"]): row for row in table.to_dicts()}
    ids = list(dict.fromkeys(table["class_id"]))
    lead = best if best is not None and best in sets else sets[0]
    ranked = sorted(ids, key=lambda one: _rank_loss(by_place.get((one, lead))))
    most = max((abs(row["shortfall"]) for row in by_place.values() if _is_tested(row)), default=1.0) or 1.0
    rows = [
        (one, job.class_names[one], tuple(_show_loss(by_place.get((one, name)), most) for name in sets))
        for one in ranked[:MOST_ROWS]
    ]
    heading = (
        f"points of recall lost compared with {first['compared_with']} ({first['classifier']}, evaluated on "
        f"{first['evaluation_set']})"
    )
    ranked_by = f"those that {lead} loses beyond noise first, then by the points that it loses"
    lost = [
        f"{job.class_names[one]} ({points(row['shortfall'], signed=False)})"
        for one in ranked
        if (row := by_place.get((one, lead))) is not None and _is_tested(row) and row["shortfall"] > 0
    ]
    opened = _open_classes(tables, job, ranked[:MOST_OPENED], sets, prompts, by_place)
    return ClassTable("lost", heading, ranked_by, lead, tuple(sets), tuple(rows), len(ids), tuple(lost), opened)


def _is_tested(row: Row) -> bool:
    return row["finding"] not in (NOT_TESTED, WITHIN_NOISE)


def _rank_loss(row: Row | None) -> tuple[bool, float]:
    if row is None:
        return True, 0.0
    return not (_is_tested(row) and row["shortfall"] > 0), -row["shortfall"]


def _show_loss(row: Row | None, most: float) -> Cell | None:
    if row is None:
        return None
    return Cell(
        text=points(row["shortfall"], signed=False),
        sort=row["shortfall"],
        is_grey=not _is_tested(row),
        shade=round(row["shortfall"] / most, 3) if _is_tested(row) else 0.0,
        words=f"{bounds(row['shortfall_low'], row['shortfall_high'])} {_explain(row)}".strip(),
    )


def _explain(row: Row) -> str:
    if row["finding"] == PRICED:
        return f"priced: {row['setting']} {row['before']} → {row['after']} costs {points(row['cost'], signed=False)}"
    return f"suspected: {row['suspected']}" if row["finding"] == SUSPECTED else row["finding"]


def _tabulate_causes(tables: Tables, job: WriteSummary, prompts: Mapping[str, pl.DataFrame]) -> ClassTable:
    causes = tables["causes"]
    sets = list(dict.fromkeys(causes["set"]))
    by_place = {(row["class_id"], row["set"]): row for row in causes.to_dicts()}
    ids = list(dict.fromkeys(causes["class_id"]))

    def rank(class_id: int) -> float:
        own = [by_place[class_id, name] for name in sets if (class_id, name) in by_place]
        lost = [
            row["natural_accuracy"] - row["accuracy"]
            for row in own
            if None not in (row["accuracy"], row["natural_accuracy"])
        ]
        return -max(lost, default=-1.0)

    ranked = sorted(ids, key=rank)
    rows = [
        (one, job.class_names[one], tuple(_show_cause(by_place.get((one, name))) for name in sets))
        for one in ranked[:MOST_ROWS]
    ]
    heading = "what embeddings suspect of each class; no classifier was trained, so no loss is measured"
    ranked_by = "by how much less often the encoder recognises images of the class in some set than natural ones"
    opened = _open_classes(tables, job, ranked[:MOST_OPENED], sets, prompts, {})
    return ClassTable("suspected", heading, ranked_by, "", tuple(sets), tuple(rows), len(ids), (), opened)


def _show_cause(row: Row | None) -> Cell | None:
    if row is None:
        return None
    is_grey = row["cause"] in ("none", "not tested")
    accuracy = row["accuracy"] if row["accuracy"] is not None else 1.0
    return Cell(row["cause"], accuracy, is_grey, 0.0 if is_grey else 0.35, _say_seen_as(row))


def _open_classes(
    tables: Tables,
    job: WriteSummary,
    class_ids: Sequence[int],
    sets: Sequence[str],
    prompts: Mapping[str, pl.DataFrame],
    losses: Mapping[tuple[int, str], Row],
) -> tuple[OpenedClass, ...]:
    evaluated = next(iter(losses.values()), None)
    confusion = _read_confusion(tables, evaluated, job.class_names)
    causes = {(row["class_id"], row["set"]): row for row in tables["causes"].to_dicts()} if "causes" in tables else {}
    base = [evaluated["compared_with"]] if evaluated is not None and evaluated["compared_with"] not in sets else []
    found = []
    for one in class_ids:
        findings = [
            _find(name, losses.get((one, name)), confusion.get((name, one), ""), causes.get((one, name)))
            for name in (*base, *sets)
        ]
        if base and (first := next((losses[one, name] for name in sets if (one, name) in losses), None)) is not None:
            findings[0] = Finding(
                base[0], percent(first["recall_before"]), "", "the others are compared with it", findings[0].predicted, ""
            )
        texts = tuple(_list_texts(one, prompts, [row for (class_id, _), row in causes.items() if class_id == one]))
        effects = tuple(_list_effects(tables, one, None if evaluated is None else evaluated["classifier"]))
        found.append(OpenedClass(one, job.class_names[one], tuple(findings), texts, effects))
    return tuple(found)


def _find(name: str, loss: Row | None, predicted: str, cause: Row | None) -> Finding:
    lost = (
        ""
        if loss is None
        else f"{points(loss['shortfall'], signed=False)} {bounds(loss['shortfall_low'], loss['shortfall_high'])}"
    )
    words = _explain(loss) if loss is not None else "" if cause is None else f"suspected: {cause['cause']}"
    recall = "" if loss is None else percent(loss["recall"])
    return Finding(name, recall, lost.strip(), words, predicted, "" if cause is None else _say_seen_as(cause))


def _say_seen_as(row: Row) -> str:
    if row["accuracy"] is None:
        return ""
    right = f"{percent(row['accuracy'])} as this class"
    if row["natural_accuracy"] is not None:
        right += f" (natural: {percent(row['natural_accuracy'])})"
    if row["predicted_class"] is None or not row["predicted_class_share"]:
        return right
    return f"{right}, {percent(row['predicted_class_share'])} as {row['predicted_class']}"


def _read_confusion(tables: Tables, evaluated: Row | None, names: Sequence[str]) -> dict[tuple[str, int], str]:
    """Return, for a training set and a class, as what its evaluation images are predicted instead."""
    if evaluated is None or "classifier_confusion" not in tables:
        return {}
    own = tables["classifier_confusion"].filter(
        classifier=evaluated["classifier"], evaluation_set=evaluated["evaluation_set"]
    )
    shares = own.with_columns(share=pl.col("n_images") / pl.col("n_images").sum().over("train_set", "class_id"))
    wrong = shares.filter(pl.col("class_id") != pl.col("predicted")).sort("share", descending=True, maintain_order=True)
    found: dict[tuple[str, int], list[str]] = {}
    for row in wrong.iter_rows(named=True):
        listed = found.setdefault((row["train_set"], row["class_id"]), [])
        if len(listed) < MOST_PREDICTED:
            listed.append(f"{names[row['predicted']]} {percent(row['share'])}")
    return {place: ", ".join(listed) for place, listed in found.items()}


def _list_texts(class_id: int, prompts: Mapping[str, pl.DataFrame], causes: Sequence[Row]) -> list[tuple[str, str]]:
    found = []
    for dataset, table in prompts.items():
        own = table.filter(pl.col("class_id") == class_id)["prompt"].unique(maintain_order=True)
        if len(own):
            more = f" (the first of {len(own):,})" if len(own) > 1 else ""
            found.append((f"prompt of {dataset}{more}", own[0]))
    best = next((row for row in causes if row["best_text"] is not None), None)
    if best is not None:
        share = "" if best["best_retrieval"] is None else f", {percent(best['best_retrieval'])} of natural images"
        found.append((f"text that retrieves the class best{share}", best["best_text"]))
    return found


def _list_effects(tables: Tables, class_id: int, classifier: str | None) -> list[tuple[str, str, str, bool]]:
    if classifier is None or "interventions_by_class" not in tables:
        return []
    first = select_primary(tables["interventions"]).select("classifier", "evaluation_set", "base", "changed")
    own = tables["interventions_by_class"].filter(pl.col("class_id") == class_id, pl.col("classifier") == classifier)
    own = own.join(first, on=first.columns, how="semi", maintain_order="left")
    return [
        (
            f"{row['setting']} {row['before']} → {row['after']} ({row['base']} to {row['changed']})",
            points(row["gain"]),
            bounds(row["gain_low"], row["gain_high"]),
            is_beyond_noise(row["gain_low"], row["gain_high"]),
        )
        for row in own.iter_rows(named=True)
    ]
