"""The metrics of a set, the images they use, and their intervals."""

import numpy as np
import polars as pl
import pytest
from conftest import make_embeddings

from synthdiv.embeddings.table import Embeddings
from synthdiv.metrics.centroids import compute_centroid_shift, compute_centroids, measure_spread, sum_classes
from synthdiv.metrics.frechet import compute_frechet_distance, measure_moments
from synthdiv.metrics.set_comparison import compare_sets
from synthdiv.metrics.set_metrics import group_rows, iterate_classes, measure_set, subsample_classes
from synthdiv.metrics.vendi import compute_vendi_score, measure_similarity
from synthdiv.stats.intervals import jackknife_interval


def make_set(seed, n=40, classes=5, d=16, spread=0.8, shift=0.0):
    rng = np.random.default_rng(seed)
    centres = np.random.default_rng(0).normal(size=(classes, d))
    ids = np.repeat(np.arange(classes), n)
    return make_embeddings(ids, centres[ids] + shift + spread * rng.normal(size=(len(ids), d)), np.float16)


def whole(table):
    return {row["metric"]: row for row in table.filter(pl.col("class_id").is_null()).iter_rows(named=True)}


def split(set_, size):
    return [set_[start : start + size] for start in range(0, len(set_), size)]


def name_images(set_):
    return sorted(zip(set_.class_ids.tolist(), set_.indices.tolist(), strict=True))


def test_classes_are_joined_for_any_blocks():
    set_ = make_set(1)
    for size in (1, 7, 40, 1000):
        found = list(iterate_classes(split(set_, size)))
        assert [set(part.class_ids.tolist()) for part in found] == [{n} for n in range(5)]
        np.testing.assert_array_equal(np.concatenate([part.vectors for part in found]), set_.vectors)


def test_a_subset_is_the_same_in_any_order_and_part_of_a_larger_one():
    set_ = make_set(1)
    few, more = subsample_classes([set_], 7, 3), subsample_classes(split(set_, 11), 20, 3)
    assert np.bincount(few.class_ids).tolist() == [7] * 5
    assert set(name_images(few)) < set(name_images(more))
    order = np.random.default_rng(0).permutation(200)
    order = order[np.argsort(set_.class_ids[order], kind="stable")]
    assert name_images(subsample_classes([set_[order]], 7, 3)) == name_images(few)
    assert name_images(subsample_classes([set_], 7, 4)) != name_images(few)
    assert len(subsample_classes([set_], 1000, 3)) == 200


def test_diversity_of_a_set():
    set_ = make_set(2)
    table = measure_set(split(set_, 33), 5, split="train")
    found = whole(table)
    per_class = measure_spread([set_], compute_centroids(sum_classes([set_], 5))).average_classes(5)
    assert found["centroid_distance"]["value"] == pytest.approx(per_class.mean(), rel=1e-12)
    assert found["vendi_score"]["value"] == pytest.approx(compute_vendi_score(measure_similarity(set_.vectors)), rel=1e-9)
    for row in found.values():
        assert row["low"] < row["value"] < row["high"]
        assert row["n_images"] == 200
        assert row["split"] == "train"
    classes = table.filter(pl.col("class_id").is_not_null(), metric="centroid_distance")
    assert classes["value"].to_list() == pytest.approx(per_class.tolist())
    assert classes["n_images"].to_list() == [40] * 5


def test_the_jackknife_of_the_vendi_score_leaves_a_group_of_images_out():
    set_ = make_set(2)
    groups = group_rows(set_)
    without = np.array([compute_vendi_score(measure_similarity(set_.vectors[groups != g])) for g in range(10)])
    row = whole(measure_set([set_], 5, split="train"))["vendi_score"]
    assert (row["low"], row["high"]) == pytest.approx(jackknife_interval(row["value"], without), rel=1e-9)


def test_more_spread_is_more_diverse_by_every_metric():
    narrow, wide = (whole(measure_set([make_set(3, spread=s)], 5, split="train")) for s in (0.4, 1.0))
    for metric, sign in (("centroid_distance", 1), ("vendi_score", 1), ("mean_pairwise_cosine", -1)):
        assert sign * wide[metric]["value"] > sign * narrow[metric]["value"]
        gap = wide[metric]["low"] - narrow[metric]["high"] if sign > 0 else narrow[metric]["low"] - wide[metric]["high"]
        assert gap > 0


def test_the_interval_of_pairs_covers_the_truth():
    """The mean cosine of two random vectors is the squared length of their mean."""
    covered = 0
    for seed in range(200):
        rows = np.random.default_rng(seed).normal(size=(60, 4)) + np.eye(4)[0]
        set_ = make_embeddings(np.repeat([0, 1], 30), rows)
        row = whole(measure_set([set_], 2, split="train"))["mean_pairwise_cosine"]
        covered += row["low"] <= TRUTH <= row["high"]
    assert covered > 180


_ROWS = np.random.default_rng(99).normal(size=(200_000, 4)) + np.eye(4)[0]
TRUTH = float((np.mean(_ROWS / np.linalg.norm(_ROWS, axis=1, keepdims=True), axis=0) ** 2).sum())


