"""What every reader gives, and what the labels of images mean."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from synthdiv.core.errors import StudyError
from synthdiv.prompts.class_tables import ClassRow

IMAGE_SUFFIXES = {".jpg", ".jpeg", ".png", ".webp", ".bmp", ".gif", ".tif", ".tiff", ".ppm"}


@dataclass(frozen=True, slots=True)
class Found:
    """A natural image: its class, a name that sorts it and that messages use, and where its bytes are.

    They are ``size`` bytes of ``file``, which was last changed at ``changed`` (nanoseconds), from ``offset``; or the file's
    ``row``.
    """

    class_id: int
    name: str
    file: str
    offset: int = 0
    size: int = 0
    changed: int = 0
    row: int | None = None


class Labels:
    """What the labels of images mean: a class's key or its class_id.

    Parameters
    ----------
    classes : list of ClassRow
        The study's.
    ignore_others : bool
        Whether a label may name a class that the study has not. Numbers are class keys or nothing then, since a class_id of
        another list of classes would be taken for one of the study's.
    """

    def __init__(self, classes: list[ClassRow], *, ignore_others: bool = False) -> None:
        self.keys = {row.key: row.class_id for row in classes}
        self.ignore_others = ignore_others

    def find(self, value: Any, where: str) -> int | None:
        """The class_id that a label means; None for a class that is to be ignored.

        Raises
        ------
        StudyError
            If it names no class: the label, and where it stands.
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
