"""The jobs of experiments.smk: the matrix, by centroids, by neighbours and by other classifiers on embeddings.

The Snakefile imports this in every job, so it imports nothing heavy.
"""

from __future__ import annotations

import os
from typing import Any

from synthdiv.core.job import Job, Part
from synthdiv.jobs.files import find_embeddings
from synthdiv.jobs.prompts import describe_classes
from synthdiv.jobs.rules import Wildcards, once_if, plans
from synthdiv.plan.experiments import find_sweep_metrics, list_encoder_experiments, list_queries, list_references
from synthdiv.plan.parts import Experiment
from synthdiv.plan.sets import find_embedding_files, list_encoders
from synthdiv.plan.study import Study
from synthdiv.prompts.class_columns import ClassColumns

LARGE_SET = 100_000
"""Images of a set from which on a job that reads it uses several threads."""
LARGE_TABLES = LARGE_SET * 1000
"""Bytes of user-provided embeddings from which on it does: so many vectors of 500 values in fp16."""


class ScoreExperiment(Job):
    """An experiment: a query set and a reference set.

    Attributes
    ----------
    reference, query : str
        The sets' names, for messages.
    query_kind : {"image", "prompt"}
    n_classes : int
    """

    reference: str
    query: str
    query_kind: str
    n_classes: int


class ExperimentRow(Part):
    """A row of the matrix by one encoder."""

    encoder: str
    number: int
    reference: str
    query: str


class TabulateExperiments(Job):
    """The matrix.

    Attributes
    ----------
    experiments : tuple of ExperimentRow
    kinds : dict of set to {"image", "prompt"}
    classes : ClassColumns
    """

    experiments: tuple[ExperimentRow, ...]
    kinds: dict[str, str]
    classes: ClassColumns


class CompareEncoders(Job):
    """The encoders, of which the first is compared with each other."""

    encoders: tuple[str, ...]


class TrainLinearProbe(Job):
    """How the linear probe is fitted.

    Attributes
    ----------
    c_values : tuple of float
        The values of C that are compared.
    seed : int
        The study's seed.
    """

    c_values: tuple[float, ...]
    seed: int


class ClassifyEmbeddings(Job):
    """The classifiers on embeddings, and the query sets that they classify.

    Attributes
    ----------
    options : dict
        The config's ``embedding_classifiers``, without the linear probe's.
    queries : tuple of str
    linear_probe : bool
        Whether the linear probe is one of the classifiers.
    n_classes : int
    seed : int
        The study's seed.
    """

    options: dict[str, Any]
    queries: tuple[str, ...]
    linear_probe: bool
    n_classes: int
    seed: int


class TabulateEmbeddingClassifiers(Job):
    """The encoder and the reference set of each file of predictions."""

    references: tuple[tuple[str, str], ...]


def list_all_experiments(study: Study) -> list[tuple[str, Experiment]]:
    """List the experiments of the matrix with every encoder."""
    return [(encoder, one) for encoder in list_encoders(study) for one in list_encoder_experiments(study, encoder)]


def list_sweep_experiments(study: Study) -> list[tuple[str, str]]:
    """List the (reference, query) of the sweeps' metrics, whether or not they are in the matrix."""
    found = find_sweep_metrics(study)
    return [(one.reference, one.query) for one in found if one.reference and one.query and one.classifier is None]


def list_scored(study: Study) -> list[Wildcards]:
    """List the experiments of the matrix and of the sweeps."""
    scored = [(encoder, one.reference, one.query) for encoder, one in list_all_experiments(study)]
    scored += [(list_encoders(study)[0], *pair) for pair in list_sweep_experiments(study)]
    return [{"encoder": e, "reference": r, "query": q} for e, r, q in dict.fromkeys(scored)]


def find_query_embeddings(study: Study, encoder: str, query: str) -> str:
    """Return the file that represents a query set's embeddings."""
    return find_embeddings(study, encoder, query)


def count_scoring_threads(study: Study) -> int:
    """Return 1 for a study of small sets, so that its experiments run in parallel, else 8."""
    images = len(study.classes) * study.config.images_per_class.train
    large = [
        images >= LARGE_SET if entry.embeddings is None else measure_user_embeddings(study, name) >= LARGE_TABLES
        for name, entry in study.sets.items()
    ]
    return 8 if any(large) else 1


