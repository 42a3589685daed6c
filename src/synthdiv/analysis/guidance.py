"""Tabulate each metric over the guidance scale, and find the scale at which it is highest.

The images of a sweep are matched: the same class, split and index has the same prompt and the same initial noise at every
scale ("Diversity and Diffusion", Figure 5). So two scales are compared image by image, also where the images themselves are
the queries.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import combinations
from typing import Any

import numpy as np
import polars as pl

from synthdiv.analysis.matrix import find_correct
from synthdiv.core.fingerprints import format_scale
from synthdiv.stats.differences import compare_means, compare_proportions, correct_rows, describe_difference
from synthdiv.stats.intervals import mean_interval, wilson_interval

UNITS = {"centroid_distance": "(1 - cosine)^2"}
"""Units of the metrics that are not fractions."""
SCHEMA = {
    "dataset": pl.String,
    "guidance": pl.String,
    "guidance_scale": pl.Float64,
    "set": pl.String,
    "metric": pl.String,
    "classifier": pl.String,
    "reference": pl.String,
    "query": pl.String,
    "class_id": pl.Int64,
    "name": pl.String,
    "value": pl.Float64,
    "low": pl.Float64,
    "high": pl.Float64,
    "n": pl.Int64,
    "unit": pl.String,
}
CHOICE_SCHEMA = {
    "dataset": pl.String,
    "guidance": pl.String,
    "metric": pl.String,
    "classifier": pl.String,
    "class_id": pl.Int64,
    "class": pl.String,
    "best_guidance_scale": pl.Float64,
    "value": pl.Float64,
    "n_pairs": pl.Int64,
    "also_as_good": pl.String,
}

Head = dict[str, Any]
"""Describes outcomes: guidance (its kind), and the fields of :class:`synthdiv.plan.parts.SweepMetric`."""
Groups = dict[int | None, dict[float, tuple[Head, pl.DataFrame]]]
"""The outcomes at each guidance scale, by class; the key None is all classes."""


def read_outcomes(source: pl.DataFrame, metric: str, query: str | None) -> pl.DataFrame:
    """Return the outcomes that a metric is the mean of: class_id, index, outcome; sorted by class_id and index.

    Parameters
    ----------
    source : polars.DataFrame
        For centroid_distance, each image's squared codiff from :func:`synthdiv.metrics.centroids.measure_spread`; for
        trained_accuracy, the predictions of :func:`synthdiv.classifiers.evaluation.classify_sets`; for the other accuracies,
        those of :func:`synthdiv.analysis.experiments.score_experiment`.
    metric : str
        The metric's name.
    query : str or None
        The evaluation set of trained_accuracy.

    Returns
    -------
    polars.DataFrame
        outcome is a bool where a prediction is correct or wrong, and a float64 otherwise: the squared codiff, or the share
        of seeds that are correct.
    """
    image = ["class_id", "index"]
    if metric == "centroid_distance":
        found = source.rename({"square": "outcome"})
    elif metric == "trained_accuracy":
        found = source.filter(evaluation_set=query).group_by(image).agg(outcome=pl.col("correct_top1").mean())
    else:
        found = source.with_columns(outcome=pl.Series(find_correct(source, "centroid_accuracy")))
    return found.select(pl.col(image).cast(pl.Int64), "outcome").sort(image)


def tabulate_guidance(
    rows: Sequence[tuple[Head, pl.DataFrame]], class_names: Sequence[str]
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Tabulate each metric at each guidance scale with its 95 % interval, for all classes and per class.

    Centroid Distance is the mean over classes, with a normal interval. Accuracies are shares of all queries, with Wilson's
    interval (for a mean over seeds: the same trained classifiers on other images). Classes and references are fixed.

    Parameters
    ----------
    rows : sequence of (head, outcomes)
        Outcomes from :func:`read_outcomes`.
    class_names : sequence of str
        Class names, indexed by class_id.

    Returns
    -------
    whole, per_class : polars.DataFrame
        dataset, guidance (its kind), guidance_scale (empty for the natural set, which is shown for comparison), set, metric,
        classifier, reference, query, value, low, high, n (images or queries), unit; per class also class_id and name.
    """
    whole, per_class = [], []
    for head, outcomes in rows:
        whole.append(head | _measure(head, outcomes))
        for (class_id,), part in outcomes.group_by("class_id", maintain_order=True):
            assert isinstance(class_id, int)
            per_class.append(head | {"class_id": class_id, "name": class_names[class_id]} | _measure(head, part))
    whole_schema = {name: kind for name, kind in SCHEMA.items() if name not in ("class_id", "name")}
    return pl.DataFrame(whole, schema=whole_schema), pl.DataFrame(per_class, schema=SCHEMA)


