"""Sweeps over the guidance scale, and the metrics that a study can compute along them.

The Snakefile imports this in every job, so it imports nothing heavy.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from synthdiv.plan.classifiers import list_evaluations
from synthdiv.plan.experiments import find_natural_reference
from synthdiv.plan.parts import SweepMetric
from synthdiv.plan.sets import list_prompt_sets

if TYPE_CHECKING:
    from synthdiv.plan.study import Study


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
