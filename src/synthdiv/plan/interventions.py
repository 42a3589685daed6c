"""What decides the images of each training set, setting by setting, and which pairs of sets differ in one setting alone.

The Snakefile imports this in every job, so it imports nothing heavy.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any

from synthdiv.config.training import MixturePart
from synthdiv.core.fingerprints import format_scale, make_digest
from synthdiv.plan.classifiers import list_parts
from synthdiv.plan.generation import find_generator
from synthdiv.plan.study import Study

WEIGHTS = ("model", "revision", "variant", "lora", "lora_scale")
"""Keys of a generator that decide its weights."""
SAMPLER = ("scheduler", "scheduler_options")
STEPS = "steps"
NOT_IMAGES = ("safety_checker",)
"""Keys of a generator that do not change its images."""
SWEPT = ("guidance_scale", "steps", "images")
"""Settings with a number: of sets that differ in one of these, only those with neighbouring values are compared."""
ACTS_ON = {
    "prompts": "ambiguity",
    "varied prompts": "diversity",
    "guidance_scale": "diversity against adherence",
    "sampler": "diversity against adherence",
    "steps": "diversity against adherence",
    "weights": "concept not represented",
    "images": "number of images",
    "mixture": "number of images",
}
"""The papers' causes that a change of each setting acts on."""


@dataclass(frozen=True)
class Setting:
    """The value of a setting.

    Attributes
    ----------
    identity : str
        Equal for equal values.
    label : str
        The value in tables.
    number : float or None
        For a setting that can be swept.
    """

    identity: str
    label: str
    number: float | None = None


@dataclass(frozen=True)
class InterventionPair:
    """Two training sets of a classifier that differ in one setting.

    Attributes
    ----------
    base, changed : str
        In the order of the classifier's training sets.
    setting : str
    before, after : str
        Its value for each.
    """

    base: str
    changed: str
    setting: str
    before: str
    after: str


def _set(value: Any, label: str | None = None, number: float | None = None) -> Setting:
    return Setting(make_digest(value), str(value) if label is None else label, number)


def _resolve_part(study: Study, part: MixturePart, class_id: int) -> dict[str, Setting]:
    """Return the settings of the images of one class that come from a part."""
    entry = study.sets[part.set]
    settings = {f"setting {name}": _set(value) for name, value in entry.settings.items()}
    count: int | str | None = part.images_per_class
    if entry.dataset is not None:
        dataset, scale = study.find_dataset(part.set), study.find_scale(part.set)
        generator = find_generator(study, dataset)
        spec = study.config.generators[generator].to_dict()
        prompts = study.datasets[dataset]
        own = prompts.images_per_class["train"]
        count = own if count is None else min(own, count)
        rest = {key: value for key, value in spec.items() if key not in (*WEIGHTS, *SAMPLER, STEPS, *NOT_IMAGES)}
        settings |= {
            "weights": _set([spec[key] for key in WEIGHTS], generator),
            "sampler": _set([spec[key] for key in SAMPLER], spec["scheduler"] or "the model's own"),
            "steps": _set(spec[STEPS], number=spec[STEPS]),
            "generator's other options": _set(rest, generator),
            "guidance_scale": _set(scale, format_scale(scale), scale),
            "prompts": _set([prompts.describe_class(class_id), prompts.per_image], dataset),
        }
    else:
        if not entry.settings:
            source = entry.images.to_dict()["train"] if entry.images is not None else part.set
            settings["source"] = _set([source, entry.ignore_other_classes], part.set)
        own_count = entry.images_per_class.train
        count = own_count if count is None else min(own_count, count) if isinstance(own_count, int) else count
    number = float(count) if isinstance(count, int) else None
    return settings | {"images": _set(count, "all" if count is None else None, number)}


