"""What the features of an encoder are like: sparsity, intra-class distance, feature redundancy and coding length.

The four of the ImageNet-SD study's spider plots ("Fake it till you make it", 2023). Public definitions of two of them
differ; which one is meant is said with each, and stands beside each figure. X is always the table of unit vectors, a row an
image, N rows and d columns, in fp64.
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
"""Rows that are centred and multiplied at once."""
DEFINITIONS = {
    "sparsity": "share of the values of unit feature vectors of magnitude up to the threshold",
    "intra_class_distance": "mean Euclidean distance of two unit feature vectors of a class, averaged over classes",
    "feature_redundancy": "mean absolute Pearson correlation of two different feature dimensions that vary",
    "coding_length": "1/2 ln det(I + d / (N eps^2) X^T X) of unit feature vectors X, in nats, the mean not subtracted",
}
"""In words, by statistic."""
SCHEMA: dict[str, Any] = {
    "statistic": pl.String,
    **dict.fromkeys(("value", "low", "high"), pl.Float64),
    "definition": pl.String,
    **dict.fromkeys(("threshold", "eps"), pl.Float64),
    **dict.fromkeys(("d", "n_dead", "n_classes", "n_images"), pl.Int64),
}


def measure_sparsity(features: np.ndarray, threshold: float) -> np.ndarray:
    """The share of near-zero values of each image; their mean is the statistic.

    (1/d) #{j : |x_ij| <= threshold}. Pooled features of a network that ends in a rectifier are zero where no part of the
    image excites a unit.

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
    representations from synthetic ImageNet clones" (2023), whose threshold is not printed.
    """
    return (np.abs(features) <= threshold).mean(axis=1)


def measure_distances(features: np.ndarray) -> np.ndarray:
    """The mean distance of each image of a class to its others; their mean is that over all pairs.

    (1/(n - 1)) sum_j |x_i - x_j|. The statistic is the mean of the classes' means.

    Parameters
    ----------
    features : float64 array of shape (n, d)
        Unit vectors of one class, two at least.

    Returns
    -------
    float64 array of shape (n,)

    References
    ----------
    As :func:`measure_sparsity`.
    """
    return squareform(pdist(features)).sum(axis=1) / (len(features) - 1)


@dataclass(frozen=True)
class Moments:
    """Sums from which correlations and coding length follow; those of the parts of a set add up to the set's.

    Attributes
    ----------
    count : int
        N.
    centre : float64 array of shape (d,)
        What was subtracted before correlations' sums were taken: a mean of about all rows, against cancellation.
    sums : float64 array of shape (d,)
        Of the centred rows.
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
        """Pearson correlations of the dimensions: float64 array of shape (d, d), NaN where one does not vary."""
        covariance = self.products - np.outer(self.sums, self.sums) / self.count
        variances = np.diag(covariance)
        # what rounding leaves of a constant dimension
        floor = 1e-13 * np.diag(self.products) + 1e-24 * self.count * self.centre**2
        deviations = np.sqrt(np.where(variances > floor, variances, np.nan))
        return covariance / deviations / deviations[:, None]

    def multiply(self) -> np.ndarray:
        """X^T X: float64 array of shape (d, d)."""
        shift = np.outer(self.centre, self.sums)
        return self.products + shift + shift.T + self.count * np.outer(self.centre, self.centre)


def sum_moments(features: np.ndarray, centre: np.ndarray | None = None) -> Moments:
    """The moments of features, block by block.

    Parameters
    ----------
    features : array of shape (N, d)
        Unit vectors.
    centre : float64 array of shape (d,), optional
        Default is the mean. Moments that are to be added share one.
    """
    centre = features.mean(axis=0, dtype=np.float64) if centre is None else centre
    sums, products = np.zeros(len(centre)), np.zeros((len(centre), len(centre)))
    for start in range(0, len(features), BLOCK):
        rows = features[start : start + BLOCK] - centre
        sums += rows.sum(axis=0)
        products += rows.T @ rows
    return Moments(len(features), centre, sums, products)


