"""What the classifiers on embeddings will cost: core hours, guessed from the number of vectors."""

from __future__ import annotations

from collections.abc import Container
from pathlib import Path

import polars as pl

from synthdiv.config.sets import LEAST_PROBED, MAX_CANDIDATES, EmbeddingClassifiers
from synthdiv.jobs.experiments import list_classified, list_classified_queries
from synthdiv.operations.grid import UNREAD, count_images, is_done
from synthdiv.operations.inputs import Inputs
from synthdiv.plan.parts import USER_PROVIDED
from synthdiv.plan.sets import find_collection
from synthdiv.plan.study import Study

WIDTH = 768
"""Values of a vector, as of CLIP ViT-L/14."""
SECONDS = {"neighbours": 6e-11, "density": 1.2e-10, "mixture": 3e-7, "probe": 4.3e-9}
"""Core seconds: of neighbours and densities by value, query and reference; of mixtures by value, reference and component;
of a probe by value, reference and class. Measured on one core of an AMD EPYC with AVX2, with up to 60,000 references."""


def tabulate_embedding_classifiers(
    study: Study, results: Path, planned: Container[str], inputs: Inputs = UNREAD
) -> pl.DataFrame:
    """One row per encoder and reference set: its vectors, its queries, whether done, and core hours of what is left."""
    rows = []
    for one in list_classified(study):
        encoder, reference = one["encoder"], one["reference"]
        done = is_done(results / "classifications" / encoder / f"{reference}.parquet", planned)
        references = _count_vectors(study, results, reference, "train", inputs)
        among = list_classified_queries(study, **one)
        queries = [_count_vectors(study, results, name, "evaluation", inputs) for name in among]
        count = None if None in queries else sum(number for number in queries if number is not None)
        hours = None
        if references is not None and count is not None:
            seconds = guess_seconds(study.config.embedding_classifiers, references, count, len(study.classes))
            hours = 0.0 if done else round(seconds / 3600, 1)
        rows.append([encoder, reference, references, count, "✓" if done else "", hours])
    schema = {
        "encoder": pl.String,
        "reference": pl.String,
        "vectors": pl.Int64,
        "queries": pl.Int64,
        "done": pl.String,
        "core_hours": pl.Float64,
    }
    return pl.DataFrame(rows, schema=schema, orient="row")


def _count_vectors(study: Study, results: Path, set_name: str, split: str, inputs: Inputs) -> int | None:
    """Count the vectors of a split; None if it is not known yet."""
    entry = study.sets[set_name]
    if entry.kind == "prompt" and entry.dataset is not None:
        dataset = study.datasets[entry.dataset]
        return len(study.classes) * (dataset.images_per_class[split] if dataset.per_image else 1)
    collection = find_collection(study, set_name)
    if collection.startswith(f"{USER_PROVIDED}/"):
        return inputs.count(set_name, (split,))
    return count_images(study, results, collection, (split,), inputs)


def guess_seconds(options: EmbeddingClassifiers, references: int, queries: int, n_classes: int) -> float:
    """Guess the core seconds of all classifiers of a reference set.

    Parameters
    ----------
    options : EmbeddingClassifiers
        Which classifiers.
    references, queries : int
        Number of vectors.
    n_classes : int
    """
    share = min(1.0, MAX_CANDIDATES / n_classes)
    probed = references if share == 1 else max(references * share, LEAST_PROBED * n_classes)
    counts = {
        "neighbours": references * queries * bool(options.knn),
        "density": references * queries * share * options.density,
        "mixture": references * options.mixture_components,
        "probe": probed * n_classes * (len(options.linear_probe_C) + 1) / 4 * options.linear_probe,
    }
    return WIDTH * sum(SECONDS[name] * count for name, count in counts.items())
