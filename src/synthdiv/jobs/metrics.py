"""The jobs of metrics.smk: metrics of sets, alone, against a reference, and along the guidance scale; leakage.

The Snakefile imports this in every job, so it imports nothing heavy.
"""

from __future__ import annotations

from synthdiv.core.fingerprints import SPLITS
from synthdiv.core.job import Job, Part
from synthdiv.jobs.files import find_set_embeddings
from synthdiv.jobs.images import list_excluded
from synthdiv.jobs.prompts import describe_classes
from synthdiv.jobs.rules import Wildcards, once_if, plans
from synthdiv.plan.classifiers import list_evaluations, list_training_sources
from synthdiv.plan.experiments import find_sweep_metrics, find_sweeps, list_comparisons
from synthdiv.plan.generation import find_generator
from synthdiv.plan.parts import SweepMetric
from synthdiv.plan.sets import (
    choose_features,
    find_natural_images,
    is_evaluation_only,
    list_encoded_sets,
    list_encoders,
    list_image_sets,
    list_natural_sets,
    list_splits,
)
from synthdiv.plan.study import Study
from synthdiv.prompts.class_columns import ClassColumns


class MeasureSet(Job):
    """How the diversity of a set is measured.

    Attributes
    ----------
    images_per_class : int
        The number of images per class for the metrics at equal size.
    n_classes : int
    seed : int
        The study's seed, which chooses these images.
    """

    images_per_class: int
    n_classes: int
    seed: int


class CompareSets(Job):
    """How a set is compared with a reference.

    Attributes
    ----------
    kinds : ({"image", "prompt"}, {"image", "prompt"})
        Of the reference and of the set.
    features : {"unit", "raw"}
        The vectors for distances between class clusters.
    neighbours : int
        k of precision, recall, density and coverage.
    pairwise_images : int
        Maximum number of images of a set in the metrics over all pairs.
    images_per_class, n_classes, seed
        As in :class:`MeasureSet`.
    """

    kinds: tuple[str, str]
    features: str
    neighbours: int
    pairwise_images: int
    images_per_class: int
    n_classes: int
    seed: int


class SetTable(Part):
    """Whose metrics a table has."""

    encoder: str
    set_name: str
    reference: str | None


class TabulateMetrics(Job):
    """The tables of metrics, in the order of the inputs: first of sets, then of comparisons.

    Attributes
    ----------
    tables : tuple of SetTable
    encoder : str
        The first encoder, whose Centroid Distances have a table of their own.
    classes : ClassColumns
    """

    tables: tuple[SetTable, ...]
    encoder: str
    classes: ClassColumns


class MeasureSpread(Job):
    """The number of classes."""

    n_classes: int


class Sweep(Part):
    """A metric at one guidance scale, as :class:`synthdiv.plan.parts.SweepMetric`."""

    metric: str
    dataset: str
    guidance_scale: float | None
    set: str
    reference: str | None
    query: str | None
    classifier: str | None


class TabulateGuidance(Job):
    """The metrics along the guidance scale, in the order of the inputs.

    Attributes
    ----------
    metrics : tuple of Sweep
    generated_by : dict of dataset to generator
    generators : tuple of str
        The generators, in the order of the fingerprints.
    classes : ClassColumns
    """

    metrics: tuple[Sweep, ...]
    generated_by: dict[str, str]
    generators: tuple[str, ...]
    classes: ClassColumns


class ShrinkImages(Job):
    """The flags that exclude an image."""

    exclude_flags: tuple[str, ...]


class ComparedSplits(Part):
    """Two splits whose images are compared; the same one twice for duplicates within it.

    Attributes
    ----------
    set, split : str
        The images that are counted.
    other_set, other_split : str
        Those that they may be duplicates of.
    """

    set: str
    split: str
    other_set: str
    other_split: str


class FindDuplicates(Job):
    """The splits that are compared.

    Attributes
    ----------
    natural : str or None
        The set whose training split sets the limits; None for sets with embeddings alone, of which equal vectors are found.
    sets : tuple of str
        The sets with images, in the order of the thumbnails.
    embedded : tuple of str
        Those with embeddings, in the order of the embeddings.
    comparisons : tuple of ComparedSplits
    """

    natural: str | None
    sets: tuple[str, ...]
    embedded: tuple[str, ...]
    comparisons: tuple[ComparedSplits, ...]


class TabulateLeakage(Job):
    """The tables of leakage, which the inputs decide."""


class ScoreWithoutLeaks(Job):
    """The evaluations, in the order of the inputs.

    Attributes
    ----------
    evaluations : tuple of (str, str)
        Classifier and training set.
    sources : tuple of tuple of str
        The sets whose training images each of these was trained on.
    """

    evaluations: tuple[tuple[str, str], ...]
    sources: tuple[tuple[str, ...], ...]


def list_measured(study: Study) -> list[Wildcards]:
    """List the image sets with each encoder."""
    return [
        {"encoder": encoder, "set_name": name}
        for encoder in list_encoders(study)
        for name in list_image_sets(study, encoder)
    ]