def compute_redundancy(moments: Moments) -> float:
    """The mean absolute Pearson correlation over pairs of different dimensions.

    2/(m (m - 1)) sum_{i<j} |r_ij| over the m dimensions that vary; 0 if fewer than two do. Another public definition
    averages over all d^2 entries of the matrix, the ones on its diagonal included: for m = d that is (1 + (d - 1) r) / d,
    never below 1/d. Here uncorrelated features have 0, whatever their number.

    Parameters
    ----------
    moments : Moments

    References
    ----------
    Y. Wang et al., "Revisiting the transferability of supervised pretraining: an MLP perspective" (2022), with the diagonal.
    """
    correlations = np.abs(moments.correlate())
    alive = np.flatnonzero(np.isfinite(np.diag(correlations)))
    if len(alive) < 2:
        return 0.0
    own = correlations[np.ix_(alive, alive)]
    return float((own.sum() - np.trace(own)) / (len(alive) * (len(alive) - 1)))


def compute_coding_length(products: np.ndarray, count: int, d: int, eps: float) -> float:
    """How many nats code a feature vector up to the precision eps: 1/2 ln det(I + d / (N eps^2) X^T X).

    The coding rate R of maximal coding rate reduction, by the natural logarithm and without subtracting the mean. Another
    public definition, Ma et al.'s coding length, is (N + d) times this in place of 1/2, in bits, of centred rows, with a
    term for their mean.

    Parameters
    ----------
    products : float64 array
        X^T X, or, which has the same determinant, the smaller X X^T.
    count, d : int
        N and d.
    eps : float
        In the unit of X.

    References
    ----------
    Y. Yu et al., "Learning diverse and discriminative representations via the principle of maximal coding rate reduction"
    (2020), equation 1, where eps^2 = 0.5. Y. Ma, H. Derksen, W. Hong and J. Wright, "Segmentation of multivariate mixed data
    via lossy data coding and compression" (2007).
    """
    _, logarithm = np.linalg.slogdet(np.eye(len(products)) + d / (count * eps * eps) * products)
    return float(logarithm) / 2


def measure_features(embeddings: Embeddings, *, threshold: float, eps: float) -> pl.DataFrame:
    """The four statistics of an encoder's features of some images.

    Intervals say what other images of the same classes would give for the same encoder: normal ones of means over images
    (twice as wide over pairs of them), and by the delete-a-group jackknife for redundancy and coding length.

    Parameters
    ----------
    embeddings : Embeddings
        Sorted by class_id.
    threshold : float
        Of :func:`measure_sparsity`.
    eps : float
        Of :func:`compute_coding_length`.

    Returns
    -------
    polars.DataFrame
        ``SCHEMA``: a row a statistic. ``n_dead`` dimensions are the same for all images. The intra-class distance is empty
        where no class has two images; classes of one image take no part in it.
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
        # of pairs: twice that of the mean over images of each one's mean (Hoeffding, 1948)
        wide = None if interval is None else (2 * interval[0] - middle, 2 * interval[1] - middle)
        found["intra_class_distance"] = middle, wide

    groups, centre = group_rows(embeddings), rows.mean(axis=0)
    parts = [sum_moments(rows[groups == group], centre) for group in range(GROUPS)]
    whole = parts[0]
    for part in parts[1:]:
        whole += part
    without = [whole - part for part in parts]
    redundancy = compute_redundancy(whole)
    length = compute_coding_length(whole.multiply(), count, d, eps)
    several = min(one.count for one in without) > 1
    for name, value, others in (
        ("feature_redundancy", redundancy, [compute_redundancy(one) for one in without] if several else []),
        (
            "coding_length",
            length,
            [compute_coding_length(one.multiply(), one.count, d, eps) for one in without] if several else [],
        ),
    ):
        found[name] = value, jackknife_interval(value, np.array(others)) if several else None
    dead = int((rows.min(axis=0) == rows.max(axis=0)).sum())
    counts = {"d": d, "n_dead": dead, "n_classes": len(np.unique(class_ids)), "n_images": count}
    table = []
    parameters = {"sparsity": {"threshold": threshold}, "coding_length": {"eps": eps}}
    for name, (metric, interval) in found.items():
        low, high = interval or (None, None)
        metrics = {"statistic": name, "value": metric, "low": low, "high": high, "definition": DEFINITIONS[name]}
        table.append(metrics | parameters.get(name, {}) | counts)
    return pl.DataFrame(table, schema=SCHEMA)
