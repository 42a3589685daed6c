"""The jobs of diagnosis.smk: the suspected causes of a set's shortfall, and what interventions gain.

The Snakefile imports this in every job, so it imports nothing heavy.
"""

from __future__ import annotations

from functools import cache
from typing import Any

from synthdiv.config.rungs import find_classifier, list_rungs
from synthdiv.config.swaps import SwapCheck, list_swap_checks
from synthdiv.core.job import Job, Part
from synthdiv.jobs.files import find_embeddings, find_results
from synthdiv.jobs.prompts import count_own_images, describe_classes, describe_prompts, list_source_files
from synthdiv.jobs.rules import Wildcards, once_if, plans
from synthdiv.plan.classifiers import (
    list_accounted,
    list_answering,
    list_answers,
    list_choices,
    list_natural_trainings,
)
from synthdiv.plan.experiments import find_natural_reference, list_diagnosed, list_diagnosis_references
from synthdiv.plan.generation import list_generation_runs
from synthdiv.plan.interventions import describe_settings, find_cause, list_interventions, resolve_settings
from synthdiv.plan.sets import describe_encoder, list_encoders, list_image_sets, list_text_encoders
from synthdiv.plan.study import Study
from synthdiv.prompts.class_columns import ClassColumns
from synthdiv.prompts.sources import Counts, DatasetPrompts

PLANTED = "resources/diagnosis/planted_causes.csv"
"""What `make calibrate-diagnosis` found of planted deviations."""


class EmbedClassTexts(Job):
    """The texts that describe each class, and the encoder.

    Attributes
    ----------
    encoder : dict
        The config's entry of the encoder.
    classes : ClassColumns
    datasets : tuple of (DatasetPrompts, Counts or None)
        The prompts of each generated dataset, with the numbers of images if every image has its own prompt.
    """

    encoder: dict[str, Any]
    classes: ClassColumns
    datasets: tuple[tuple[DatasetPrompts, Counts | None], ...]


class GatherEvidence(Job):
    """The set whose classes are examined.

    Attributes
    ----------
    dataset : str or None
        The dataset from whose prompts it was generated.
    images_per_class : int
        How many of its images are used.
    n_classes : int
    seed : int
        The study's seed.
    """

    dataset: str | None
    images_per_class: int
    n_classes: int
    seed: int


class SplitError(Job):
    """The reference sets, in the order of the inputs, and the number of classes."""

    references: tuple[str, ...]
    n_classes: int


class TabulateDiagnosis(Job):
    """The sets of the tables of causes and of error splits.

    Attributes
    ----------
    sets : tuple of str
        The sets with an error split, in the order of the inputs.
    diagnosed : tuple of str
        The sets with evidence, in the order of the inputs.
    natural : str or None
        The natural set.
    classes : ClassColumns
    """

    sets: tuple[str, ...]
    diagnosed: tuple[str, ...]
    natural: str | None
    classes: ClassColumns


class TabulateTradeoff(Job):
    """The sets whose diversity is compared with their error.

    Attributes
    ----------
    natural : str
        The natural set.
    described : dict of set to (str, float)
        The first prompt and the guidance scale of each generated set.
    """

    natural: str
    described: dict[str, tuple[str, float]]


class Intervention(Part):
    """Two training sets that differ in one setting.

    Attributes
    ----------
    classifier : str
        The classifier that is trained on both.
    base, changed : str
    setting : str
    before, after : str
        The setting's value for each.
    acts_on : str
        The cause that a change of this setting acts on; empty for a setting of the user's.
    """

    classifier: str
    base: str
    changed: str
    setting: str
    before: str
    after: str
    acts_on: str


class TabulateInterventions(Job):
    """The interventions.

    Attributes
    ----------
    interventions : tuple of Intervention
    evaluations : tuple of (str, str)
        Classifier and training set of each input. All training sets of a classifier are read: together they say how much
        training runs vary.
    primary : dict of classifier to str
        The evaluation set on which interventions are tested.
    sampled : tuple of str
        The classifiers whose seeds have other training images.
    """

    interventions: tuple[Intervention, ...]
    evaluations: tuple[tuple[str, str], ...]
    primary: dict[str, str]
    sampled: tuple[str, ...]


