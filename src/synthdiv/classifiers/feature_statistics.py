"""Statistics of an encoder's features: sparsity, intra-class distance, feature redundancy and coding length.

These are the four statistics of the ImageNet-SD study's spider plots ("Fake it till you make it", 2023). Public definitions
of two of them differ; each function and each row of the tables states its own. X is always the matrix of unit vectors: one
row per image, N rows, d columns, fp64.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl
from scipy.spatial.distance import pdist, squareform

from synthdiv.embeddings.table import Embeddings, make_unit
from synthdiv.metrics.set_metrics import GROUPS, group_rows, iterate_classes
from synthdiv.stats.intervals import jackknife_interval, mean_interval

BLOCK = 4096
"""Rows centred and multiplied at once."""
DEFINITIONS = {
    "sparsity": "share of the values of unit feature vectors of magnitude up to the threshold",
    "intra_class_distance": "mean Euclidean distance of two unit feature vectors of a class, averaged over classes",
    "feature_redundancy": "mean absolute Pearson correlation of two different feature dimensions that vary",
    "coding_length": "1/2 ln det(I + d / (N eps^2) X^T X) of unit feature vectors X, in nats, the mean not subtracted",
}
"""Definition of each statistic."""
SCHEMA: dict[str, Any] = {
    "statistic": pl.String,
    **dict.fromkeys(("value", "low", "high"), pl.Float64),
    "definition": pl.String,
    **dict.fromkeys(("threshold", "eps"), pl.Float64),
    **dict.fromkeys(("d", "n_dead", "n_classes", "n_images"), pl.Int64),
}


def measure_sparsity(features: np.ndarray, threshold: float) -> np.ndarray:
    """Return the share of near-zero values of each image; their mean is the statistic.

    ``(1/d) #{j : |x_ij| <= threshold}``. Pooled features of a network that ends in a ReLU are zero for each unit that no
    part of the image activates.

    Parameters
    ----------
    features : array of shape (N, d)
        Unit vectors.
    threshold : float

    Returns
    -------
    float64 array of shape (N,)

    References
    ----------
    M. B. Sariyildiz, K. Alahari, D. Larlus and Y. Kalantidis, "Fake it till you make it: Learning transferable
    representations from synthetic ImageNet clones" (2023), which does not state its threshold.
    """
    return (np.abs(features) <= threshold).mean(axis=1)


def measure_distances(features: np.ndarray) -> np.ndarray:
    """Return the mean distance of each image of a class to the others; their mean is the mean over all pairs.

    ``(1/(n - 1)) sum_j |x_i - x_j|``. The statistic is the mean of the classes' means.

    Parameters
    ----------
    features : float64 array of shape (n, d)
        At least two unit vectors of one class.

    Returns
    -------
    float64 array of shape (n,)

    References
    ----------
    See :func:`measure_sparsity`.
    """
    return squareform(pdist(features)).sum(axis=1) / (len(features) - 1)


@dataclass(frozen=True)
class Moments:
    """Sums that determine correlations and coding length; the sums of a set's parts add up to those of the set.

    Attributes
    ----------
    count : int
        N.
    centre : float64 array of shape (d,)
        Subtracted from each row before summing: roughly the mean of all rows, to avoid cancellation.
    sums : float64 array of shape (d,)
        Sum of the centred rows.
    products : float64 array of shape (d, d)
        Sum of the outer products of the centred rows.
    """

    count: int
    centre: np.ndarray
    sums: np.ndarray
    products: np.ndarray

    def __sub__(self, other: Moments) -> Moments:
        return Moments(self.count - other.count, self.centre, self.sums - other.sums, self.products - other.products)

    def __add__(self, other: Moments) -> Moments:
        return Moments(self.count + other.count, self.centre, self.sums + other.sums, self.products + other.products)

    def correlate(self) -> np.ndarray:
        """Return the dimensions' Pearson correlations: float64 array of shape (d, d), NaN for constant ones."""
        covariance = self.products - np.outer(self.sums, self.sums) / self.count
        variances = np.diag(covariance)
        # the variance that rounding gives a constant dimension
        floor = 1e-13 * np.diag(self.products) + 1e-24 * self.count * self.centre**2
        deviations = np.sqrt(np.where(variances > floor, variances, np.nan))
        return covariance / deviations / deviations[:, None]

    def multiply(self) -> np.ndarray:
        """Return X^T X: float64 array of shape (d, d)."""
        shift = np.outer(self.centre, self.sums)
        return self.products + shift + shift.T + self.count * np.outer(self.centre, self.centre)


def sum_moments(features: np.ndarray, centre: np.ndarray | None = None) -> Moments:
    """Compute the moments of features, block by block.

    Parameters
    ----------
    features : array of shape (N, d)
        Unit vectors.
    centre : float64 array of shape (d,), optional
        Default: the mean. Moments to be added must share it.
    """
    centre = features.mean(axis=0, dtype=np.float64) if centre is None else centre
    sums, products = np.zeros(len(centre)), np.zeros((len(centre), len(centre)))
    for start in range(0, len(features), BLOCK):
        rows = features[start : start + BLOCK] - centre
        sums += rows.sum(axis=0)
        products += rows.T @ rows
    return Moments(len(features), centre, sums, products)


