"""What speaks for or against each cause, class by class: figures of a drawn set, of its prompts and of the natural images.

Images are read by the natural set's class centroids: which class is the nearest? A text is read by the natural images that
are nearest to it: of which classes are they? Both are compared with what natural images reach themselves.
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
from synthdiv.metrics.set_metrics import take_equal
from synthdiv.prompts.class_texts import DOMAINS, WORDINGS, name_prompts

SHOWN = 4
RETRIEVED = 50
"""Natural images that read a text, the nearest ones; fewer where the smallest class has fewer."""


@dataclass(frozen=True)
class Texts:
    """The embeddings of texts that say classes.

    Attributes
    ----------
    class_ids : int64 array of shape (t,)
    kinds, texts : lists of t str
        As :func:`synthdiv.prompts.class_texts.list_texts` gives them.
    vectors : float array of shape (t, d)
    """

    class_ids: np.ndarray
    kinds: list[str]
    texts: list[str]
    vectors: np.ndarray

    def average_classes(self, kind: str, n_classes: int) -> np.ndarray | None:
        """The unit mean of each class's texts of a kind, float64 of shape (C, d); None if a class has none."""
        chosen = np.array([one == kind for one in self.kinds])
        ids = self.class_ids[chosen]
        if len(np.unique(ids)) < n_classes:
            return None
        zeros = np.zeros(len(ids), dtype=np.int64)
        return compute_centroids(
            sum_classes([Embeddings(ids, zeros, make_unit(self.vectors[chosen]), np.ones(len(ids)))], n_classes)
        )


def write_texts(texts: Texts, path: Path | str) -> None:
    """Write the embeddings of texts as Parquet, a row a text."""
    columns = {"class_id": texts.class_ids, "kind": texts.kinds, "text": texts.texts}
    write_table(pl.DataFrame(columns | {"embedding": texts.vectors.astype(np.float32)}), path)


def read_texts(path: Path | str) -> Texts:
    """Read what :func:`write_texts` wrote."""
    table = read_table(path)
    ids, vectors = table["class_id"].to_numpy(), table["embedding"].to_numpy()
    return Texts(ids, table["kind"].to_list(), table["text"].to_list(), vectors)


@dataclass(frozen=True)
class Natural:
    """The natural images that a drawn set is held against.

    Attributes
    ----------
    train : iterable of Embeddings
        Blocks of the training split: they read images and texts.
    evaluation : Embeddings
        The other split: what natural images reach themselves.
    """

    train: Iterable[Embeddings]
    evaluation: Embeddings


