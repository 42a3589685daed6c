"""Find for each image of a split the most similar image of another split, or the most similar other one of the same.

By the digests of their files, by their thumbnails, or by their embeddings. An image is known by its number: its place among
the rows of its split, which are sorted by class_id and index.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import polars as pl

from synthdiv.embeddings.table import Embeddings, EmbeddingTables, join_embeddings, make_unit
from synthdiv.images.crops import match_crops
from synthdiv.images.index import load_image
from synthdiv.images.thumbnails import Thumbnails, standardise
from synthdiv.metrics.neighbours import find_nearest, split_rows

BLOCK = 32768
"""Images that are searched at once: memory does not grow with their number."""
PAIRS = 64
"""Pairs that are decoded and compared as crops at once."""


class Similar(NamedTuple):
    """The most similar other image of each image.

    Attributes
    ----------
    numbers : int64 array of shape (n,)
        -1 if none was searched or found.
    similarities : float64 array of shape (n,)
        Cosines; NaN if there is none.
    """

    numbers: np.ndarray
    similarities: np.ndarray


@dataclass(frozen=True)
class Vectors:
    """Vectors of images in blocks, to be read repeatedly: ``indices`` are the images' numbers, all ``class_ids`` are 0."""

    read: Callable[[], Iterator[Embeddings]]

    def __iter__(self) -> Iterator[Embeddings]:
        return self.read()

    def select(self, numbers: np.ndarray) -> Vectors:
        """Return those of some images."""

        def read() -> Iterator[Embeddings]:
            parts = (block[np.isin(block.indices, numbers)] for block in self)
            return (part for part in parts if len(part))

        return Vectors(read)


def number_embeddings(tables: EmbeddingTables) -> Vectors:
    """Return the embeddings of a split; its tables are in the order of the classes."""

    def read() -> Iterator[Embeddings]:
        start = 0
        for block in tables:
            numbers = np.arange(start, start + len(block))
            yield Embeddings(np.zeros_like(numbers), numbers, block.vectors, block.lengths)
            start += len(block)

    return Vectors(read)


def make_vectors(thumbnails: Thumbnails, *, mirrored: bool = False) -> Vectors:
    """Return the standardised thumbnails, whose cosines are correlations; without those of nearly uniform images."""

    def read() -> Iterator[Embeddings]:
        numbers = thumbnails.list_textured()
        for part in split_rows(len(numbers), BLOCK):
            pixels = thumbnails.pixels[numbers[part]]
            vectors = standardise(pixels[:, :, ::-1] if mirrored else pixels).astype(np.float16)
            yield Embeddings(np.zeros(len(vectors), np.int64), numbers[part], vectors, np.ones(len(vectors)))

    return Vectors(read)


def find_similar(count: int, images: Iterable[Embeddings], others: Vectors, *, same: bool, device: str = "cpu") -> Similar:
    """Find the other image with the highest cosine of each of some images.

    Parameters
    ----------
    count : int
        The number of images of the split.
    images : iterable of Embeddings
        Blocks of vectors of images; one may come twice, such as mirrored: its higher cosine counts.
    others : Vectors
        Those to search.
    same : bool
        Whether they are of the same split, so that an image is not its own neighbour.
    device : str
        A torch device.
    """
    numbers, similarities = np.full(count, -1), np.full(count, np.nan)
    for block in images:
        found = find_nearest(block, others, 1 + same, device=device)
        column = (found.indices[:, 0] == block.indices).astype(int) if same else 0
        places = np.arange(len(block)), column
        better = (found.indices[places] >= 0) & ~(found.cosines[places] <= similarities[block.indices])
        numbers[block.indices[better]] = found.indices[places][better]
        similarities[block.indices[better]] = found.cosines[places][better]
    return Similar(numbers, similarities)


def match_digests(digests: pl.Series, others: pl.Series, *, same: bool) -> np.ndarray:
    """Return the number of the first other image with the same digest, or -1.

    Parameters
    ----------
    digests, others : polars.Series
        The digest of each image.
    same : bool
        Whether the two are the same split.

    Returns
    -------
    int64 array of shape (n,)
    """
    own = pl.DataFrame({"digest": digests}).with_row_index("number")
    other = pl.DataFrame({"digest": others}).with_row_index("other")
    pairs = own.join(other, on="digest").filter(pl.lit(not same) | (pl.col("number") != pl.col("other")))
    first = pairs.group_by("number").agg(pl.col("other").min())
    numbers = np.full(len(own), -1)
    numbers[first["number"].to_numpy()] = first["other"].to_numpy()
    return numbers


def match_stored_crops(images: pl.DataFrame, others: pl.DataFrame) -> np.ndarray:
    """Return how well one image of each pair matches a part of the other.

    Parameters
    ----------
    images, others : polars.DataFrame
        file, offset and size of both images.

    Returns
    -------
    float64 array of shape (n,)
    """
    found = [np.zeros(0)]
    for part in split_rows(len(images), PAIRS):
        firsts, seconds = ([load_image(row) for row in rows[part].iter_rows(named=True)] for rows in (images, others))
        found.append(match_crops(firsts, seconds))
    return np.concatenate(found)


def correlate_thumbnails(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Return the correlation of each pair of thumbnails, or that of the mirrored one if it is higher.

    Parameters
    ----------
    first, second : uint8 arrays of shape (n, height, width, 3)

    Returns
    -------
    float64 array of shape (n,)
    """
    vectors = standardise(second)
    plain, mirrored = (np.einsum("nd,nd->n", standardise(one), vectors) for one in (first, first[:, :, ::-1]))
    return np.minimum(np.maximum(plain, mirrored), 1).astype(np.float64)


def measure_cosines(images: Vectors | None, numbers: np.ndarray, others: Vectors | None, partners: np.ndarray) -> np.ndarray:
    """Return the cosine of the embeddings of each pair; NaN if one is not embedded.

    Parameters
    ----------
    images, others : Vectors or None
    numbers, partners : int64 arrays of shape (n,)
        The two images of each pair.

    Returns
    -------
    float64 array of shape (n,)
    """
    if images is None or others is None or not len(numbers):
        return np.full(len(numbers), np.nan)
    return np.einsum("nd,nd->n", _take(images, numbers), _take(others, partners)).clip(-1, 1)


def _take(vectors: Vectors, numbers: np.ndarray) -> np.ndarray:
    """Return the unit vectors of some images, in this order, in fp64."""
    distinct, places = np.unique(numbers, return_inverse=True)
    return make_unit(join_embeddings(list(vectors.select(distinct))).vectors)[places]