def compute_redundancy(moments: Moments) -> float:
    """Return the mean absolute Pearson correlation over pairs of different dimensions.

    ``2/(m (m - 1)) sum_{i<j} |r_ij|`` over the m dimensions that vary; 0 if fewer than two do. Another public definition
    averages over all d^2 entries of the matrix, including the ones on its diagonal: for m = d that is (1 + (d - 1) r) / d,
    never below 1/d. Here uncorrelated features give 0 for any d.

    Parameters
    ----------
    moments : Moments

    References
    ----------
    Y. Wang et al., "Revisiting the transferability of supervised pretraining: an MLP perspective" (2022), with the diagonal.
    """
    correlations = np.abs(moments.correlate())
    varying = np.flatnonzero(np.isfinite(np.diag(correlations)))
    if len(varying) < 2:
        return 0.0
    kept = correlations[np.ix_(varying, varying)]
    return float((kept.sum() - np.trace(kept)) / (len(varying) * (len(varying) - 1)))


def compute_coding_length(products: np.ndarray, count: int, d: int, eps: float) -> float:
    """Return the nats that code a feature vector to precision eps: 1/2 ln det(I + d / (N eps^2) X^T X).

    The coding rate R of maximal coding rate reduction, with the natural logarithm and without subtracting the mean. Another
    public definition, Ma et al.'s coding length, has the factor (N + d) / 2 instead of 1/2, is in bits, centres the rows,
    and adds a term for their mean.

    Parameters
    ----------
    products : float64 array
        X^T X, or X X^T if that is smaller: the determinant is the same.
    count, d : int
        N and d.
    eps : float
        In the units of X.

    References
    ----------
    Y. Yu et al., "Learning diverse and discriminative representations via the principle of maximal coding rate reduction"
    (2020), equation 1, where eps^2 = 0.5. Y. Ma, H. Derksen, W. Hong and J. Wright, "Segmentation of multivariate mixed data
    via lossy data coding and compression" (2007).
    """
    _, logarithm = np.linalg.slogdet(np.eye(len(products)) + d / (count * eps * eps) * products)
    return float(logarithm) / 2


def measure_features(embeddings: Embeddings, *, threshold: float, eps: float) -> pl.DataFrame:
    """Compute the four statistics of an encoder's features of some images.

    Intervals cover other images of the same classes, with the same encoder: normal intervals for means over images (twice
    as wide for means over pairs), and the delete-a-group jackknife for redundancy and coding length.

    Parameters
    ----------
    embeddings : Embeddings
        Sorted by class_id.
    threshold : float
        See :func:`measure_sparsity`.
    eps : float
        See :func:`compute_coding_length`.

    Returns
    -------
    polars.DataFrame
        ``SCHEMA``: one row per statistic. ``n_dead`` dimensions are constant over all images. The intra-class distance
        excludes classes of one image, and is empty if no class has two.
    """
    rows, class_ids = make_unit(embeddings.vectors), embeddings.class_ids
    count, d = rows.shape
    zeros = measure_sparsity(rows, threshold)
    found: dict[str, tuple[float | None, tuple[float, float] | None]] = {}
    found["sparsity"] = math.fsum(zeros) / count, mean_interval(zeros, class_ids)

    classes = [one for one in iterate_classes([embeddings]) if len(one) > 1]
    found["intra_class_distance"] = None, None
    if classes:
        distances = [measure_distances(make_unit(one.vectors)) for one in classes]
        middle = math.fsum(float(own.mean()) for own in distances) / len(distances)
        interval = mean_interval(
            np.concatenate(distances), np.concatenate([one.class_ids for one in classes]), by_class=True
        )
        # of a mean over pairs: twice that of the mean over images of each one's mean (Hoeffding, 1948)
        doubled = None if interval is None else (2 * interval[0] - middle, 2 * interval[1] - middle)
        found["intra_class_distance"] = middle, doubled

    groups, centre = group_rows(embeddings), rows.mean(axis=0)
    parts = [sum_moments(rows[groups == group], centre) for group in range(GROUPS)]
    whole = parts[0]
    for part in parts[1:]:
        whole += part
    without = [whole - part for part in parts]
    redundancy = compute_redundancy(whole)
    length = compute_coding_length(whole.multiply(), count, d, eps)
    enough = min(one.count for one in without) > 1
    for name, value, others in (
        ("feature_redundancy", redundancy, [compute_redundancy(one) for one in without] if enough else []),
        (
            "coding_length",
            length,
            [compute_coding_length(one.multiply(), one.count, d, eps) for one in without] if enough else [],
        ),
    ):
        found[name] = value, jackknife_interval(value, np.array(others)) if enough else None
    dead = int((rows.min(axis=0) == rows.max(axis=0)).sum())
    counts = {"d": d, "n_dead": dead, "n_classes": len(np.unique(class_ids)), "n_images": count}
    table = []
    parameters = {"sparsity": {"threshold": threshold}, "coding_length": {"eps": eps}}
    for name, (metric, interval) in found.items():
        low, high = interval or (None, None)
        metrics = {"statistic": name, "value": metric, "low": low, "high": high, "definition": DEFINITIONS[name]}
        table.append(metrics | parameters.get(name, {}) | counts)
    return pl.DataFrame(table, schema=SCHEMA)