def gather_evidence(
    generated: Embeddings, natural: Natural, texts: Texts | None, n_classes: int, *, dataset: str, seed: int
) -> pl.DataFrame:
    """The figures that the causes rest on.

    Parameters
    ----------
    drawn : Embeddings
        A drawn set's training split.
    natural : Natural
        What it is held against.
    texts : Texts or None
        None if no encoder reads texts: then what rests on them is left empty.
    n_classes : int
        C.
    dataset : str
        Whose prompts drew the set.
    seed : int
        Which images are taken where equal numbers are compared.

    Returns
    -------
    polars.DataFrame
        A row a class: class_id; n_images and n_natural; of the images, n_correct and n_natural_correct (nearest to their own
        class's natural centroid), predicted_class and n_predicted_class (the most frequent other class); n_prompted and n_natural_prompted
        (nearest to their own class's prompts), n_predicted_prompted (nearest to those of predicted_class); n_retrieved, prompt_retrieved_own,
        natural_retrieved_own (how many of the readers of the class's prompts, and of its natural centroid, are of the class),
        prompt_retrieved_other and natural_retrieved_other (of predicted_class), best_wording, best_text and best_retrieval; spread and
        natural_spread (Centroid Distance, at equal numbers) with their standard errors; n_photographs and
        n_natural_photographs, domain (the most frequent kind of picture that is no photograph); evidence (the indices of
        ``SHOWN`` images, evenly spread from the nearest to the farthest from the class's natural centroid).
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
    every = np.arange(n_classes)
    columns: dict[str, Any] = {
        "class_id": every,
        "n_images": n_images,
        "n_natural": n_natural,
        "n_correct": predicted.diagonal(),
        "n_natural_correct": count_classes(control, classify_by_centroids(control, centroids), n_classes).diagonal(),
        "predicted_class": predicted_class,
        "n_predicted_class": others.max(axis=1),
    }
    columns |= _measure_spreads(images, natural, n_classes, seed)
    columns["evidence"] = [_choose_shown(images[images.class_ids == n], centroids[n]) for n in every]
    if texts is not None:
        prompts = texts.average_classes(name_prompts(dataset), n_classes)
        assert prompts is not None
        prompted = count_classes(images, classify_by_centroids(images, prompts), n_classes)
        columns |= {
            "n_prompted": prompted.diagonal(),
            "n_predicted_prompted": prompted[every, predicted_class],
            "n_natural_prompted": count_classes(control, classify_by_centroids(control, prompts), n_classes).diagonal(),
        }
        count = int(min(RETRIEVED, sums.counts.min()))
        ideal = retrieve_classes(centroids, natural.train, count, n_classes, center=sums.mean)
        retrieval = retrieve_classes(prompts, natural.train, count, n_classes)
        columns |= {
            "n_retrieved": np.full(n_classes, count),
            "prompt_retrieved_own": retrieval.diagonal(),
            "natural_retrieved_own": ideal.diagonal(),
            "prompt_retrieved_other": retrieval[every, predicted_class],
            "natural_retrieved_other": ideal[every, predicted_class],
        }
        columns |= _find_best_wordings(texts, natural.train, count, n_classes)
        columns |= _classify_domains(texts, images, control, n_classes)
    return pl.DataFrame(columns)


def count_classes(images: Embeddings, found: np.ndarray, n_classes: int) -> np.ndarray:
    """How many images of each class were taken for each: int64 array of shape (C, C)."""
    return np.bincount(images.class_ids * n_classes + found, minlength=n_classes**2).reshape(n_classes, n_classes)


def retrieve_classes(
    vectors: np.ndarray, natural: Iterable[Embeddings], count: int, n_classes: int, *, center: np.ndarray | None = None
) -> np.ndarray:
    """Of which classes the natural images are that are nearest to each class's vector.

    The mean over the classes is taken from the vectors first: what all texts have in common would else favour the images
    that are near to any text.

    Parameters
    ----------
    vectors : float64 array of shape (C, d)
        Of unit length.
    natural : iterable of Embeddings
        The readers.
    count : int
        How many read a vector.
    n_classes : int
        C.
    center : float64 array of shape (d,), optional
        Taken instead of the vectors' mean.

    Returns
    -------
    int64 array of shape (C, C)
        Row c: how many readers of the vector of class c are of each class; sums to ``count``.
    """
    ids = np.arange(n_classes)
    centred = make_unit(vectors - (vectors.mean(axis=0) if center is None else center))
    queries = Embeddings(ids, np.zeros_like(ids), centred, np.ones(n_classes))
    counts = np.zeros((n_classes, n_classes), dtype=np.int64)
    np.add.at(counts, (ids[:, None], find_nearest(queries, natural, count).class_ids), 1)
    return counts


def _choose_shown(members: Embeddings, centroid: np.ndarray) -> list[int]:
    order = np.lexsort((members.indices, compute_codiff(members.vectors, centroid)))
    return members.indices[order[np.unique(np.linspace(0, len(order) - 1, SHOWN).round().astype(int))]].tolist()


def _measure_spreads(images: Embeddings, natural: Natural, n_classes: int, seed: int) -> dict[str, np.ndarray]:
    counts = [np.bincount(one.class_ids, minlength=n_classes).min() for one in (images, natural.evaluation)]
    columns = {}
    for name, one in (("spread", images), ("natural_spread", natural.evaluation)):
        equal = take_equal([one], int(min(counts)), seed)
        spread = measure_spread([equal], compute_centroids(sum_classes([equal], n_classes)))
        columns[name] = spread.average_classes(n_classes)
        columns[f"{name}_error"] = np.array(
            [own.std(ddof=1) / math.sqrt(len(own)) if len(own) > 1 else math.nan for own in spread.split_classes(n_classes)]
        )
    return columns


def _find_best_wordings(texts: Texts, natural: Iterable[Embeddings], count: int, n_classes: int) -> dict[str, list]:
    """Of each class, the wording that most of its class's natural images read; one that not all classes have is left out."""
    best: list[tuple[int, str | None, str | None]] = [(-1, None, None)] * n_classes
    for kind in WORDINGS:
        vectors = texts.average_classes(kind, n_classes)
        if vectors is None:
            continue
        found = retrieve_classes(vectors, natural, count, n_classes).diagonal()
        spelled = {
            int(n): text for n, one, text in zip(texts.class_ids, texts.kinds, texts.texts, strict=True) if one == kind
        }
        for class_id in range(n_classes):
            best[class_id] = max(best[class_id], (int(found[class_id]), kind, spelled[class_id]), key=lambda one: one[0])
    retrieval, wording, text = (list(column) for column in zip(*best, strict=True))
    return {"best_retrieval": retrieval, "best_wording": wording, "best_text": text}


def _classify_domains(texts: Texts, images: Embeddings, control: Embeddings, n_classes: int) -> dict[str, Any]:
    """How many images are nearest to the text of a photograph among those of their class, one a kind of picture."""
    kinds = np.stack([_of_kind(texts, f"domain {name}", n_classes) for name in DOMAINS], axis=1)  # (C, kinds, d)
    found = {}
    for name, one in (("n_photographs", images), ("n_natural_photographs", control)):
        nearest = np.empty(len(one), dtype=np.int64)
        for class_id in range(n_classes):
            mine = one.class_ids == class_id
            nearest[mine] = (one.vectors[mine].astype(np.float64) @ kinds[class_id].T).argmax(axis=1)
        counts = np.zeros((n_classes, len(DOMAINS)), dtype=np.int64)
        np.add.at(counts, (one.class_ids, nearest), 1)
        found[name] = counts
    other = np.array(list(DOMAINS)[1:])[found["n_photographs"][:, 1:].argmax(axis=1)]
    return {name: counts[:, 0] for name, counts in found.items()} | {"domain": other}


def _of_kind(texts: Texts, kind: str, n_classes: int) -> np.ndarray:
    vectors = texts.average_classes(kind, n_classes)
    assert vectors is not None
    return vectors
