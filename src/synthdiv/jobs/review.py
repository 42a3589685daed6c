"""The jobs of review.smk: the classification of a review's images, and its page.

The Snakefile imports this in every job, so it imports nothing heavy.
"""

from __future__ import annotations

from synthdiv.core.fingerprints import REVIEW, format_scale
from synthdiv.core.job import Job
from synthdiv.jobs.classifiers import EvaluateClassifier, EvaluatedSet, list_evaluated, plan_evaluation
from synthdiv.jobs.files import find_embeddings, find_manifest
from synthdiv.jobs.prompts import describe_classes
from synthdiv.jobs.rules import Wildcards, plans
from synthdiv.plan.generation import find_generator
from synthdiv.plan.review import choose_reviewer, find_overrides, list_reviewable, plan_review, read_columns
from synthdiv.plan.sets import list_encoders
from synthdiv.plan.study import Study
from synthdiv.prompts.class_columns import ClassColumns


class MatchReview(Job):
    """The centroids that classify a review's images.

    Attributes
    ----------
    reference, images : str
        What both are, for messages.
    n_classes : int
    """

    reference: str
    images: str
    n_classes: int


class WriteReview(Job):
    """A review's page.

    Attributes
    ----------
    reviewed : str
        The set.
    dataset : str
        The dataset from whose prompts it was generated.
    overrides : str or None
        The CSV of overrides that the review would extend.
    reads_overrides : bool
        Whether the dataset reads it already.
    images : int
        The number of images per class.
    shown : int
        How many classes the page shows.
    generated_by, reviewed_by : str
        The generator and the reviewer, in words.
    override_columns : tuple of str
        The columns of this CSV.
    classes : ClassColumns
    """

    reviewed: str
    dataset: str
    overrides: str | None
    reads_overrides: bool
    images: int
    shown: int
    generated_by: str
    reviewed_by: str
    override_columns: tuple[str, ...]
    classes: ClassColumns


def list_review_indices(study: Study, set_name: str) -> list[str]:
    """Return the file that represents the indices of a review."""
    return [find_manifest(study, f"images/review/{set_name}")]


def find_review_embeddings(study: Study, set_name: str, encoder: str) -> str:
    """Return the file that represents the embeddings of a review's images."""
    return find_manifest(study, f"embeddings/{encoder}/review/{set_name}")


def find_review_reference(study: Study, set_name: str, encoder: str) -> str:
    """Return the embeddings whose class centroids classify: the natural set's, or the reviewed prompts'."""
    reference = choose_reviewer(study).reference
    if reference is not None:
        return find_embeddings(study, encoder, reference)
    return find_manifest(study, f"embeddings/{encoder}/prompts/{study.find_dataset(set_name)}")


def list_classified_reviews(study: Study) -> list[Wildcards]:
    """List the sets that can be reviewed with each classifier."""
    return [{"set_name": name, **one} for name in list_reviewable(study) for one in list_evaluated(study)]


@plans(list_classified_reviews)
def classify_review(study: Study, set_name: str, classifier: str, training: str) -> EvaluateClassifier:
    """Plan the classification of a review by a classifier."""
    reviewed = EvaluatedSet(set_name=set_name, split=REVIEW, among=None, real_labels=False)
    return plan_evaluation(study, classifier, (reviewed,))


def list_matched_reviews(study: Study) -> list[Wildcards]:
    """List the sets that centroids review."""
    if not list_reviewable(study) or choose_reviewer(study).kind != "centroids":
        return []
    return [{"set_name": name, "encoder": list_encoders(study)[0]} for name in list_reviewable(study)]


@plans(list_matched_reviews)
def match_review(study: Study, set_name: str, encoder: str) -> MatchReview:
    """Plan the classification of a review by class centroids."""
    reference = choose_reviewer(study).reference or "the prompts"
    return MatchReview(reference=reference, images=f"the review of {set_name}", n_classes=len(study.classes))


def find_review_predictions(study: Study, set_name: str) -> str:
    """Return the reviewer's classes of a review's images."""
    folder, reviewer = f"<results>/review/{set_name}", choose_reviewer(study)
    if reviewer.kind == "classifier":
        return f"{folder}/{reviewer.name}/{reviewer.reference}.parquet"
    return f"{folder}/{reviewer.name}.parquet"


def list_written_reviews(study: Study) -> list[Wildcards]:
    """List the sets that can be reviewed."""
    return [{"set_name": name} for name in list_reviewable(study)]


@plans(list_written_reviews)
def write_review(study: Study, set_name: str) -> WriteReview:
    """Plan the page of a review."""
    dataset, scale = study.find_dataset(set_name), format_scale(study.find_scale(set_name))
    generator, overrides = find_generator(study, dataset), find_overrides(study, dataset)
    return WriteReview(
        reviewed=set_name,
        dataset=dataset,
        overrides=overrides,
        reads_overrides=study.config.datasets[dataset].overrides is not None,
        images=study.config.review.images,
        shown=study.config.review.classes,
        generated_by=f"{generator} at guidance scale {scale}",
        reviewed_by=str(choose_reviewer(study)),
        override_columns=tuple(read_columns(overrides)),
        classes=describe_classes(study, "key", "name", "lemmas", "definition", "hypernym"),
    )


def list_review_results(study: Study) -> list[str]:
    """List the results of the target review."""
    reviewed, _ = plan_review(study)
    folder = f"<results>/review/{reviewed}"
    return [f"{folder}/accuracy.csv", f"{folder}/review.html"]
