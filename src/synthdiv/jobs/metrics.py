"""The jobs of metrics.smk: metrics of sets, alone and against a reference, and along the guidance scale.

The Snakefile imports this in every job, so it imports nothing heavy.
"""

from __future__ import annotations

from synthdiv.core.job import Job, Part
from synthdiv.jobs.prompts import describe_classes
from synthdiv.jobs.rules import Wildcards, once_if, plans
from synthdiv.plan.experiments import list_comparisons
from synthdiv.plan.generation import find_generator
from synthdiv.plan.parts import SweepMetric
from synthdiv.plan.sets import choose_features, list_encoders, list_image_sets
from synthdiv.plan.study import Study
from synthdiv.plan.sweeps import find_sweep_metrics, find_sweeps
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
    images_per_class, n_classes, seed
        As in :class:`MeasureSet`.
    """

    kinds: tuple[str, str]
    features: str
    neighbours: int
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
