"""The account of a training set: its shortfall as a sum of steps, each of them an intervention that training has priced.

The steps lead from training on natural images to the anchor, the best set on the selection split, and from there, along
interventions, to the set. They are differences of the accuracies of training sets, so they add up to the shortfall.
"""

from __future__ import annotations

import itertools
import math
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import polars as pl

from synthdiv.diagnosis.interventions import Answers
from synthdiv.jobs.diagnosis import Intervention
from synthdiv.stats.crossed import SeedVariance, measure_contrast, pool_seed_variance

TOTAL, NOT_PRICED, INTERVENTION, INTERACTION = "total", "not priced", "intervention", "interaction"
ONE_ORDER, THIS_ORDER, ALL_ORDERS = "", "in this order", "mean over orders"
MAX_FACTORS = 4
"""Number of settings whose orders are averaged, at most."""
SCHEMA: dict[str, Any] = {
    **dict.fromkeys(("classifier", "evaluation_set", "train_set", "natural", "anchor"), pl.String),
    "step": pl.Int64,
    **dict.fromkeys(("kind", "base", "changed", "setting", "before", "after", "acts_on", "order"), pl.String),
    **dict.fromkeys(("n_images", "n_seeds"), pl.Int64),
    **dict.fromkeys(("top1_before", "top1_after", "gain", "gain_low", "gain_high"), pl.Float64),
    "note": pl.String,
}
CLASS_SCHEMA: dict[str, Any] = {
    **dict.fromkeys(("classifier", "evaluation_set", "natural", "anchor", "train_set"), pl.String),
    **dict.fromkeys(("class_id", "step"), pl.Int64),
    **dict.fromkeys(("kind", "base", "changed", "setting", "before", "after", "acts_on"), pl.String),
    **dict.fromkeys(("n_images", "n_seeds"), pl.Int64),
    **dict.fromkeys(("top1_before", "top1_after", "gain", "gain_low", "gain_high", "p_value"), pl.Float64),
}


class Value(NamedTuple):
    """The value of a setting: a number, equal for equal values, and the value in tables."""

    number: int
    label: str


@dataclass(frozen=True)
class Step:
    """A step of an account: a weighted sum of the accuracies of training sets.

    Attributes
    ----------
    kind : str
        Total, not priced, intervention, or interaction. The interventions and what is not priced add up to the total.
    weights : mapping of training set to float
        Their sum is 0.
    base, changed : str
        The training sets before and after it; empty for means over orders.
    setting, before, after, acts_on : str
        As in the table of interventions.
    order : str
        Whether the step is one of several that have another possible order.
    note : str
    """

    kind: str
    weights: Mapping[str, float]
    base: str = ""
    changed: str = ""
    setting: str = ""
    before: str = ""
    after: str = ""
    acts_on: str = ""
    order: str = ONE_ORDER
    note: str = ""


@dataclass(frozen=True)
class Graph:
    """The training sets of a classifier, and the interventions that join them.

    Attributes
    ----------
    settings : mapping of training set to mapping of setting to Value
        The sets whose images are of one source alone.
    mixed : set of str
        The sets that mix styles between classes.
    natural : set of str
        The sets with natural images. They are joined to others that have none, but no step leads through them: natural
        images that are removed again are no intervention.
    edges : sequence of Intervention
    bundles : mapping of str to set of str
        Settings that change together with another one: these are no settings of their own then.
    """

    settings: Mapping[str, Mapping[str, Value]]
    mixed: frozenset[str]
    natural: frozenset[str]
    edges: Sequence[Intervention]
    bundles: Mapping[str, frozenset[str]]

    def find_path(self, start: str, end: str) -> list[Step] | None:
        """Return the interventions of a shortest path from one set to another; None if there is no path."""
        if start not in self.natural and end in self.natural:
            return None
        came: dict[str, Step | None] = {start: None}
        waiting = deque([start])
        while waiting and end not in came:
            name = waiting.popleft()
            for step in self._list_steps(name):
                if step.changed not in came and (step.changed in self.natural) == (end in self.natural):
                    came[step.changed] = step
                    waiting.append(step.changed)
        if end not in came:
            return None
        path: list[Step] = []
        while (last := came[end]) is not None:
            path, end = [last, *path], last.base
        return path

    def _list_steps(self, name: str) -> Iterator[Step]:
        for edge in self.edges:
            sets, values = (edge.base, edge.changed), (edge.before, edge.after)
            if name in sets:
                (base, changed), (before, after) = (sets, values) if name == edge.base else (sets[::-1], values[::-1])
                weights = {base: -1.0, changed: 1.0}
                yield Step(INTERVENTION, weights, base, changed, edge.setting, before, after, edge.acts_on)

    def find_differences(self, one: str, other: str) -> list[str] | None:
        """Return the settings in which two sets differ; None if they do not have the same settings."""
        first, second = self.settings.get(one), self.settings.get(other)
        if first is None or second is None or first.keys() != second.keys():
            return None
        found = [name for name in first if first[name].number != second[name].number]
        along = {further for name in found for further in self.bundles.get(name, ())}
        return [name for name in found if name not in along]

    def find_cells(self, start: str, end: str, factors: Sequence[str]) -> dict[frozenset[str], str] | None:
        """Return the set for each choice of settings of two sets; None unless there is one for every choice."""
        cells = {}
        for chosen in itertools.chain.from_iterable(itertools.combinations(factors, n) for n in range(len(factors) + 1)):
            changed = {further for name in chosen for further in {name, *self.bundles.get(name, ())}}
            wanted = {
                name: (self.settings[end] if name in changed else self.settings[start])[name].number
                for name in self.settings[start]
            }
            found = [start] if not chosen else [end] if len(chosen) == len(factors) else []
            found += [
                name
                for name, own in self.settings.items()
                if {setting: value.number for setting, value in own.items()} == wanted
            ]
            if not found:
                return None
            cells[frozenset(chosen)] = found[0]
        return cells


