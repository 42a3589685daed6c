"""Find images that two splits share, or that one has twice: the same file, the same picture, or a crop of it.

1. The same file: the digests are equal.
2. The same picture, even if mirrored, compressed or noisy: the thumbnails are more similar than those of natural images of
   different classes, which cannot be the same picture.
3. A crop: the most similar image by the embeddings, if natural images of different classes are seldom as similar, and if
   one of the two matches a part of the other better than such images do.
"""

from __future__ import annotations

from dataclasses import astuple, dataclass

import numpy as np
import polars as pl

from synthdiv.analysis.similar_images import (
    Similar,
    Vectors,
    correlate_thumbnails,
    find_similar,
    make_vectors,
    match_digests,
    match_stored_crops,
)
from synthdiv.embeddings.table import join_embeddings
from synthdiv.images.subsets import hash_rows
from synthdiv.images.thumbnails import Thumbnails
from synthdiv.stats.extreme_values import gumbel_quantile

KINDS = ("exact", "near", "crop")
"""Of duplicates; pairs of the kind "nearest" are the most similar ones below the limits."""
FALSE_SHARE = 0.001
"""Share of natural images that may exceed a limit although no other image is the same picture."""
CANDIDATES = 0.1
"""Share of natural images whose most similar image of another class would be compared as a crop."""
SAMPLE = 10_000
"""Maximum number of natural images that set the limits of thumbnails and embeddings."""
CROPS = 300
"""Maximum number of natural images that set the limit of crops: each is decoded."""
SHOWN = 8
"""Pairs of the kind "nearest" by thumbnails, and as many by embeddings."""
LOWEST = 0.9
"""The least limit of thumbnails and of crops: few, varied images would set one that is exceeded by images of one style."""
HIGHEST = 1 - 1e-7
"""The highest similarity whose inverse hyperbolic tangent is used."""
SCHEMA = {"number": pl.Int64, "other": pl.Int64, "kind": pl.String, "correlation": pl.Float64}


@dataclass(frozen=True)
class ImageSplit:
    """A split of a set.

    Attributes
    ----------
    thumbnails : Thumbnails
    embeddings : Vectors or None
        Of the same images; None if the set is not embedded.
    """

    thumbnails: Thumbnails
    embeddings: Vectors | None


@dataclass(frozen=True)
class Limits:
    """Similarities above which two images count as the same picture; nothing exceeds 1.

    Attributes
    ----------
    correlation : float
        Of thumbnails.
    cosine : float
        Of embeddings, for pairs that are then compared as crops.
    crop_correlation : float
        Of an image with a part of the other.
    """

    correlation: float = 1.0
    cosine: float = 1.0
    crop_correlation: float = 1.0


