"""The matrix of experiments, the comparisons of the set metrics, the diagnosed sets, and sweeps over the guidance scale.

The Snakefile imports this in every job, so it imports nothing heavy.
"""

from __future__ import annotations

import itertools
from collections import Counter
from functools import cache

from synthdiv.plan.classifiers import list_evaluations
from synthdiv.plan.parts import Experiment, SweepMetric
from synthdiv.plan.sets import (
    find_natural_images,
    list_embedded_sets,
    list_encoded_sets,
    list_encoders,
    list_image_sets,
    list_prompt_sets,
)
from synthdiv.plan.study import Study


@cache
def list_references(study: Study) -> list[str]:
    """List the matrix's reference sets: the config's, or all with a training split."""
    given = study.config.experiments.references
    return list_embedded_sets(study) if given is None else given


@cache
def list_queries(study: Study) -> list[str]:
    """List the matrix's query sets: the config's, or all with a training split."""
    given = study.config.experiments.queries
    return list_embedded_sets(study) if given is None else given


@cache
def list_experiments(study: Study) -> list[Experiment]:
    """List the experiments of the matrix, numbered as in Table 6: for each query, each reference."""
    pairs = itertools.product(list_queries(study), list_references(study))
    return [Experiment(number, reference, query) for number, (query, reference) in enumerate(pairs, start=1)]


def list_encoder_experiments(study: Study, encoder: str) -> list[Experiment]:
    """List the experiments between sets that an encoder embeds, numbered as in the whole matrix."""
    sets = set(list_encoded_sets(study, encoder))
    return [one for one in list_experiments(study) if {one.reference, one.query} <= sets]


def list_comparisons(study: Study, encoder: str) -> list[tuple[str, str]]:
    """List the comparisons of the set metrics, as (reference, set)."""
    sets = list_encoded_sets(study, encoder)
    return [
        (reference, name)
        for reference in list_metric_references(study)
        if reference in sets
        for name in sets
        if name != reference
    ]


@cache
def list_metric_references(study: Study) -> list[str]:
    """List the references of the set metrics: the config's, or the first image set, or the first set."""
    given = study.config.set_metrics.references
    return given if given is not None else (list_image_sets(study) or list(study.sets))[:1]


@cache
def find_natural_reference(study: Study) -> str | None:
    """Return the natural set that others are compared with.

    It is the first set of natural images, or else the first image set with user-provided embeddings among the references of
    the set metrics.
    """
    user_provided = [name for name in list_metric_references(study) if study.sets[name].embeddings is not None]
    return find_natural_images(study) or next((name for name in user_provided if study.sets[name].kind == "image"), None)


@cache
def list_diagnosed(study: Study) -> list[str]:
    """List the sets whose classes get a cause: the other image sets that are not natural, if there is a natural set."""
    if find_natural_reference(study) is None:
        return []
    names = list_image_sets(study, list_encoders(study)[0])
    return [name for name in names if name != find_natural_reference(study) and not study.sets[name].is_natural]


@cache
def list_diagnosis_references(study: Study) -> list[str]:
    """List the sets whose class centroids split the error: the prompt sets, and the natural set."""
    prompts = [name for name in list_encoded_sets(study, list_encoders(study)[0]) if study.sets[name].kind == "prompt"]
    natural = find_natural_reference(study)
    return prompts + ([] if natural is None else [natural])


def find_sweeps(study: Study) -> dict[str, dict[float, str]]:
    """Find the datasets with image sets at several guidance scales: the (first) set of each scale, in rising order."""
    generated: dict[str, dict[float, str]] = {}
    for name, entry in study.sets.items():
        if entry.kind == "image" and entry.dataset is not None:
            generated.setdefault(entry.dataset, {}).setdefault(study.find_scale(name), name)
    return {dataset: dict(sorted(sets.items())) for dataset, sets in generated.items() if len(sets) > 1}


def find_sweep_metrics(study: Study) -> list[SweepMetric]:
    """List every metric that the study can compute, for every set of a sweep and for the natural set."""
    natural = find_natural_reference(study)
    prompt_sets = [name for name, entry in study.sets.items() if entry.kind == "prompt"]
    found: list[SweepMetric] = []
    for dataset, sets in find_sweeps(study).items():
        prompts = next(iter(list_prompt_sets(study, dataset) + prompt_sets), None)
        trained = Counter(classifier for classifier, training in list_evaluations(study) if training in sets.values())
        for scale, name in [*sets.items(), *([(None, natural)] if natural else [])]:
            at = (dataset, scale, name)
            found.append(SweepMetric("centroid_distance", *at))
            if prompts is not None:
                found.append(SweepMetric("prompt_accuracy", *at, reference=prompts, query=name))
            found.append(SweepMetric("own_centroid_accuracy", *at, reference=name, query=name))
            if natural is not None:
                found.append(SweepMetric("natural_query_accuracy", *at, reference=name, query=natural))
                found.append(SweepMetric("natural_reference_accuracy", *at, reference=natural, query=name))
            for classifier, training in list_evaluations(study):
                if training == name and trained[classifier] > 1:
                    evaluated = study.config.classifiers[classifier].evaluate[0]
                    found.append(SweepMetric("trained_accuracy", *at, training, evaluated, classifier))
    return found
