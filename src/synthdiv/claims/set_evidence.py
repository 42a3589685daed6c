"""What the metrics of sets say about claims."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

import polars as pl

from synthdiv.claims.findings import Finding, pair_by_class


@dataclass(frozen=True)
class SetEvidence:
    """Set metrics of the first encoder; None where a study has none.

    Attributes
    ----------
    metrics, per_class : polars.DataFrame or None
        Of whole sets, and of their classes.
    """

    metrics: pl.DataFrame | None = None
    per_class: pl.DataFrame | None = None

    @cached_property
    def spreads(self) -> dict[str, dict[int, float]]:
        """Centroid Distance of each set by class, on training splits with equal numbers of images per class."""
        found: dict[str, dict[int, float]] = {}
        if self.per_class is not None:
            rows = self.per_class.filter(metric="centroid_distance", split="train").drop_nulls("images_per_class")
            for name, class_id, value in rows.select("set", "class_id", "value").iter_rows():
                found.setdefault(name, {})[class_id] = value
        return found

    def compare_spreads(self, first: str, second: str) -> Iterator[Finding]:
        """Compare the Centroid Distance of two sets, paired by class."""
        if {first, second} <= self.spreads.keys():
            yield from pair_by_class(f"Centroid Distance: {first} minus {second}", self.spreads[first], self.spreads[second])

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