def find_limits(natural: ImageSplit, *, device: str = "cpu") -> Limits:
    """Find the limits from natural images and their most similar images of other classes, which cannot be the same picture.

    The classes are divided into two halves, and each image's most similar one in the other half is found.

    Parameters
    ----------
    natural : ImageSplit
        The training split of the natural set. If it has a single class, only equal files are duplicates.
    device : str
        A torch device, on which the most similar images are searched.
    """
    thumbnails, embeddings = natural.thumbnails, natural.embeddings
    by_thumbnail = _find_other_half(thumbnails, make_vectors(thumbnails), device)
    if (by_thumbnail.numbers < 0).all():
        return Limits()
    limit = max(LOWEST, _find_limit(by_thumbnail.similarities, FALSE_SHARE))
    if embeddings is None:
        return Limits(limit)
    near = _find_other_half(thumbnails, embeddings, device)
    found = np.flatnonzero(near.numbers >= 0)
    chosen = found[:: -(-len(found) // CROPS)]
    crops = match_stored_crops(thumbnails.rows[chosen], thumbnails.rows[near.numbers[chosen]])
    return Limits(limit, _find_limit(near.similarities, CANDIDATES), max(LOWEST, _find_limit(crops, FALSE_SHARE)))


def raise_limits(natural: Limits, others: ImageSplit, *, device: str = "cpu") -> Limits:
    """Raise the limits of the natural set to those of the images that are searched.

    In a set of one style, such as objects on a black background, different images are more alike than in the natural set.

    Parameters
    ----------
    natural : Limits
        From :func:`find_limits` of the natural set.
    others : ImageSplit
        The images that are searched. If they are of a single class, the limits stay.
    device : str
        As for :func:`find_limits`.
    """
    own = find_limits(others, device=device)
    if own == Limits():
        return natural
    return Limits(*map(max, astuple(natural), astuple(own)))


def _find_other_half(thumbnails: Thumbnails, vectors: Vectors, device: str) -> Similar:
    """Find the most similar image in the other half of the classes for a sample of the images."""
    class_ids, indices = (thumbnails.rows[name].to_numpy().astype(np.int64) for name in ("class_id", "index"))
    halves = np.unique(class_ids, return_inverse=True)[1] % 2
    sample = np.argsort(hash_rows(class_ids, indices, 0))[:SAMPLE]
    found = Similar(np.full(len(thumbnails), -1), np.full(len(thumbnails), np.nan))
    for half in (0, 1):
        blocks = list(vectors.select(sample[halves[sample] == half]))
        others = vectors.select(np.flatnonzero(halves != half))
        if blocks:
            own = find_similar(len(thumbnails), [join_embeddings(blocks)], others, same=False, device=device)
            found.numbers[own.numbers >= 0] = own.numbers[own.numbers >= 0]
            found.similarities[own.numbers >= 0] = own.similarities[own.numbers >= 0]
    return found


def _find_limit(similarities: np.ndarray, false_share: float) -> float:
    """Return what this share of images exceeds, if each has twice as many others as those that were searched."""
    widened = np.arctanh(np.clip(similarities[~np.isnan(similarities)], -HIGHEST, HIGHEST))
    return float(np.tanh(gumbel_quantile(widened, 1 - false_share / 2)))


def find_duplicates(
    images: ImageSplit, others: ImageSplit, near: Similar | None, limits: Limits, *, same: bool, device: str = "cpu"
) -> pl.DataFrame:
    """Find the images of a split that are also among some others.

    Parameters
    ----------
    images, others : ImageSplit
    near : Similar or None
        The most similar of the others by the embeddings, if both are embedded.
    limits : Limits
    same : bool
        Whether both are the same split.
    device : str
        A torch device, on which the most similar thumbnails are searched.

    Returns
    -------
    polars.DataFrame
        number of the image, and of the other one; kind ("exact", "near", "crop" or "nearest") and correlation: of the
        thumbnails or, for a crop, of one image with a part of the other. An image has at most one row.
    """
    own, theirs = images.thumbnails, others.thumbnails
    found = _Pairs(len(own))
    exact = match_digests(own.rows["digest"], theirs.rows["digest"], same=same)
    found.add("exact", np.flatnonzero(exact >= 0), exact, np.ones(len(own)))
    blocks = (block for mirrored in (False, True) for block in make_vectors(own, mirrored=mirrored))
    alike = find_similar(len(own), blocks, make_vectors(theirs), same=same, device=device)
    found.add("near", np.flatnonzero(alike.similarities > limits.correlation), *alike)
    if near is not None:
        _add_crops(found, own, theirs, near, limits)
        shown = _find_highest(near.similarities, found.is_free)
        correlations = np.full(len(own), np.nan)
        correlations[shown] = correlate_thumbnails(own.pixels[shown], theirs.pixels[near.numbers[shown]])
        found.add("nearest", shown, near.numbers, correlations)
    found.add("nearest", _find_highest(alike.similarities, found.is_free), *alike)
    return found.tabulate()


class _Pairs:
    """For each image the other one that it resembles, if it resembles one."""

    def __init__(self, count: int) -> None:
        self.kinds = np.full(count, "", dtype=object)
        self.others, self.correlations = np.full(count, -1), np.full(count, np.nan)

    @property
    def is_free(self) -> np.ndarray:
        """Whether each image resembles none so far: bool array of shape (n,)."""
        return self.kinds == ""

    def add(self, kind: str, numbers: np.ndarray, others: np.ndarray, correlations: np.ndarray) -> None:
        """Add the pairs of some images, except of those that have one; the arrays are for all images."""
        chosen = numbers[self.is_free[numbers]]
        self.kinds[chosen], self.others[chosen], self.correlations[chosen] = kind, others[chosen], correlations[chosen]

    def tabulate(self) -> pl.DataFrame:
        listed = np.flatnonzero(~self.is_free)
        columns = (listed, self.others[listed], self.kinds[listed], self.correlations[listed])
        return pl.DataFrame(dict(zip(SCHEMA, columns, strict=True)), schema=SCHEMA)


def _add_crops(found: _Pairs, own: Thumbnails, theirs: Thumbnails, near: Similar, limits: Limits) -> None:
    candidates = np.flatnonzero(found.is_free & (near.similarities > limits.cosine))
    matches = np.full(len(own), np.nan)
    matches[candidates] = match_stored_crops(own.rows[candidates], theirs.rows[near.numbers[candidates]])
    found.add("crop", np.flatnonzero(matches > limits.crop_correlation), near.numbers, matches)


def _find_highest(similarities: np.ndarray, allowed: np.ndarray) -> np.ndarray:
    """Return the numbers of the images with the highest similarities of those that are allowed."""
    possible = np.flatnonzero(allowed & ~np.isnan(similarities))
    return possible[np.argsort(-similarities[possible], kind="stable")[:SHOWN]]
