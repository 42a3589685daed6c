"""Where user-provided images are: the files of each split, and the classes.

The Snakefile imports this in every job, so it imports nothing heavy.
"""

from __future__ import annotations

from collections.abc import Iterable

from pydantic import Field

from synthdiv.core.job import Part
from synthdiv.prompts.class_tables import ClassRow


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
    """

    form: str
    paths: tuple[str, ...]
    keys: tuple[str, ...] = ()
    labels: str | None = None

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
    classes : tuple of (str, str) or None
        The key and the name of each class; None for a library's set.
    class_ids : tuple of int or None
        The set's classes, if it does not have all.
    ignore_other_classes : bool
        Whether labels may name classes that are not among these.
    images_per_class : dict of split to int or dict of class key to int
        How many images of each class are used, in splits that are not used whole.
    makes_evaluation : bool
        Whether an evaluation split is made from the training split, if there is none.
    """

    files: tuple[tuple[str, ImageFiles], ...] = ()
    library: dict[str, str] = Field(default_factory=dict)
    classes: tuple[tuple[str, str], ...] | None = None
    class_ids: tuple[int, ...] | None = None
    ignore_other_classes: bool = False
    images_per_class: dict[str, int | dict[str, int]] = Field(default_factory=dict)
    makes_evaluation: bool = False

    def list_classes(self) -> list[ClassRow]:
        """Return the classes of user-provided images."""
        return make_class_rows(self.classes or ())


def make_class_rows(classes: Iterable[tuple[str, str]]) -> list[ClassRow]:
    """Make a class table from the key and the name of each class."""
    return [ClassRow(n, key, name, "", "", "") for n, (key, name) in enumerate(classes)]
