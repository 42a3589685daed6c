"""What a study's tables say when two sets, experiments or trainings are compared, always with an interval or a test."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import polars as pl

from synthdiv.stats.differences import Difference, compare_means
from synthdiv.stats.intervals import wilson_interval

Cell = tuple[str, str]
"""What a classifier was trained on, and what it was tried on; or a reference and a query."""


@dataclass(frozen=True)
class Finding:
    """What one comparison shows.

    Attributes
    ----------
    figure : str
        What was compared, and by what it was paired.
    value, low, high : float, float or None
        With its 95 % interval, where there is one.
    n_pairs : int or None
    p_value : float or None
        Of a paired test.
    sign : {1, -1}
        Whether the claim is that the value lies above or below the limit.
    limit : float
    certain : bool or None
        For what is no sample but a fact about the given vectors: whether it was shown. Without an interval.
    """

    metric: str
    value: float
    low: float | None = None
    high: float | None = None
    n_pairs: int | None = None
    p_value: float | None = None
    sign: int = 1
    limit: float = 0.0
    certain: bool | None = None

    def decide(self, p_adjusted: float | None) -> str:
        """The verdict: undecided where the interval holds the limit, or chance explains it among so many comparisons."""
        if self.certain is not None:
            return "holds" if self.certain else "undecided"
        if self.low is None or self.high is None or self.low <= self.limit <= self.high:
            return "undecided"
        if p_adjusted is not None and p_adjusted >= 0.05:
            return "undecided"
        return "holds" if self.sign * (self.value - self.limit) > 0 else "fails"


def describe_test(metric: str, found: Difference, count: int) -> Finding:
    """The finding of a paired test; without interval and probability where there were too few pairs."""
    if math.isnan(found.p_value):
        return Finding(metric, found.difference, n_pairs=count)
    return Finding(metric, found.difference, found.low, found.high, count, found.p_value)


@dataclass(frozen=True)
class Evidence:
    """The tables that claims are judged by; None where a study has none.

    Attributes
    ----------
    experiments, per_class, experiment_differences : polars.DataFrame
        The matrix, class by class, and every two experiments.
    metrics, metrics_per_class : polars.DataFrame or None
        Set metrics of the first encoder.
    classifiers_per_class, classifier_differences : polars.DataFrame or None
        Trained classifiers.
    predictors : polars.DataFrame or None
        Rank correlations of metrics with accuracy.
    transfer : polars.DataFrame or None
        What frozen features are worth on transfer sets, over seeds.
    """

    experiments: pl.DataFrame
    per_class: pl.DataFrame
    experiment_differences: pl.DataFrame
    metrics: pl.DataFrame | None = None
    metrics_per_class: pl.DataFrame | None = None
    classifiers_per_class: pl.DataFrame | None = None
    classifier_differences: pl.DataFrame | None = None
    predictors: pl.DataFrame | None = None
    transfer: pl.DataFrame | None = None

    @cached_property
    def _numbers(self) -> dict[Cell, int]:
        rows = self.experiments.select("reference", "query", "experiment").iter_rows()
        return {(reference, query): number for reference, query, number in rows}

    @cached_property
    def _differences(self) -> dict[tuple[str, int, int], dict[str, Any]]:
        rows = self.experiment_differences.iter_rows(named=True)
        return {(row["metric"], row["experiment_a"], row["experiment_b"]): row for row in rows}

    @cached_property
    def _tops(self) -> dict[str, dict[Cell, dict[int, float]]]:
        """Top-1 of each class, by classifier and cell."""
        found: dict[str, dict[Cell, dict[int, float]]] = {}
        if self.classifiers_per_class is not None:
            columns = ("classifier", "train_set", "evaluation_set", "class_id", "top1")
            for name, training, evaluation, class_id, top1 in self.classifiers_per_class.select(columns).iter_rows():
                found.setdefault(name, {}).setdefault((training, evaluation), {})[class_id] = top1
        return found

    @cached_property
    def spreads(self) -> dict[str, dict[int, float]]:
        """Centroid Distance of each set, class by class: of training splits, at equal images a class."""
        found: dict[str, dict[int, float]] = {}
        if self.metrics_per_class is not None:
            rows = self.metrics_per_class.filter(metric="centroid_distance", split="train").drop_nulls("images_per_class")
            for name, class_id, value in rows.select("set", "class_id", "value").iter_rows():
                found.setdefault(name, {})[class_id] = value
        return found

    @cached_property
    def cells(self) -> set[Cell]:
        """The cells of all classifiers' grids."""
        return {cell for grid in self._tops.values() for cell in grid}

    def compare_spreads(self, first: str, second: str) -> Iterator[Finding]:
        """Centroid Distance of two sets, paired by class."""
        if {first, second} <= self.spreads.keys():
            yield from _pair(f"Centroid Distance: {first} less {second}", self.spreads[first], self.spreads[second])

    def compare_experiments(self, metric: str, first: Cell, second: Cell) -> Iterator[Finding]:
        """A figure of two experiments, with the paired test of the matrix."""
        if not {first, second} <= self._numbers.keys():
            return
        a, b = self._numbers[first], self._numbers[second]
        row = self._differences.get((metric, a, b)) or self._differences.get((metric, b, a))
        if row is not None:
            what = f"{metric}: {' x '.join(first)} less {' x '.join(second)}; paired by {row['paired_by']}"
            yield _read_difference(what, row, 1 if row["experiment_a"] == a else -1)

    def compare_trainings(self, first: str, second: str, evaluation: str | None) -> Iterator[Finding]:
        """Top-1 after training on one set or another, paired by image, of each classifier."""
        if self.classifier_differences is None:
            return
        for row in self.classifier_differences.filter(evaluation_set=evaluation).iter_rows(named=True):
            pair = (row["train_set_a"], row["train_set_b"])
            if pair in ((first, second), (second, first)):
                what = f"top-1 of {row['classifier']} on {evaluation}: trained on {first} less {second}; paired by image"
                yield _read_difference(what, row, 1 if pair[0] == first else -1)

    def compare_cells(self, first: Cell, second: Cell) -> Iterator[Finding]:
        """Top-1 in two cells of each classifier's grid, paired by class: the evaluation images are others."""
        for classifier, cells in self._tops.items():
            if {first, second} <= cells.keys():
                what = f"top-1 of {classifier}: {first[0]} tried on {first[1]} less {second[0]} tried on {second[1]}"
                yield from _pair(what, cells[first], cells[second])

    def compare_gaps(self, better: str, worse: str, evaluation: str, shifted: str) -> Iterator[Finding]:
        """By how much the gap between two training sets is larger on one evaluation set than on another."""
        for classifier, cells in self._tops.items():
            four = [(name, evaluated) for evaluated in (evaluation, shifted) for name in (better, worse)]
            if set(four) <= cells.keys():
                a, b, c, d = (cells[cell] for cell in four)
                common = sorted(a.keys() & b.keys() & c.keys() & d.keys())
                what = f"top-1 of {classifier}, {better} less {worse} as training sets: on {evaluation} less on {shifted}"
                yield from _pair(what, {n: a[n] - b[n] for n in common}, {n: c[n] - d[n] for n in common})

    def compare_classifiers(
        self, first: str, second: str, training: str, evaluation: str, beside: str | None
    ) -> Iterator[Finding]:
        """Top-1 of two classifiers that learned from one set, less that of both where they learned from another."""
        cells = [self._tops.get(name, {}) for name in (first, second)]
        sets = [training] if beside is None else [training, beside]
        if all((name, evaluation) in own for name in sets for own in cells):
            gains = []
            for name in sets:
                a, b = (own[name, evaluation] for own in cells)
                gains.append({n: a[n] - b[n] for n in a.keys() & b.keys()})
            what = f"top-1 on {evaluation}, {first} less {second}: trained on {training}"
            if beside is None:
                yield from _pair(what, gains[0], dict.fromkeys(gains[0], 0.0))
            else:
                yield from _pair(f"{what} less on {beside}", *gains)

    def compare_transfers(self, natural: str, name: str) -> Iterator[Finding]:
        """By how much the gap between two training sets is larger on natural images of the classes than on a transfer set.

        The images are others, so the intervals of the two gaps are added as independent ones are.
        """
        if self.transfer is None or self.classifier_differences is None:
            return
        gaps = self.classifier_differences.filter(evaluation_set=natural)
        for row in self.transfer.filter(train_set=name, compared_with=natural).iter_rows(named=True):
            for gap in gaps.filter(classifier=row["encoder"]).iter_rows(named=True):
                if {gap["train_set_a"], gap["train_set_b"]} == {natural, name}:
                    sign = 1 if gap["train_set_a"] == natural else -1
                    value = sign * gap["difference"] + row["difference"]
                    half = math.hypot(*((one["difference_high"] - one["difference_low"]) / 2 for one in (gap, row)))
                    metric = (
                        f"top-1 of {row['encoder']}, {natural} less {name} as training sets: on {natural} less as frozen "
                        f"features on {row['transfer_set']}"
                    )
                    yield Finding(metric, value, value - half, value + half)

    def compare_causes(self, prompts: str, images: str) -> Iterator[Finding]:
        """The error by own centroids less what the prompts' centroids add to it."""
        own, other = (self._accuracy_of_classes((reference, images)) for reference in (images, prompts))
        if own and other:
            diversity = {n: 1 - own[n] for n in own}
            shift = {n: own[n] - other[n] for n in own}
            yield from _pair(f"error of {images} with {prompts}: by diversity less by centroid-shift", diversity, shift)

    def _accuracy_of_classes(self, cell: Cell) -> dict[int, float]:
        rows = self.per_class.filter(reference=cell[0], query=cell[1])
        return dict(rows.select("class_id", "centroid_accuracy").iter_rows())

    def compare_neighbours(self) -> Iterator[Finding]:
        """Centroid Accuracy less k-NN accuracy (k = 1), averaged over the experiments of a class."""
        known = self.per_class.drop_nulls("knn1_accuracy").group_by("class_id", maintain_order=True)
        means = known.agg(pl.col("centroid_accuracy").mean(), pl.col("knn1_accuracy").mean())
        if len(means):
            first, second = (dict(means.select("class_id", name).iter_rows()) for name in means.columns[1:])
            yield from _pair("Centroid Accuracy less k-NN accuracy (k = 1), all experiments with k-NN", first, second)

    def count_wins(self) -> Iterator[Finding]:
        """The share of experiments in which k-NN (k = 5) beats centroids."""
        known = self.experiments.drop_nulls("knn5_accuracy")
        if len(known):
            wins = int((known["knn5_accuracy"] > known["centroid_accuracy"]).sum())
            low, high = wilson_interval(wins, len(known))
            metric = "share of experiments in which k-NN (k = 5) beats centroids, taken as independent"
            yield Finding(metric, wins / len(known), low, high, len(known), sign=-1, limit=0.5)

    def correlate(self, metric: str, sign: int) -> Iterator[Finding]:
        """The rank correlation of a metric of training sets with accuracy after training."""
        rows = () if self.predictors is None else self.predictors.filter(level="set", metric=metric).iter_rows(named=True)
        for row in rows:
            metric = f"rank correlation of {metric} with top-1 of {row['classifier']} on {row['evaluation_set']}, over sets"
            yield Finding(metric, row["spearman"], row["spearman_low"], row["spearman_high"], row["n_sets"], sign=sign)

    def separate(self, prompt_sets: Sequence[str]) -> Iterator[Finding]:
        """Whether a plane lies between prompts and images, as no plane lies between the same vectors under other labels."""
        if self.metrics is None:
            return
        rows = self.metrics.filter(split="train").drop_nulls("reference")
        for (name, reference), part in rows.group_by("set", "reference", maintain_order=True):
            values = dict(part.select("metric", "value").iter_rows())
            if (name in prompt_sets) != (reference in prompt_sets) and "separable" in values:
                metric = (
                    f"linear separability of {name} and {reference}: held-out accuracy; holds where a separating plane was "
                    "verified and permuted labels have none"
                )
                shown = values["separable"] == 1 and values["separation_permuted_separable"] == 0
                yield Finding(metric, values["separation_heldout_accuracy"], certain=shown)


def _pair(metric: str, first: Mapping[int, float], second: Mapping[int, float]) -> Iterator[Finding]:
    common = sorted(first.keys() & second.keys())
    if common:
        one, other = (np.array([values[n] for n in common]) for values in (first, second))
        yield describe_test(f"{metric}; paired by class", compare_means(one, other), len(common))


def _read_difference(metric: str, row: Mapping[str, Any], sign: int) -> Finding:
    low, high = sorted((sign * row["difference_low"], sign * row["difference_high"]))
    return describe_test(metric, Difference(sign * row["difference"], low, high, row["p_value"]), row["n_pairs"])
