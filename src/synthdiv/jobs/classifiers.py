"""The jobs of classifiers.smk: training, evaluation, and what metrics predict of it.

The Snakefile imports this in every job, so it imports nothing heavy.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Literal

from synthdiv.config.rungs import list_ladder_trainings, list_made_rungs
from synthdiv.config.training import MixturePart
from synthdiv.core.fingerprints import SELECTION
from synthdiv.core.job import Job, Part
from synthdiv.jobs.files import find_indices, find_set_indices
from synthdiv.jobs.images import count_gpus, list_excluded
from synthdiv.jobs.prompts import describe_classes
from synthdiv.jobs.rules import Wildcards, once_if, plans
from synthdiv.plan.classifiers import (
    find_selection_set,
    list_answering,
    list_answers,
    list_choices,
    list_evaluations,
    list_parts,
    list_training_runs,
    make_training_recipe,
    split_seeds,
)
from synthdiv.plan.experiments import list_comparisons
from synthdiv.plan.interventions import list_interventions
from synthdiv.plan.parts import LADDER
from synthdiv.plan.sets import find_class_ids, find_natural_images, list_encoders, list_image_sets, list_natural_sets
from synthdiv.plan.study import Study
from synthdiv.plan.user_sources import list_files_of_models
from synthdiv.prompts.class_columns import ClassColumns


class TrainingPart(Part):
    """A part of a training set.

    Attributes
    ----------
    set_name : str
    images_per_class : int or None
        None for all.
    weight : float or None
        None for the number of its images.
    class_ids : tuple of int or None
        None for all classes.
    """

    set_name: str
    images_per_class: int | None
    weight: float | None
    class_ids: tuple[int, ...] | None


class TryRecipe(Job):
    """A trial of a classifier's recipe.

    Attributes
    ----------
    recipe : dict
        The config's recipe; without the evaluation's keys, unless training depends on them, so that an edit of these
        repeats no training.
    trained : bool
        Whether it is trained, or its pretrained weights are used as they are.
    classes : ClassColumns
    """

    recipe: dict[str, Any]
    trained: bool
    classes: ClassColumns


class TrainClassifier(Job):
    """What decides a classifier's weights, with each of some seeds, and what is measured while it is trained.

    Attributes
    ----------
    recipe : dict
        The config's recipe.
    parts : tuple of TrainingPart
        The training set, in the order of the inputs.
    initial : (str, str) or None
        The classifier, and its training set, whose weights are the first; None for the recipe's.
    monitored : str or None
        The set on which the classifier is evaluated while it is trained.
    exclude_flags : tuple of str
        Images with these flags are left out.
    classes : ClassColumns
    seeds : tuple of int
        The seed of each training run.
    samples : tuple of int
        The number of each training run's sample of images, from 0; empty if all have the same images.
    study_seed : int
        The study's seed.
    """

    recipe: dict[str, Any]
    parts: tuple[TrainingPart, ...]
    initial: tuple[str, str] | None
    monitored: str | None
    exclude_flags: tuple[str, ...]
    classes: ClassColumns
    seeds: tuple[int, ...]
    samples: tuple[int, ...]
    study_seed: int


class EvaluatedSet(Part):
    """A set on which a classifier is evaluated.

    Attributes
    ----------
    set_name : str
    split : str
    among : tuple of int or None
        The classes between which it decides; None for all.
    real_labels : bool
        Whether ImageNet's reassessed labels count.
    """

    set_name: str
    split: str
    among: tuple[int, ...] | None
    real_labels: bool


class EvaluateClassifier(Job):
    """How a classifier is evaluated.

    Attributes
    ----------
    recipe : dict
        The config's recipe.
    seeds : tuple of int
        The seeds of its weights, in the order of the inputs; none for pretrained ones.
    sets : tuple of EvaluatedSet
        In the order of the inputs.
    exclude_flags : tuple of str
        Images with these flags are left out.
    classes : ClassColumns
    """

    recipe: dict[str, Any]
    seeds: tuple[int, ...]
    sets: tuple[EvaluatedSet, ...]
    exclude_flags: tuple[str, ...]
    classes: ClassColumns


class ImportPredictions(Job):
    """Predictions of classifiers that were trained elsewhere on one training set.

    Attributes
    ----------
    training : str
        The training set.
    trained : tuple of str
        All training sets of the table: they must have the same images.
    evaluated : tuple of str
        The evaluation sets of the table.
    selected : str or None
        The evaluation set of which some images are set aside, to choose a training set.
    classes : ClassColumns
    seed : int
        The study's seed, for the choice of these images.
    """

    training: str
    trained: tuple[str, ...]
    evaluated: tuple[str, ...]
    selected: str | None
    classes: ClassColumns
    seed: int


class ChooseTrainingSets(Job):
    """The training sets to choose from.

    Attributes
    ----------
    choices : tuple of (str, str)
        Classifier and training set, in the order of the inputs.
    selection : dict of classifier to str
        The set on whose selection split the best one is chosen.
    """

    choices: tuple[tuple[str, str], ...]
    selection: dict[str, str]


class TabulateClassifiers(Job):
    """The evaluations and training runs, in the order of the inputs.

    Attributes
    ----------
    evaluations : tuple of (str, str)
        Classifier and training set.
    runs : tuple of (str, str, int)
        Classifier, training set and seed.
    natural : str or None
        The natural set.
    classes : ClassColumns
    """

    evaluations: tuple[tuple[str, str], ...]
    runs: tuple[tuple[str, str, int], ...]
    natural: str | None
    classes: ClassColumns


class PredictorPair(Part):
    """Two training sets whose metrics and accuracies are compared.

    Attributes
    ----------
    classifier : str
        The classifier that is trained on both.
    outcome : {"shortfall", "intervention"}
        Whether the base is the natural training set, or both are those of an intervention.
    base, train_set : str
    """

    classifier: str
    outcome: Literal["shortfall", "intervention"]
    base: str
    train_set: str


class RankPredictors(Job):
    """What is correlated.

    Attributes
    ----------
    encoder : str
        The encoder of the metrics.
    evaluations : dict of classifier to str
        The evaluation set of each classifier.
    pairs : tuple of PredictorPair
    seed : int
        The study's seed, for resampling.
    """

    encoder: str
    evaluations: dict[str, str]
    pairs: tuple[PredictorPair, ...]
    seed: int


class MeasureExchangeRate(Job):
    """The training sets that are mixtures or parts of mixtures.

    Attributes
    ----------
    runs : tuple of (str, str, int)
        Classifier, training set and seed, in the order of the inputs.
    train_sets : tuple of str
    natural : tuple of str
        The natural sets.
    evaluations : dict of classifier to str
        The evaluation set of each classifier.
    """

    runs: tuple[tuple[str, str, int], ...]
    train_sets: tuple[str, ...]
    natural: tuple[str, ...]
    evaluations: dict[str, str]


def list_classifiers(study: Study) -> list[Wildcards]:
    """List the classifiers."""
    return [{"classifier": name} for name in study.config.classifiers]


@plans(list_classifiers)
def try_recipe(study: Study, classifier: str) -> TryRecipe:
    """Plan the trial of a classifier's recipe."""
    trained = bool(study.config.classifiers[classifier].train)
    return TryRecipe(
        recipe=make_training_recipe(study, classifier) if trained else study.recipes[classifier].to_dict(),
        trained=trained,
        classes=describe_classes(study, "key"),
    )


