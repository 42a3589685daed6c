"""What trained classifiers say about claims."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import polars as pl

from synthdiv.analysis.predictors import SHORTFALL
from synthdiv.claims.findings import Cell, Finding, pair_by_class, read_difference


@dataclass(frozen=True)
class TrainingEvidence:
    """Results of trained classifiers; None where a study has none.

    Attributes
    ----------
    per_class, differences : polars.DataFrame or None
        Top-1 by class, and the differences between every two training sets.
    predictors : polars.DataFrame or None
        How well metrics predict shortfalls and the gains of interventions.
    transfer : polars.DataFrame or None
        Accuracy of frozen features on transfer sets, over seeds.
    """

    per_class: pl.DataFrame | None = None
    differences: pl.DataFrame | None = None
    predictors: pl.DataFrame | None = None
    transfer: pl.DataFrame | None = None

    @cached_property
    def _class_top1(self) -> dict[str, dict[Cell, dict[int, float]]]:
        """Top-1 of each class, by classifier and cell."""
        found: dict[str, dict[Cell, dict[int, float]]] = {}
        if self.per_class is not None:
            columns = ("classifier", "train_set", "evaluation_set", "class_id", "top1")
            for name, training, evaluation, class_id, top1 in self.per_class.select(columns).iter_rows():
                found.setdefault(name, {}).setdefault((training, evaluation), {})[class_id] = top1
        return found

    @cached_property
    def cells(self) -> set[Cell]:
        """Cells of all classifiers' grids."""
        return {cell for grid in self._class_top1.values() for cell in grid}

    def compare_trainings(self, first: str, second: str, evaluation: str | None) -> Iterator[Finding]:
        """Compare top-1 after training on either of two sets, paired by image, for each classifier."""
        if self.differences is None:
            return
        for row in self.differences.filter(evaluation_set=evaluation).iter_rows(named=True):
            pair = (row["train_set_a"], row["train_set_b"])
            if pair in ((first, second), (second, first)):
                what = f"top-1 of {row['classifier']} on {evaluation}: trained on {first} minus {second}; paired by image"
                yield read_difference(what, row, 1 if pair[0] == first else -1)

    def compare_cells(self, first: Cell, second: Cell) -> Iterator[Finding]:
        """Compare top-1 in two cells of each classifier's grid, paired by class since the evaluation images differ."""
        for classifier, cells in self._class_top1.items():
            if {first, second} <= cells.keys():
                a, b = (f"{training} evaluated on {evaluation}" for training, evaluation in (first, second))
                yield from pair_by_class(f"top-1 of {classifier}: {a} minus {b}", cells[first], cells[second])

    def compare_gaps(self, better: str, worse: str, evaluation: str, shifted: str) -> Iterator[Finding]:
        """Compare the gap between two training sets on one evaluation set with their gap on another."""
        for classifier, cells in self._class_top1.items():
            four = [(name, evaluated) for evaluated in (evaluation, shifted) for name in (better, worse)]
            if set(four) <= cells.keys():
                a, b, c, d = (cells[cell] for cell in four)
                common = sorted(a.keys() & b.keys() & c.keys() & d.keys())
                what = f"top-1 of {classifier}, {better} minus {worse} as training sets: on {evaluation} minus on {shifted}"
                yield from pair_by_class(what, {n: a[n] - b[n] for n in common}, {n: c[n] - d[n] for n in common})

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
                yield from pair_by_class(what, gains[0], dict.fromkeys(gains[0], 0.0))
            else:
                yield from pair_by_class(f"{what} minus on {baseline}", *gains)

    def compare_transfers(self, natural: str, name: str) -> Iterator[Finding]:
        """Compare the gap between two training sets on natural images of the classes with their gap on a transfer set.

        The images differ, so the intervals of the two gaps are combined as independent ones.
        """
        if self.transfer is None or self.differences is None:
            return
        gaps = self.differences.filter(evaluation_set=natural)
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

    def predict(self, metric: str, sign: int) -> Iterator[Finding]:
        """Return how well a metric predicts the shortfalls of training sets, and the signs of the gains of interventions."""
        rows = () if self.predictors is None else self.predictors.filter(level="set", metric=metric).iter_rows(named=True)
        for row in rows:
            trained = f"top-1 of {row['classifier']} on {row['evaluation_set']}"
            if row["outcome"] == SHORTFALL:
                what = f"rank correlation of the change of {metric} from the natural training set with that of {trained}"
                name, count, limit = "spearman", "n_pairs", 0.0
            else:
                what = f"share of interventions in which {metric} and {trained} both rise or both fall"
                name, count, limit = "same_sign", "n_signs", 0.5
            if row[name] is not None:
                low, high = row[f"{name}_low"], row[f"{name}_high"]
                yield Finding(what, row[name], low, high, row[count], sign=sign, limit=limit)
