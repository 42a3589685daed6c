"""Compare sets of embeddings by the metrics of a study: the matrix, diversity, and the distance from a reference."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import permutations
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import ArrayLike
from pydantic import ValidationError

from synthdiv.analysis.experiments import score_experiment
from synthdiv.analysis.matrix import compare_experiments, tabulate_experiments
from synthdiv.api.inputs import name_sets, number_classes, read_vectors
from synthdiv.api.results import SetComparison
from synthdiv.config.sets import SetMetrics
from synthdiv.core.errors import StudyError
from synthdiv.metrics.set_comparison import compare_equal_sets
from synthdiv.metrics.set_metrics import measure_split, tabulate_metrics

DEFAULTS = SetMetrics()
SPLIT = "train"
"""The split that a study measures sets on; here, a set has no splits."""


def compare_sets(
    reference: tuple[ArrayLike, ArrayLike],
    *queries: tuple[ArrayLike, ArrayLike],
    names: Sequence[str] | None = None,
    class_names: Mapping[Any, str] | Sequence[str] | None = None,
    images_per_class: int = DEFAULTS.images_per_class,
    pairwise_images: int = DEFAULTS.pairwise_images,
    neighbours: int = DEFAULTS.neighbours,
    features: str = "unit",
    seed: int = 0,
    device: str = "cpu",
) -> SetComparison:
    """Compare image sets by their embeddings: how diverse each is, how it differs from a reference, and who recognises whom.

    The metrics, intervals and tests are those of a study (`docs/explanation/definitions.md`), by the functions that its
    rules call. Each set is used whole, where a study uses its training or its evaluation split. The order of the rows
    changes no result.

    Parameters
    ----------
    reference : (vectors, labels)
        The set that the others are compared with, such as natural images: an array-like of shape (n, d) and one of length
        n, integers or texts.
    *queries : (vectors, labels)
        One or more other sets, such as generated images, embedded by the same encoder, with the same labels.
    names : sequence of str, optional
        The sets' names, the reference's first. Default is "reference" and "query", or "query 1", "query 2", ...
    class_names : mapping of label to str, or sequence of str, optional
        The classes' names, by label. Default is the labels.
    images_per_class, pairwise_images, neighbours : int
        As the config keys of `set_metrics`, with the same defaults. All sets are compared at the size of the smallest class.
    features : {"unit", "raw"}
        The vectors of Frechet and kernel distance, precision, recall, density and coverage: of unit length, or as given.
    seed : int
        Selects images where a metric uses a subset.
    device : str
        The torch device of the products of all pairs.

    Returns
    -------
    SetComparison

    Raises
    ------
    StudyError
        If a set is no pair of vectors and labels, a vector is not finite or is zero, a class has a single vector, or the
        sets differ in their classes or in the length of their vectors. The message names the set, and the row from 0.

    Examples
    --------
    >>> import numpy as np
    >>> from synthdiv import compare_sets
    >>> rng = np.random.default_rng(0)
    >>> labels = np.repeat(["cat", "dog"], 100)
    >>> centres = np.repeat(np.eye(8)[:2], 100, axis=0)
    >>> natural, generated = (centres + rng.normal(scale=scale, size=(200, 8)) for scale in (0.5, 0.2))
    >>> found = compare_sets((natural, labels), (generated, labels), names=("natural", "generated"))
    >>> found.centroid_distance["set"].to_list()
    ['natural', 'generated']
    """
    sizes = {"images_per_class": images_per_class, "pairwise_images": pairwise_images, "neighbours": neighbours}
    _check_options(features, seed, device, **sizes)
    given = dict(zip(name_sets(names, len(queries)), (reference, *queries), strict=True))
    read = [read_vectors(name, one) for name, one in given.items()]
    labels, ids = number_classes(read)
    sets = {one.name: one.sort(own) for one, own in zip(read, ids, strict=True)}
    count, shown = len(labels), _name_classes(labels, class_names)
    experiments = [
        (
            number,
            first,
            second,
            score_experiment([sets[first]], sets[second], count, query_kind="image", names=(first, second), device=device),
        )
        for number, (first, second) in enumerate(permutations(sets, 2), 1)
    ]
    equal = min([images_per_class, *(int(np.bincount(one.class_ids).min()) for one in sets.values())])
    measured: list[tuple[str, str, str | None, pl.DataFrame]] = [
        ("", name, None, measure_split([one], count, split=SPLIT, images_per_class=equal, seed=seed))
        for name, one in sets.items()
    ]
    first, *others = sets
    for name in others:
        table = compare_equal_sets(
            [sets[first]],
            [sets[name]],
            count,
            kinds=("image", "image"),
            images_per_class=equal,
            seed=seed,
            split=SPLIT,
            features=features,
            k=neighbours,
            pairwise_images=pairwise_images,
            device=device,
        )
        measured.append(("", name, first, table))
    matrix, per_class = tabulate_experiments(experiments, shown)
    metrics = tabulate_metrics(measured, shown, encoder="")
    return SetComparison(
        experiments=matrix,
        per_class=per_class,
        experiment_differences=compare_experiments(experiments),
        centroid_distance=metrics.distance.drop("split"),
        centroid_distance_per_class=metrics.distance_per_class.drop("split"),
        set_metrics=metrics.whole.drop("encoder", "split"),
        set_metrics_per_class=metrics.per_class.drop("encoder", "split"),
    )


def _check_options(features: str, seed: int, device: str, **options: int) -> None:
    if features not in ("unit", "raw"):
        raise StudyError(f"features is {features!r}; it must be 'unit' or 'raw'")
    if not isinstance(seed, int | np.integer) or not 0 <= seed < 2**63:
        raise StudyError(f"seed is {seed!r}; it must be a whole number from 0")
    if device != "cpu":
        _check_device(device)
    try:
        SetMetrics(**options)  # type: ignore[arg-type]
    except ValidationError as error:
        first = error.errors()[0]
        raise StudyError(f"{first['loc'][0]} is {first['input']!r}: {first['msg']}") from None


def _check_device(device: str) -> None:
    import torch  # takes long to import

    try:
        torch.zeros(1, device=device)
    except (RuntimeError, AssertionError) as error:
        raise StudyError(f"device {device!r} cannot be used: {str(error).splitlines()[0]}") from None


def _name_classes(labels: Sequence[Any], names: Mapping[Any, str] | Sequence[str] | None) -> list[str]:
    """Return the name of each class."""
    if names is None:
        return [str(label) for label in labels]
    by_label = names if isinstance(names, Mapping) else dict(enumerate(names))
    missing = [label for label in labels if label not in by_label]
    if missing:
        raise StudyError(f"class_names has no name for the label {missing[0]!r}")
    return [str(by_label[label]) for label in labels]