class TrainingSet(Part):
    """A training set in an account.

    Attributes
    ----------
    name : str
    settings : dict of str to (int, str)
        A number and a label of the value of each setting, equal for equal values; none if its images are of several sources.
    mixes_styles : bool
        Whether classes differ in more than their prompts.
    has_natural : bool
        Whether some of its images are natural.
    """

    name: str
    settings: dict[str, tuple[int, str]]
    mixes_styles: bool
    has_natural: bool


class TabulateAccounts(Job):
    """The training sets whose shortfall is accounted for.

    Attributes
    ----------
    interventions : tuple of Intervention
    evaluations : tuple of (str, str)
        Classifier and training set of each input.
    sets : dict of classifier to tuple of TrainingSet
        All its training sets.
    accounted : dict of classifier to tuple of str
        The training sets with images that are not natural.
    choices : dict of classifier to tuple of str
        Those without natural images. If there are several, the input of the choice says which is best.
    natural : dict of classifier to tuple of str
        Those that consist of the natural images with which it is evaluated.
    """

    interventions: tuple[Intervention, ...]
    evaluations: tuple[tuple[str, str], ...]
    sets: dict[str, tuple[TrainingSet, ...]]
    accounted: dict[str, tuple[str, ...]]
    choices: dict[str, tuple[str, ...]]
    natural: dict[str, tuple[str, ...]]


class MeasureShortcut(Job):
    """The swap checks; the inputs are the predictions of the set and of both mixtures of each."""

    checks: tuple[SwapCheck, ...]


class SuspectedSet(Part):
    """A set that is diagnosed, and how it was generated.

    Attributes
    ----------
    name : str
    dataset : str or None
        Its dataset; None for images of the user's.
    guidance_scale : float or None
    scales : tuple of float
        The guidance scales of the dataset.
    images_per_class : int
        Training and evaluation images that another set of this kind has.
    classifiers : tuple of str
        Those that are trained on it.
    """

    name: str
    dataset: str | None
    guidance_scale: float | None
    scales: tuple[float, ...]
    images_per_class: int
    classifiers: tuple[str, ...]


class TabulateSuspicions(Job):
    """The diagnosed sets."""

    sets: tuple[SuspectedSet, ...]


class LadderStep(Part):
    """A rung, and what is not as on the rung before."""

    training: str
    changes: str


class TabulateLadder(Job):
    """The rungs of the ladder, from natural to generated images; the inputs are the predictions of each.

    Attributes
    ----------
    classifier : str
    rungs : tuple of LadderStep
    """

    classifier: str
    rungs: tuple[LadderStep, ...]


class TabulateShortfalls(Job):
    """The names of the classes."""

    classes: ClassColumns


def _list_generated_datasets(study: Study) -> list[str]:
    return list(dict.fromkeys(run.dataset for run in list_generation_runs(study)))


def list_class_text_sources(study: Study) -> list[str]:
    """List the text files of the generated datasets' prompts, as :func:`synthdiv.jobs.prompts.list_source_files`."""
    return list_source_files(study, _list_generated_datasets(study))


def list_text_jobs(study: Study) -> list[Wildcards]:
    """Return the first encoder, if it embeds texts and the study generates images."""
    first = list_encoders(study)[0]
    return [{"encoder": first}] if first in list_text_encoders(study) and list_generation_runs(study) else []


@plans(list_text_jobs)
def embed_class_texts(study: Study, encoder: str) -> EmbedClassTexts:
    """Plan the embeddings of the class texts."""
    datasets = _list_generated_datasets(study)
    return EmbedClassTexts(
        encoder=describe_encoder(study, encoder),
        classes=describe_classes(study, "name", "hypernym", "definition"),
        datasets=tuple((describe_prompts(study, name), count_own_images(study, name)) for name in datasets),
    )


def find_class_texts(study: Study, set_name: str) -> list[str]:
    """Return the embedded class texts for a generated set, whose prompts are among them."""
    if study.sets[set_name].dataset is None:
        return []
    return [f"<results>/diagnosis/{one['encoder']}/class_texts.parquet" for one in list_text_jobs(study)]


def find_natural_embeddings(study: Study) -> list[str]:
    """Return the file that represents the natural set's embeddings, if there is one."""
    natural = find_natural_reference(study)
    return [] if natural is None else [find_embeddings(study, list_encoders(study)[0], natural)]


