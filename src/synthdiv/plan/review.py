"""The reviewed set, and the reviewer that classifies its images.

The Snakefile imports this in every job, so it imports nothing heavy.
"""

from __future__ import annotations

import csv
import io
from functools import cache
from pathlib import Path

from synthdiv.core.errors import StudyError
from synthdiv.core.files import read_text
from synthdiv.plan.classifiers import list_evaluations
from synthdiv.plan.parts import Reviewer
from synthdiv.plan.sets import find_natural_images, list_encoders, list_text_encoders
from synthdiv.plan.study import Study

OVERRIDE_COLUMNS = ["key", "prompt"]
"""The columns that every CSV of overrides has."""


@cache
def list_reviewable(study: Study) -> list[str]:
    """List the generated sets with one prompt per class, in the order of the config."""
    generated = [name for name, entry in study.sets.items() if entry.kind == "image" and entry.dataset is not None]
    return [name for name in generated if not study.datasets[study.find_dataset(name)].per_image]


@cache
def choose_reviewed(study: Study) -> str:
    """Return the reviewed set: the config's, or the first that can be reviewed.

    Raises
    ------
    StudyError
        If there is none.
    """
    if not list_reviewable(study):
        raise StudyError("there is nothing to review: the config has no generated set with one prompt per class")
    return study.config.review.set or list_reviewable(study)[0]


@cache
def choose_reviewer(study: Study) -> Reviewer:
    """Return the reviewer: the config's classifier, the first one trained on the first natural set, or an encoder.

    Raises
    ------
    StudyError
        If there is none.
    """
    natural = find_natural_images(study)
    chosen = study.config.review.classifier
    for classifier, training in list_evaluations(study):
        if classifier == chosen or (chosen is None and training == natural):
            return Reviewer("classifier", classifier, training)
    encoder = list_encoders(study)[0]
    if encoder not in (study.config.encoders if natural else list_text_encoders(study)):
        raise StudyError(
            "there is no reviewer: the config has no classifier that is trained on natural images, and no first "
            "encoder that embeds prompts"
        )
    return Reviewer("centroids", encoder, natural)


def plan_review(study: Study) -> tuple[str, Reviewer]:
    """Return the set of target ``review``, and its reviewer.

    Raises
    ------
    StudyError
        If there is no such set, or no reviewer.
    """
    return choose_reviewed(study), choose_reviewer(study)


def find_overrides(study: Study, dataset: str) -> str | None:
    """Return the CSV of overrides that a review of a dataset would extend: its own, or the first that is based on it."""
    configs = study.config.datasets
    entries = [configs[dataset], *(entry for entry in configs.values() if entry.base == dataset)]
    return next((entry.overrides for entry in entries if entry.overrides is not None), None)


def read_columns(path: Path | str | None) -> list[str]:
    """Read the columns of a CSV of overrides; without a file or a header, return the required columns."""
    if path is None:
        return OVERRIDE_COLUMNS
    return list(csv.DictReader(io.StringIO(read_text(path, "prompt overrides"), newline="")).fieldnames or OVERRIDE_COLUMNS)