@cache
def resolve_settings(study: Study, training: str) -> dict[str, Setting] | None:
    """Return the settings of a training set.

    All classes must have the same, but for their prompts, which together are one setting. Of several parts with images of
    the same class, the first gives the settings, and the others are the setting ``mixture``.

    Parameters
    ----------
    study : Study
    training : str
        A set or a mixture.

    Returns
    -------
    dict of str to Setting, or None
        None if the set mixes styles between classes: a classifier then tells classes apart by their style.
    """
    styles: list[list[dict[str, Setting]]] = []
    prompts: list[list[Setting | None]] = []
    for row in study.classes:
        parts = [one for one in list_parts(study, training) if one.classes is None or row.key in one.classes]
        resolved = [_resolve_part(study, part, row.class_id) for part in parts]
        prompts.append([part.pop("prompts", None) for part in resolved])
        styles.append(resolved)
        if not resolved or list(map(_identify, resolved)) != list(map(_identify, styles[0])):
            return None
    own, *others = styles[0]
    parts = [one for one in list_parts(study, training) if one.classes is None or study.classes[0].key in one.classes]
    label = " + ".join(f"{other['images'].label} {part.set}" for other, part in zip(others, parts[1:], strict=True))
    first, *further = zip(*prompts, strict=True)
    mixture = [_identify(other) for other in others], [list(map(_name, one)) for one in further]
    settings = own | {"mixture": _set([*mixture, [part.weight for part in parts] if others else []], label or "none")}
    texts = [one for one in first if one is not None]
    if texts:
        settings["prompts"] = _set([one.identity for one in texts], " and ".join(dict.fromkeys(one.label for one in texts)))
    return settings


def _identify(settings: dict[str, Setting]) -> dict[str, str]:
    return {name: one.identity for name, one in settings.items()}


def _name(setting: Setting | None) -> str:
    return "" if setting is None else setting.identity


def list_interventions(study: Study, classifier: str) -> list[InterventionPair]:
    """List the pairs of a classifier's training sets that differ in exactly one setting, in the order of the config.

    Of a setting with numbers, only neighbouring values are joined. Sets of different natural sources are not joined: nobody
    can choose between them.
    """
    trained = study.config.classifiers[classifier].train
    resolved = {name: found for name in trained if (found := resolve_settings(study, name)) is not None}
    pairs = []
    for base, changed in itertools.combinations(resolved, 2):
        setting = _find_only_difference(resolved[base], resolved[changed])
        if setting is None or setting == "source":
            continue
        before, after = resolved[base][setting], resolved[changed][setting]
        between = _list_numbers_between(resolved, base, setting, before, after)
        if not any(between):
            pairs.append(InterventionPair(base, changed, setting, before.label, after.label))
    return pairs


def _find_only_difference(first: dict[str, Setting], second: dict[str, Setting]) -> str | None:
    if first.keys() != second.keys():
        return None
    different = [name for name in first if first[name].identity != second[name].identity]
    return different[0] if len(different) == 1 else None


def _list_numbers_between(
    resolved: dict[str, dict[str, Setting]], base: str, setting: str, before: Setting, after: Setting
) -> Iterator[bool]:
    """Say of each set that differs from the base in this setting alone whether its value lies between two values."""
    if setting not in SWEPT or before.number is None or after.number is None:
        return
    low, high = sorted((before.number, after.number))
    for other in resolved.values():
        if _find_only_difference(resolved[base], other) == setting:
            number = other[setting].number
            yield number is not None and low < number < high


def find_cause(study: Study, pair: InterventionPair) -> str:
    """Return the cause in the papers that an intervention acts on; empty for a setting of the user's."""
    if pair.setting == "prompts" and any(
        _has_varied_prompts(study, name) and not _has_varied_prompts(study, other)
        for name, other in ((pair.base, pair.changed), (pair.changed, pair.base))
    ):
        return ACTS_ON["varied prompts"]
    return ACTS_ON.get(pair.setting, "")


def _has_varied_prompts(study: Study, training: str) -> bool:
    names = [study.sets[part.set].dataset for part in list_parts(study, training)]
    return any(name is not None and study.datasets[name].per_image for name in names)