def list_evidence_jobs(study: Study) -> list[Wildcards]:
    """List the diagnosed sets."""
    return [{"set_name": name} for name in list_diagnosed(study)]


@plans(list_evidence_jobs)
def gather_evidence(study: Study, set_name: str) -> GatherEvidence:
    """Plan the evidence on a set's classes."""
    return GatherEvidence(
        dataset=study.sets[set_name].dataset,
        images_per_class=study.config.diagnosis.images_per_class,
        n_classes=len(study.classes),
        seed=study.seed,
    )


def list_split_sets(study: Study) -> list[str]:
    """List the sets with an error split: the image sets, if there are reference sets."""
    return list_image_sets(study, list_encoders(study)[0]) if list_diagnosis_references(study) else []


def list_split_jobs(study: Study) -> list[Wildcards]:
    """List the sets with an error split."""
    return [{"set_name": name} for name in list_split_sets(study)]


def list_diagnosis_embeddings(study: Study) -> list[str]:
    """List the files that represent the embeddings of the reference sets of the error split."""
    first = list_encoders(study)[0]
    return [find_embeddings(study, first, name) for name in list_diagnosis_references(study)]


@plans(list_split_jobs)
def split_error(study: Study, set_name: str) -> SplitError:
    """Plan the error split of a set."""
    return SplitError(references=tuple(list_diagnosis_references(study)), n_classes=len(study.classes))


def list_error_splits(study: Study) -> list[str]:
    """List the error split of each set."""
    return [f"<results>/diagnosis/{name}/error_split.parquet" for name in list_split_sets(study)]


def list_evidence(study: Study) -> list[str]:
    """List the evidence on each diagnosed set."""
    return [f"<results>/diagnosis/{name}/evidence.parquet" for name in list_diagnosed(study)]


@plans(once_if(list_split_sets))
def tabulate_diagnosis(study: Study) -> TabulateDiagnosis:
    """Plan the tables of causes and of error splits."""
    return TabulateDiagnosis(
        sets=tuple(list_split_sets(study)),
        diagnosed=tuple(list_diagnosed(study)),
        natural=find_natural_reference(study),
        classes=describe_classes(study, "key", "name"),
    )


@plans(once_if(list_diagnosed))
def tabulate_tradeoff(study: Study) -> TabulateTradeoff:
    """Plan the table of diversity against error."""
    natural = find_natural_reference(study)
    assert natural is not None
    generated = [name for name in list_diagnosed(study) if study.sets[name].dataset is not None]
    return TabulateTradeoff(
        natural=natural,
        described={
            name: (study.datasets[study.find_dataset(name)].prompt(0, "train", 0), study.find_scale(name))
            for name in generated
        },
    )


@cache
def _list_interventions(study: Study) -> tuple[Intervention, ...]:
    return tuple(
        Intervention(classifier=classifier, **vars(pair), acts_on=find_cause(study, pair))
        for classifier in list_answering(study)
        for pair in list_interventions(study, classifier)
    )


def list_intervention_evaluations(study: Study) -> list[tuple[str, str]]:
    """List the classifiers with interventions, each with all its training sets."""
    concerned = {one.classifier for one in _list_interventions(study)}
    return [(classifier, training) for classifier, training in list_answers(study) if classifier in concerned]


def list_intervention_predictions(study: Study) -> list[str]:
    """List the predictions of these evaluations."""
    return [f"<results>/evaluations/{name}/{training}.parquet" for name, training in list_intervention_evaluations(study)]


@plans(once_if(list_intervention_evaluations))
def tabulate_interventions(study: Study) -> TabulateInterventions:
    """Plan the tables of interventions."""
    interventions = _list_interventions(study)
    return TabulateInterventions(
        interventions=interventions,
        evaluations=tuple(list_intervention_evaluations(study)),
        primary={one.classifier: list_answering(study)[one.classifier].evaluate[0] for one in interventions},
        sampled=tuple(name for name, entry in study.config.classifiers.items() if entry.sample_per_seed),
    )


def list_accounting(study: Study) -> list[str]:
    """List the classifiers with a training set that is not natural, and one to compare it with."""
    classifiers = list_answering(study).items()
    return [
        name
        for name, entry in classifiers
        if len(entry.train) > 1
        and list_accounted(study, name)
        and (list_natural_trainings(study, name) or len(list_choices(study, name)) > 1)
    ]