@plans(list_measured)
def measure_set(study: Study, encoder: str, set_name: str) -> MeasureSet:
    """Plan the diversity of a set."""
    count = study.config.set_metrics.images_per_class
    return MeasureSet(images_per_class=count, n_classes=len(study.classes), seed=study.seed)


def list_compared(study: Study) -> list[Wildcards]:
    """List the comparisons of sets with each encoder."""
    return [
        {"encoder": encoder, "reference": reference, "set_name": name}
        for encoder in list_encoders(study)
        for reference, name in list_comparisons(study, encoder)
    ]


@plans(list_compared)
def compare_sets(study: Study, encoder: str, reference: str, set_name: str) -> CompareSets:
    """Plan the comparison of a set with a reference."""
    options = study.config.set_metrics
    return CompareSets(
        kinds=(study.sets[reference].kind, study.sets[set_name].kind),
        features=choose_features(study, encoder),
        neighbours=options.neighbours,
        pairwise_images=options.pairwise_images,
        images_per_class=options.images_per_class,
        n_classes=len(study.classes),
        seed=study.seed,
    )


def list_measurements(study: Study) -> list[str]:
    """List the metrics of each set."""
    return [f"<results>/metrics/{one['encoder']}/sets/{one['set_name']}.parquet" for one in list_measured(study)]


def list_compared_metrics(study: Study) -> list[str]:
    """List the metrics of each comparison."""
    return [
        f"<results>/metrics/{one['encoder']}/pairs/{one['reference']}/{one['set_name']}.parquet"
        for one in list_compared(study)
    ]


@plans(once_if(lambda study: list_measured(study) or list_compared(study)))
def tabulate_metrics(study: Study) -> TabulateMetrics:
    """Plan the tables of metrics."""
    return TabulateMetrics(
        tables=tuple(SetTable(reference=None, **one) for one in list_measured(study))
        + tuple(SetTable(**one) for one in list_compared(study)),
        encoder=list_encoders(study)[0],
        classes=describe_classes(study, "name"),
    )


def list_spread(study: Study) -> list[Wildcards]:
    """List the sets whose spread is measured, with the first encoder."""
    sets = dict.fromkeys(one.set for one in find_sweep_metrics(study) if one.metric == "centroid_distance")
    return [{"encoder": list_encoders(study)[0], "set_name": name} for name in sets]


@plans(list_spread)
def measure_spread(study: Study, encoder: str, set_name: str) -> MeasureSpread:
    """Plan the distances of a set's images from their class centroids."""
    return MeasureSpread(n_classes=len(study.classes))


def list_sweep_sources(study: Study) -> list[str]:
    """List the file from which each metric along the guidance scale is computed."""
    return [_find_sweep_source(study, one) for one in find_sweep_metrics(study)]


def _find_sweep_source(study: Study, one: SweepMetric) -> str:
    first = list_encoders(study)[0]
    if one.metric == "centroid_distance":
        return f"<results>/spreads/{first}/{one.set}.parquet"
    if one.metric == "trained_accuracy":
        return f"<results>/evaluations/{one.classifier}/{one.reference}.parquet"
    return f"<results>/experiments/{first}/{one.reference}/{one.query}.parquet"


def _list_sweep_generators(study: Study) -> list[str]:
    return sorted({find_generator(study, name) for name in find_sweeps(study)})


def list_sweep_fingerprints(study: Study) -> list[str]:
    """List the fingerprints of the generators of the sweeps."""
    return [f"<results>/generators/{name}.json" for name in _list_sweep_generators(study)]


@plans(once_if(find_sweeps))
def tabulate_guidance(study: Study) -> TabulateGuidance:
    """Plan the tables of metrics along the guidance scale."""
    return TabulateGuidance(
        metrics=tuple(Sweep(**vars(one)) for one in find_sweep_metrics(study)),
        generated_by={name: find_generator(study, name) for name in find_sweeps(study)},
        generators=tuple(_list_sweep_generators(study)),
        classes=describe_classes(study, "name"),
    )


def list_stored_sets(study: Study) -> list[str]:
    """List the sets whose images are compared: none if the study has no natural training images, which set the limits."""
    if find_natural_images(study) is None:
        return []
    return [name for name, entry in study.sets.items() if entry.kind == "image" and entry.embeddings is None]


def list_stored(study: Study) -> list[Wildcards]:
    """List these sets, as wildcards."""
    return [{"set_name": name} for name in list_stored_sets(study)]


@plans(list_stored)
def shrink_images(study: Study, set_name: str) -> ShrinkImages:
    """Plan the thumbnails of a set."""
    return ShrinkImages(exclude_flags=list_excluded(study))


def list_vector_sets(study: Study) -> list[str]:
    """List the sets of images with user-provided embeddings alone, of which equal vectors are found."""
    return [name for name, entry in study.sets.items() if entry.kind == "image" and entry.embeddings is not None]


def list_searched_sets(study: Study) -> list[str]:
    """List the sets in which duplicates are searched."""
    return list_stored_sets(study) + list_vector_sets(study)


