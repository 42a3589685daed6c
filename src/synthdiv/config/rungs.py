"""The rungs of a ladder: training sets between natural and generated images, and what is wrong in its config.

The Snakefile imports this in every job, so it imports nothing heavy.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

from synthdiv.config.generation import Generator
from synthdiv.config.ladder import Ladder
from synthdiv.config.problems import Keys, Problem
from synthdiv.config.study_config import StudyConfig
from synthdiv.config.training import MixturePart
from synthdiv.core.fingerprints import format_scale

NATURAL, RESIZED, AUTOENCODED, CHANGED, CAPTIONS, PROMPTS, SET = (
    "natural",
    "resized",
    "vae",
    "image-to-image",
    "captions",
    "prompts",
    "set",
)
"""Kinds of rungs."""
FROM_IMAGES = (RESIZED, AUTOENCODED, CHANGED)
"""Kinds whose images are made from natural ones."""
NO_GUIDANCE = 1.0
"""The guidance scale of all rungs but the last."""


@dataclass(frozen=True)
class Rung:
    """A rung of the ladder.

    Attributes
    ----------
    training : str
        The name of the training set.
    kind : str
    changes : str
        What is not as on the rung before, in words.
    strength : float or None
        Of images that are generated from natural ones.
    """

    training: str
    kind: str
    changes: str
    strength: float | None = None

    @property
    def needs_natural(self) -> bool:
        """Whether its images depend on natural ones, or on their captions."""
        return self.kind in (*FROM_IMAGES, CAPTIONS)


def get_ladder(config: StudyConfig) -> Ladder:
    """Return the ladder, which the study has."""
    assert config.ladder is not None
    return config.ladder


def find_classifier(config: StudyConfig) -> str:
    """Return the classifier that is trained on the rungs."""
    return get_ladder(config).classifier or next(iter(config.classifiers))


def find_ladder_dataset(config: StudyConfig) -> str:
    """Return the dataset of the set where the ladder ends."""
    dataset = config.sets[get_ladder(config).set].dataset
    assert dataset is not None
    return dataset


def find_ladder_generator(config: StudyConfig) -> tuple[str, Generator]:
    """Return the name and the entry of the generator of the rungs: that of the set where the ladder ends."""
    name = config.datasets[find_ladder_dataset(config)].generator or next(iter(config.generators))
    return name, config.generators[name]


def count_rung_images(config: StudyConfig) -> int:
    """Return the number of images per class of every rung."""
    return config.count_images()[find_ladder_dataset(config)]["train"]


def find_start(config: StudyConfig) -> str | None:
    """Return the natural training set where the ladder starts: the first with as many images as it needs, or the first."""
    natural = get_ladder(config).natural
    if natural is not None:
        return natural
    counts = {name: _count_natural(config, name) for name in config.classifiers[find_classifier(config)].train}
    found = [name for name, count in counts.items() if count is not None]
    equal = [name for name in found if counts[name] == count_rung_images(config)]
    return next(iter([*equal, *found]), None)


def find_natural_part(config: StudyConfig) -> MixturePart:
    """Return the natural images where the ladder starts."""
    start = find_start(config)
    assert start is not None
    (part,) = _list_parts(config, start)
    return part


def _list_parts(config: StudyConfig, training: str) -> list[MixturePart]:
    return config.mixtures[training].parts if training in config.mixtures else [MixturePart(set=training)]


def _count_natural(config: StudyConfig, training: str) -> float | None:
    """Return the images per class of a training set of natural images of one set, infinity if unknown; None for another."""
    parts = _list_parts(config, training)
    entry = config.sets[parts[0].set]
    if len(parts) != 1 or parts[0].classes is not None or not entry.is_natural:
        return None
    own = entry.images_per_class.train
    if isinstance(own, str) and own != "all":  # a table of numbers
        return math.inf
    return min((number for number in (own, parts[0].images_per_class) if isinstance(number, int)), default=math.inf)


def list_rungs(config: StudyConfig) -> list[Rung]:
    """List the rungs, from the natural training set to the generated one; none without a ladder."""
    if config.ladder is None:
        return []
    ladder, (name, spec) = config.ladder, find_ladder_generator(config)
    natural, scale = find_start(config), config.sets[ladder.set].guidance_scale
    assert natural is not None
    assert scale is not None
    stored = config.image_format.format.upper()
    texts = "prompts" if ladder.captions is None else "captions"
    rungs = [
        Rung(natural, NATURAL, ""),
        Rung("ladder-resized", RESIZED, f"resized to {spec.width} x {spec.height} pixels and stored as {stored}"),
        Rung("ladder-vae", AUTOENCODED, f"encoded and decoded by the autoencoder of {name}"),
    ]
    rungs += [
        Rung(f"ladder-strength{strength:.12g}", CHANGED, f"image-to-image from {texts}, strength {strength:.12g}", strength)
        for strength in sorted(ladder.strengths)
    ]
    from_text = "generated from {}, without natural images"
    if ladder.captions is not None:
        rungs.append(Rung("ladder-captions", CAPTIONS, from_text.format(texts)))
    prompts = from_text.format("prompts") if ladder.captions is None else "prompts instead of captions"
    if scale <= NO_GUIDANCE:
        return [*rungs, Rung(ladder.set, SET, prompts)]
    guidance = f"guidance scale {format_scale(NO_GUIDANCE)} to {format_scale(scale)}"
    return [*rungs, Rung("ladder-prompts", PROMPTS, prompts), Rung(ladder.set, SET, guidance)]


def list_made_rungs(config: StudyConfig) -> dict[str, Rung]:
    """Return the rungs whose images only the ladder needs, by the names of their training sets."""
    return {rung.training: rung for rung in list_rungs(config)[1:-1]}


def list_ladder_trainings(config: StudyConfig) -> list[tuple[str, str]]:
    """List the classifier with each training set that only the ladder needs."""
    return [(find_classifier(config), name) for name in list_made_rungs(config)]


def check_ladder(config: StudyConfig) -> Iterator[Problem]:
    """Yield what is wrong in the config of the ladder, whose names are known."""
    if config.ladder is None:
        return
    where: Keys = ("ladder",)
    if not config.classifiers:
        yield Problem(where, "there is no classifier to train")
        return
    problems = list(_check_ends(config, get_ladder(config)))
    yield from problems
    if not problems:
        yield from _check_rungs(config, get_ladder(config))


def _check_ends(config: StudyConfig, ladder: Ladder) -> Iterator[Problem]:
    classifier = find_classifier(config)
    trained, entry = config.classifiers[classifier].train, config.sets[ladder.set]
    for key, name in (("set", ladder.set), ("natural", ladder.natural)):
        if name is not None and name not in trained:
            yield Problem(("ladder", key), f"it must be among the training sets (`train`) of {classifier}", repr(name))
    if entry.kind != "image" or entry.dataset is None:
        yield Problem(("ladder", "set"), "it is not a set of generated images", repr(ladder.set))
        return
    if ladder.natural is not None and _count_natural(config, ladder.natural) is None:
        message = "it is not a training set with natural images of one set"
        yield Problem(("ladder", "natural"), message, repr(ladder.natural))
        return
    start, needed = find_start(config), count_rung_images(config)
    if start is None:
        message = f"{classifier} has no training set with natural images of one set, where the ladder could start"
        yield Problem(("ladder",), message)
    elif _count_natural(config, start) != needed:
        natural = find_natural_part(config).set
        yield Problem(
            ("ladder",) if ladder.natural is None else ("ladder", "natural"),
            f"{start} does not say that it has {needed} images per class, as {ladder.set} has: start at a mixture, such as "
            f"mixtures: {{{natural}-{needed}: {{parts: [{{set: {natural}, images_per_class: {needed}}}]}}}}, and add it to "
            f"the training sets of {classifier}",
        )


def _check_rungs(config: StudyConfig, ladder: Ladder) -> Iterator[Problem]:
    _, spec = find_ladder_generator(config)
    for n, strength in enumerate(ladder.strengths):
        if int(spec.steps * strength) < 1:
            message = f"of the generator's {spec.steps} steps, none is left at this strength: use a larger one"
            yield Problem(("ladder", "strengths", n), message, f"{strength:g}")
    for name in list_made_rungs(config):
        if name in config.sets or name in config.mixtures:
            yield Problem(("ladder",), f"a rung has the name {name}, and so has a set or mixture: rename that")
