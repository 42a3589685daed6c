"""Whether one image is a crop of another: template matching at several scales.

The smaller view is resized to each of some sides, moved over the whole of the other, and correlated with what it covers. The
highest correlation counts, over all sides and places, for both images as the crop, and for the crop and its mirror image.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from PIL import Image
from scipy.fft import irfft2, rfft2

from synthdiv.images.thumbnails import shrink_image, standardise

WHOLE = 32
"""Pixels of the side of the image that a crop is searched in."""
SIDES = (30, 29, 27, 25, 23, 21, 19)
"""Pixels of the crop's side there: 94 to 59 % of the whole's."""
LARGE = 2 * WHOLE
"""Pixels of the side of the image that the crop is resized from."""
MIN_DEVIATION = 1.0
"""The least standard deviation, of 255, of a place that is compared."""


def match_crops(firsts: Sequence[Image.Image], seconds: Sequence[Image.Image]) -> np.ndarray:
    """Return how well one of two images matches a part of the other: the highest correlation, at most 1.

    Crops that change the ratio of width to height by more than a few percent are not found.

    Parameters
    ----------
    firsts, seconds : sequences of n images
        The two images of each pair. Memory grows with their number: some 0.2 MB a pair.

    Returns
    -------
    float64 array of shape (n,)

    References
    ----------
    J. P. Lewis, "Fast template matching" (1995): normalised cross-correlation by Fourier transforms, with sums of squares
    from running sums.
    """
    ones, others = ([image.resize((LARGE, LARGE), Image.Resampling.BOX) for image in images] for images in (firsts, seconds))
    return np.minimum(1, np.maximum(_search(ones, others), _search(others, ones)))  # fp32 rounds above 1


def _search(crops: Sequence[Image.Image], wholes: Sequence[Image.Image]) -> np.ndarray:
    """Return the highest correlation of each crop, or its mirror image, with a part of its whole."""
    areas = np.stack([shrink_image(whole, WHOLE) for whole in wholes]).astype(np.float32)
    areas -= areas.mean(axis=(1, 2), keepdims=True)
    areas = np.ascontiguousarray(areas.transpose(0, 3, 1, 2))
    spectra = rfft2(areas)
    sums = _sum_corners(areas), _sum_corners((areas**2).sum(axis=1))
    best = np.full(len(areas), -1.0)
    for side in SIDES:
        crop = np.stack([shrink_image(one, side) for one in crops])
        template = standardise(crop).reshape(crop.shape).transpose(0, 3, 1, 2)
        lengths = np.maximum(_measure_places(*sums, side), MIN_DEVIATION * side)
        for one in (template, template[..., ::-1]):
            products = (spectra * rfft2(one, s=(WHOLE, WHOLE)).conj()).sum(axis=1)
            # a transform is periodic, but no place where the template lies within the area meets its repetition
            correlations = irfft2(products, s=(WHOLE, WHOLE))[:, : WHOLE - side + 1, : WHOLE - side + 1] / lengths
            best = np.maximum(best, correlations.max(axis=(1, 2)))
    return best


def _sum_corners(values: np.ndarray) -> np.ndarray:
    """Return the sums of all rectangles from the first corner of an area, in fp64."""
    sums = values.astype(np.float64).cumsum(axis=-2).cumsum(axis=-1)
    return np.pad(sums, [(0, 0)] * (values.ndim - 2) + [(1, 0), (1, 0)])


def _measure_places(sums: np.ndarray, squares: np.ndarray, side: int) -> np.ndarray:
    """Return the length of each place's pixels without the channels' means: float64 array of shape (n, places, places)."""
    lengths = _sum_places(squares, side) - (_sum_places(sums, side) ** 2).sum(axis=1) / side**2
    return np.sqrt(np.maximum(lengths, 0))


def _sum_places(corners: np.ndarray, side: int) -> np.ndarray:
    rows = corners[..., side:, :] - corners[..., :-side, :]
    return rows[..., side:] - rows[..., :-side]
