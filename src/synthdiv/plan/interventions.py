"""What decides the images of each training set, setting by setting, and which pairs of sets differ in one setting alone.

The Snakefile imports this in every job, so it imports nothing heavy.
"""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from synthdiv.config.sets import SetEntry
from synthdiv.config.training import MixturePart
from synthdiv.core.fingerprints import format_scale, make_digest
from synthdiv.plan.classifiers import list_answering, list_parts
from synthdiv.plan.generation import find_generator
from synthdiv.plan.study import Study

MIXTURE, BALANCE, IMAGES, PROMPTS = "mixture", "weights of parts", "images", "prompts"
COMES_WITH = {"weights": {"size", "lora_scale"}}
"""Settings that may differ, too, where another one does: a model has its own size of images, and a LoRA its scale."""
ACTS_ON = {
    PROMPTS: "ambiguity",
    "guidance_scale": "diversity against adherence",
    "sampler": "diversity against adherence",
    "steps": "diversity against adherence",
    "weights": "concept not represented",
    "lora_scale": "concept not represented",
    IMAGES: "number of images",
    MIXTURE: "number of images",
}
"""The papers' causes that a change of each setting acts on."""
OWN_SAMPLER = "the model's own"
VARIED = "diversity"
"""What a change of prompts acts on where each image has its own."""


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
        If there is one, only sets with neighbouring values are compared.
    """

    identity: str
    label: str
    number: float | None = None


PartSettings = Mapping[str, Setting]


@dataclass(frozen=True)
class Resolved:
    """What a training set consists of.

    Attributes
    ----------
    parts : list of PartSettings
        The settings of each part; the prompts are those of all classes.
    names : list of str
        A text for each part.
    shares : tuple of float or None
        The parts' shares of an epoch; None if these are the shares of their images.
    """

    parts: list[PartSettings]
    names: list[str]
    shares: tuple[float, ...] | None


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


@dataclass(frozen=True)
class _Difference:
    """One setting in which two sets differ, its values, and what else the part with it is."""

    setting: str
    before: Setting
    after: Setting
    rest: str

    def contains(self, other: _Difference) -> bool:
        """Return whether another set's difference from the same set is a smaller step in the same direction."""
        start, end, between = (one.number for one in (self.before, self.after, other.after))
        if start is None or end is None or between is None or (self.rest, self.before) != (other.rest, other.before):
            return False
        return min(start, end) < between < max(start, end)


def _make(value: Any, label: str | None = None, number: float | None = None) -> Setting:
    return Setting(make_digest(value), str(value) if label is None else label, number)


def _make_own(value: str | int | float | bool) -> Setting:
    """Return a setting of the user's: numbers are equal if their values are."""
    if isinstance(value, str | bool):
        return _make(value)
    return _make(float(value), f"{value:g}", float(value))


def _resolve_part(study: Study, part: MixturePart) -> dict[str, Setting]:
    """Return the settings of the images that come from a part, without the prompts: they are the same for each class."""
    entry = study.sets[part.set]
    own = {f"setting {name}": _make_own(value) for name, value in entry.settings.items()}
    if entry.dataset is not None:
        return own | _resolve_generated(study, part)
    if not own:
        source = part.set if entry.images is None else entry.images.list_splits()["train"]
        location = {"path": source} if isinstance(source, str) else source.to_dict()
        own["source"] = _make([location, entry.ignore_other_classes], part.set)
    return own | {IMAGES: _resolve_count(entry, part.images_per_class)}


def _resolve_generated(study: Study, part: MixturePart) -> dict[str, Setting]:
    dataset = study.find_dataset(part.set)
    generator, count = find_generator(study, dataset), _count_generated(study, part)
    spec = study.config.generators[generator]
    scale = max(1.0, study.find_scale(part.set))  # at 1 and below there is no guidance
    options = f" {json.dumps(spec.scheduler_options)}" if spec.scheduler_options else ""
    checked = spec.safety_checker if "nsfw" in study.config.exclude_flags else None
    return {
        "weights": _make([spec.model, spec.revision, spec.variant, spec.lora], generator),
        "lora_scale": _make(spec.lora_scale, f"{spec.lora_scale:g}", spec.lora_scale),
        "size": _make([spec.width, spec.height], f"{spec.width} x {spec.height}"),
        "sampler": _make([spec.scheduler, spec.scheduler_options], f"{spec.scheduler or OWN_SAMPLER}{options}"),
        "steps": _make(spec.steps, number=spec.steps),
        "guidance_scale": _make(scale, format_scale(scale), scale),
        "negative_prompt": _make(spec.negative_prompt if scale > 1 else ""),
        "arguments": _make(spec.arguments, json.dumps(spec.arguments)),
        "safety_checker": _make(checked),
        IMAGES: _make(count, number=count),
    }


