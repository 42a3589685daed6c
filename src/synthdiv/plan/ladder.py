"""The ladder: its rungs, which are training sets between natural and generated images, and what is wrong in its config.

The Snakefile imports this in every job, so it imports nothing heavy.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache

from synthdiv.config.generation import Generator
from synthdiv.config.ladder import Ladder
from synthdiv.config.problems import Keys, Problem, about
from synthdiv.core.fingerprints import format_scale
from synthdiv.plan.classifiers import list_parts
from synthdiv.plan.generation import find_generator
from synthdiv.plan.interventions import IMAGES, resolve_settings
from synthdiv.plan.study import Study
from synthdiv.prompts.captions import Captions, read_captions

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


def get_ladder(study: Study) -> Ladder:
    """Return the config of the ladder, which the study has."""
    ladder = study.config.ladder
    assert ladder is not None
    return ladder


def find_classifier(study: Study) -> str:
    """Return the classifier that is trained on the rungs."""
    return get_ladder(study).classifier or next(iter(study.config.classifiers))


def find_ladder_generator(study: Study) -> tuple[str, Generator]:
    """Return the name and the entry of the generator of the rungs: that of the set where the ladder ends."""
    name = find_generator(study, study.find_dataset(get_ladder(study).set))
    return name, study.config.generators[name]


def count_rung_images(study: Study) -> int:
    """Return the number of images per class of every rung."""
    return study.datasets[study.find_dataset(get_ladder(study).set)].images_per_class["train"]


def find_start(study: Study) -> str | None:
    """Return the natural training set where the ladder starts: the first with as many images as it needs, or the first."""
    natural = get_ladder(study).natural
    if natural is not None:
        return natural
    counts = {name: _count_natural(study, name) for name in study.config.classifiers[find_classifier(study)].train}
    found = [name for name, count in counts.items() if count is not None]
    equal = [name for name in found if counts[name] == count_rung_images(study)]
    return next(iter([*equal, *found]), None)


def _count_natural(study: Study, training: str) -> float | None:
    """Return the number of images per class of a training set of natural images of one set; None for another one."""
    parts = list_parts(study, training)
    if len(parts) != 1 or parts[0].classes is not None or not study.sets[parts[0].set].is_natural:
        return None
    resolved = resolve_settings(study, training)
    return None if resolved is None else resolved.parts[0][IMAGES].number


@cache
def find_captions(study: Study) -> Captions | None:
    """Read the captions of the natural images, if there are any."""
    path = get_ladder(study).captions
    if path is None:
        return None
    with about(("ladder", "captions")):
        return read_captions(path, study.classes)


@cache
def list_rungs(study: Study) -> list[Rung]:
    """List the rungs, from the natural training set to the generated one; none without a ladder."""
    if study.config.ladder is None:
        return []
    ladder, (name, spec) = study.config.ladder, find_ladder_generator(study)
    natural, scale = find_start(study), study.find_scale(ladder.set)
    assert natural is not None
    stored = study.config.image_format.format.upper()
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


def list_made_rungs(study: Study) -> dict[str, Rung]:
    """Return the rungs whose images only the ladder needs, by the names of their training sets."""
    return {rung.training: rung for rung in list_rungs(study)[1:-1]}


def list_ladder_trainings(study: Study) -> list[tuple[str, str]]:
    """List the classifier with each training set that only the ladder needs."""
    return [(find_classifier(study), name) for name in list_made_rungs(study)]


def check_ladder(study: Study) -> Iterator[Problem]:
    """Yield what is wrong in the config of the ladder, whose names are known."""
    if study.config.ladder is None:
        return
    where: Keys = ("ladder",)
    if not study.config.classifiers:
        yield Problem(where, "there is no classifier to train")
        return
    problems = list(_check_ends(study, get_ladder(study)))
    yield from problems
    if not problems:
        yield from _check_rungs(study, get_ladder(study))


def _check_ends(study: Study, ladder: Ladder) -> Iterator[Problem]:
    classifier = find_classifier(study)
    trained, entry = study.config.classifiers[classifier].train, study.sets[ladder.set]
    for key, name in (("set", ladder.set), ("natural", ladder.natural)):
        if name is not None and name not in trained:
            yield Problem(("ladder", key), f"it must be among the training sets (`train`) of {classifier}", repr(name))
    if entry.kind != "image" or entry.dataset is None:
        yield Problem(("ladder", "set"), "it is not a set of generated images", repr(ladder.set))
        return
    if ladder.natural is not None and _count_natural(study, ladder.natural) is None:
        message = "it is not a training set with natural images of one set"
        yield Problem(("ladder", "natural"), message, repr(ladder.natural))
        return
    start, needed = find_start(study), count_rung_images(study)
    if start is None:
        message = f"{classifier} has no training set with natural images of one set, where the ladder could start"
        yield Problem(("ladder",), message)
    elif _count_natural(study, start) != needed:
        yield Problem(
            ("ladder",) if ladder.natural is None else ("ladder", "natural"),
            f"{start} does not say that it has {needed} images per class, as {ladder.set} has: start at a mixture of it, "
            f"such as mixtures: {{{start}-{needed}: {{parts: [{{set: {start}, images_per_class: {needed}}}]}}}}, and add "
            f"this to the training sets of {classifier}",
        )


def _check_rungs(study: Study, ladder: Ladder) -> Iterator[Problem]:
    _, spec = find_ladder_generator(study)
    for n, strength in enumerate(ladder.strengths):
        if int(spec.steps * strength) < 1:
            message = f"of the generator's {spec.steps} steps, none is left at this strength: use a larger one"
            yield Problem(("ladder", "strengths", n), message, f"{strength:g}")
    for name in list_made_rungs(study):
        if name in study.sets or name in study.mixtures:
            yield Problem(("ladder",), f"a rung has the name {name}, and so has a set or mixture: rename that")
    captions, needed = find_captions(study), count_rung_images(study)
    if captions is None:
        return
    for row in study.classes:
        given = len(captions.by_class.get(row.class_id, ()))
        if given < needed:
            message = f"the table has {given} captions of the class {row.key!r}, and each rung has {needed} images of it"
            yield Problem(("ladder", "captions"), message, repr(ladder.captions))
            return
