"""What a study is made of: shards, drawings, experiments, trainings, figures of sweeps, and who judges a review."""

from __future__ import annotations

from dataclasses import dataclass

from synthdiv.core.fingerprints import PROBE, format_scale

USER_PROVIDED = "user"
"""Stands for the encoder of the embedding tables that users bring."""
FOLDERS = (USER_PROVIDED, "natural", "prompt_probes", "prompts", "review", "transfer")
"""What lies beside datasets under images/ and embeddings/<encoder>/, so that no dataset is called like it."""


EVALUATION_KEYS = ("evaluation_size", "crop_pct")
"""Of a classifier's recipe: what decides how it is tried, and not its weights."""


@dataclass(frozen=True)
class Shard:
    """A run of classes that one job does."""

    name: str
    class_ids: range


@dataclass(frozen=True)
class GenerationRun:
    """What is drawn: a dataset at a guidance scale, for sets or, as a split of its own, for a review; or a probe."""

    dataset: str
    guidance_scale: float
    split: str | None = None

    @property
    def collection(self) -> str:
        """Where a probe, or what is drawn for sets, lies under images/ and embeddings/<encoder>/."""
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
    """A training: a classifier on one training set, with one seed."""

    classifier: str
    training: str
    seed: int

    @property
    def folder(self) -> str:
        """Its place under classifiers/."""
        return f"{self.classifier}/{self.training}/seed{self.seed}"


@dataclass(frozen=True)
class SweepMetric:
    """One figure at one guidance scale of a sweep: what it is of, and which sets it is between."""

    metric: str
    dataset: str
    guidance_scale: float | None
    """None for the natural set, which stands beside the sweep."""
    set: str
    reference: str | None = None
    """Whose training split the centroids or the classifier are from."""
    query: str | None = None
    """Whose evaluation split is classified."""
    classifier: str | None = None


@dataclass(frozen=True)
class Reviewer:
    """Who says what a review's images show: a trained classifier, or the class centroids of an encoder's embeddings.

    Attributes
    ----------
    kind : {"classifier", "centroids"}
    name : str
        The classifier or the encoder.
    reference : str or None
        What the classifier was trained on, or the set that the centroids are of; None for the reviewed prompts.
    """

    kind: str
    name: str
    reference: str | None

    def __str__(self) -> str:
        if self.kind == "classifier":
            return f"the classifier {self.name}, trained on {self.reference}"
        return f"class centroids of {self.reference or 'the prompts'} ({self.name})"