def _list_account_evaluations(study: Study) -> list[tuple[str, str]]:
    return [one for one in list_answers(study) if one[0] in list_accounting(study)]


def list_account_predictions(study: Study) -> list[str]:
    """List the predictions of these classifiers."""
    return [f"<results>/evaluations/{name}/{training}.parquet" for name, training in _list_account_evaluations(study)]


def list_choice(study: Study) -> list[str]:
    """Return the table of the best training sets, if there is a choice."""
    return find_results(study, "selection.csv")


@plans(once_if(list_accounting))
def tabulate_accounts(study: Study) -> TabulateAccounts:
    """Plan the table of accounts."""
    classifiers, swaps = list_accounting(study), {name for one in _list_swaps(study) for name in one.swaps}
    return TabulateAccounts(
        interventions=tuple(one for one in _list_interventions(study) if one.classifier in classifiers),
        evaluations=tuple(_list_account_evaluations(study)),
        sets={
            name: tuple(
                TrainingSet(
                    name=training,
                    settings=describe_settings(study, name).get(training, {}),
                    mixes_styles=resolve_settings(study, training) is None,
                    has_natural=training not in list_choices(study, name),
                )
                for training in list_answering(study)[name].train
            )
            for name in classifiers
        },
        accounted={name: tuple(one for one in list_accounted(study, name) if one not in swaps) for name in classifiers},
        choices={name: tuple(list_choices(study, name)) for name in classifiers},
        natural={name: tuple(list_natural_trainings(study, name)) for name in classifiers},
    )


def list_causes(study: Study) -> list[str]:
    """Return the table of causes, if there is one."""
    return find_results(study, "causes.parquet")


def list_intervention_tables(study: Study) -> list[str]:
    """Return the tables of interventions, of whole sets and by class, if there are any."""
    return find_results(study, "interventions.csv", "interventions_by_class.parquet")


@plans(once_if(list_diagnosed))
def tabulate_suspicions(study: Study) -> TabulateSuspicions:
    """Plan the table of suspicions."""
    return TabulateSuspicions(sets=tuple(_describe_suspected(study, name) for name in list_diagnosed(study)))


def _describe_suspected(study: Study, name: str) -> SuspectedSet:
    dataset = study.sets[name].dataset
    return SuspectedSet(
        name=name,
        dataset=dataset,
        guidance_scale=None if dataset is None else study.find_scale(name),
        scales=() if dataset is None else tuple(study.config.datasets[dataset].guidance_scales),
        images_per_class=0 if dataset is None else sum(study.datasets[dataset].images_per_class.values()),
        classifiers=tuple(one for one, entry in study.config.classifiers.items() if name in entry.train),
    )


@plans(once_if(list_accounting))
def tabulate_shortfalls(study: Study) -> TabulateShortfalls:
    """Plan the table of the classes that fall short."""
    return TabulateShortfalls(classes=describe_classes(study, "name"))


@cache
def _list_swaps(study: Study) -> tuple[SwapCheck, ...]:
    return tuple(list_swap_checks(study.config, [row.key for row in study.classes]))


def list_swap_predictions(study: Study) -> list[str]:
    """List the predictions of each swap check: of the set, and of both mixtures."""
    return [
        f"<results>/evaluations/{one.classifier}/{training}.parquet"
        for one in _list_swaps(study)
        for training in (one.set_name, *one.swaps)
    ]


@plans(once_if(_list_swaps))
def measure_shortcut(study: Study) -> MeasureShortcut:
    """Plan the table of swap checks."""
    return MeasureShortcut(checks=_list_swaps(study))


def list_ladder_predictions(study: Study) -> list[str]:
    """List the predictions of the classifiers of each rung."""
    return [
        f"<results>/evaluations/{find_classifier(study.config)}/{rung.training}.parquet" for rung in list_rungs(study.config)
    ]


@plans(once_if(lambda study: study.config.ladder))
def tabulate_ladder(study: Study) -> TabulateLadder:
    """Plan the table of the ladder."""
    rungs = tuple(LadderStep(training=rung.training, changes=rung.changes) for rung in list_rungs(study.config))
    return TabulateLadder(classifier=find_classifier(study.config), rungs=rungs)
