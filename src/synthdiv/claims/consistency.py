"""Consistency checks of a matrix: an identity, inequalities, and properties of self-reference.

None is exact for tables of means: averages over classes, and a training split against an evaluation split, replace one class
and one split. The limits allow for the resulting deviations.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Mapping
from itertools import combinations

import numpy as np

from synthdiv.analysis.matrix import ACCURACIES
from synthdiv.claims.audit import EXACT, Matrix, Row, check_granularity, make_row

IDENTITY_TOLERANCE = 0.01
"""The identity's two sides differ by how the classes' lengths and centroid cosines covary, at most by the product of their
coefficients of variation: 1 % would take 10 % of both, at perfect correlation."""
OUTLIER = 3.5
"""Robust standard deviations from the median beyond which a value is an outlier: the limit that B. Iglewicz and
D. C. Hoaglin, "How to detect and handle outliers" (1993), propose for any data."""


def measure_scale(values: Iterable[float], least: float = 0.0) -> tuple[float, float]:
    """Return the median and a robust standard deviation: the median absolute deviation, scaled for normal values."""
    array = np.array(list(values))
    median = float(np.median(array))
    return median, max(1.4826 * float(np.median(np.abs(array - median))), least)


def check_identity(matrix: Matrix) -> tuple[list[Row], dict[str, tuple[float, float]]]:
    """Check the identity of average cosines: c(R, Q) / c(Q, R) = c(Q, Q) / c(R, R).

    The mean cosine of a class's queries with a reference's centroid is the length of the queries' mean times the cosine of
    the two centroids. That cosine is the same with the roles swapped and cancels in the ratio; the length equals c(Q, Q). So
    the identity is exact for a class whose two splits have one mean, and approximate for averages over classes and other
    splits.

    Returns
    -------
    rows : list of Row
        One row per pair of sets, and one for each set whose cosine with itself is the one that does not fit.
    implied : dict of set to (float, float)
        For those sets, the cosine with itself that the others imply: mean and standard deviation.
    """
    check, cosines = "identity of average cosines", matrix.find("mean_cosine")
    excess: dict[tuple[str, str], float] = {}
    for one, other in combinations(matrix.sets, 2):
        four = [cosines.get(pair, 0.0) for pair in ((one, other), (other, one), (other, other), (one, one))]
        if min(four) > 0:
            excess[one, other] = math.log(four[0] / four[1]) - math.log(four[2] / four[3])
    failing = {pair for pair, value in excess.items() if abs(value) > IDENTITY_TOLERANCE}
    implied = _find_misfits(matrix.sets, cosines, set(excess), failing)
    rows = []
    for (one, other), value in excess.items():
        blamed = [name for name in (one, other) if name in implied and (one, other) in failing]
        because = f": see {matrix.name_row(blamed[0], blamed[0])}" if blamed else ""
        rows.append(
            make_row(
                check,
                f"{matrix.where}, {one} and {other}",
                f"{cosines[other, other] / cosines[one, one]:.4f} within {100 * IDENTITY_TOLERANCE:g} %",
                f"{cosines[one, other] / cosines[other, one]:.4f}",
                matrix.decide((one, other) not in failing),
                f"the two sides differ by {100 * math.expm1(value):.1f} %{because}",
            )
        )
    for name, (mean, deviation) in implied.items():
        count = sum(name in pair for pair in failing)
        rows.append(
            make_row(
                check,
                matrix.name_row(name, name),
                f"{mean:.4f} +- {deviation:.4f}",
                f"{cosines[name, name]:.4f}",
                matrix.decide(False),
                f"{count} pairs with {name} fail; the others imply this cosine with itself (mean and standard deviation)",
            )
        )
    return rows, implied


def _find_misfits(
    sets: Iterable[str],
    cosines: Mapping[tuple[str, str], float],
    pairs: Collection[tuple[str, str]],
    failing: Collection[tuple[str, str]],
) -> dict[str, tuple[float, float]]:
    """Find sets that fail with most others, and for which the others agree on a different cosine with itself."""
    implied = {}
    for name in sets:
        others = [one for pair in pairs if name in pair for one in pair if one != name]
        if len(others) < 2 or 2 * sum(name in pair for pair in failing) <= len(others):
            continue
        values = np.array([cosines[one, one] * cosines[one, name] / cosines[name, one] for one in sorted(others)])
        mean, deviation = float(values.mean()), float(values.std(ddof=1))
        if abs(cosines[name, name] - mean) > OUTLIER * deviation:
            implied[name] = mean, deviation
    return implied


def check_jensen(
    matrix: Matrix, distances: Mapping[str, tuple[str, float]], implied: Mapping[str, tuple[float, float]]
) -> list[Row]:
    """Check Jensen's inequality: Centroid Distance, the mean of codiff^2, is at least (1 - mean cosine)^2.

    Averaging over classes is another mean, so it also holds for the whole set; approximately if the cosine is of another
    split.

    Parameters
    ----------
    matrix : Matrix
    distances : mapping of set to (where, Centroid Distance)
    implied : mapping
        From :func:`check_identity`: cosines to use instead of those that contradict the others.
    """
    cosines, factors, drafts = matrix.find("mean_cosine"), [], []
    for name, (where, distance) in distances.items():
        if (name, name) not in cosines:
            continue
        given = (1 - cosines[name, name]) ** 2
        least = (1 - implied[name][0]) ** 2 if name in implied else given
        # a set without spread has no factor; a bound that is only fp64 rounding counts as 0
        factor = least / distance if distance else math.inf if least > EXACT else 0.0
        reason = f"{distance / least:.2f} times the smallest possible value" if least > EXACT else "its embeddings are equal"
        if math.isinf(factor):
            reason = "no spread, though the cosine is below 1"
        elif factor > 1:
            factors.append(factor)
            reason = f"too small by a factor of at least {factor:.3g}"
            if name in implied:
                reason += f" ({given / distance:.3g} with the cosine as given, which contradicts the other sets')"
        drafts.append((where, least, distance, factor, reason))
    fits = f"; a factor of {10 ** math.ceil(math.log10(max(factors)))} would fit all" if factors else ""
    return [
        make_row(
            "Jensen's inequality",
            where,
            f"at least {least:.3g}",
            f"{distance:.3g}",
            matrix.decide(factor <= 1),
            reason + (fits if 1 < factor < math.inf else ""),
        )
        for where, least, distance, factor, reason in drafts
    ]


def check_own_centroids(matrix: Matrix) -> list[Row]:
    """Check self-reference: another set's centroids beat a set's own by no more than the margins of the other sets suggest.

    A set's own centroids are fitted to its own distribution. Others may be slightly better, so a set fails if its own are
    worse beyond noise, and its margin is an outlier among the sets.
    """
    accuracies = matrix.find("centroid_accuracy")
    margins: dict[str, tuple[float, str]] = {}
    for name in matrix.sets:
        others = {one: value for (one, query), value in accuracies.items() if query == name and one != name}
        if others and (name, name) in accuracies:
            best = max(others, key=others.__getitem__)
            margins[name] = accuracies[name, name] - others[best], best
    if len(margins) < 3:
        return []
    median, scale = measure_scale((margin for margin, _ in margins.values()), matrix.halves.get("centroid_accuracy", 0.0))
    rows = []
    for name, (margin, best) in margins.items():
        own, other = accuracies[name, name], accuracies[best, name]
        limit = min(-matrix.noise(name, own, other), median - OUTLIER * scale)
        fails = margin < limit
        twins = [one for one in margins if one != name and accuracies[one, one] == own]
        reason = f"{100 * abs(margin):.1f} points {'above' if margin >= 0 else 'below'} the accuracy by {best}'s centroids"
        if fails and twins:
            reason += f"; the value equals that of {matrix.name_row(twins[0], twins[0])}"
        rows.append(
            make_row(
                "own centroids against others'",
                matrix.name_row(name, name),
                f"at least {100 * (other + limit):.1f} %",
                f"{100 * own:.1f} %",
                matrix.decide(not fails),
                reason,
            )
        )
    return rows


def check_neighbours(matrix: Matrix) -> list[Row]:
    """Check centroids against neighbours: a set's own Centroid Accuracy must not be an outlier below k-NN (k = 1).

    The limit comes from the gaps of all rows with k-NN; other rows are listed only if they exceed it.
    """
    known = matrix.rows.drop_nulls("knn1_accuracy")
    if known.is_empty():
        return []
    gaps = (known["knn1_accuracy"] - known["centroid_accuracy"]).to_list()
    median, scale = measure_scale(gaps, matrix.halves.get("centroid_accuracy", 0.0))
    rows = []
    for row, gap in zip(known.iter_rows(named=True), gaps, strict=True):
        noise = matrix.noise(row["query"], row["knn1_accuracy"], row["centroid_accuracy"])
        limit = max(median + OUTLIER * scale, noise)
        if gap > limit or row["reference"] == row["query"]:
            side = "below" if gap > 0 else "above"
            rows.append(
                make_row(
                    "centroids against neighbours",
                    matrix.name_row(row["reference"], row["query"]),
                    f"at most {100 * limit:.1f} points below k-NN (k = 1)",
                    f"{100 * abs(gap):.1f} points {side}",
                    matrix.decide(gap <= limit),
                    f"the {len(gaps)} rows with k-NN have a median of {100 * median:.1f} points and a robust deviation of "
                    f"{100 * scale:.1f}",
                )
            )
    return rows


def check_shift(matrix: Matrix) -> list[Row]:
    """Check the split of the error: the prompts' centroids must not have a lower error than a set's own.

    Section 3, "Reason #3": the error by own centroids is diversity, the rest of the error by the prompts' is centroid-shift.
    """
    accuracies, neighbours, rows = matrix.find("centroid_accuracy"), matrix.find("knn1_accuracy"), []
    for name, prompts in matrix.prompts_of.items():
        if not {(name, name), (prompts, name)} <= accuracies.keys():
            continue
        own, other = accuracies[name, name], accuracies[prompts, name]
        shift, holds = own - other, own - other >= -matrix.noise(name, own, other)
        reason = f"the error of {100 * (1 - other):.1f} points is {100 * (1 - own):.1f} by diversity, the rest by shift"
        if not holds and (name, name) in neighbours:
            even = (1 + other) / 2
            reversal = "which would reverse the split" if neighbours[name, name] > even else "which would not"
            reason += (
                f"; shift is the larger part if own centroids classify more than {100 * even:.1f} % correctly, and k-NN "
                f"(k = 1) classifies {100 * neighbours[name, name]:.1f} %, {reversal}"
            )
        rows.append(
            make_row(
                "split of the error",
                f"{matrix.name_row(name, name)} minus {matrix.name_row(prompts, name)}",
                "a centroid-shift of 0 points or more",
                f"{100 * shift:.1f} points",
                matrix.decide(holds),
                reason,
            )
        )
    return rows


def check_independence(matrix: Matrix) -> list[Row]:
    """Check that a set compared with itself has two independent splits."""
    pairs = set(matrix.rows.select("reference", "query").iter_rows())
    return [
        make_row(
            "independent splits",
            matrix.name_row(name, name),
            "a separate evaluation split",
            "the same prompts in both splits" if name in matrix.repeated else "two splits",
            matrix.decide(name not in matrix.repeated),
            "one prompt per class is compared with itself: 100 % by construction"
            if name in matrix.repeated
            else "references are its training split, queries its evaluation split",
        )
        for name in matrix.sets
        if (name, name) in pairs
    ]


def audit_matrix(matrix: Matrix, distances: Mapping[str, tuple[str, float]]) -> list[Row]:
    """Run all checks that need only a matrix and the Centroid Distances of its sets.

    Parameters
    ----------
    matrix : Matrix
    distances : mapping of set to (where, Centroid Distance)
    """
    rows, implied = check_identity(matrix)
    rows += check_jensen(matrix, distances, implied)
    for check in (check_own_centroids, check_neighbours, check_shift, check_independence):
        rows += check(matrix)
    for (count, query), part in matrix.rows.group_by("n_queries", "query", maintain_order=True):
        shares = [
            (f"row {row['experiment']} {name}", row[name])
            for row in part.iter_rows(named=True)
            for name in ACCURACIES
            if row[name] is not None
        ]
        rows += check_granularity(
            f"{matrix.where}, query {query}", shares, int(count), matrix.halves.get(ACCURACIES[0], 0.0)
        )
    return rows
