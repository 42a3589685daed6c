"""Gather the evidence for and against each cause, per class: metrics of a generated set, its prompts and natural images.

Images are classified by the nearest class centroid of the natural set. A text retrieves the natural images nearest to it;
its retrieval precision is the share of them that are of its class. Both are compared with the values of natural images.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from synthdiv.analysis.experiments import classify_by_centroids
from synthdiv.core.tables import read_table, write_table
from synthdiv.embeddings.table import Embeddings, make_unit
from synthdiv.metrics.centroids import compute_centroids, compute_codiff, measure_spread, sum_classes
from synthdiv.metrics.neighbours import find_nearest
from synthdiv.metrics.set_metrics import subsample_classes
from synthdiv.prompts.class_texts import DOMAINS, WORDINGS, name_prompts

SHOWN = 4
"""Number of example images per class."""
RETRIEVED = 50
"""Number of natural images that a text retrieves; fewer if the smallest class has fewer."""


@dataclass(frozen=True)
class Texts:
    """Embeddings of texts that describe classes.

    Attributes
    ----------
    class_ids : int64 array of shape (t,)
    kinds, texts : lists of t str
        From :func:`synthdiv.prompts.class_texts.list_texts`.
    vectors : float array of shape (t, d)
    """

    class_ids: np.ndarray
    kinds: list[str]
    texts: list[str]
    vectors: np.ndarray

    def average_classes(self, kind: str, n_classes: int) -> np.ndarray | None:
        """Return the unit mean of each class's texts of a kind, float64 of shape (C, d); None if a class has none."""
        chosen = np.array([one == kind for one in self.kinds])
        ids = self.class_ids[chosen]
        if len(np.unique(ids)) < n_classes:
            return None
        zeros = np.zeros(len(ids), dtype=np.int64)
        return compute_centroids(
            sum_classes([Embeddings(ids, zeros, make_unit(self.vectors[chosen]), np.ones(len(ids)))], n_classes)
        )


def write_texts(texts: Texts, path: Path | str) -> None:
    """Write the embeddings of texts as Parquet, one row per text."""
    columns = {"class_id": texts.class_ids, "kind": texts.kinds, "text": texts.texts}
    write_table(pl.DataFrame(columns | {"embedding": texts.vectors.astype(np.float32)}), path)


def read_texts(path: Path | str) -> Texts:
    """Read a file of :func:`write_texts`."""
    table = read_table(path)
    ids, vectors = table["class_id"].to_numpy(), table["embedding"].to_numpy()
    return Texts(ids, table["kind"].to_list(), table["text"].to_list(), vectors)


@dataclass(frozen=True)
class Natural:
    """The natural images that a generated set is compared with.

    Attributes
    ----------
    train : iterable of Embeddings
        Blocks of the training split: the source of the centroids and of the retrieved images.
    evaluation : Embeddings
        The evaluation split: gives the values of natural images.
    """

    train: Iterable[Embeddings]
    evaluation: Embeddings


