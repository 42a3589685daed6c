"""Test how the images of a class deviate from natural ones.

Each test asks whether the images could be further natural images. Its null hypothesis is what natural images do among
themselves, so that no threshold is in an encoder's units. Where they are compared with two splits of natural images, the
larger p-value counts: a difference between the splits alone is no deviation.

- **wrong images**: more of them are nearest to another class's natural centroid (Fisher's exact test);
- **diversity**: the angles with the centroid of the others are smaller (Welch's t-test), or more of them are repeated, with
  a neighbour within their class that is as near as the two nearest natural images are (Fisher's exact test); the smaller
  p-value of both is doubled;
- **visual domain**: they lie elsewhere. One half of them gives the direction from natural images, and Welch's t-test
  compares the other half with natural images along it; the smaller p-value of both directions is doubled.

Elsewhere, images with equal vectors count once. Angles and locations are those of images that are nearest to the centroid of
their own class: otherwise, wrong images would count as diverse and as displaced.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from synthdiv.embeddings.table import make_unit
from synthdiv.metrics.class_clusters import measure_angles
from synthdiv.stats.intervals import Z

LEAST = 10
"""Minimum number of images in each group of a t-test."""
TESTS = ("wrong images", "diversity", "visual domain")
"""The deviations; the first one that is found comes first in tables."""
ROUNDING = 1e-12
"""Two equal vectors may differ by this in 1 - cos, in fp64."""


def name_p_value(test: str) -> str:
    """Return the name of the column of a test's p-value."""
    return f"p_{test.replace(' ', '_')}"


@dataclass(frozen=True)
class ClassImages:
    """Images of a class.

    Attributes
    ----------
    vectors : float64 array of shape (n, d)
        Of unit length.
    correct : bool array of shape (n,)
        Whether each is nearest to the natural centroid of its class.
    """

    vectors: np.ndarray
    correct: np.ndarray

    def __len__(self) -> int:
        return len(self.vectors)

    def thin(self, count: int) -> ClassImages:
        """Return ``count`` of the images, chosen at random, the same ones each time."""
        rows = _choose(len(self), count)
        return ClassImages(self.vectors[rows], self.correct[rows])


def measure_deviations(images: ClassImages, held_out: ClassImages, training: ClassImages) -> dict[str, float]:
    """Compare the images of a class with natural ones.

    Parameters
    ----------
    images : ClassImages
        The images to test.
    held_out, training : ClassImages
        Natural images: those that did not, and those that did, contribute to the centroids.

    Returns
    -------
    dict of str to float
        n_distinct (images whose vectors repeat no earlier one); repeated and natural_repeated (shares, at equal
        numbers); n_spread (the equal number of correct images); spread and natural_spread (mean angle with the centroid of
        the others, in radians) and spread_ratio with its 95 % bounds; displacement and natural_displacement (angle between
        the centroid and that of the natural training images, in radians, at equal numbers); p_<test> for each of ``TESTS``,
        with _ for spaces. NaN where there are too few images.

    References
    ----------
    B. L. Welch, "The generalization of Student's problem when several different population variances are involved",
    Biometrika 34 (1947). The cross-fitting of the direction follows V. Chernozhukov et al., "Double/debiased machine
    learning for treatment and structural parameters", The Econometrics Journal 21 (2018).
    """
    sets = (images, held_out, training)
    p_repetition, found = _measure_repetition(*sets)
    distinct, *natural = (_drop_repeated(one) for one in sets)
    wrong, natural_wrong = ~distinct.correct, ~held_out.correct
    found |= {"n_distinct": len(distinct)}
    found["p_wrong_images"] = compare_counts(int(wrong.sum()), len(wrong), int(natural_wrong.sum()), len(natural_wrong))
    groups = [one.vectors[one.correct] for one in (distinct, *natural)]
    found |= _compare_spreads(groups) | _compare_locations(groups)
    both = [p for p in (p_repetition, found["p_diversity"]) if not math.isnan(p)]
    return found | {"p_diversity": min(1.0, 2 * min(both)) if both else math.nan}


def _measure_repetition(images: ClassImages, held_out: ClassImages, training: ClassImages) -> tuple[float, dict]:
    """Return the p-value of images that are as near to another as the two nearest natural ones are, and their shares."""
    count = min(len(images), len(held_out), len(training))
    if count < LEAST:
        return math.nan, {"repeated": math.nan, "natural_repeated": math.nan}
    nearest = [_find_nearest(one.thin(count).vectors) for one in (images, held_out, training)]
    limit = max(float(min(nearest[1].min(), nearest[2].min())), ROUNDING)
    repeated, *natural = (int((one <= limit).sum()) for one in nearest)
    p_value = max(compare_counts(repeated, count, one, count) for one in natural)
    return p_value, {"repeated": repeated / count, "natural_repeated": max(natural) / count}


