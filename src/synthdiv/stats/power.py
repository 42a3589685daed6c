"""The smallest difference between two training sets that a study would find, before it runs.

The variance of a difference is that of :func:`synthdiv.stats.crossed.measure_effect`, split into parts that do not depend on
the numbers of seeds and images. scipy is imported when it is needed: target ``grid`` starts faster without it.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import islice

import numpy as np

POWER = 0.8
"""The probability with which a difference is found."""
MOST = 20
"""How many times as many seeds or images are tried."""


@dataclass(frozen=True)
class Noise:
    """The variances of which that of a difference consists. Values are correctness, 0 or 1, or others of an image.

    Attributes
    ----------
    seeds : float
        Between training seeds: of what one seed adds to the values of all images.
    images : float
        Between images: of what the difference of two training sets is for each image, over very many seeds.
    particular : float
        Of what a seed adds to an image in particular.
    """

    seeds: float
    images: float
    particular: float

    @property
    def is_zero(self) -> bool:
        """Whether all values of a training set are equal, whatever the seed."""
        return self == Noise(0.0, 0.0, 0.0)


@dataclass(frozen=True)
class Design:
    """The size of a study.

    Attributes
    ----------
    sets : int
        Training sets of a classifier; the variance between seeds is pooled over them.
    seeds : int
        Training seeds of each.
    class_sizes : tuple of int
        Evaluation images of each class, or of one class.
    """

    sets: int
    seeds: int
    class_sizes: tuple[int, ...]

    @property
    def images(self) -> int:
        """The number of evaluation images."""
        return sum(self.class_sizes)

    @property
    def freedom_of_seeds(self) -> int:
        """The degrees of freedom of the variance between seeds."""
        return self.sets * (self.seeds - 1)

    @property
    def freedom_of_images(self) -> int:
        """The degrees of freedom of the variance within classes, counted as :func:`~synthdiv.stats.crossed.group_images`."""
        single = self.class_sizes.count(1)
        return self.images - max(len(self.class_sizes) - single + (single > 1), 1)


def measure_noise(sets: Sequence[np.ndarray], class_ids: np.ndarray) -> Noise:
    """Measure the parts of the variance of a difference, as a mean over all pairs of training sets.

    Parameters
    ----------
    sets : sequence of arrays of shape (s, n)
        For each training set, two at least, the value of each seed's classifier for each image; two seeds at least.
    class_ids : int array of shape (n,)
        The images' classes; two images at least. Classes with one image count as one class.

    Returns
    -------
    Noise
        Expected mean squares, solved for the variances; those below 0 are 0.

    References
    ----------
    S. R. Searle, G. Casella and C. E. McCulloch, "Variance Components" (1992): estimates from analysis of variance.
    """
    from synthdiv.stats.crossed import group_images, pool_seed_variance

    count = len(class_ids)
    rests = [values.var(axis=0, ddof=1).mean() - values.mean(axis=1).var(ddof=1) for values in sets]
    particular = max(float(np.mean(rests)) * count / (count - 1), 0.0)
    inverse, sizes = group_images(class_ids)
    means = [values.mean(axis=0) for values in sets]
    centred = np.array([own - (np.bincount(inverse, own) / sizes)[inverse] for own in means])
    squares = 2 * centred.var(axis=0, ddof=1)  # the mean over all pairs of sets of their squared difference
    of_gains = float((squares * (sizes / np.maximum(sizes - 1, 1))[inverse]).mean())
    return Noise(
        seeds=max(pool_seed_variance(sets).value - particular / count, 0.0),
        images=max(of_gains - 2 * particular * float(np.mean([1 / len(values) for values in sets])), 0.0),
        particular=particular,
    )


def find_detectable(noise: Noise, design: Design, power: float = POWER, *, tail: float | None = None) -> float:
    """Return the smallest difference of two training sets that a test finds with some probability.

    Parameters
    ----------
    noise : Noise
    design : Design
    power : float
        The probability.
    tail : float, optional
        The probability with which the test finds a difference in this direction where there is none. Default is that of
        the two-sided test at 5 %.

    Returns
    -------
    float
        NaN if the test is impossible, with one seed or one evaluation image, or if no classifier differed from another on
        an image: this says nothing about how large the noise is.

    Notes
    -----
    The statistic is treated as a noncentral t, whose noncentrality is the difference divided by its standard error, with
    Satterthwaite's degrees of freedom. A significant difference of the wrong sign is not counted: its probability is below
    0.00001.

    References
    ----------
    J. Cohen, "Statistical Power Analysis for the Behavioral Sciences" (1988), chapter 2.
    """
    from scipy.special import nctdtrinc, stdtrit

    from synthdiv.stats.intervals import LEVEL

    tail = (1 - LEVEL) / 2 if tail is None else tail
    if design.freedom_of_seeds < 1 or design.freedom_of_images < 1:
        return math.nan
    of_both = 2 * noise.particular / (design.seeds * design.images)
    of_seeds = 2 * noise.seeds / design.seeds + of_both
    of_images = noise.images / design.images + of_both
    variance = of_seeds + of_images - of_both
    if variance == 0:
        return math.nan
    freedom = variance**2 / (of_seeds**2 / design.freedom_of_seeds + of_images**2 / design.freedom_of_images)
    return float(nctdtrinc(freedom, 1 - power, stdtrit(freedom, 1 - tail))) * math.sqrt(variance)


def find_median_detectable(noises: Sequence[Noise], designs: Sequence[Design]) -> float:
    """Return the median of the smallest differences that are found, over classes; NaN if no class can be tested.

    Classes without noise are left out: their images say nothing about how large it is.
    """
    counts = Counter(zip(noises, designs, strict=True))
    found = [value for pair, n in counts.items() if not pair[0].is_zero for value in [find_detectable(*pair)] * n]
    known = [value for value in found if not math.isnan(value)]
    return float(np.median(known)) if known else math.nan


def list_sufficient(noise: Noise, design: Design, difference: float, *, tail: float | None = None) -> list[Design]:
    """List larger designs that find a difference: with more seeds alone, with more images alone, or else with more of both.

    Parameters
    ----------
    noise : Noise
    design : Design
    difference : float
    tail : float, optional
        As for :func:`find_detectable`.

    Returns
    -------
    list of Design
        The smallest of each kind, with a multiple of the images, and of the seeds if there are more of both. Empty if even
        ``MOST`` times as many of both do not suffice.
    """
    factors = range(2, MOST + 1)
    larger = [tuple(n * size for size in design.class_sizes) for n in factors]
    more_seeds = [replace(design, seeds=n) for n in range(design.seeds + 1, MOST * design.seeds + 1)]
    more_images = [replace(design, class_sizes=sizes) for sizes in larger]
    more_of_both = [replace(one, seeds=n * one.seeds) for n, one in zip(factors, more_images, strict=True)]

    def list_first(designs: Sequence[Design]) -> list[Design]:
        return list(islice((one for one in designs if find_detectable(noise, one, tail=tail) <= difference), 1))

    return list_first(more_seeds) + list_first(more_images) or list_first(more_of_both)