def measure_user_embeddings(study: Study, set_name: str) -> int:
    """Return the size in bytes of a set's user-provided embeddings, of those tables that exist."""
    return sum(os.path.getsize(path) for path in find_embedding_files(study, set_name) if os.path.isfile(path))


def count_scoring_gpus(study: Study) -> int:
    """Return the number of GPUs of a job that searches neighbours or compares all pairs of two sets."""
    return 0 if study.config.scoring_device == "cpu" else 1


@plans(list_scored)
def score_experiment(study: Study, encoder: str, reference: str, query: str) -> ScoreExperiment:
    """Plan an experiment."""
    kind = study.sets[query].kind
    return ScoreExperiment(reference=reference, query=query, query_kind=kind, n_classes=len(study.classes))


def list_predictions(study: Study) -> list[str]:
    """List the predictions of the matrix's experiments."""
    return [
        f"<results>/experiments/{encoder}/{one.reference}/{one.query}.parquet"
        for encoder, one in list_all_experiments(study)
    ]


@plans()
def tabulate_experiments(study: Study) -> TabulateExperiments:
    """Plan the tables of the matrix."""
    return TabulateExperiments(
        experiments=tuple(
            ExperimentRow(encoder=encoder, number=one.number, reference=one.reference, query=one.query)
            for encoder, one in list_all_experiments(study)
        ),
        kinds={name: study.sets[name].kind for name in [*list_references(study), *list_queries(study)]},
        classes=describe_classes(study, "name"),
    )


@plans(once_if(lambda study: len(list_encoders(study)) > 1))
def compare_encoders(study: Study) -> CompareEncoders:
    """Plan the comparison of encoders."""
    return CompareEncoders(encoders=tuple(list_encoders(study)))


def list_classified(study: Study) -> list[Wildcards]:
    """List the reference sets of the matrix with each encoder."""
    pairs = dict.fromkeys((encoder, one.reference) for encoder, one in list_all_experiments(study))
    return [{"encoder": encoder, "reference": reference} for encoder, reference in pairs]


def list_probed(study: Study) -> list[Wildcards]:
    """List the reference sets with a linear probe, with each encoder."""
    return list_classified(study) if study.config.embedding_classifiers.linear_probe else []


@plans(list_probed)
def train_linear_probe(study: Study, encoder: str, reference: str) -> TrainLinearProbe:
    """Plan the linear probe on a reference set."""
    return TrainLinearProbe(c_values=tuple(study.config.embedding_classifiers.linear_probe_C), seed=study.seed)


def find_linear_probe(study: Study, encoder: str, reference: str) -> list[str]:
    """Return the linear probe of a reference set, if the config wants one."""
    if not study.config.embedding_classifiers.linear_probe:
        return []
    return [f"<results>/linear_probes/{encoder}/{reference}.npz"]


def list_classified_queries(study: Study, encoder: str, reference: str) -> list[str]:
    """List the query sets that a reference's classifiers classify."""
    return [one.query for one in list_encoder_experiments(study, encoder) if one.reference == reference]


def list_classified_embeddings(study: Study, encoder: str, reference: str) -> list[str]:
    """List the files that represent the embeddings of these query sets."""
    return [find_embeddings(study, encoder, name) for name in list_classified_queries(study, encoder, reference)]


@plans(list_classified)
def classify_embeddings(study: Study, encoder: str, reference: str) -> ClassifyEmbeddings:
    """Plan the predictions of a reference set's classifiers."""
    options = study.config.embedding_classifiers
    return ClassifyEmbeddings(
        options={key: getattr(options, key) for key in ("density", "knn", "lda_shrinkage", "mixture_components")},
        queries=tuple(list_classified_queries(study, encoder, reference)),
        linear_probe=options.linear_probe,
        n_classes=len(study.classes),
        seed=study.seed,
    )


def list_classifications(study: Study) -> list[str]:
    """List the predictions of all classifiers on embeddings."""
    return [f"<results>/classifications/{one['encoder']}/{one['reference']}.parquet" for one in list_classified(study)]


@plans()
def tabulate_embedding_classifiers(study: Study) -> TabulateEmbeddingClassifiers:
    """Plan the table of the classifiers on embeddings."""
    pairs = tuple((one["encoder"], one["reference"]) for one in list_classified(study))
    return TabulateEmbeddingClassifiers(references=pairs)