def list_trained(study: Study) -> list[Wildcards]:
    """List the training jobs: those of the classifiers' own training sets, and those of the ladder."""
    own = [(name, training) for name, entry in study.config.classifiers.items() for training in entry.train]
    return [
        {"classifier": name, "training": training, "seeds": _join_seeds(seeds)}
        for name, training in own + list_ladder_trainings(study.config)
        for seeds in split_seeds(study, name)
    ]


def _join_seeds(seeds: Iterable[int]) -> str:
    return "-".join(map(str, seeds))


def _list_manifests(study: Study, classifier: str, training: str, kind: str) -> list[str]:
    """List a manifest of each training job of a classifier on a training set: of its weights or of its logs."""
    folder = f"<results>/classifiers/{classifier}/{training}"
    return [f"{folder}/{kind}_{_join_seeds(seeds)}.json" for seeds in split_seeds(study, classifier)]


def _list_all_manifests(study: Study, kind: str) -> list[str]:
    classifiers = study.config.classifiers.items()
    return [
        path
        for name, entry in classifiers
        for training in entry.train
        for path in _list_manifests(study, name, training, kind)
    ]


def list_training_indices(study: Study, training: str) -> list[str]:
    """List the file that represents the indices of each part of a training set."""
    if training in list_made_rungs(study.config):
        return [find_indices(study, f"{LADDER}/{training}")]
    return [find_set_indices(study, part.set) for part in list_parts(study, training)]


