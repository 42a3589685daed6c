"""Swap checks: training sets with half of the classes generated and half natural, and the other way round.

The Snakefile imports this in every job, so it imports nothing heavy.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence

from synthdiv.config.problems import ConfigError, Problem
from synthdiv.config.study_config import StudyConfig
from synthdiv.config.training import ClassifierEntry, Mixture, MixturePart
from synthdiv.core.job import Part


class SwapCheck(Part):
    """Two complementary training sets.

    Attributes
    ----------
    classifier : str
    set_name : str
        The set whose images half of the classes have.
    natural : str
        The natural set of the other half, on which the check evaluates.
    swaps : (str, str)
        The names of the two mixtures.
    generated : (tuple of int, tuple of int)
        The classes with images of the set, in each.
    """

    classifier: str
    set_name: str
    natural: str
    swaps: tuple[str, str]
    generated: tuple[tuple[int, ...], tuple[int, ...]]


def list_swap_checks(config: StudyConfig, class_keys: Sequence[str]) -> Iterator[SwapCheck]:
    """Yield the swap checks of a config.

    Raises
    ------
    ConfigError
        If a set is no training set of its classifier, or there are no natural images to mix it with.
    """
    # a hash of the key, so that similar classes, which class tables list side by side, are split at random
    ranked = sorted(class_keys, key=lambda key: hashlib.sha256(f"swap {config.seed} {key}".encode()).digest())
    half = set(ranked[: len(ranked) // 2])
    halves = [tuple(n for n, key in enumerate(class_keys) if (key in half) == first) for first in (True, False)]
    for name, entry in config.classifiers.items():
        for n, set_name in enumerate(entry.swap):
            natural = _find_natural(config, entry)
            wrong = _find_mistake(config, entry, set_name, natural) if len(class_keys) > 1 else "the study has one class"
            if wrong is not None or natural is None:
                raise ConfigError([Problem(("classifiers", name, "swap", n), wrong or "", repr(set_name))])
            swaps = (f"{set_name}-{natural}-swap1", f"{set_name}-{natural}-swap2")
            generated = (halves[0], halves[1])
            yield SwapCheck(classifier=name, set_name=set_name, natural=natural, swaps=swaps, generated=generated)


def _find_natural(config: StudyConfig, entry: ClassifierEntry) -> str | None:
    """Return the first natural set on which a classifier is evaluated and that can be trained on."""
    for name in entry.evaluate:
        images = config.sets[name].images
        if config.sets[name].is_natural and images is not None and images.train is not None:
            return name
    return None


def _find_mistake(config: StudyConfig, entry: ClassifierEntry, set_name: str, natural: str | None) -> str | None:
    if set_name not in entry.train:
        return "it must be among the classifier's training sets (`train`): the check compares with it"
    if set_name not in config.sets or config.sets[set_name].is_natural:
        return "it is not a set of generated images"
    if natural is None:
        return "there are no natural images to mix it with: `evaluate` has no natural set with a training split"
    return None


def add_swaps(config: StudyConfig, class_keys: Sequence[str]) -> StudyConfig:
    """Add the mixtures of the swap checks to a config, as if it listed them.

    Both parts have equally many images of each class, where the config says how many.
    """
    mixtures, classifiers = dict(config.mixtures), dict(config.classifiers)
    for check in list_swap_checks(config, class_keys):
        for name in check.swaps:
            if name in config.mixtures or name in config.sets:
                message = f"its check makes a mixture {name}, and the config has a set or mixture of this name: rename that"
                raise ConfigError([Problem(("classifiers", check.classifier, "swap"), message)])
        counts = [_count(config, check.set_name), _count(config, check.natural)]
        most = min((count for count in counts if count is not None), default=None)
        for name, class_ids in zip(check.swaps, check.generated, strict=True):
            keys: list[list[str]] = [[], []]
            for n, key in enumerate(class_keys):
                keys[n not in class_ids].append(key)
            sets = (check.set_name, check.natural)
            mixtures[name] = Mixture(
                parts=[MixturePart(set=one, classes=own, images_per_class=most) for one, own in zip(sets, keys, strict=True)]
            )
        entry = classifiers[check.classifier]
        classifiers[check.classifier] = entry.model_copy(update={"train": [*entry.train, *check.swaps]})
    return config.model_copy(update={"mixtures": mixtures, "classifiers": classifiers})


def _count(config: StudyConfig, set_name: str) -> int | None:
    """Return the number of training images of each class, if the config says it."""
    entry = config.sets[set_name]
    if entry.dataset is not None:
        return config.count_images()[entry.dataset]["train"]
    given = entry.images_per_class.train
    return given if isinstance(given, int) else None