def _measure(head: Head, outcomes: pl.DataFrame) -> dict[str, Any]:
    values, class_ids = outcomes["outcome"].to_numpy().astype(np.float64), outcomes["class_id"].to_numpy()
    interval: tuple[float, float] | None
    if head["metric"] == "centroid_distance":
        _, starts = np.unique(class_ids, return_index=True)
        class_means = [math.fsum(part) / len(part) for part in np.split(values, starts[1:])]
        value = math.fsum(class_means) / len(class_means)
        interval = mean_interval(values, class_ids, by_class=True)
    else:
        value = math.fsum(values) / len(values)
        interval = wilson_interval(math.fsum(values), len(values))
    low, high = interval or (None, None)
    return {"value": value, "low": low, "high": high, "n": len(values), "unit": UNITS.get(head["metric"], "fraction")}


def choose_scales(rows: Sequence[tuple[Head, pl.DataFrame]], class_names: Sequence[str]) -> pl.DataFrame:
    """Find the guidance scale at which each metric is highest, and the scales that do not differ significantly from it.

    Every pair of scales is compared over the images that both have: accuracies by McNemar's exact test, means by Student's
    paired t-test. P-values are corrected by Benjamini and Hochberg's procedure over all pairs of a metric; those of its
    classes over the pairs of all classes. Of equally high scales, the lowest is best. Classifiers are fixed: the tests do
    not include what another training would change.

    Parameters
    ----------
    rows, class_names
        As for :func:`tabulate_guidance`; rows without a guidance scale are ignored.

    Returns
    -------
    polars.DataFrame
        dataset, guidance, metric, classifier, class_id (empty for all), class (its name, or "all"), best_guidance_scale, its
        value, n_pairs (minimum number of images in a comparison), also_as_good (the scales that do not differ significantly
        from the best, in increasing order, separated by spaces).
    """
    sweeps: dict[tuple, dict[float, tuple[Head, pl.DataFrame]]] = {}
    for head, outcomes in rows:
        if head["guidance_scale"] is not None:
            key = (head["dataset"], head["guidance"], head["metric"], head["classifier"])
            sweeps.setdefault(key, {})[head["guidance_scale"]] = (head, outcomes)
    found: list[dict[str, Any]] = []
    for key, by_scale in sweeps.items():
        named = dict(zip(("dataset", "guidance", "metric", "classifier"), key, strict=True))
        whole: Groups = {None: dict(sorted(by_scale.items()))}
        per_class: Groups = {}
        for scale, (head, outcomes) in whole[None].items():
            for (class_id,), part in outcomes.group_by("class_id", maintain_order=True):
                assert isinstance(class_id, int)
                per_class.setdefault(class_id, {})[scale] = (head, part)
        for groups in (whole, per_class):
            found += [named | row for row in _choose(groups, class_names)]
    return pl.DataFrame(found, schema=CHOICE_SCHEMA)


def _choose(groups: Groups, class_names: Sequence[str]) -> list[dict[str, Any]]:
    """Choose a scale for each group of images (all, or each class); the pairs of all groups are corrected together."""
    pairs = correct_rows(
        [
            {"group": group, "scales": (a, b)} | _compare(scales[a][1], scales[b][1])
            for group, scales in groups.items()
            for a, b in combinations(scales, 2)
        ]
    )
    by_group: dict[int | None, list[dict[str, Any]]] = {group: [] for group in groups}
    for pair in pairs:
        by_group[pair["group"]].append(pair)
    rows = []
    for group, scales in groups.items():
        values = {scale: _measure(*outcomes)["value"] for scale, outcomes in scales.items()}
        best = max(values, key=values.__getitem__)
        own = by_group[group]
        worse = {scale for pair in own if best in pair["scales"] and pair["differs"] for scale in pair["scales"]} - {best}
        as_good = [format_scale(scale) for scale in values if scale != best and scale not in worse]
        rows.append(
            {"class_id": group, "class": "all" if group is None else class_names[group]}
            | {"best_guidance_scale": best, "value": values[best]}
            | {"n_pairs": min((pair["n_pairs"] for pair in own), default=None), "also_as_good": " ".join(as_good)}
        )
    return rows


def _compare(first: pl.DataFrame, second: pl.DataFrame) -> dict[str, Any]:
    both = first.join(second, on=["class_id", "index"], how="inner", suffix="_second")
    x, y = both["outcome"].to_numpy(), both["outcome_second"].to_numpy()
    return describe_difference((compare_proportions if x.dtype == bool else compare_means)(x, y), len(x))