def list_initial_weights(study: Study, classifier: str, seeds: str) -> list[str]:
    """List the manifests of another classifier's weights from which training runs with these seeds start."""
    source = study.config.classifiers[classifier].init_from
    if source is None:
        return []
    manifests = _list_manifests(study, source.classifier, source.train, "weights")
    own, others = set(seeds.split("-")), split_seeds(study, source.classifier)
    return [path for path, other in zip(manifests, others, strict=True) if own & set(map(str, other))]


def list_monitored_indices(study: Study, classifier: str) -> list[str]:
    """Return the file that represents the indices of the set that is monitored while a classifier is trained."""
    entry = study.config.classifiers[classifier]
    return [find_set_indices(study, entry.monitor)] if entry.monitor is not None else []


def list_pretrained_files(study: Study, classifier: str) -> list[str]:
    """List the pretrained weights of a recipe, if they are files."""
    recipe = study.recipes[classifier]
    return list_files_of_models(recipe.model, recipe.pretrained)


@plans(list_trained)
def train_classifier(study: Study, classifier: str, training: str, seeds: str) -> TrainClassifier:
    """Plan training runs."""
    entry = study.config.classifiers[classifier]
    source, trained = entry.init_from, tuple(map(int, seeds.split("-")))
    return TrainClassifier(
        recipe=make_training_recipe(study, classifier),
        parts=tuple(_describe_part(study, part) for part in list_parts(study, training)),
        initial=None if source is None else (source.classifier, source.train),
        monitored=entry.monitor,
        exclude_flags=list_excluded(study),
        classes=describe_classes(study, "key"),
        seeds=trained,
        samples=tuple(map(entry.seeds.index, trained)) if entry.sample_per_seed else (),
        study_seed=study.seed,
    )


def _describe_part(study: Study, part: MixturePart) -> TrainingPart:
    return TrainingPart(
        set_name=part.set,
        images_per_class=part.images_per_class,
        weight=part.weight,
        class_ids=None if part.classes is None else tuple(study.find_classes(part.classes)),
    )


def count_processes(study: Study, classifier: str) -> int:
    """Return the number of processes that train a classifier."""
    return study.config.classifiers[classifier].processes


def count_training_gpus(study: Study, classifier: str) -> int:
    """Return the number of GPUs of a training run: one per process."""
    return count_gpus(study) * count_processes(study, classifier)


def count_training_threads(study: Study, classifier: str) -> int:
    """Return 8 threads per GPU to read and decode images; on the CPU, one per process, so that jobs run in parallel."""
    return count_processes(study, classifier) * (1 if study.config.device == "cpu" else 8)


def find_checkpoint_seconds(study: Study, classifier: str) -> int:
    """Return the time between checkpoints of a training run in seconds, since Snakemake rounds resources to integers."""
    return round(60 * study.config.classifiers[classifier].checkpoint_minutes)


def list_weights(study: Study) -> list[str]:
    """List the manifests of the weights of all training runs."""
    return _list_all_manifests(study, "weights")


def list_training_logs(study: Study) -> list[str]:
    """List the manifests of the logs of all training runs."""
    return _list_all_manifests(study, "logs")


