"""Read arrays of vectors and labels, and say what is wrong with them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from synthdiv.core.errors import StudyError
from synthdiv.embeddings.table import Embeddings
from synthdiv.embeddings.user_tables import check_vectors, divide_by_lengths, number_vectors

SHOWN = 5
"""Labels that a message lists."""


@dataclass(frozen=True, eq=False)
class LabelledVectors:
    """A checked set.

    Attributes
    ----------
    name : str
    vectors : numeric array of shape (n, d)
        Finite, none of them zero.
    labels : integer or text array of shape (n,)
    """

    name: str
    vectors: np.ndarray
    labels: np.ndarray

    def sort(self, class_ids: np.ndarray) -> Embeddings:
        """Return the unit vectors, sorted by class and numbered in it as a study numbers user-provided vectors."""
        units, lengths = divide_by_lengths(self.vectors)
        indices = np.empty(len(units), dtype=np.int64)
        for class_id in np.unique(class_ids):
            members = np.flatnonzero(class_ids == class_id)
            indices[members] = number_vectors(units[members])
        order = np.lexsort((indices, class_ids))
        return Embeddings(class_ids[order], indices[order], units[order], lengths[order])


def name_sets(names: Sequence[str] | None, n_queries: int) -> list[str]:
    """Return the names of a reference and its queries.

    Raises
    ------
    StudyError
        If there is no query, or if the names are not one for each set.
    """
    if not n_queries:
        raise StudyError("there is nothing to compare: give a second pair of vectors and labels")
    if names is None:
        return ["reference", *(["query"] if n_queries == 1 else [f"query {n}" for n in range(1, n_queries + 1)])]
    found = [names] if isinstance(names, str) else list(names)
    odd = next((name for name in found if not isinstance(name, str) or not name), None)
    if any(not isinstance(name, str) or not name for name in found):
        raise StudyError(f"a set's name is {odd!r}; it must be a text")
    if len(found) != n_queries + 1:
        raise StudyError(f"names has {len(found)} names for {n_queries + 1} sets: {', '.join(map(repr, found))}")
    twice = next((name for name in found if found.count(name) > 1), None)
    if twice is not None:
        raise StudyError(f"two sets are named {twice!r}")
    return found


def read_vectors(name: str, given: Any) -> LabelledVectors:
    """Read the vectors and labels of a set.

    Parameters
    ----------
    name : str
        The set's name, for messages.
    given : (vectors, labels)
        Anything that numpy takes as arrays, such as lists and torch tensors.

    Raises
    ------
    StudyError
        If it is no such pair, the two differ in length, a vector is not finite or is zero, or a class has a single vector.
    """
    where = f"set {name!r}"
    if not isinstance(given, tuple | list) or len(given) != 2:
        raise StudyError(f"{where} is no pair of vectors and labels, but {type(given).__name__}: write (vectors, labels)")
    try:
        vectors, labels = (_read_array(one) for one in given)
    except ValueError:  # lists of several lengths
        raise StudyError(f"{where}: its vectors differ in length, or its labels are no flat list") from None
    if np.ma.is_masked(given[0]) or np.ma.is_masked(given[1]):
        raise StudyError(f"{where} has masked values: leave their rows out")
    if vectors.ndim != 2 or vectors.dtype.kind not in "fiu" or not vectors.size:
        raise StudyError(
            f"{where}: its vectors must be a table of numbers, one vector per row; "
            f"they have shape {vectors.shape}, {vectors.dtype}"
        )
    if labels.dtype.kind == "O" and all(isinstance(label, str) for label in labels.flat):
        labels = labels.astype(str)
    if labels.ndim != 1 or labels.dtype.kind not in "iuU":
        raise StudyError(
            f"{where}: its labels must be a list of integers or of texts; they have shape {labels.shape}, {labels.dtype}"
        )
    if len(labels) != len(vectors):
        raise StudyError(f"{where} has {len(vectors)} vectors, but {len(labels)} labels")
    check_vectors(where, vectors)
    classes, counts = np.unique(labels, return_counts=True)
    if counts.min() == 1:
        label = classes[np.argmin(counts)]
        row = int(np.flatnonzero(labels == label)[0])
        raise StudyError(
            f"{where}: class {label.item()!r} has a single vector, in row {row}; diversity needs at least two vectors of a "
            "class"
        )
    return LabelledVectors(name, vectors, labels)


def _read_array(given: Any) -> np.ndarray:
    """Return an array; of a torch tensor its values, which numpy does not read from a GPU, with gradients or as bfloat16."""
    if hasattr(given, "detach"):
        tensor = given.detach().cpu()
        given = tensor.double() if tensor.is_floating_point() else tensor
    return np.asarray(given)


def number_classes(sets: Sequence[LabelledVectors]) -> tuple[list[Any], list[np.ndarray]]:
    """Return the labels in order, and each set's class_ids, by their places in it.

    Raises
    ------
    StudyError
        If two sets differ in their classes; the message names the sets and such classes.
    """
    first, *others = sets
    labels = np.unique(first.labels)
    for one in others:
        own = np.unique(one.labels)
        lacking = [
            f"only {name!r} has {_list(sorted(set(some.tolist()) - set(more.tolist()), key=str))}"
            for name, some, more in ((first.name, labels, own), (one.name, own, labels))
            if set(some.tolist()) - set(more.tolist())
        ]
        if lacking:
            raise StudyError(
                f"the sets {first.name!r} and {one.name!r} have different classes: {'; '.join(lacking)}. Give both the same "
                "labels, and leave out the vectors of other classes"
            )
    return labels.tolist(), [np.searchsorted(labels, one.labels) for one in sets]


def _list(labels: Sequence[Any]) -> str:
    shown = ", ".join(map(repr, labels[:SHOWN]))
    return shown if len(labels) <= SHOWN else f"{shown} and {len(labels) - SHOWN} more"
