"""What the matrix of experiments says about claims."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import polars as pl

from synthdiv.claims.findings import Cell, Finding, pair_by_class, read_difference
from synthdiv.stats.intervals import wilson_interval


@dataclass(frozen=True)
class MatrixEvidence:
    """The matrix of experiments.

    Attributes
    ----------
    experiments, per_class, differences : polars.DataFrame
        The matrix, its values by class, and the differences between every two experiments.
    """

    experiments: pl.DataFrame
    per_class: pl.DataFrame
    differences: pl.DataFrame

    @cached_property
    def _numbers(self) -> dict[Cell, int]:
        rows = self.experiments.select("reference", "query", "experiment").iter_rows()
        return {(reference, query): number for reference, query, number in rows}

    @cached_property
    def _differences(self) -> dict[tuple[str, int, int], dict[str, Any]]:
        rows = self.differences.iter_rows(named=True)
        return {(row["metric"], row["experiment_a"], row["experiment_b"]): row for row in rows}

    def compare_experiments(self, metric: str, first: Cell, second: Cell) -> Iterator[Finding]:
        """Compare a metric of two experiments, with the paired test of the matrix."""
        if not {first, second} <= self._numbers.keys():
            return
        a, b = self._numbers[first], self._numbers[second]
        row = self._differences.get((metric, a, b)) or self._differences.get((metric, b, a))
        if row is not None:
            what = f"{metric}: {' x '.join(first)} minus {' x '.join(second)}; paired by {row['paired_by']}"
            yield read_difference(what, row, 1 if row["experiment_a"] == a else -1)

    def compare_causes(self, prompts: str, images: str) -> Iterator[Finding]:
        """Compare the error by own centroids with what the prompts' centroids add to it."""
        own, other = (self._class_accuracy((reference, images)) for reference in (images, prompts))
        if own and other:
            diversity = {n: 1 - own[n] for n in own}
            shift = {n: own[n] - other[n] for n in own}
            yield from pair_by_class(f"error of {images} with {prompts}: diversity minus centroid-shift", diversity, shift)

    def _class_accuracy(self, cell: Cell) -> dict[int, float]:
        rows = self.per_class.filter(reference=cell[0], query=cell[1])
        return dict(rows.select("class_id", "centroid_accuracy").iter_rows())

    def compare_neighbours(self) -> Iterator[Finding]:
        """Compare Centroid Accuracy with k-NN accuracy (k = 1), averaged over the experiments of a class."""
        known = self.per_class.drop_nulls("knn1_accuracy").group_by("class_id", maintain_order=True)
        means = known.agg(pl.col("centroid_accuracy").mean(), pl.col("knn1_accuracy").mean())
        if len(means):
            first, second = (dict(means.select("class_id", name).iter_rows()) for name in means.columns[1:])
            yield from pair_by_class(
                "Centroid Accuracy minus k-NN accuracy (k = 1), all experiments with k-NN", first, second
            )

    def count_wins(self) -> Iterator[Finding]:
        """Return the share of experiments in which k-NN (k = 5) beats centroids."""
        known = self.experiments.drop_nulls("knn5_accuracy")
        if len(known):
            wins = int((known["knn5_accuracy"] > known["centroid_accuracy"]).sum())
            low, high = wilson_interval(wins, len(known))
            metric = "share of experiments in which k-NN (k = 5) beats centroids, treated as independent"
            yield Finding(metric, wins / len(known), low, high, len(known), sign=-1, limit=0.5)