def list_evaluated(study: Study) -> list[Wildcards]:
    """List the classifiers with each of their training sets."""
    return [{"classifier": classifier, "training": training} for classifier, training in list_evaluations(study)]


def list_evaluated_weights(study: Study, classifier: str, training: str) -> list[str]:
    """List the manifests of a trained classifier's weights; none for a pretrained one."""
    return _list_manifests(study, classifier, training, "weights") if study.config.classifiers[classifier].train else []


def list_evaluation_indices(study: Study, classifier: str) -> list[str]:
    """List the file that represents the indices of each set on which a classifier is evaluated, the selection split last."""
    selected = find_selection_set(study, classifier)
    own = [find_set_indices(study, name) for name in study.config.classifiers[classifier].evaluate]
    return own + ([] if selected is None else [f"<results>/images/{SELECTION}/{selected}.parquet"])


def list_seeds(study: Study, classifier: str) -> tuple[int, ...]:
    """Return the training seeds of a classifier; none for a pretrained one."""
    entry = study.config.classifiers[classifier]
    return tuple(entry.seeds) if entry.train else ()


def list_evaluation_jobs(study: Study) -> list[Wildcards]:
    """List the classifiers with each of their training sets, and with those of the ladder."""
    of_ladder = [{"classifier": name, "training": training} for name, training in list_ladder_trainings(study.config)]
    return list_evaluated(study) + of_ladder


@plans(list_evaluation_jobs)
def evaluate_classifier(study: Study, classifier: str, training: str) -> EvaluateClassifier:
    """Plan the evaluation of a classifier."""
    evaluated = [(name, "evaluation") for name in study.config.classifiers[classifier].evaluate]
    selected = find_selection_set(study, classifier)
    evaluated += [] if selected is None else [(selected, SELECTION)]
    return plan_evaluation(study, classifier, tuple(_describe_evaluated(study, *one) for one in evaluated))


def _describe_evaluated(study: Study, name: str, split: str) -> EvaluatedSet:
    class_ids = find_class_ids(study, name)
    return EvaluatedSet(
        set_name=name,
        split=split,
        among=None if class_ids is None else tuple(class_ids),
        real_labels=study.sets[name].real_labels and split == "evaluation",
    )


def plan_evaluation(study: Study, classifier: str, sets: tuple[EvaluatedSet, ...]) -> EvaluateClassifier:
    """Plan the evaluation of a classifier on some sets."""
    return EvaluateClassifier(
        recipe=study.recipes[classifier].to_dict(),
        seeds=list_seeds(study, classifier),
        sets=sets,
        exclude_flags=list_excluded(study),
        classes=describe_classes(study, "key"),
    )


def list_evaluation_predictions(study: Study) -> list[str]:
    """List the predictions of every evaluation, here or elsewhere."""
    return [f"<results>/evaluations/{classifier}/{training}.parquet" for classifier, training in list_answers(study)]


def list_imported(study: Study) -> list[Wildcards]:
    """List the classifiers that were trained elsewhere, with each of their training sets."""
    return [
        {"predictions": name, "training": training}
        for name, entry in study.config.predictions.items()
        for training in entry.train
    ]


def find_predictions(study: Study, predictions: str) -> str:
    """Return the table of predictions."""
    return study.config.predictions[predictions].file


def list_prediction_files(study: Study, predictions: str) -> list[str]:
    """Return the table of predictions, as a list of the user's files."""
    return [find_predictions(study, predictions)]


@plans(list_imported)
def import_predictions(study: Study, predictions: str, training: str) -> ImportPredictions:
    """Plan the import of the predictions of one training set."""
    entry = study.config.predictions[predictions]
    return ImportPredictions(
        training=training,
        trained=tuple(entry.train),
        evaluated=tuple(entry.evaluate),
        selected=find_selection_set(study, predictions),
        classes=describe_classes(study, "key"),
        seed=study.seed,
    )


def list_choosing(study: Study) -> list[str]:
    """List the classifiers that choose a best training set."""
    return [name for name in list_answering(study) if find_selection_set(study, name) is not None]