def gather_evidence(
    generated: Embeddings, natural: Natural, texts: Texts | None, n_classes: int, *, dataset: str | None, seed: int
) -> pl.DataFrame:
    """Compute the metrics that support the causes.

    Parameters
    ----------
    generated : Embeddings
        A generated set's training split.
    natural : Natural
        The natural images to compare with.
    texts : Texts or None
        None if no encoder embeds texts; the columns that need them are then missing.
    n_classes : int
        C.
    dataset : str or None
        The dataset whose prompts the set was generated from; None if there are no texts.
    seed : int
        Seed of the choice of images where equal numbers are compared.

    Returns
    -------
    polars.DataFrame
        One row per class: class_id; n_images and n_natural; n_correct and n_natural_correct (images nearest to their own
        class's natural centroid), predicted_class and n_predicted_class (the most frequent other class); n_prompted and
        n_natural_prompted (nearest to their own class's prompts), n_predicted_prompted (nearest to the prompts of
        predicted_class); n_retrieved, prompt_retrieved_own and natural_retrieved_own (images of the class among those that
        the class's prompts, and its natural centroid, retrieve), prompt_retrieved_other and natural_retrieved_other (images
        of predicted_class among them); best_wording, best_text and best_retrieval; spread and natural_spread (Centroid
        Distance, at equal numbers) with their standard errors; n_photographs and n_natural_photographs, domain (the most
        frequent visual domain other than photograph); evidence (indices of ``SHOWN`` images, evenly spaced from the nearest
        to the farthest from the class's natural centroid).
    """
    sums = sum_classes(natural.train, n_classes)
    centroids = compute_centroids(sums)
    images, control = generated, natural.evaluation
    n_images = np.bincount(images.class_ids, minlength=n_classes)
    n_natural = np.bincount(control.class_ids, minlength=n_classes)
    predicted = count_classes(images, classify_by_centroids(images, centroids), n_classes)
    others = predicted.copy()
    np.fill_diagonal(others, -1)
    predicted_class = others.argmax(axis=1)
    ids = np.arange(n_classes)
    columns: dict[str, Any] = {
        "class_id": ids,
        "n_images": n_images,
        "n_natural": n_natural,
        "n_correct": predicted.diagonal(),
        "n_natural_correct": count_classes(control, classify_by_centroids(control, centroids), n_classes).diagonal(),
        "predicted_class": predicted_class,
        "n_predicted_class": others.max(axis=1),
    }
    columns |= _measure_spreads(images, natural, n_classes, seed)
    columns["evidence"] = [_choose_examples(images[images.class_ids == n], centroids[n]) for n in ids]
    if texts is not None:
        assert dataset is not None
        prompts = texts.average_classes(name_prompts(dataset), n_classes)
        assert prompts is not None
        prompted = count_classes(images, classify_by_centroids(images, prompts), n_classes)
        columns |= {
            "n_prompted": prompted.diagonal(),
            "n_predicted_prompted": prompted[ids, predicted_class],
            "n_natural_prompted": count_classes(control, classify_by_centroids(control, prompts), n_classes).diagonal(),
        }
        count = int(min(RETRIEVED, sums.counts.min()))
        by_centroids = retrieve_classes(centroids, natural.train, count, n_classes, center=sums.mean)
        by_prompts = retrieve_classes(prompts, natural.train, count, n_classes)
        columns |= {
            "n_retrieved": np.full(n_classes, count),
            "prompt_retrieved_own": by_prompts.diagonal(),
            "natural_retrieved_own": by_centroids.diagonal(),
            "prompt_retrieved_other": by_prompts[ids, predicted_class],
            "natural_retrieved_other": by_centroids[ids, predicted_class],
        }
        columns |= _find_best_wordings(texts, natural.train, count, n_classes)
        columns |= _classify_domains(texts, images, control, n_classes)
    return pl.DataFrame(columns)


def count_classes(images: Embeddings, predicted: np.ndarray, n_classes: int) -> np.ndarray:
    """Return the confusion matrix: images of each class classified as each class, int64 of shape (C, C)."""
    return np.bincount(images.class_ids * n_classes + predicted, minlength=n_classes**2).reshape(n_classes, n_classes)


def retrieve_classes(
    vectors: np.ndarray, natural: Iterable[Embeddings], count: int, n_classes: int, *, center: np.ndarray | None = None
) -> np.ndarray:
    """Retrieve the natural images nearest to each class's vector, and count their classes.

    The mean over classes is subtracted from the vectors first: otherwise, what all texts have in common would favour images
    that are near any text.

    Parameters
    ----------
    vectors : float64 array of shape (C, d)
        Unit vectors.
    natural : iterable of Embeddings
        The images to retrieve from.
    count : int
        Number of images that each vector retrieves.
    n_classes : int
        C.
    center : float64 array of shape (d,), optional
        Subtracted instead of the vectors' mean.

    Returns
    -------
    int64 array of shape (C, C)
        Row c: how many images retrieved by the vector of class c are of each class; sums to ``count``.
    """
    ids = np.arange(n_classes)
    centred = make_unit(vectors - (vectors.mean(axis=0) if center is None else center))
    queries = Embeddings(ids, np.zeros_like(ids), centred, np.ones(n_classes))
    counts = np.zeros((n_classes, n_classes), dtype=np.int64)
    np.add.at(counts, (ids[:, None], find_nearest(queries, natural, count).class_ids), 1)
    return counts


