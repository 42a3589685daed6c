"""The split of the error: the paper's, and the counterfactual one."""

import numpy as np
import polars as pl
import pytest
from conftest import make_embeddings

from synthdiv.analysis.experiments import score_experiment
from synthdiv.diagnosis.error_split import (
    classify_queries,
    make_counterfactuals,
    measure_ratio,
    tabulate_split,
    tabulate_terms,
)
from synthdiv.embeddings.table import Embeddings
from synthdiv.metrics.centroids import compute_centroids, sum_classes

NAMES = [f"class {n}" for n in range(4)]


def make_set(seed, *, n=60, d=12, spread=0.5, shift=0.0):
    """Make four classes about fixed centres; ``shift`` moves each towards the next centre."""
    rng = np.random.default_rng(seed)
    centres = np.eye(d)[:4] + shift * np.roll(np.eye(d)[:4], -1, axis=0)
    ids = np.repeat(np.arange(4), n)
    return make_embeddings(ids, centres[ids] + spread * rng.normal(size=(len(ids), d)), np.float16)


def find_centroids(set_):
    return compute_centroids(sum_classes([set_], 4))


def test_errors_match_the_experiments():
    own, other, query = make_set(1, shift=0.9), make_set(2), make_set(3, shift=0.9)
    found = classify_queries(query, find_centroids(own), {"R": find_centroids(other)})
    by_other = score_experiment([other], query, 4, query_kind="image")
    by_own = score_experiment([own], query, 4, query_kind="image")
    assert found["correct"].to_list() == (by_other["centroid_class"] == by_other["class_id"]).to_list()
    assert found["own_correct"].to_list() == (by_own["centroid_class"] == by_own["class_id"]).to_list()
    assert found["moved"].null_count() == len(found)
    row = tabulate_split({"Q": found}, NAMES, None).row(0, named=True)
    assert row["error"] == pytest.approx((by_other["centroid_class"] != by_other["class_id"]).mean())
    assert row["own_error"] == pytest.approx((by_own["centroid_class"] != by_own["class_id"]).mean())
    assert row["shift"] == pytest.approx(row["error"] - row["own_error"])
    assert row["shift_low"] > 0, "the centres were moved far"
    assert row["own_share"] == pytest.approx(row["own_error"] / row["error"])
    assert row["natural_error"] is None


def test_natural_errors_are_given_whatever_the_order_of_sets():
    natural, generated = make_set(1), make_set(2, spread=0.2)
    tables = {
        name: classify_queries(one, find_centroids(one), {"R": find_centroids(natural)})
        for name, one in (("generated", generated), ("natural", natural))
    }
    table = tabulate_split(tables, NAMES, "natural")
    assert table["set"].unique(maintain_order=True).to_list() == ["generated", "natural"]
    whole = {row["set"]: row for row in table.filter(pl.col("class_id").is_null()).iter_rows(named=True)}
    assert whole["generated"]["natural_error"] == whole["natural"]["error"]
    assert whole["generated"]["natural_own_error"] == whole["natural"]["own_error"]
    assert len(table) == 2 * 5


def find_row(query, target):
    references = {"R": find_centroids(target)}
    tables = {
        name: classify_queries(one, find_centroids(one), references, target) for name, one in (("Q", query), ("T", target))
    }
    table = tabulate_terms(tables, NAMES, "T")
    assert table["set"].unique().to_list() == ["Q"]
    for row in table.iter_rows(named=True):
        assert row["location"] + row["spread"] + row["shape"] == pytest.approx(row["difference"], abs=1e-12)
        assert row["difference"] == pytest.approx(row["target_accuracy"] - row["accuracy"], abs=1e-12)
    return table.row(0, named=True)


def test_a_set_with_other_locations_falls_short_by_location():
    row = find_row(make_set(1, n=200, shift=1.0), make_set(2, n=200))
    assert row["location"] > 0.15
    assert row["location_low"] > 0
    assert abs(row["spread"]) < row["location"] / 2
    assert abs(row["shape"]) < 0.1


def test_a_set_with_more_spread_falls_short_by_spread():
    row = find_row(make_set(1, n=200, spread=0.9), make_set(2, n=200, spread=0.4))
    assert row["spread"] > 0.15
    assert row["spread_low"] > 0
    assert abs(row["location"]) < 0.1


def test_a_set_with_less_spread_has_a_negative_term():
    row = find_row(make_set(1, n=200, spread=0.2), make_set(2, n=200, spread=0.7))
    assert row["spread_high"] < 0
    assert row["difference"] < 0


def test_counterfactuals_keep_the_set_itself_and_have_the_targets_locations():
    query, target = make_set(1, shift=0.4, spread=0.3), make_set(2)
    same = make_counterfactuals(query, query)
    for counterfactual in same.values():
        np.testing.assert_allclose(counterfactual.vectors, query.vectors.astype(float), atol=2e-3)
    moved = make_counterfactuals(query, target)["moved"]
    np.testing.assert_allclose(find_centroids(moved), find_centroids(target), atol=1e-4)  # fp16 precision


def test_images_without_spread_are_not_scaled():
    query = make_embeddings(np.repeat([0, 1, 2, 3], 5), np.repeat(np.eye(6)[:4], 5, axis=0))
    scaled = make_counterfactuals(query, make_set(2, d=6))["scaled"]
    np.testing.assert_allclose(scaled.vectors, query.vectors, atol=1e-12)


def test_the_order_of_rows_does_not_matter():
    query, target, own = make_set(1, shift=0.5), make_set(2), make_set(3, shift=0.5)
    order = np.random.default_rng(0).permutation(len(query))
    shuffled = Embeddings(*(getattr(query, name)[order] for name in ("class_ids", "indices", "vectors", "lengths")))
    found, again = (
        classify_queries(one, find_centroids(own), {"R": find_centroids(target)}, target).sort("class_id", "index")
        for one in (query, shuffled)
    )
    assert found.equals(again)


def test_the_interval_of_a_ratio_matches_resampling():
    rng = np.random.default_rng(0)
    denominator = (rng.random(2000) < 0.4).astype(float)
    numerator = denominator * (rng.random(2000) < 0.6)
    ratio, low, high = measure_ratio(numerator, denominator)
    draws = rng.integers(0, 2000, size=(3000, 2000))
    ratios = numerator[draws].sum(axis=1) / denominator[draws].sum(axis=1)
    assert ratio == pytest.approx(numerator.sum() / denominator.sum())
    assert (low, high) == pytest.approx(tuple(np.percentile(ratios, [2.5, 97.5])), abs=0.005)
    assert measure_ratio(np.zeros(5), np.zeros(5)) == (None, None, None)
