"""The PromptAug grammar: a separate prompt for every image of a class.

"Diversity and Diffusion", Figure 4: each modifier takes one randomly chosen value of its list. Here each class has one
permutation of all different prompts, so that no prompt is repeated: training images use it from the front, evaluation images
from the back. More images per class therefore never change the existing prompts. If there are more images than prompts, and
the study allows it, another permutation follows.
"""

from __future__ import annotations

import hashlib
import itertools
import math
import re
from collections.abc import Iterable, Mapping
from functools import lru_cache
from pathlib import Path

from synthdiv.core.errors import StudyError
from synthdiv.core.yaml_files import read_yaml

CLASS_SLOT = "{class}"
MAX_COMBINATIONS = 1_000_000


def tidy_prompt(text: str) -> str:
    """Remove the doubled spaces and commas that empty values leave behind."""
    text = re.sub(r"\s+", " ", text)
    text = re.sub(r"\s+([,.])", r"\1", text)
    text = re.sub(r",(\s*,)+", ",", text)
    text = re.sub(r"(^|\.)\s*,\s*", lambda found: found.group(1) + (" " if found.group(1) else ""), text)
    text = re.sub(r",\s*\.", ".", text)
    text = re.sub(r"\.(\s*\.)+", ".", text)
    return text.strip()


class Grammar:
    """A template and its modifiers, read from a YAML file.

    Parameters
    ----------
    path : Path or str
        Keys ``template`` (with {class} and every modifier in braces) and ``modifiers``, each modifier a mapping with the
        lists ``published`` and ``added``, at least one of them.

    Attributes
    ----------
    templates : list of str
        All different prompts, with ``{class}`` in the place of the class, in a fixed order.
    choices : list of tuple of str
        The values that each is rendered from, in the order of ``modifiers``; the first of several with the same text.

    Raises
    ------
    StudyError
        If the file is missing or does not have this form.
    """

    def __init__(self, path: Path | str) -> None:
        self.path = Path(path)
        content = read_yaml(path, "grammar")
        if not isinstance(content, dict) or not isinstance(content.get("template"), str):
            raise StudyError(f"the grammar {path} needs the keys `template` (a text) and `modifiers`")
        self.template: str = content["template"]
        self.modifiers: dict[str, list[str]] = {}
        modifiers = content.get("modifiers") or {}
        if not isinstance(modifiers, dict):
            raise StudyError(f"the grammar {path}: `modifiers` must be a mapping from a modifier to its lists")
        for name, lists in modifiers.items():
            parts = [lists.get(key) or [] for key in ("published", "added")] if isinstance(lists, dict) else []
            values = [value for part in parts for value in part] if all(isinstance(part, list) for part in parts) else []
            if not values or not all(isinstance(value, str) for value in values):
                raise StudyError(f"grammar {path}: modifier {name!r} needs a list of texts under `published` or `added`")
            if len(set(values)) < len(values):
                twice = next(value for value in values if values.count(value) > 1)
                raise StudyError(f"grammar {path}: modifier {name!r} lists {twice!r} twice")
            self.modifiers[name] = values
        slots = set(re.findall(r"{(\w+)}", self.template))
        if slots != {"class", *self.modifiers}:
            raise StudyError(
                f"grammar {path}: the template's slots {sorted(slots)} must be `class` and the modifiers, "
                f"{sorted(self.modifiers)}"
            )
        combinations = math.prod(len(values) for values in self.modifiers.values())
        if combinations > MAX_COMBINATIONS:
            raise StudyError(
                f"grammar {path} has {combinations:,} combinations; at most {MAX_COMBINATIONS:,} are supported: "
                "shorten a list"
            )
        rendered: dict[str, tuple[str, ...]] = {}
        for choice in itertools.product(*self.modifiers.values()):
            rendered.setdefault(self._fill(choice), choice)
        self.templates, self.choices = list(rendered), list(rendered.values())

    def _fill(self, choice: Iterable[str]) -> str:
        text = self.template
        for name, value in zip(self.modifiers, choice, strict=True):
            text = text.replace("{" + name + "}", value)
        return tidy_prompt(text)

    def describe(self) -> dict:
        """Return what the prompts depend on, apart from the class, for digests."""
        return {"template": self.template, "modifiers": list(self.modifiers.items())}

    @lru_cache(maxsize=64)  # noqa: B019 -- a grammar lives as long as its study
    def _order(self, seed: int, class_key: str, turn: int) -> list[int]:
        start = hashlib.sha256(f"grammar {seed} {class_key}{f' {turn}' if turn else ''}".encode())

        def rank(number: int) -> bytes:
            state = start.copy()
            state.update(number.to_bytes(4, "big"))
            return state.digest()

        return sorted(range(len(self.templates)), key=rank)

    def _number(self, seed: int, class_key: str, split: str, index: int) -> int:
        turn, place = divmod(index, len(self.templates))
        order = self._order(seed, class_key, turn)
        return order[place] if split == "train" else order[-1 - place]

    def choose(self, *, seed: int, class_key: str, split: str, index: int) -> dict[str, str]:
        """Return the value of each modifier in the prompt of one image; parameters as for :meth:`prompt`."""
        return dict(zip(self.modifiers, self.choices[self._number(seed, class_key, split, index)], strict=True))

    def render(self, values: Mapping[str, str], class_text: str) -> str:
        """Return the prompt of a class with these values of the modifiers."""
        return self._fill(values[name] for name in self.modifiers).replace(CLASS_SLOT, class_text)

    def prompt(self, *, seed: int, class_key: str, class_text: str, split: str, index: int) -> str:
        """Return the prompt of one image.

        Parameters
        ----------
        seed : int
            The study's seed; with ``class_key`` it determines the permutation.
        class_key, class_text : str
            The class's key, and its text in the prompt.
        split : str
            "train" uses the permutation from the front, any other split from the back.
        index : int
            The image's number within class and split; from ``len(templates)`` on, prompts repeat.
        """
        number = self._number(seed, class_key, split, index)
        return self.templates[number].replace(CLASS_SLOT, class_text)