def select_first(accounts: pl.DataFrame) -> pl.DataFrame:
    """Select the rows of the table that are about each classifier's first evaluation set."""
    return accounts.filter(pl.col("evaluation_set") == pl.col("evaluation_set").first().over("classifier"))


def choose_natural(graph: Graph, natural: Sequence[str], anchor: str | None) -> str | None:
    """Return the natural training set with as many images of each class as the best set; if there is none, the first."""
    images = {name: own["images"].label for name, own in graph.settings.items()}
    equal = [name for name in natural if anchor is not None and images.get(name) == images.get(anchor)]
    return next(iter([*equal, *natural]), None)


def plan_account(graph: Graph, name: str, anchor: str | None, natural: str | None) -> list[Step]:
    """Plan the account of a training set.

    Parameters
    ----------
    graph : Graph
    name : str
        The training set.
    anchor : str or None
        The best set on the selection split.
    natural : str or None
        The natural training set.

    Returns
    -------
    list of Step
        The total first; no steps if there is nothing to compare the set with.
    """
    start = natural if natural is not None else anchor
    if start is None or start == name:
        return []
    total = Step(TOTAL, {start: -1.0, name: 1.0}, start, name)
    if natural is not None and (direct := graph.find_path(natural, name)) is not None:
        return [total, *_mark_order(direct)]
    if anchor is None:
        return [total, _leave_open(graph, start, name, None)]
    first = [] if natural is None else [_leave_open(graph, natural, anchor, None)]
    if anchor == name:
        return [total, *first]
    path = graph.find_path(anchor, name)
    if path is None:
        return [total, *first, _leave_open(graph, anchor, name, anchor)]
    # the settings that still differ at some set on the way, of which all combinations were trained
    for n, step in enumerate(path):
        factors = graph.find_differences(step.base, name)
        if factors is not None and 2 <= len(factors) <= MAX_FACTORS:
            cells = graph.find_cells(step.base, name, factors)
            if cells is not None:
                earlier = [Step(**vars(one) | {"order": THIS_ORDER}) for one in path[:n]]
                return [total, *first, *earlier, *_average_orders(graph, cells, factors)]
    return [total, *first, *_mark_order(path)]


def _mark_order(path: Sequence[Step]) -> list[Step]:
    order = THIS_ORDER if len({step.setting for step in path}) > 1 else ONE_ORDER
    return [Step(**vars(step) | {"order": order}) for step in path]


def _leave_open(graph: Graph, base: str, changed: str, anchor: str | None) -> Step:
    note = "" if anchor is None else _suggest_sets(graph, changed, anchor)
    images = [graph.settings[name].get("images") if name in graph.settings else None for name in (base, changed)]
    before, after = (one.label if one is not None else "" for one in images)
    counts = {"setting": "images", "before": before, "after": after} if before != after and before and after else {}
    return Step(NOT_PRICED, {base: -1.0, changed: 1.0}, base, changed, note=note, **counts)


