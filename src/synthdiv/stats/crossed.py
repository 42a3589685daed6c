"""Differences between classifiers that are trained with several seeds and evaluated on the same images.

Both are samples: another training run would give another accuracy, and so would other images. The variance of a difference
has a part of each, as in studies in which several readers judge the same cases.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl
from scipy.special import stdtr, stdtrit

from synthdiv.stats.differences import Difference, compare_means
from synthdiv.stats.intervals import LEVEL


@dataclass(frozen=True)
class SeedVariance:
    """The variance of a trained classifier's mean value between training seeds, pooled over training sets.

    Attributes
    ----------
    value : float
    freedom : int
        Degrees of freedom; with 0, no training set has two seeds.
    """

    value: float
    freedom: int


@dataclass(frozen=True)
class Effect:
    """The difference of two means, with its standard error and its degrees of freedom (NaN if they cannot be estimated)."""

    value: float
    error: float
    freedom: float

    @property
    def interval(self) -> tuple[float, float]:
        """Student's 95 % interval."""
        half = float(stdtrit(self.freedom, (1 + LEVEL) / 2)) * self.error
        return self.value - half, self.value + half

    @property
    def p_value(self) -> float:
        """The two-sided p-value of no difference."""
        if self.error == 0:
            return 1.0 if self.value == 0 else 0.0
        return float(2 * stdtr(self.freedom, -abs(self.value) / self.error))


