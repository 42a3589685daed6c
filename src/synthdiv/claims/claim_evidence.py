"""Compare two sets, experiments or trainings in a study's tables, always with an interval or a test."""

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
"""A classifier's training and evaluation set, or a reference and a query."""


@dataclass(frozen=True)
class Finding:
    """The result of one comparison.

    Attributes
    ----------
    metric : str
        What was compared, and the unit of pairing.
    value, low, high : float, float or None
        The value with its 95 % interval, where there is one.
    n_pairs : int or None
    p_value : float or None
        Of a paired test.
    sign : {1, -1}
        1 if the claim puts the value above the limit, -1 if below.
    limit : float
    certain : bool or None
        Whether an exact property of the given vectors was verified; it has no interval. None for estimates from samples.
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
        """Return the verdict: undecided if the interval contains the limit, or the corrected p-value is 0.05 or more."""
        if self.certain is not None:
            return "holds" if self.certain else "undecided"
        if self.low is None or self.high is None or self.low <= self.limit <= self.high:
            return "undecided"
        if p_adjusted is not None and p_adjusted >= 0.05:
            return "undecided"
        return "holds" if self.sign * (self.value - self.limit) > 0 else "fails"


def describe_test(metric: str, found: Difference, count: int) -> Finding:
    """Return the finding of a paired test, without interval and p-value if there were too few pairs."""
    if math.isnan(found.p_value):
        return Finding(metric, found.difference, n_pairs=count)
    return Finding(metric, found.difference, found.low, found.high, count, found.p_value)


@dataclass(frozen=True)
class Evidence:
    """The tables that claims are tested on; None where a study has none.

    Attributes
    ----------
    experiments, per_class, experiment_differences : polars.DataFrame
        The matrix, its values by class, and the differences between every two experiments.
    metrics, metrics_per_class : polars.DataFrame or None
        Set metrics of the first encoder.
    classifiers_per_class, classifier_differences : polars.DataFrame or None
        Results of trained classifiers.
    predictors : polars.DataFrame or None
        Rank correlations of metrics with accuracy.
    transfer : polars.DataFrame or None
        Accuracy of frozen features on transfer sets, over seeds.
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
    def _class_top1(self) -> dict[str, dict[Cell, dict[int, float]]]:
        """Top-1 of each class, by classifier and cell."""
        found: dict[str, dict[Cell, dict[int, float]]] = {}
        if self.classifiers_per_class is not None:
            columns = ("classifier", "train_set", "evaluation_set", "class_id", "top1")
            for name, training, evaluation, class_id, top1 in self.classifiers_per_class.select(columns).iter_rows():
                found.setdefault(name, {}).setdefault((training, evaluation), {})[class_id] = top1
        return found

    @cached_property
    def spreads(self) -> dict[str, dict[int, float]]:
        """Centroid Distance of each set by class, on training splits with equal numbers of images per class."""
        found: dict[str, dict[int, float]] = {}
        if self.metrics_per_class is not None:
            rows = self.metrics_per_class.filter(metric="centroid_distance", split="train").drop_nulls("images_per_class")
            for name, class_id, value in rows.select("set", "class_id", "value").iter_rows():
                found.setdefault(name, {})[class_id] = value
        return found

    @cached_property
    def cells(self) -> set[Cell]:
        """Cells of all classifiers' grids."""
        return {cell for grid in self._class_top1.values() for cell in grid}

    def compare_spreads(self, first: str, second: str) -> Iterator[Finding]:
        """Compare the Centroid Distance of two sets, paired by class."""
        if {first, second} <= self.spreads.keys():
            yield from _pair(f"Centroid Distance: {first} minus {second}", self.spreads[first], self.spreads[second])

    def compare_experiments(self, metric: str, first: Cell, second: Cell) -> Iterator[Finding]:
        """Compare a metric of two experiments, with the paired test of the matrix."""
        if not {first, second} <= self._numbers.keys():
            return
        a, b = self._numbers[first], self._numbers[second]
        row = self._differences.get((metric, a, b)) or self._differences.get((metric, b, a))
        if row is not None:
            what = f"{metric}: {' x '.join(first)} minus {' x '.join(second)}; paired by {row['paired_by']}"
            yield _read_difference(what, row, 1 if row["experiment_a"] == a else -1)

    def compare_trainings(self, first: str, second: str, evaluation: str | None) -> Iterator[Finding]:
        """Compare top-1 after training on either of two sets, paired by image, for each classifier."""
        if self.classifier_differences is None:
            return
        for row in self.classifier_differences.filter(evaluation_set=evaluation).iter_rows(named=True):
            pair = (row["train_set_a"], row["train_set_b"])
            if pair in ((first, second), (second, first)):
                what = f"top-1 of {row['classifier']} on {evaluation}: trained on {first} minus {second}; paired by image"
                yield _read_difference(what, row, 1 if pair[0] == first else -1)

    def compare_cells(self, first: Cell, second: Cell) -> Iterator[Finding]:
        """Compare top-1 in two cells of each classifier's grid, paired by class since the evaluation images differ."""
        for classifier, cells in self._class_top1.items():
            if {first, second} <= cells.keys():
                a, b = (f"{training} evaluated on {evaluation}" for training, evaluation in (first, second))
                yield from _pair(f"top-1 of {classifier}: {a} minus {b}", cells[first], cells[second])

    def compare_gaps(self, better: str, worse: str, evaluation: str, shifted: str) -> Iterator[Finding]:
        """Compare the gap between two training sets on one evaluation set with their gap on another."""
        for classifier, cells in self._class_top1.items():
            four = [(name, evaluated) for evaluated in (evaluation, shifted) for name in (better, worse)]
            if set(four) <= cells.keys():
                a, b, c, d = (cells[cell] for cell in four)
                common = sorted(a.keys() & b.keys() & c.keys() & d.keys())
                what = f"top-1 of {classifier}, {better} minus {worse} as training sets: on {evaluation} minus on {shifted}"
                yield from _pair(what, {n: a[n] - b[n] for n in common}, {n: c[n] - d[n] for n in common})

    def compare_classifiers(
        self, first: str, second: str, training: str, evaluation: str, baseline: str | None
    ) -> Iterator[Finding]:
        """Compare top-1 of two classifiers trained on one set, minus their difference when trained on a baseline set."""
        cells = [self._class_top1.get(name, {}) for name in (first, second)]
        sets = [training] if baseline is None else [training, baseline]
        if all((name, evaluation) in own for name in sets for own in cells):
            gains = []
            for name in sets:
                a, b = (own[name, evaluation] for own in cells)
                gains.append({n: a[n] - b[n] for n in a.keys() & b.keys()})
            what = f"top-1 on {evaluation}, {first} minus {second}: trained on {training}"
            if baseline is None:
                yield from _pair(what, gains[0], dict.fromkeys(gains[0], 0.0))
            else:
                yield from _pair(f"{what} minus on {baseline}", *gains)

    def compare_transfers(self, natural: str, name: str) -> Iterator[Finding]:
        """Compare the gap between two training sets on natural images of the classes with their gap on a transfer set.

        The images differ, so the intervals of the two gaps are combined as independent ones.
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
                        f"top-1 of {row['encoder']}, {natural} minus {name} as training sets: on {natural} minus as frozen "
                        f"features on {row['transfer_set']}"
                    )
                    yield Finding(metric, value, value - half, value + half)

    def compare_causes(self, prompts: str, images: str) -> Iterator[Finding]:
        """Compare the error by own centroids with what the prompts' centroids add to it."""
        own, other = (self._class_accuracy((reference, images)) for reference in (images, prompts))
        if own and other:
            diversity = {n: 1 - own[n] for n in own}
            shift = {n: own[n] - other[n] for n in own}
            yield from _pair(f"error of {images} with {prompts}: diversity minus centroid-shift", diversity, shift)

    def _class_accuracy(self, cell: Cell) -> dict[int, float]:
        rows = self.per_class.filter(reference=cell[0], query=cell[1])
        return dict(rows.select("class_id", "centroid_accuracy").iter_rows())

    def compare_neighbours(self) -> Iterator[Finding]:
        """Compare Centroid Accuracy with k-NN accuracy (k = 1), averaged over the experiments of a class."""
        known = self.per_class.drop_nulls("knn1_accuracy").group_by("class_id", maintain_order=True)
        means = known.agg(pl.col("centroid_accuracy").mean(), pl.col("knn1_accuracy").mean())
        if len(means):
            first, second = (dict(means.select("class_id", name).iter_rows()) for name in means.columns[1:])
            yield from _pair("Centroid Accuracy minus k-NN accuracy (k = 1), all experiments with k-NN", first, second)

    def count_wins(self) -> Iterator[Finding]:
        """Return the share of experiments in which k-NN (k = 5) beats centroids."""
        known = self.experiments.drop_nulls("knn5_accuracy")
        if len(known):
            wins = int((known["knn5_accuracy"] > known["centroid_accuracy"]).sum())
            low, high = wilson_interval(wins, len(known))
            metric = "share of experiments in which k-NN (k = 5) beats centroids, treated as independent"
            yield Finding(metric, wins / len(known), low, high, len(known), sign=-1, limit=0.5)

    def correlate(self, metric: str, sign: int) -> Iterator[Finding]:
        """Return the rank correlation of a metric of training sets with accuracy after training."""
        rows = () if self.predictors is None else self.predictors.filter(level="set", metric=metric).iter_rows(named=True)
        for row in rows:
            metric = f"rank correlation of {metric} with top-1 of {row['classifier']} on {row['evaluation_set']}, over sets"
            yield Finding(metric, row["spearman"], row["spearman_low"], row["spearman_high"], row["n_sets"], sign=sign)

    def check_separability(self, prompt_sets: Sequence[str]) -> Iterator[Finding]:
        """Check that a plane separates prompts from images, and none the same vectors with permuted labels."""
        if self.metrics is None:
            return
        rows = self.metrics.filter(split="train").drop_nulls("reference")
        for (name, reference), part in rows.group_by("set", "reference", maintain_order=True):
            values = dict(part.select("metric", "value").iter_rows())
            if (name in prompt_sets) != (reference in prompt_sets) and "separable" in values:
                metric = (
                    f"linear separability of {name} and {reference}: held-out accuracy; holds if a separating plane was "
                    "verified and permuted labels have none"
                )
                verified = values["separable"] == 1 and values["separation_permuted_separable"] == 0
                yield Finding(metric, values["separation_heldout_accuracy"], certain=verified)


def _pair(metric: str, first: Mapping[int, float], second: Mapping[int, float]) -> Iterator[Finding]:
    common = sorted(first.keys() & second.keys())
    if common:
        one, other = (np.array([values[n] for n in common]) for values in (first, second))
        yield describe_test(f"{metric}; paired by class", compare_means(one, other), len(common))


def _read_difference(metric: str, row: Mapping[str, Any], sign: int) -> Finding:
    low, high = sorted((sign * row["difference_low"], sign * row["difference_high"]))
    return describe_test(metric, Difference(sign * row["difference"], low, high, row["p_value"]), row["n_pairs"])
