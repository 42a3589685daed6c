"""What a review is of, and who judges its images.

Read by the Snakefile in every job, so it imports nothing heavy.
"""

from __future__ import annotations

from functools import cache

from synthdiv.core.errors import StudyError
from synthdiv.plan.classifiers import list_evaluations
from synthdiv.plan.parts import Reviewer
from synthdiv.plan.sets import find_natural_images, list_encoders, list_text_encoders
from synthdiv.plan.study import Study


@cache
def list_reviewable(study: Study) -> list[str]:
    """The drawn sets with one prompt a class, in the order of the config."""
    generated = [name for name, entry in study.sets.items() if entry["kind"] == "image" and "dataset" in entry]
    return [name for name in generated if not study.datasets[study.sets[name]["dataset"]].per_image]


@cache
def choose_reviewed(study: Study) -> str:
    """The set that a review is of: the config's, or the first that can be.

    Raises
    ------
    StudyError
        If there is none.
    """
    if not list_reviewable(study):
        raise StudyError("there is nothing to review: the config has no drawn set with one prompt a class")
    return study.config["review"].get("set", list_reviewable(study)[0])


@cache
def choose_reviewer(study: Study) -> Reviewer:
    """Who judges a review: the config's classifier, the first that is trained on the first natural set, or an encoder.

    Raises
    ------
    StudyError
        If there is none.
    """
    natural = find_natural_images(study)
    chosen = study.config["review"].get("classifier")
    for classifier, training in list_evaluations(study):
        if classifier == chosen or (chosen is None and training == natural):
            return Reviewer("classifier", classifier, training)
    encoder = list_encoders(study)[0]
    if encoder not in (study.config["encoders"] if natural else list_text_encoders(study)):
        raise StudyError(
            "nothing can judge a review: the config has no classifier that is trained on natural images, and no first "
            "encoder that reads prompts"
        )
    return Reviewer("centroids", encoder, natural)


def plan_review(study: Study) -> tuple[str, Reviewer]:
    """The set that target ``review`` is about, and who judges its images.

    Raises
    ------
    StudyError
        If there is no such set, or nobody to judge.
    """
    return choose_reviewed(study), choose_reviewer(study)


def find_overrides(study: Study, dataset: str) -> str | None:
    """The CSV of overrides that a review of a dataset would add to: its own, or the first one on top of it."""
    configs = study.config["datasets"]
    entries = [configs[dataset], *(entry for entry in configs.values() if entry.get("base") == dataset)]
    return next((entry["overrides"] for entry in entries if "overrides" in entry), None)
