"""Where user-provided images are: the files of each split, and the classes.

The Snakefile imports this in every job, so it imports nothing heavy.
"""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from synthdiv.core.job import Part
from synthdiv.prompts.class_columns import ClassColumns


class ImageFiles(Part):
    """The files of one split.

    Attributes
    ----------
    form : {"flat", "folder", "tar", "parquet", "idx"}
    paths : tuple of str
        The files, or the folders of the classes.
    keys : tuple of str
        Of folders, the class key of each.
    labels : str or None
        Of a flat folder and of an IDX file, the file of labels.
    label : str or None
        The column or the key that has the class, if the config names it.
    """

    form: str
    paths: tuple[str, ...]
    keys: tuple[str, ...] = ()
    labels: str | None = None
    label: str | None = None

    def list_files(self) -> list[str]:
        """List the files and folders whose modification times show changes."""
        return [*self.paths, *([] if self.labels is None else [self.labels])]


class ImageSource(Part):
    """The images of a natural set or of a transfer set.

    Attributes
    ----------
    files : tuple of (str, ImageFiles)
        Each split with its files; empty for a library's set.
    library : dict of str to str
        The name of a set in torchvision or scikit-learn, and torchvision's root.
    classes : ClassColumns or None
        The keys of the classes; None for a library's set.
    class_ids : tuple of int or None
        The set's classes, if it does not have all.
    ignore_other_classes : bool
        Whether labels may name classes that are not among these.
    images_per_class : dict of split to int or dict of class key to int
        How many images of each class are used, in splits that are not used whole.
    makes_evaluation : bool
        Whether an evaluation split is made from the training split, if there is none.
    held_out : int or "default" or None
        How many images of each class of the training split are held out of it, for selection; None for none.
    is_held_out : bool
        Whether these images are meant, as the only split, and not the rest.
    """

    files: tuple[tuple[str, ImageFiles], ...] = ()
    library: dict[str, str] = Field(default_factory=dict)
    classes: ClassColumns | None = None
    class_ids: tuple[int, ...] | None = None
    ignore_other_classes: bool = False
    images_per_class: dict[str, int | dict[str, int]] = Field(default_factory=dict)
    makes_evaluation: bool = False
    held_out: int | Literal["default"] | None = None
    is_held_out: bool = False