def arrange_runs(predictions: pl.DataFrame, **values: pl.Expr) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    """Arrange values of each image by seed and image.

    Parameters
    ----------
    predictions : polars.DataFrame
        seed, class_id, index, and what the values need: all seeds have the same images.
    **values : polars.Expr

    Returns
    -------
    class_ids : int array of shape (n,)
        The images' classes.
    values : dict of str to array of shape (s, n)
        By their names.
    """
    table = predictions.sort("seed", "class_id", "index")
    seeds = table["seed"].n_unique()
    class_ids = table["class_id"].head(len(table) // seeds).to_numpy()
    return class_ids, {name: table.select(one).to_series().to_numpy().reshape(seeds, -1) for name, one in values.items()}


def arrange_seeds(predictions: pl.DataFrame, column: str) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    """Arrange a value of each image by training set, seed and image.

    Parameters
    ----------
    predictions : polars.DataFrame
        train_set, seed, class_id, index and the column: all seeds of all training sets have the same images.
    column : str

    Returns
    -------
    class_ids : int array of shape (n,)
        The images' classes.
    values : dict of training set to float64 array of shape (s, n)
        In the order of the table; NaN where there is no value.
    """
    values, class_ids = {}, np.zeros(0, dtype=np.int64)
    for (name,), own in predictions.group_by("train_set", maintain_order=True):
        class_ids, arranged = arrange_runs(own, value=pl.col(column).cast(pl.Float64))
        values[str(name)] = arranged["value"]
    return class_ids, values


def pool_seed_variance(sets: Sequence[np.ndarray]) -> SeedVariance:
    """Pool the variance between training seeds over training sets: with three seeds each, one alone says little.

    Parameters
    ----------
    sets : sequence of arrays of shape (s, n)
        For each training set, the value (0 or 1 if it is correctness) of each seed's classifier for each image.
    """
    several = [values.mean(axis=1) for values in sets if len(values) > 1]
    freedom = sum(len(means) - 1 for means in several)
    total = sum(float(((means - means.mean()) ** 2).sum()) for means in several)
    return SeedVariance(total / freedom if freedom else math.nan, freedom)


def group_images(class_ids: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the number of each image's class, and the size of each class; classes with one image count as one class.

    If there is one such class alone, it counts as part of the smallest other one.
    """
    _, inverse, sizes = np.unique(class_ids, return_inverse=True, return_counts=True)
    single = sizes == 1
    if single.sum() == 1 and len(sizes) > 1:
        single[np.argmin(np.where(single, sizes.max() + 1, sizes))] = True
    _, inverse, sizes = np.unique(np.where(single[inverse], -1, inverse), return_inverse=True, return_counts=True)
    return inverse, sizes


def measure_effect(before: np.ndarray, after: np.ndarray, class_ids: np.ndarray, between_seeds: SeedVariance) -> Effect:
    """Measure the difference of the means of two training sets, after minus before, as :func:`measure_contrast`."""
    return measure_contrast([before, after], [-1.0, 1.0], class_ids, between_seeds)


def compare_trained(first: np.ndarray, second: np.ndarray, class_ids: np.ndarray, between_seeds: SeedVariance) -> Difference:
    """Compare the means of two training sets, the first minus the second.

    Other images and other training runs would change it, as :func:`measure_effect` says. If nothing is known of the variance
    between seeds, it is Student's paired t-test over images, for the classifiers as they were trained.

    Parameters
    ----------
    first, second : arrays of shape (s, n)
        The values of each seed's classifier for the same images.
    class_ids : int array of shape (n,)
    between_seeds : SeedVariance
    """
    effect = measure_effect(second, first, class_ids, between_seeds)
    if math.isnan(effect.error):
        return compare_means(first.mean(axis=0), second.mean(axis=0))
    return Difference(effect.value, *effect.interval, effect.p_value)


def measure_contrast(
    values: Sequence[np.ndarray], weights: Sequence[float], class_ids: np.ndarray, between_seeds: SeedVariance
) -> Effect:
    """Measure a weighted sum of the means of training sets, with the variance due to training seeds and to images.

    The variance is that of the seeds' means, plus that of the images' differences, less the part that both contain: what
    a seed and an image have in particular (at most the smaller of the two). The degrees of freedom are Satterthwaite's.
    If all images of each class have the same difference, the variance is that with one more image of the class without a
    difference: a few images that agree do not show that all do.

    Parameters
    ----------
    values : sequence of arrays of shape (s, n)
        For each training set, the values of each seed's classifier for the same images.
    weights : sequence of float
        The weight of each training set; their sum is 0.
    class_ids : int array of shape (n,)
        The images' classes, which are fixed: images are a sample of each. Classes with one image count as one class.
    between_seeds : SeedVariance
        From :func:`pool_seed_variance`.

    Returns
    -------
    Effect

    References
    ----------
    S. L. Hillis, "A comparison of denominator degrees of freedom methods for multiple observer ROC analysis", Statistics in
    Medicine 26 (2007); F. E. Satterthwaite, "An approximate distribution of estimates of variance components", Biometrics
    Bulletin 2 (1946).
    """
    gains = sum(weight * one.mean(axis=0) for weight, one in zip(weights, values, strict=True))
    value, count = float(np.mean(gains)), len(class_ids)
    inverse, sizes = group_images(class_ids)
    if not between_seeds.freedom or sizes.min() < 2:
        return Effect(value, math.nan, math.nan)
    squared = [weight**2 for weight in weights]
    of_seeds = between_seeds.value * sum(square / len(one) for square, one in zip(squared, values, strict=True))
    squares = np.bincount(inverse, (gains - (np.bincount(inverse, gains) / sizes)[inverse]) ** 2) / (sizes - 1)
    if not squares.any():
        squares = (np.bincount(inverse, gains) / sizes) ** 2 / (sizes + 1)
    of_images = float((sizes * squares).sum()) / count**2
    particular = sum(
        square * _measure_interaction(one) / one.size for square, one in zip(squared, values, strict=True) if len(one) > 1
    )
    variance = of_seeds + of_images - min(particular, of_seeds, of_images)
    parts = of_seeds**2 / between_seeds.freedom + of_images**2 / (count - len(sizes))
    return Effect(value, math.sqrt(variance), variance**2 / parts if parts else math.inf)


def _measure_interaction(values: np.ndarray) -> float:
    """Return the mean square of what is left of values after the means of their seeds and of their images."""
    rest = values - values.mean(axis=1, keepdims=True) - values.mean(axis=0) + values.mean()
    return float((rest**2).sum()) / ((values.shape[0] - 1) * (values.shape[1] - 1))


def shrink_effects(effects: np.ndarray, errors: np.ndarray, middle: float) -> np.ndarray:
    """Shrink the effects of classes towards that of the whole set, as far as they vary no more than their errors do.

    Parameters
    ----------
    effects, errors : float64 arrays of shape (C,)
        The effect of each class, and its standard error; NaN if it is unknown, and then the effect becomes ``middle``.
    middle : float
        The effect of the whole set.

    Returns
    -------
    float64 array of shape (C,)

    References
    ----------
    B. Efron and C. Morris, "Data analysis using Stein's estimator and its generalizations", JASA 70 (1975): empirical Bayes,
    here with the variance between classes by moments.
    """
    known = np.isfinite(effects) & np.isfinite(errors)
    shrunk = np.full(len(effects), middle)
    deviations, variances = effects[known] - middle, errors[known] ** 2
    spread = max(float((deviations**2 - variances).mean()), 0.0) if known.any() else 0.0
    if spread:
        shrunk[known] += deviations * spread / (spread + variances)
    return shrunk


def adjust_by_holm(p_values: np.ndarray) -> np.ndarray:
    """Adjust p-values so that, if none of the differences exists, one is found with 5 % probability at most.

    Parameters
    ----------
    p_values : float64 array of shape (n,)
        NaN where there was no test; NaNs are not counted, and stay.

    References
    ----------
    S. Holm, "A simple sequentially rejective multiple test procedure", Scandinavian Journal of Statistics 6 (1979).
    """
    adjusted, tested = np.full(len(p_values), math.nan), np.flatnonzero(~np.isnan(p_values))
    order = tested[np.argsort(p_values[tested], kind="stable")]
    scaled = p_values[order] * np.arange(len(order), 0, -1)
    adjusted[order] = np.minimum(np.maximum.accumulate(scaled), 1.0) if len(order) else scaled
    return adjusted
