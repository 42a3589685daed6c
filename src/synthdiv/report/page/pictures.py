"""Images of classes: those of the sets from the same noise, and natural ones."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from synthdiv.images.archive import read_image
from synthdiv.report.figures.images import find_rows
from synthdiv.report.review_page import make_data_uri

IMAGES = 6
"""Images of a class and set."""
MOST_SETS = 12
"""Sets with images, at most."""


@dataclass(frozen=True)
class Picture:
    """An image as a data URI, and its number among the class's training images."""

    uri: str
    index: int


Pictures = Mapping[tuple[str, int], Sequence[Picture]]
"""By set and class."""


def read_pictures(indices: Mapping[str, str], class_ids: Sequence[int]) -> Pictures:
    """Read the first training images of some classes: those of one number have the same noise in all generated sets.

    Parameters
    ----------
    indices : mapping of set to str
        The file that represents its indices.
    class_ids : sequence of int
    """
    found = {}
    for name, manifest in indices.items():
        for class_id, rows in find_rows(manifest, class_ids, IMAGES).items():
            found[name, class_id] = [
                Picture(make_data_uri(read_image(row["file"], row["offset"], row["size"], row["digest"])), row["index"])
                for row in rows
            ]
    return found


def choose_pictured(names: Sequence[str], first: Sequence[str | None]) -> list[str]:
    """Choose the sets to show: the natural and the best ones first, and not too many."""
    leading = [name for name in first if name in names]
    return [name for name in dict.fromkeys([*leading, *names]) if name is not None][:MOST_SETS]
