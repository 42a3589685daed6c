"""Whether one image is a crop of another: template matching at several scales.

The smaller view is resized to each of some sides, moved over the whole of the other, and correlated with what it covers. The
highest correlation counts, over all sides and places, for both images as the crop, and for the crop and its mirror image.
"""

from __future__ import annotations

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from PIL import Image

from synthdiv.images.thumbnails import shrink_image, standardise

WHOLE = 32
"""Pixels of the side of the image that a crop is searched in."""
SIDES = (30, 29, 27, 25, 23, 21, 19)
"""Pixels of the crop's side there: 94 to 59 % of the whole's."""
LARGE = 2 * WHOLE
"""Pixels of the side of the image that the crop is resized from."""
MIN_DEVIATION = 1.0
"""The least standard deviation, of 255, of a place that is compared."""


def match_crop(first: Image.Image, second: Image.Image) -> float:
    """Return how well one of two images matches a part of the other: the highest correlation, at most 1.

    Crops that change the ratio of width to height by more than a few percent are not found.

    References
    ----------
    J. P. Lewis, "Fast template matching" (1995): normalised cross-correlation, with sums of squares from running sums.
    """
    one, other = (image.resize((LARGE, LARGE), Image.Resampling.BOX) for image in (first, second))
    return min(1.0, max(_search(one, other), _search(other, one)))  # fp32 rounds above 1


def _search(crop: Image.Image, whole: Image.Image) -> float:
    """Return the highest correlation of a crop, or its mirror image, with a part of the whole."""
    area = shrink_image(whole, WHOLE).astype(np.float32)
    return max(_correlate(shrink_image(crop, side), area) for side in SIDES)


def _correlate(crop: np.ndarray, area: np.ndarray) -> float:
    side = len(crop)
    templates = standardise(np.stack([crop, crop[:, ::-1]]))
    places = sliding_window_view(area, (side, side), axis=(0, 1)).transpose(0, 1, 3, 4, 2)
    products = places.reshape(-1, templates.shape[1]) @ templates.T  # the templates have mean 0
    lengths = np.maximum(_measure_places(area, side), MIN_DEVIATION * side)
    return float((products / lengths.reshape(-1, 1)).max())


def _measure_places(area: np.ndarray, side: int) -> np.ndarray:
    """Return the length of each place's pixels without the channels' means."""
    wide = area.astype(np.float64)
    squares = _sum_places(wide**2, side) - _sum_places(wide, side) ** 2 / side**2
    return np.sqrt(np.maximum(squares.sum(axis=2), 0))


def _sum_places(values: np.ndarray, side: int) -> np.ndarray:
    sums = np.pad(values.cumsum(axis=0).cumsum(axis=1), ((1, 0), (1, 0), (0, 0)))
    return sums[side:, side:] - sums[:-side, side:] - sums[side:, :-side] + sums[:-side, :-side]