def list_searched(study: Study) -> list[Wildcards]:
    """List these sets, as wildcards."""
    return [{"set_name": name} for name in list_searched_sets(study)]


def list_compared_splits(study: Study, set_name: str) -> list[ComparedSplits]:
    """List the splits that are compared because of a set.

    Each split of a natural set with itself; evaluation splits with the set's training split: its own, those of natural sets,
    and those that classifiers are evaluated on; and its training split with the first natural set's. Of sets with embeddings
    alone, each split with itself, and the evaluation splits of all of them with the set's training split.
    """
    natural, own = find_natural_images(study), study.sets[set_name]
    splits = list_splits(study, set_name) if own.images is not None else SPLITS if own.embeddings is not None else ()
    inside = [(set_name, split, set_name, split) for split in splits]
    if own.embeddings is not None:
        names = dict.fromkeys([set_name, *list_vector_sets(study)])
        return _make_comparisons(inside + [(name, "evaluation", set_name, "train") for name in names])
    assert natural is not None
    if is_evaluation_only(study, set_name):
        return _make_comparisons(inside)
    evaluated = [name for entry in study.config.classifiers.values() for name in entry.evaluate]
    names = dict.fromkeys(
        [set_name, *list_natural_sets(study), *(name for name in evaluated if name in list_stored_sets(study))]
    )
    across = [(name, "evaluation", set_name, "train") for name in names]
    return _make_comparisons(inside + across + ([(set_name, "train", natural, "train")] if set_name != natural else []))


def _make_comparisons(found: list[tuple[str, str, str, str]]) -> list[ComparedSplits]:
    return [ComparedSplits(set=one[0], split=one[1], other_set=one[2], other_split=one[3]) for one in found]


def _list_compared_sets(study: Study, set_name: str) -> list[str]:
    """List the sets of these comparisons, and the natural set, whose training split sets the limits."""
    names = [name for one in list_compared_splits(study, set_name) for name in (one.set, one.other_set)]
    return list(dict.fromkeys([*_list_natural(study, set_name), *names]))


def _list_natural(study: Study, set_name: str) -> list[str]:
    natural = find_natural_images(study)
    return [] if natural is None or study.sets[set_name].embeddings is not None else [natural]


def _list_compared_embedded(study: Study, set_name: str) -> list[str]:
    embedded = list_encoded_sets(study, list_encoders(study)[0])
    return [name for name in _list_compared_sets(study, set_name) if name in embedded]


def list_compared_thumbnails(study: Study, set_name: str) -> list[str]:
    """List the thumbnails of each compared set that has images."""
    return [f"<results>/thumbnails/{name}.parquet" for name in _list_compared_stored(study, set_name)]


def list_compared_embeddings(study: Study, set_name: str) -> list[str]:
    """List the file that represents the embeddings of each compared set that has some."""
    return [find_set_embeddings(study, name) for name in _list_compared_embedded(study, set_name)]


def _list_compared_stored(study: Study, set_name: str) -> list[str]:
    return [name for name in _list_compared_sets(study, set_name) if name in list_stored_sets(study)]


@plans(list_searched)
def find_duplicates(study: Study, set_name: str) -> FindDuplicates:
    """Plan the search for duplicates of a set's images."""
    return FindDuplicates(
        natural=next(iter(_list_natural(study, set_name)), None),
        sets=tuple(_list_compared_stored(study, set_name)),
        embedded=tuple(_list_compared_embedded(study, set_name)),
        comparisons=tuple(list_compared_splits(study, set_name)),
    )


def list_duplicate_counts(study: Study) -> list[str]:
    """List the numbers of duplicates of each set."""
    return [f"<results>/duplicates/{name}/counts.parquet" for name in list_searched_sets(study)]


def list_duplicate_pairs(study: Study) -> list[str]:
    """List the pairs of each set."""
    return [f"<results>/duplicates/{name}/pairs.parquet" for name in list_searched_sets(study)]


@plans(once_if(list_searched_sets))
def tabulate_leakage(study: Study) -> TabulateLeakage:
    """Plan the tables of leakage."""
    return TabulateLeakage()


def list_trained_evaluations(study: Study) -> list[tuple[str, str]]:
    """List the evaluations of classifiers that the study trains: the training images of others are unknown."""
    if not list_stored_sets(study):
        return []
    return [one for one in list_evaluations(study) if study.config.classifiers[one[0]].train]


def list_trained_predictions(study: Study) -> list[str]:
    """List the predictions of these evaluations."""
    return [f"<results>/evaluations/{classifier}/{name}.parquet" for classifier, name in list_trained_evaluations(study)]


@plans(once_if(list_trained_evaluations))
def score_without_leaks(study: Study) -> ScoreWithoutLeaks:
    """Plan the table of accuracies without leaked evaluation images."""
    evaluations = list_trained_evaluations(study)
    return ScoreWithoutLeaks(
        evaluations=tuple(evaluations),
        sources=tuple(tuple(list_training_sources(study, *one)) for one in evaluations),
    )