def _find_nearest(vectors: np.ndarray) -> np.ndarray:
    cosines = vectors @ vectors.T
    np.fill_diagonal(cosines, -1)
    return 1 - cosines.max(axis=1)


def _drop_repeated(images: ClassImages) -> ClassImages:
    """Leave out the images whose vectors repeat an earlier one."""
    earlier = np.tril(1 - images.vectors @ images.vectors.T <= ROUNDING, -1)
    rows = ~earlier.any(axis=1)
    return ClassImages(images.vectors[rows], images.correct[rows])


def _choose(total: int, count: int) -> np.ndarray:
    """Choose ``count`` of the numbers below ``total`` at random, the same ones each time; int64 in rising order."""
    return np.sort(np.random.default_rng([total, count]).permutation(total)[:count])


def compare_counts(first: int, first_total: int, second: int, second_total: int) -> float:
    """Return the one-sided p-value of Fisher's exact test: whether the first share is larger than the second."""
    from scipy import stats  # takes long to import, and most jobs do not need it

    return float(stats.hypergeom.sf(first - 1, first_total + second_total, first + second, first_total))


def _compare_spreads(groups: Sequence[np.ndarray]) -> dict[str, float]:
    """Compare the spread of the first group with that of the others, at equal numbers."""
    count = min(map(len, groups))
    names = ("spread", "natural_spread", "spread_ratio", "spread_ratio_low", "spread_ratio_high")
    found = dict.fromkeys((*names, "p_diversity"), math.nan) | {"n_spread": count}
    if count < LEAST:
        return found
    own, natural, training = (_measure_spread(_thin(one, count)) for one in groups)
    ratio = own.mean() / natural.mean()
    relative = [one.std(ddof=1) / math.sqrt(count) / one.mean() for one in (own, natural)]
    factor = math.exp(Z * math.hypot(*relative))
    values = (own.mean(), natural.mean(), ratio, ratio / factor, ratio * factor)
    found |= {name: float(value) for name, value in zip(names, values, strict=True)}
    return found | {"p_diversity": max(_compare_means(-own, -one) for one in (natural, training))}


def _measure_spread(vectors: np.ndarray) -> np.ndarray:
    """Return the angle of each vector with the centroid of the others, in radians."""
    centroids = make_unit(vectors.sum(axis=0) - vectors)
    return np.array([measure_angles(one[None], centre)[0] for one, centre in zip(vectors, centroids, strict=True)])


def _compare_locations(groups: Sequence[np.ndarray]) -> dict[str, float]:
    """Compare the location of the first group with that of the second, both seen from the third."""
    own, natural, training = groups
    found = dict.fromkeys(("displacement", "natural_displacement", "p_visual_domain"), math.nan)
    halves = own[::2], own[1::2]
    if min(len(halves[1]), len(natural), len(training)) < LEAST:
        return found
    count = min(map(len, groups))
    centres = [_find_centroid(_thin(one, count)) for one in groups]
    displacements = [float(measure_angles(one[None], centres[2])[0]) for one in centres[:2]]
    p_values = []
    for half, other in (halves, halves[::-1]):
        direction = _find_centroid(half) - _find_centroid(training)
        p_values.append(_compare_means(other @ direction, natural @ direction))
    return dict(zip(found, (*displacements, min(1.0, 2 * min(p_values))), strict=True))


def _find_centroid(vectors: np.ndarray) -> np.ndarray:
    return make_unit(vectors.sum(axis=0, keepdims=True))[0]


def _thin(vectors: np.ndarray, count: int) -> np.ndarray:
    return vectors[_choose(len(vectors), count)]


def _compare_means(first: np.ndarray, second: np.ndarray) -> float:
    """Return the one-sided p-value of Welch's t-test: whether the first mean is larger."""
    from scipy import stats  # as above

    errors = first.var(ddof=1) / len(first) + second.var(ddof=1) / len(second)
    difference = float(first.mean() - second.mean())
    if errors <= ROUNDING**2:
        return 0.0 if difference > ROUNDING else 1.0
    parts = [one.var(ddof=1) / len(one) for one in (first, second)]
    freedom = errors**2 / sum(part**2 / (len(one) - 1) for part, one in zip(parts, (first, second), strict=True))
    return float(stats.t.sf(difference / math.sqrt(errors), freedom))
