"""Gather the evidence for suspected causes, per class: how a generated set deviates from natural images, and what texts say.

Images are classified by the nearest class centroid of the natural set. A text retrieves the natural images nearest to it;
its retrieval precision is the share of them that are of its class. Both are compared with the values of natural images.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from synthdiv.analysis.experiments import classify_by_centroids
from synthdiv.core.errors import StudyError
from synthdiv.core.tables import read_table, write_table
from synthdiv.diagnosis.deviations import LEAST, ClassImages, measure_deviations
from synthdiv.diagnosis.wrong_images import ClassCounts, find_kind, find_predicted
from synthdiv.embeddings.table import Embeddings, make_unit
from synthdiv.metrics.centroids import compute_centroids, compute_codiff, sum_classes
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
        The evaluation split: natural images that did not contribute to the centroids.
    """

    train: Iterable[Embeddings]
    evaluation: Embeddings


def gather_evidence(
    generated: Embeddings, natural: Natural, texts: Texts | None, n_classes: int, *, dataset: str | None, seed: int
) -> pl.DataFrame:
    """Measure how each class deviates from natural images, and what its texts say about its wrong images.

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
        Seed of the choice of natural training images, and of the resamples.

    Returns
    -------
    polars.DataFrame
        One row per class: class_id; n_images and n_natural; n_correct and n_natural_correct (images nearest to their own
        class's natural centroid), predicted_class and n_predicted_class (the most frequent other class); the columns of
        :func:`synthdiv.diagnosis.deviations.measure_deviations`; n_prompted and n_natural_prompted (nearest to their own
        class's prompts); n_retrieved, prompt_retrieved_own and natural_retrieved_own (images of the class among those that
        the class's prompts, and its natural centroid, retrieve), prompt_retrieved_other and natural_retrieved_other (images
        of predicted_class among them); best_wording, best_text and best_retrieval; kind and confidence of
        :func:`synthdiv.diagnosis.wrong_images.find_kind`; n_photographs and n_natural_photographs, domain (the most
        frequent visual domain other than photograph); evidence (indices of ``SHOWN`` images, evenly spaced from the nearest
        to the farthest from the class's natural centroid).
    """
    sums = sum_classes(natural.train, n_classes)
    centroids = compute_centroids(sums)
    control = natural.evaluation
    training = subsample_classes(natural.train, max(LEAST, int(np.bincount(generated.class_ids).max())), seed)
    sets = (generated, control, training)
    for what, one in (("the set", generated), ("the natural evaluation split", control)):
        missing = np.flatnonzero(np.bincount(one.class_ids, minlength=n_classes) == 0)
        if len(missing):
            raise StudyError(f"{what} has no image of class {missing[0]} (class_id), so the class cannot be diagnosed")
    predicted = [classify_by_centroids(one, centroids) for one in sets]
    confusions = [count_classes(one, own, n_classes) for one, own in zip(sets[:2], predicted, strict=False)]
    ids = np.arange(n_classes)
    predicted_class = np.array([find_predicted(n, confusions[0][n]) for n in range(n_classes)])
    columns: dict[str, Any] = {
        "class_id": ids,
        "n_images": confusions[0].sum(axis=1),
        "n_natural": confusions[1].sum(axis=1),
        "n_correct": confusions[0].diagonal(),
        "n_natural_correct": confusions[1].diagonal(),
        "predicted_class": predicted_class,
        "n_predicted_class": confusions[0][ids, predicted_class],
    }
    split = zip(*(_split_classes(one, own, n_classes) for one, own in zip(sets, predicted, strict=True)), strict=True)
    deviations = [measure_deviations(*classes) for classes in split]
    columns |= {name: [row[name] for row in deviations] for name in deviations[0]}
    columns["evidence"] = [_choose_examples(generated[generated.class_ids == n], centroids[n]) for n in ids]
    if texts is not None:
        assert dataset is not None
        prompts = texts.average_classes(name_prompts(dataset), n_classes)
        assert prompts is not None
        for name, one in (("n_prompted", generated), ("n_natural_prompted", control)):
            columns[name] = count_classes(one, classify_by_centroids(one, prompts), n_classes).diagonal()
        count = int(min(RETRIEVED, sums.counts.min()))
        by_centroids = retrieve_classes(centroids, natural.train, count, n_classes, center=sums.mean)
        by_prompts = retrieve_classes(prompts, natural.train, count, n_classes)
        wordings = _retrieve_wordings(texts, natural.train, count, n_classes)
        columns |= {
            "n_retrieved": np.full(n_classes, count),
            "prompt_retrieved_own": by_prompts.diagonal(),
            "natural_retrieved_own": by_centroids.diagonal(),
            "prompt_retrieved_other": by_prompts[ids, predicted_class],
            "natural_retrieved_other": by_centroids[ids, predicted_class],
        }
        columns |= _choose_wordings(texts, wordings, n_classes)
        chance = sums.counts / sums.counts.sum()
        retrieved = np.stack(list(wordings.values()), axis=1) if wordings else np.empty((n_classes, 0), np.int64)
        kinds = [
            find_kind(
                ClassCounts(n, confusions[0][n], by_prompts[n], by_centroids[n], retrieved[n], chance[n]),
                np.random.default_rng([seed, n]),
            )
            for n in ids.tolist()
        ]
        columns["kind"], columns["confidence"] = map(list, zip(*kinds, strict=True))
        columns |= _classify_domains(texts, generated, control, n_classes)
    return pl.DataFrame(columns)


def _split_classes(images: Embeddings, predicted: np.ndarray, n_classes: int) -> Iterator[ClassImages]:
    """Yield the images of each class, with whether each is classified as its own class."""
    correct = predicted == images.class_ids
    for class_id in range(n_classes):
        own = images.class_ids == class_id
        yield ClassImages(make_unit(images.vectors[own]), correct[own])


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


def _retrieve_wordings(texts: Texts, natural: Iterable[Embeddings], count: int, n_classes: int) -> dict[str, np.ndarray]:
    """Count the images of its own class that each class's wordings retrieve, for the wordings that all classes have."""
    found = {}
    for kind in WORDINGS:
        vectors = texts.average_classes(kind, n_classes)
        if vectors is not None:
            found[kind] = retrieve_classes(vectors, natural, count, n_classes).diagonal()
    return found


def _choose_wordings(texts: Texts, retrieved: dict[str, np.ndarray], n_classes: int) -> dict[str, list]:
    """Choose each class's wording that retrieves most images of the class."""
    if not retrieved:
        return {"best_retrieval": [None] * n_classes, "best_wording": [None] * n_classes, "best_text": [None] * n_classes}
    kinds = list(retrieved)
    best = np.stack(list(retrieved.values())).argmax(axis=0)
    own = zip(texts.class_ids.tolist(), texts.kinds, texts.texts, strict=True)
    wordings = {(class_id, kind): text for class_id, kind, text in own}
    return {
        "best_retrieval": [int(retrieved[kinds[one]][n]) for n, one in enumerate(best)],
        "best_wording": [kinds[one] for one in best],
        "best_text": [wordings[n, kinds[one]] for n, one in enumerate(best)],
    }


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