def _choose_examples(members: Embeddings, centroid: np.ndarray) -> list[int]:
    order = np.lexsort((members.indices, compute_codiff(members.vectors, centroid)))
    return members.indices[order[np.unique(np.linspace(0, len(order) - 1, SHOWN).round().astype(int))]].tolist()


def _measure_spreads(images: Embeddings, natural: Natural, n_classes: int, seed: int) -> dict[str, np.ndarray]:
    counts = [np.bincount(one.class_ids, minlength=n_classes).min() for one in (images, natural.evaluation)]
    columns = {}
    for name, one in (("spread", images), ("natural_spread", natural.evaluation)):
        equal = subsample_classes([one], int(min(counts)), seed)
        spread = measure_spread([equal], compute_centroids(sum_classes([equal], n_classes)))
        columns[name] = spread.average_classes(n_classes)
        columns[f"{name}_error"] = np.array(
            [own.std(ddof=1) / math.sqrt(len(own)) if len(own) > 1 else math.nan for own in spread.split_classes(n_classes)]
        )
    return columns


def _find_best_wordings(texts: Texts, natural: Iterable[Embeddings], count: int, n_classes: int) -> dict[str, list]:
    """Find each class's wording with the highest retrieval precision, among the wordings that all classes have."""
    best: list[tuple[int, str | None, str | None]] = [(-1, None, None)] * n_classes
    for kind in WORDINGS:
        vectors = texts.average_classes(kind, n_classes)
        if vectors is None:
            continue
        retrieved_own = retrieve_classes(vectors, natural, count, n_classes).diagonal()
        wordings = {
            int(n): text for n, one, text in zip(texts.class_ids, texts.kinds, texts.texts, strict=True) if one == kind
        }
        for class_id in range(n_classes):
            candidate = (int(retrieved_own[class_id]), kind, wordings[class_id])
            best[class_id] = max(best[class_id], candidate, key=lambda one: one[0])
    retrieval, wording, text = (list(column) for column in zip(*best, strict=True))
    return {"best_retrieval": retrieval, "best_wording": wording, "best_text": text}


def _classify_domains(texts: Texts, images: Embeddings, control: Embeddings, n_classes: int) -> dict[str, Any]:
    """Count the images that are nearest to the text of a photograph among their class's texts, one per visual domain."""
    domains = np.stack([_average_kind(texts, f"domain {name}", n_classes) for name in DOMAINS], axis=1)  # (C, domains, d)
    found = {}
    for name, one in (("n_photographs", images), ("n_natural_photographs", control)):
        nearest = np.empty(len(one), dtype=np.int64)
        for class_id in range(n_classes):
            members = one.class_ids == class_id
            nearest[members] = (one.vectors[members].astype(np.float64) @ domains[class_id].T).argmax(axis=1)
        counts = np.zeros((n_classes, len(DOMAINS)), dtype=np.int64)
        np.add.at(counts, (one.class_ids, nearest), 1)
        found[name] = counts
    other = np.array(list(DOMAINS)[1:])[found["n_photographs"][:, 1:].argmax(axis=1)]
    return {name: counts[:, 0] for name, counts in found.items()} | {"domain": other}


def _average_kind(texts: Texts, kind: str, n_classes: int) -> np.ndarray:
    vectors = texts.average_classes(kind, n_classes)
    assert vectors is not None
    return vectors