def _count_generated(study: Study, part: MixturePart) -> int:
    own = study.datasets[study.find_dataset(part.set)].images_per_class["train"]
    return own if part.images_per_class is None else min(own, part.images_per_class)


def _resolve_prompts(study: Study, part: MixturePart, class_id: int) -> Setting | None:
    """Return the prompts of a class's images that come from a part; None if the images are not generated."""
    if study.sets[part.set].dataset is None:
        return None
    name, count = study.find_dataset(part.set), _count_generated(study, part)
    prompts = study.datasets[name]
    written = prompts.describe_class(class_id)
    if "images" in written:  # only the prompts of the images that are used
        train = written["images"].get("train", {})
        written = {"images": {index: text for index, text in train.items() if index < count}}
    return _make([written, prompts.per_image], name)


def _resolve_count(entry: SetEntry, most: int | None) -> Setting:
    """Return the number of images of each class of a set that is not generated: all, some, or those of a table."""
    own = entry.images_per_class.train
    if isinstance(own, str) and own != "all":
        return _make([own, most], own if most is None else f"{own}, at most {most}")
    numbers = [number for number in (own, most) if isinstance(number, int)]
    return _make(min(numbers), number=min(numbers)) if numbers else _make("all", number=math.inf)


@cache
def resolve_settings(study: Study, training: str) -> Resolved | None:
    """Return what a training set consists of.

    All classes must have the same settings, but for their prompts, which together are one setting.

    Parameters
    ----------
    study : Study
    training : str
        A set or a mixture.

    Returns
    -------
    Resolved or None
        None if the set mixes styles between classes: a classifier then tells classes apart by their style.
    """
    listed = list_parts(study, training)
    styles = [_resolve_part(study, part) for part in listed]
    identities = [_identify(style) for style in styles]
    present = [
        [n for n, part in enumerate(listed) if part.classes is None or row.key in part.classes] for row in study.classes
    ]
    if not present[0] or any([identities[n] for n in own] != [identities[n] for n in present[0]] for own in present):
        return None
    weights = [part.weight for part in listed if part.weight is not None]
    if weights and any(part.classes is not None for part in listed):
        return None
    parts: list[PartSettings] = []
    for place, first in enumerate(present[0]):
        # the part at this place may be another for each class
        texts = [_resolve_prompts(study, listed[own[place]], n) for n, own in enumerate(present)]
        prompts = [one for one in texts if one is not None]
        parts.append(styles[first] | ({PROMPTS: _join_prompts(prompts)} if prompts else {}))
    shares = tuple(weight / sum(weights) for weight in weights) if len(parts) > 1 else ()
    return Resolved(parts, [listed[n].set for n in present[0]], shares or None)


def _join_prompts(of_classes: Sequence[Setting]) -> Setting:
    counts = Counter(one.label for one in of_classes)
    label = " and ".join(name if len(counts) == 1 else f"{name} ({count} classes)" for name, count in counts.items())
    return _make([one.identity for one in of_classes], label)


def _identify(settings: PartSettings, without: str = "") -> dict[str, str]:
    return {name: one.identity for name, one in settings.items() if name != without}


@cache
def list_interventions(study: Study, classifier: str) -> list[InterventionPair]:
    """List the pairs of a classifier's training sets that differ in exactly one setting, in the order of the config.

    Of a setting with numbers, only neighbouring values are joined. Of sets with the same content, only the first is used.
    Sets of different natural sources are not joined: nobody can choose between them.
    """
    sets: dict[str, Resolved] = {}
    for name in list_answering(study)[classifier].train:
        resolved = resolve_settings(study, name)
        if resolved is not None and not any(_is_same(resolved, other) for other in sets.values()):
            sets[name] = resolved
    names = list(sets)
    differences = {
        (one, other): found
        for one in names
        for other in names
        if one != other and (found := _find_difference(sets[one], sets[other])) is not None
    }
    return [
        InterventionPair(base, changed, found.setting, found.before.label, found.after.label)
        for (base, changed), found in differences.items()
        if names.index(base) < names.index(changed)
        and not any(found.contains(other) for (start, _), other in differences.items() if start == base)
    ]


