"""The training runs and evaluations of classifiers.

The Snakefile imports this in every job, so it imports nothing heavy.
"""

from __future__ import annotations

from functools import cache
from typing import Any

from synthdiv.config.training import ClassifierEntry, MixturePart, PredictionsEntry
from synthdiv.plan.parts import EVALUATION_KEYS, TrainingRun
from synthdiv.plan.study import Study


@cache
def list_training_runs(study: Study) -> list[TrainingRun]:
    """List every classifier on every training set with every seed, in the order of the config."""
    return [
        TrainingRun(name, training, seed)
        for name, entry in study.config.classifiers.items()
        for training in entry.train
        for seed in entry.seeds
    ]


@cache
def list_evaluations(study: Study) -> list[tuple[str, str]]:
    """List every classifier with each of its training sets, of this study or of its pretraining."""
    return [(name, training) for name, entry in study.config.classifiers.items() for training in entry.list_training_sets()]


def list_answering(study: Study) -> dict[str, ClassifierEntry | PredictionsEntry]:
    """Return the classifiers that are trained or evaluated here, and those of which there are only predictions."""
    return {**study.config.classifiers, **study.config.predictions}


@cache
def list_answers(study: Study) -> list[tuple[str, str]]:
    """List every classifier with each of its training sets, of this study or elsewhere."""
    imported = study.config.predictions.items()
    return list_evaluations(study) + [(name, training) for name, entry in imported for training in entry.train]


def split_seeds(study: Study, classifier: str) -> list[tuple[int, ...]]:
    """Return the seeds of each training job of a classifier on a training set."""
    entry = study.config.classifiers[classifier]
    size = entry.seeds_per_job
    return [tuple(entry.seeds[n : n + size]) for n in range(0, len(entry.seeds), size)]


def list_parts(study: Study, training: str) -> list[MixturePart]:
    """List the parts of a training set."""
    return study.mixtures.get(training, [MixturePart(set=training)])


def list_training_sources(study: Study, classifier: str, training: str) -> list[str]:
    """List the sets whose images a classifier is trained on, and was trained on before if its weights are another's."""
    names = [part.set for part in list_parts(study, training)]
    earlier = study.config.classifiers[classifier].init_from
    before = [] if earlier is None else list_training_sources(study, earlier.classifier, earlier.train)
    return list(dict.fromkeys(names + before))


def list_choices(study: Study, classifier: str) -> list[str]:
    """List the training sets of a classifier that one can choose from: those without natural images."""
    return [
        name
        for name in list_answering(study)[classifier].train
        if not any(study.sets[part.set].is_natural for part in list_parts(study, name))
    ]


def list_natural_trainings(study: Study, classifier: str) -> list[str]:
    """List the training sets of a classifier that consist of images of one natural set, of all classes.

    If some are of the set on which it is evaluated, only these.
    """
    sources = {
        name: parts[0].set
        for name in list_answering(study)[classifier].train
        if len(parts := list_parts(study, name)) == 1 and parts[0].classes is None and study.sets[parts[0].set].is_natural
    }
    evaluated = [name for name, source in sources.items() if source == find_natural_evaluation(study, classifier)]
    return evaluated or list(sources)


def list_accounted(study: Study, classifier: str) -> list[str]:
    """List the training sets of a classifier whose shortfall is accounted for: those with images that are not natural."""
    return [
        name
        for name in list_answering(study)[classifier].train
        if not all(study.sets[part.set].is_natural for part in list_parts(study, name))
    ]


def find_natural_evaluation(study: Study, classifier: str) -> str | None:
    """Return the first natural set on which a classifier is evaluated, and some of whose images can serve to choose.

    If it is trained here, these are images that it has beside its evaluation split; of predictions, some are set aside.
    """
    for name in list_answering(study)[classifier].evaluate:
        images = study.sets[name].images if study.sets[name].is_natural else None
        has_others = images is not None and bool(images.train or images.selection)
        if has_others or (images is not None and classifier in study.config.predictions):
            return name
    return None


def find_selection_set(study: Study, classifier: str) -> str | None:
    """Return the natural set on whose selection split a classifier's best training set is chosen; None if none is."""
    return find_natural_evaluation(study, classifier) if len(list_choices(study, classifier)) > 1 else None


@cache
def list_selection_sets(study: Study) -> list[str]:
    """List the sets with a selection split that is used."""
    found = [find_selection_set(study, name) for name in study.config.classifiers]
    return list(dict.fromkeys(name for name in found if name is not None))


def make_training_recipe(study: Study, classifier: str) -> dict[str, Any]:
    """Return the part of a recipe that decides a training run: without the evaluation's keys, if no set is monitored."""
    recipe = study.recipes[classifier].to_dict()
    if study.config.classifiers[classifier].monitor is not None:
        return recipe
    return {key: value for key, value in recipe.items() if key not in EVALUATION_KEYS}
