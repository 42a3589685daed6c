"""Describe the images that readers find, and map their labels to classes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from synthdiv.core.errors import StudyError
from synthdiv.prompts.class_tables import ClassRow

IMAGE_SUFFIXES = {".jpg", ".jpeg", ".png", ".webp", ".bmp", ".gif", ".tif", ".tiff", ".ppm"}


@dataclass(frozen=True, slots=True)
class FoundImage:
    """A natural image: its class, the name for sorting and messages, and the location of its bytes.

    The image is ``size`` bytes of ``file`` from ``offset``, or the ``row`` of ``file``; the file was last modified at
    ``changed`` (nanoseconds).
    """

    class_id: int
    name: str
    file: str
    offset: int = 0
    size: int = 0
    changed: int = 0
    row: int | None = None


class Labels:
    """Map the labels of images, which are class keys or class_ids, to classes.

    Parameters
    ----------
    classes : list of ClassRow
        The study's classes.
    ignore_others : bool
        Whether labels may name classes that the study lacks. If so, numbers are accepted as class keys only: a class_id of
        another class table would be mistaken for one of the study's.
    """

    def __init__(self, classes: list[ClassRow], *, ignore_others: bool = False) -> None:
        self.keys = {row.key: row.class_id for row in classes}
        self.ignore_others = ignore_others

    def find(self, value: Any, where: str) -> int | None:
        """Return the class_id of a label, or None if its class is to be ignored.

        Raises
        ------
        StudyError
            If the label names no class; the message contains the label and its location.
        """
        text = str(value).strip()
        if text in self.keys:
            return self.keys[text]
        if self.ignore_others and not text.isdecimal():
            return None
        if text.isdecimal() and int(text) < len(self.keys) and not self.ignore_others:
            return int(text)
        most = len(self.keys) - 1
        hint = "" if not self.ignore_others else "; with ignore_other_classes, labels must be keys"
        raise StudyError(f"{where}: the label {text!r} is neither a class key nor a class_id from 0 to {most}{hint}")