def _is_same(one: Resolved, other: Resolved) -> bool:
    first, second = _split_common(one, other)
    return not first and not second and one.shares == other.shares


def _split_common(one: Resolved, other: Resolved) -> tuple[list[int], list[int]]:
    """Return the numbers of the parts of each that are not among those of the other."""
    first, second = list(range(len(one.parts))), list(range(len(other.parts)))
    for n in list(first):
        twin = next((m for m in second if _identify(one.parts[n]) == _identify(other.parts[m])), None)
        if twin is not None:
            first.remove(n)
            second.remove(twin)
    return first, second


def _find_difference(one: Resolved, other: Resolved) -> _Difference | None:
    """Return the only difference of two sets: a setting of one part, a further part, or the weights of the parts."""
    first, second = _split_common(one, other)
    if not first and not second:
        return _Difference(BALANCE, _describe_shares(one.shares), _describe_shares(other.shares), "")
    if len(first) == len(second) == 1 and one.shares == other.shares:
        return _compare_parts(one.parts[first[0]], other.parts[second[0]])
    if len(first) + len(second) == 1:
        more, (number,) = (one, first) if first else (other, second)
        if len(more.parts) > 2 and (one.shares is not None or other.shares is not None):
            return None
        part = more.parts[number]
        added = _make(_identify(part), f"{part[IMAGES].label} {more.names[number]}", part[IMAGES].number)
        none = _make(None, "none", 0.0)
        before, after = (added, none) if first else (none, added)
        return _Difference(MIXTURE, before, after, make_digest(_identify(part, without=IMAGES)))
    return None


def _describe_shares(shares: tuple[float, ...] | None) -> Setting:
    return _make(shares, "by images" if shares is None else ", ".join(f"{100 * share:.3g} %" for share in shares))


def _compare_parts(one: PartSettings, other: PartSettings) -> _Difference | None:
    if one.keys() != other.keys():
        return None
    different = {name for name in one if one[name].identity != other[name].identity}
    for name, further in COMES_WITH.items():
        different -= further if name in different else set()
    if len(different) != 1 or different == {"source"}:
        return None
    (name,) = different
    return _Difference(name, one[name], other[name], make_digest(_identify(one, without=name)))


@cache
def list_sizes(study: Study, classifier: str) -> list[list[str]]:
    """List the groups of a classifier's training sets that differ in their number of images alone."""
    groups: list[list[str]] = []
    for pair in list_interventions(study, classifier):
        if pair.setting == IMAGES:
            joined = [group for group in groups if pair.base in group or pair.changed in group]
            groups = [group for group in groups if group not in joined]
            groups.append(list(dict.fromkeys([*(name for group in joined for name in group), pair.base, pair.changed])))
    return groups


def describe_settings(study: Study, classifier: str) -> dict[str, dict[str, tuple[int, str]]]:
    """Return the settings of a classifier's training sets whose images are of one source: a number and a label each.

    Equal values of a setting have the same number, whatever they are: a generator's edit, say, changes none.
    """
    resolved = {name: resolve_settings(study, name) for name in list_answering(study)[classifier].train}
    alone = {name: one.parts[0] for name, one in resolved.items() if one is not None and len(one.parts) == 1}
    known: dict[str, list[str]] = {}
    for parts in alone.values():
        for name, one in parts.items():
            if one.identity not in known.setdefault(name, []):
                known[name].append(one.identity)
    return {
        training: {name: (known[name].index(one.identity), one.label) for name, one in parts.items()}
        for training, parts in alone.items()
    }


def find_cause(study: Study, pair: InterventionPair) -> str:
    """Return the cause in the papers that an intervention acts on; empty for a setting of the user's."""
    if pair.setting == PROMPTS and (_has_varied_prompts(study, pair.base) or _has_varied_prompts(study, pair.changed)):
        return VARIED
    return ACTS_ON.get(pair.setting, "")


def _has_varied_prompts(study: Study, training: str) -> bool:
    names = [study.sets[part.set].dataset for part in list_parts(study, training)]
    return any(name is not None and study.datasets[name].per_image for name in names)
