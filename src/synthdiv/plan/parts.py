"""The parts of a study: shards, generation runs, experiments, training runs, sweep metrics and the reviewer."""

from __future__ import annotations

from dataclasses import dataclass

from synthdiv.core.fingerprints import PROBE, format_scale

USER_PROVIDED = "user"
"""The encoder name of user-provided embedding tables."""
LADDER = "ladder"
"""The folder of the images of the ladder's rungs."""
RESERVED_NAMES = (USER_PROVIDED, LADDER, "natural", "prompt_probes", "prompts", "review", "selection", "transfer")
"""Folders next to the datasets' under images/ and embeddings/<encoder>/, so no dataset may have these names."""


EVALUATION_KEYS = ("evaluation_size", "crop_pct")
"""Keys of a classifier's recipe that affect its evaluation, and not its weights."""


@dataclass(frozen=True)
class Shard:
    """Consecutive classes that one job processes."""

    name: str
    class_ids: range


@dataclass(frozen=True)
class GenerationRun:
    """What is generated: a dataset at a guidance scale (for sets or, in a separate split, a review), or a prompt probe."""

    dataset: str
    guidance_scale: float
    split: str | None = None

    @property
    def collection(self) -> str:
        """The folder of a prompt probe, or of images for sets, under images/ and embeddings/<encoder>/."""
        return (
            f"prompt_probes/{self.dataset}"
            if self.split == PROBE
            else f"{self.dataset}/g{format_scale(self.guidance_scale)}"
        )


@dataclass(frozen=True)
class Experiment:
    """One row of the matrix."""

    number: int
    reference: str
    query: str


@dataclass(frozen=True)
class TrainingRun:
    """One training run: a classifier on one training set, with one seed."""

    classifier: str
    training: str
    seed: int

    @property
    def folder(self) -> str:
        """Its folder under classifiers/."""
        return f"{self.classifier}/{self.training}/seed{self.seed}"


@dataclass(frozen=True)
class SweepMetric:
    """One metric at one guidance scale of a sweep, and the sets that it compares."""

    metric: str
    dataset: str
    guidance_scale: float | None
    """None for the natural set, which is shown next to the sweep."""
    set: str
    reference: str | None = None
    """The set whose training split gives the centroids or the classifier."""
    query: str | None = None
    """The set whose evaluation split is classified."""
    classifier: str | None = None


@dataclass(frozen=True)
class Reviewer:
    """The model that classifies a review's images: a trained classifier, or the class centroids of an encoder's embeddings.

    Attributes
    ----------
    kind : {"classifier", "centroids"}
    name : str
        The classifier or the encoder.
    reference : str or None
        The classifier's training set, or the set of the centroids; None for the reviewed prompts.
    """

    kind: str
    name: str
    reference: str | None

    def __str__(self) -> str:
        if self.kind == "classifier":
            return f"the classifier {self.name}, trained on {self.reference}"
        return f"class centroids of {self.reference or 'the prompts'} ({self.name})"