def _average_orders(graph: Graph, cells: Mapping[frozenset[str], str], factors: Sequence[str]) -> Iterator[Step]:
    """Yield a step per setting, its mean over the orders of all (the Shapley value), and their interaction."""
    start, end, count = cells[frozenset()], cells[frozenset(factors)], len(factors)
    interaction = {end: 1.0, start: count - 1.0}
    for factor in factors:
        weights: dict[str, float] = {}
        for chosen, name in cells.items():
            size = len(chosen - {factor})
            share = math.factorial(size) * math.factorial(count - size - 1) / math.factorial(count)
            weights[name] = share if factor in chosen else -share
        causes = {
            edge.acts_on
            for edge in graph.edges
            if edge.setting == factor and {edge.base, edge.changed} <= set(cells.values())
        } or {edge.acts_on for edge in graph.edges if edge.setting == factor}  # by way of values in between
        yield Step(
            INTERVENTION,
            weights,
            setting=factor,
            before=graph.settings[start][factor].label,
            after=graph.settings[end][factor].label,
            acts_on=causes.pop() if len(causes) == 1 else "",
            order=ALL_ORDERS,
        )
        interaction[cells[frozenset({factor})]] = -1.0
    note = f"what {' and '.join(factors)} give together, beyond the sum of what each gives alone"
    yield Step(INTERACTION, interaction, setting=" and ".join(factors), order=ALL_ORDERS, note=note)


def _suggest_sets(graph: Graph, name: str, anchor: str) -> str:
    """Say which further training sets would join a set to the anchor."""
    if name in graph.mixed:
        return "it mixes styles between classes, which a classifier can tell apart"
    others = sorted(graph.settings, key=lambda other: other != anchor)  # of equally near sets, the best
    joined = [other for other in others if other != name and graph.find_path(anchor, other) is not None]
    found = [(other, graph.find_differences(other, name)) for other in joined]
    known = [(other, differences) for other, differences in found if differences is not None]
    if not known:
        return "no set that is joined to the best one has the same settings"
    nearest, differences = min(known, key=lambda one: len(one[1]))
    if not differences:
        return f"its images are those of {nearest}"
    if len(differences) == 1:
        return f"its images are of another source than those of {nearest}"
    changes = [f"{setting} {graph.settings[name][setting].label}" for setting in differences[:-1]]
    more = (
        "one training set more would price it" if len(changes) == 1 else f"{len(changes)} training sets more would price it"
    )
    return f"{more}: {nearest} with {', then with '.join(changes)}"


class Population(NamedTuple):
    """Evaluation images over which accuracies are compared.

    Attributes
    ----------
    class_id : int or None
        Their class; None for the images of all classes.
    images : int array of shape (n,)
        Their places among all images.
    between_seeds : SeedVariance
        How much a classifier's accuracy on them varies between training seeds.
    """

    class_id: int | None
    images: np.ndarray
    between_seeds: SeedVariance


def list_populations(answers: Mapping[str, Answers]) -> list[Population]:
    """List all images of an evaluation set, and those of each class.

    Parameters
    ----------
    answers : mapping of training set to Answers
        Of one classifier, for all its training sets: together they say how much training runs vary.
    """
    class_ids = next(iter(answers.values())).class_ids
    places: list[tuple[int | None, np.ndarray]] = [(None, np.arange(len(class_ids)))]
    places += [(int(class_id), np.flatnonzero(class_ids == class_id)) for class_id in np.unique(class_ids)]
    return [
        Population(class_id, images, pool_seed_variance([one.correct[:, images] for one in answers.values()]))
        for class_id, images in places
    ]


def measure_account(
    steps: Sequence[Step], answers: Mapping[str, Answers], own: str, population: Population
) -> list[dict[str, Any]]:
    """Measure the steps of an account on images of an evaluation set.

    Parameters
    ----------
    steps : sequence of Step
    answers : mapping of training set to Answers
        Of one classifier.
    own : str
        The training set.
    population : Population
        The images.

    Returns
    -------
    list of dict
        Columns of ``CLASS_SCHEMA`` from train_set on, without natural and anchor.
    """
    images = population.images
    rows = []
    for n, step in enumerate(steps):
        values = [answers[name].correct[:, images] for name in step.weights]
        weights = list(step.weights.values())
        effect = measure_contrast(values, weights, answers[own].class_ids[images], population.between_seeds)
        low, high = effect.interval
        described = {name: value for name, value in vars(step).items() if name != "weights"}
        counts = {"n_images": len(images), "n_seeds": min(map(len, values))}
        ends = zip(("top1_before", "top1_after"), (step.base, step.changed), strict=True)
        accuracies = {column: float(answers[name].correct[:, images].mean()) if name else None for column, name in ends}
        gains = {"gain": effect.value, "gain_low": low, "gain_high": high, "p_value": effect.p_value}
        head = {"train_set": own, "class_id": population.class_id, "step": n}
        rows.append(head | described | counts | accuracies | gains)
    return rows
