"""Describe the images that readers find, and map their labels to classes."""

from __future__ import annotations

import os
import unicodedata
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from PIL import Image

from synthdiv.core.errors import StudyError
from synthdiv.images.flags import FORMATS
from synthdiv.prompts.class_tables import ClassRow

IMAGE_SUFFIXES = frozenset(suffix for suffix, name in Image.registered_extensions().items() if name in FORMATS)
"""Suffixes of the formats that are decoded."""
OTHER_CLASS = "of another class"
"""Why an image is left out with ``ignore_other_classes``."""
LeftOut = Counter[tuple[int | None, str]]
"""Numbers of files that are not taken: by class, if their folder tells it, and by suffix or :data:`OTHER_CLASS`."""
LABEL_NAMES = ("class_id", "class_key", "key", "label", "class")
"""Names of a column of classes, and of a class in a sample's JSON."""


def is_image_name(name: str) -> bool:
    """Say whether a file is an image, by its suffix."""
    return get_suffix(name) in IMAGE_SUFFIXES


def get_suffix(name: str) -> str:
    """Return the suffix of a file's name, in small letters."""
    return os.path.splitext(name)[1].lower()


@dataclass(frozen=True, slots=True)
class FoundImage:
    """A natural image: its class, the name for sorting and messages, and the location of its bytes.

    The image is ``size`` bytes of ``file`` from ``offset``, or the ``row`` of ``file``; ``changed`` has the file's times,
    from :func:`get_times`.
    """

    class_id: int
    name: str
    file: str
    offset: int = 0
    size: int = 0
    changed: tuple[int, int] = (0, 0)
    row: int | None = None


def get_times(metadata: os.stat_result) -> tuple[int, int]:
    """Return when a file's content and its inode were last changed, in nanoseconds.

    Nobody can set the second one: it changes even if a file is overwritten and given its former size and modification time.
    """
    return metadata.st_mtime_ns, metadata.st_ctime_ns


class Labels:
    """Map the labels of images, which are class keys or class_ids, to classes.

    A key may be written in composed or decomposed characters, as file systems do. If a class key is a number, labels are
    keys: which number a label means must not differ from label to label.

    Parameters
    ----------
    classes : list of ClassRow
        The study's classes.
    ignore_others : bool
        Whether labels may name classes that the study lacks. If so, labels are keys, too: a class_id of another class table
        would be mistaken for one of the study's.
    """

    def __init__(self, classes: list[ClassRow], *, ignore_others: bool = False) -> None:
        self.keys = {_compose(row.key): row.class_id for row in classes}
        self.ignore_others = ignore_others
        self.numbered = any(key.isdecimal() for key in self.keys)

    def has_key(self, text: str) -> bool:
        """Return whether a text is a class key."""
        return _compose(text) in self.keys

    def find(self, value: Any, where: str) -> int | None:
        """Return the class_id of a label, or None if its class is to be ignored.

        Raises
        ------
        StudyError
            If there is no label, or it names no class; the message contains the label and its location.
        """
        if value is None:
            raise StudyError(f"{where}: there is no label")
        text = _compose(str(value).strip())
        if text in self.keys:
            return self.keys[text]
        if self.ignore_others and not text.isdecimal():
            return None
        if self.ignore_others or self.numbered:
            reason = "with ignore_other_classes" if self.ignore_others else "as some class keys are numbers"
            raise StudyError(f"{where}: the label {text!r} is not a class key; {reason}, labels must be keys")
        if text.isdecimal() and int(text) < len(self.keys) and text == str(int(text)):
            return int(text)
        raise StudyError(f"{where}: the label {text!r} is neither a class key nor a class_id from 0 to {len(self.keys) - 1}")

    def choose(self, readings: Mapping[str, Any], where: str) -> int | None:
        """Return the class_id that all readings of an image's label name; parameters as for :meth:`find`.

        Parameters
        ----------
        readings : mapping of str to label
            By where it stands, such as "its .cls".

        Raises
        ------
        StudyError
            If a reading names no class, or two name different ones.
        """
        found = {place: self.find(value, f"{where}, {place}") for place, value in readings.items()}
        first, class_id = next(iter(found.items()))
        other = next((place for place, one in found.items() if one != class_id), None)
        if other is not None:
            own, others = (self._name(found[place], readings[place]) for place in (first, other))
            raise StudyError(f"{where} is {own} by {first} and {others} by {other}: correct or remove one")
        return class_id

    def _name(self, class_id: int | None, value: Any) -> str:
        keys = {number: key for key, number in self.keys.items()}
        return f"of another class ({value})" if class_id is None else f"of class {keys[class_id]}"


class FoundLabels(Labels):
    """Take every label as a class, to find out which classes there are.

    Attributes
    ----------
    names : dict of str to int
        The classes in the order in which they were found.
    """

    def __init__(self) -> None:
        super().__init__([])
        self.names: dict[str, int] = {}

    def find(self, value: Any, where: str) -> int:
        """Return the number of a label's class."""
        if value is None:
            raise StudyError(f"{where}: there is no label")
        return self.names.setdefault(_compose(str(value).strip()), len(self.names))

    def choose(self, readings: Mapping[str, Any], where: str) -> int:
        """Return the number of a class: of several readings of a label, one that is a name and not a number counts."""
        named = [value for value in readings.values() if not str(value).strip().isdecimal()]
        return self.find((named or list(readings.values()))[0], where)


def _compose(text: str) -> str:
    return unicodedata.normalize("NFC", text)