def compare(reference, query, kinds=("image", "image"), **options):
    defaults = {"features": "unit", "k": 5, "pairwise_images": 500, "seed": 0, "split": "train", "images_per_class": 40}
    options = defaults | options
    return compare_sets(reference, query, 5, kinds=kinds, **options)


def test_a_comparison_of_images():
    reference, query = make_set(4), make_set(5, shift=0.5)
    found = whole(compare(reference, query))
    moments = [measure_moments(one.vectors) for one in (reference, query)]
    for name, value in compute_frechet_distance(*moments).items():
        assert found[name]["value"] == pytest.approx(value, rel=1e-9)
        assert found[name]["low"] < value < found[name]["high"]
    centroids = [compute_centroids(sum_classes([one], 5)) for one in (reference, query)]
    assert found["centroid_shift"]["value"] == pytest.approx(compute_centroid_shift(*centroids).mean(), rel=1e-9)
    assert {"kernel_distance", "precision", "recall", "density", "coverage", "separable"} <= found.keys()
    assert "modality_gap" not in found


def test_a_set_is_near_itself_and_a_swap_is_visible():
    natural, collapsed = make_set(6), make_set(6, spread=0.05)
    same, low = whole(compare(natural, natural)), whole(compare(natural, collapsed))
    assert same["frechet_distance"]["value"] == pytest.approx(0, abs=1e-9)
    assert same["centroid_shift"]["value"] == pytest.approx(0, abs=1e-12)
    assert same["precision"]["value"] == same["recall"]["value"] == same["coverage"]["value"] == 1
    assert same["density"]["value"] >= 1
    assert low["precision"]["value"] > 0.9 > 0.5 > low["recall"]["value"]
    swapped = whole(compare(collapsed, natural))
    assert swapped["precision"]["value"] < 0.5
    assert low["frechet_distance"]["value"] == pytest.approx(swapped["frechet_distance"]["value"], rel=1e-9)


def test_prompts_and_images_have_a_modality_gap_and_no_frechet_distance():
    found = whole(compare(make_set(7), make_set(8, n=1, shift=2.0), kinds=("image", "prompt")))
    assert set(found) == {"centroid_shift"}  # five prompts are too few for more
    found = whole(compare(make_set(7), make_set(8, shift=2.0), kinds=("image", "prompt")))
    assert found["modality_gap"]["low"] > 0.3
    assert "frechet_distance" not in found
    assert found["separable"]["value"] in (0, 1)


def test_three_references_are_too_few_for_separability():
    few = make_embeddings([0, 1, 2], np.eye(6)[:3])
    query = make_embeddings(np.repeat([0, 1, 2], 30), np.random.default_rng(0).normal(size=(90, 6)))
    table = compare_sets(
        few,
        query,
        3,
        features="unit",
        kinds=("prompt", "image"),
        k=1,
        pairwise_images=500,
        seed=0,
        split="train",
        images_per_class=30,
    )
    assert set(table["metric"]) == {"centroid_shift"}


def test_metrics_over_all_pairs_use_a_subset_of_large_sets():
    reference, query = make_set(4), make_set(5, shift=0.5)
    size = len(query) // 5
    every, few = whole(compare(reference, query)), whole(compare(reference, query, pairwise_images=5 * 12))
    assert every == whole(compare(reference, query, pairwise_images=len(query)))
    alone = whole(compare(*(subsample_classes([one], 12, 0) for one in (reference, query)), images_per_class=12))
    pairwise = {"kernel_distance", "precision", "recall", "density", "coverage"}
    pairwise |= {name for name in every if name.startswith("separa")}
    assert {name for name in every if every[name] != few[name]} == pairwise
    for name in pairwise:
        assert few[name] == alone[name]
        assert (few[name]["n_images"], few[name]["images_per_class"]) == (60, 12)
        assert (every[name]["n_images"], every[name]["images_per_class"]) == (5 * size, size)


def test_raw_features_have_their_original_lengths():
    reference, query = make_set(9), make_set(10)
    longer = Embeddings(query.class_ids, query.indices, query.vectors, 3 * query.lengths)
    unit, raw = whole(compare(reference, longer)), whole(compare(reference, longer, features="raw"))
    wide = longer.vectors.astype(float)
    expected = compute_frechet_distance(measure_moments(reference.vectors), measure_moments(3 * wide))
    assert raw["frechet_distance"]["value"] == pytest.approx(expected["frechet_distance"], rel=1e-9)
    assert raw["centroid_shift"] == unit["centroid_shift"]


def test_the_order_of_rows_does_not_matter():
    reference, query = make_set(11), make_set(12)
    order = np.random.default_rng(0).permutation(200)
    first, second = compare(reference, query), compare(reference[order], query)
    for a, b in zip(first.iter_rows(named=True), second.iter_rows(named=True), strict=True):
        if not a["metric"].startswith("sep"):
            for name in ("value", "low", "high"):
                assert (a[name] is None) == (b[name] is None)
                assert a[name] is None or a[name] == pytest.approx(b[name], rel=1e-9, abs=1e-9), a["metric"]