def _list_all_choices(study: Study) -> tuple[tuple[str, str], ...]:
    return tuple((name, training) for name in list_choosing(study) for training in list_choices(study, name))


def list_selection_predictions(study: Study) -> list[str]:
    """List the predictions for the selection split, of every training set that can be chosen."""
    return [f"<results>/selection/{classifier}/{training}.parquet" for classifier, training in _list_all_choices(study)]


@plans(once_if(list_choosing))
def choose_training_sets(study: Study) -> ChooseTrainingSets:
    """Plan the choice of each classifier's best training set."""
    selection = {name: find_selection_set(study, name) for name in list_choosing(study)}
    return ChooseTrainingSets(
        choices=_list_all_choices(study),
        selection={name: one for name, one in selection.items() if one is not None},
    )


def list_runs(study: Study) -> tuple[tuple[str, str, int], ...]:
    """List the classifier, training set and seed of each training run."""
    return tuple((run.classifier, run.training, run.seed) for run in list_training_runs(study))


@plans(once_if(list_answers))
def tabulate_classifiers(study: Study) -> TabulateClassifiers:
    """Plan the tables of classifiers."""
    return TabulateClassifiers(
        evaluations=tuple(list_answers(study)),
        runs=list_runs(study),
        natural=find_natural_images(study),
        classes=describe_classes(study, "name"),
    )


def find_first_classifier(study: Study) -> str | None:
    """Return the first classifier that is trained."""
    return next((run.classifier for run in list_training_runs(study)), None)


def list_training_sets(study: Study) -> list[str]:
    """List all sets and mixtures on which classifiers are trained."""
    return list(dict.fromkeys(run.training for run in list_training_runs(study)))


def list_predictor_sets(study: Study) -> list[str]:
    """List the training sets whose accuracy the metrics may predict: those with metrics."""
    compared = any(list_comparisons(study, encoder) for encoder in list_encoders(study))
    measured = list_image_sets(study, list_encoders(study)[0]) if compared else []
    return [name for name in dict.fromkeys(training for _, training in list_answers(study)) if name in measured]


def list_predictor_pairs(study: Study) -> list[PredictorPair]:
    """List the pairs of training sets with metrics.

    The shortfall of a set is measured from the first natural set among the classifier's training sets. Without one, there
    are no shortfalls.
    """
    measured = list_predictor_sets(study)
    pairs: list[PredictorPair] = []
    for classifier, entry in list_answering(study).items():
        natural = next((name for name in list_natural_sets(study) if name in entry.train), None)
        if natural is not None:
            pairs += [
                PredictorPair(classifier=classifier, outcome="shortfall", base=natural, train_set=name)
                for name in entry.train
                if name != natural and name in measured
            ]
        pairs += [
            PredictorPair(classifier=classifier, outcome="intervention", base=one.base, train_set=one.changed)
            for one in list_interventions(study, classifier)
            if one.base in measured and one.changed in measured
        ]
    return pairs


@plans(once_if(list_predictor_sets))
def rank_predictors(study: Study) -> RankPredictors:
    """Plan the table of predictors."""
    return RankPredictors(
        encoder=list_encoders(study)[0],
        evaluations={name: entry.evaluate[0] for name, entry in list_answering(study).items()},
        pairs=tuple(list_predictor_pairs(study)),
        seed=study.seed,
    )


def list_trained_mixtures(study: Study) -> list[str]:
    """List the mixtures on which classifiers are trained."""
    return [name for name in list_training_sets(study) if name in study.mixtures]


@plans(once_if(list_trained_mixtures))
def measure_exchange_rate(study: Study) -> MeasureExchangeRate:
    """Plan the exchange rate of natural and synthetic images."""
    mixed = {part.set for parts in study.mixtures.values() for part in parts}
    return MeasureExchangeRate(
        runs=list_runs(study),
        train_sets=tuple(name for name in list_training_sets(study) if name in study.mixtures or name in mixed),
        natural=tuple(list_natural_sets(study)),
        evaluations={name: entry.evaluate[0] for name, entry in study.config.classifiers.items()},
    )
