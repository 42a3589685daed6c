"""The matrix: compared with scikit-learn and values by hand; tests that fail if reference and query are swapped."""

import numpy as np
import polars as pl
import pytest
from conftest import make_embeddings
from sklearn.neighbors import KNeighborsClassifier, NearestNeighbors
from workplace import REPOSITORY

from synthdiv.analysis.experiments import score_experiment
from synthdiv.analysis.matrix import (
    METRICS,
    compare_experiments,
    summarise_matrix,
    summarise_predictions,
    tabulate_experiments,
)
from synthdiv.core.errors import StudyError
from synthdiv.stats.intervals import wilson_interval


def make_set(rng, centres, n, spread, dtype=np.float16):
    ids = np.repeat(np.arange(len(centres)), n)
    return make_embeddings(ids, centres[ids] + spread * rng.normal(size=(len(ids), centres.shape[1])), dtype)


def score(reference, query, n_classes, *, query_kind="image", **options):
    return score_experiment([reference], query, n_classes, query_kind=query_kind, **options)


@pytest.mark.parametrize(("dtype", "seed"), [(np.float16, 0), (np.float64, 1)])
def test_the_metrics_match_scikit_learn(dtype, seed):
    rng = np.random.default_rng(seed)
    centres = rng.normal(size=(12, 32))
    reference, query = make_set(rng, centres, 30, 1.5, dtype), make_set(rng, centres, 25, 1.5, dtype)
    found = score(reference, query, 12, query_kind="image")
    wide_r, wide_q = reference.vectors.astype(np.float64), query.vectors.astype(np.float64)
    centroids = np.stack([wide_r[reference.class_ids == c].sum(0) for c in range(12)])
    oracle = KNeighborsClassifier(1, metric="cosine", algorithm="brute").fit(centroids, np.arange(12))
    assert found["centroid_class"].to_list() == oracle.predict(wide_q).tolist()
    neighbours = NearestNeighbors(n_neighbors=5, metric="cosine", algorithm="brute").fit(wide_r)
    classes = reference.class_ids[neighbours.kneighbors(wide_q, return_distance=False)]
    assert found["knn1_class"].to_list() == classes[:, 0].tolist()

    def majority(row):
        counts = np.bincount(row, minlength=12)
        return next(c for c in row if counts[c] == counts.max())

    assert found["knn5_class"].to_list() == [majority(row) for row in classes]
    own = centroids[query.class_ids]
    cosines = (wide_q * own).sum(1) / np.linalg.norm(wide_q, axis=1) / np.linalg.norm(own, axis=1)
    metrics = summarise_predictions(found)
    assert metrics["mean_cosine"] == pytest.approx(cosines.mean(), rel=1e-12)
    assert metrics["centroid_accuracy"] == np.mean(oracle.predict(wide_q) == query.class_ids)


def test_a_small_matrix_by_hand():
    reference = make_embeddings([0, 0, 1], [[1.0, 0, 0], [0.6, 0.8, 0], [0, 0, 1.0]], unit=False)
    query = make_embeddings([0, 1], [[0, 0, 1.0], [0, 0.6, 0.8]], unit=False)
    metrics = summarise_predictions(score(reference, query, 2, query_kind="image"))
    centroid = np.array([1.6, 0.8, 0]) / np.hypot(1.6, 0.8)
    assert {name: metrics[name] for name in ("n_queries", *METRICS)} == {
        "n_queries": 2,
        "centroid_accuracy": 0.5,
        "knn1_accuracy": 0.5,
        "knn5_accuracy": 0.5,  # two of three references are of class 0
        "mean_cosine": pytest.approx((centroid @ [0, 0, 1.0] + 0.8) / 2, rel=1e-15),
    }


def test_the_cosine_is_with_the_own_class_not_the_nearest_centroid():
    reference = make_embeddings([0, 1], [[1.0, 0], [0, 1.0]])
    query = make_embeddings([0, 1], [[0, 1.0], [0, 1.0]])
    assert score(reference, query, 2, query_kind="image")["cosine"].to_list() == [0.0, 1.0]


def test_a_collapsed_reference_is_poor_and_a_collapsed_query_easy():
    """Fails if reference and query are swapped: a varied set's centroids classify a collapsed set, and not vice versa."""
    rng = np.random.default_rng(5)
    centres = rng.normal(size=(20, 16))
    varied, held_out = make_set(rng, centres, 60, 1.2), make_set(rng, centres, 60, 1.2)
    shifted = centres + 0.7 * rng.normal(size=centres.shape)
    collapsed = make_set(rng, shifted, 60, 0.01)
    as_query = summarise_predictions(score(varied, collapsed, 20, query_kind="image"))
    as_reference = summarise_predictions(score(collapsed, held_out, 20, query_kind="image"))
    assert as_query["centroid_accuracy"] > as_reference["centroid_accuracy"] + 0.15
    assert as_query["mean_cosine"] > as_reference["mean_cosine"]


def test_with_one_prompt_per_class_as_reference_k_nn_matches_centroids():
    rng = np.random.default_rng(2)
    centres = rng.normal(size=(9, 24))
    prompts = make_set(rng, centres, 1, 0.3)
    found = score(prompts, make_set(rng, centres, 20, 1.5), 9, query_kind="image")
    assert found["knn1_class"].to_list() == found["knn5_class"].to_list() == found["centroid_class"].to_list()


def test_one_prompt_per_class_as_query_has_no_k_nn():
    rng = np.random.default_rng(2)
    centres = rng.normal(size=(5, 8))
    one, many = make_set(rng, centres, 1, 0.1), make_set(rng, centres, 4, 0.1)
    assert summarise_predictions(score(many, one, 5, query_kind="prompt"))["knn1_accuracy"] is None
    assert summarise_predictions(score(many, many, 5, query_kind="prompt"))["knn1_accuracy"] is not None
    assert summarise_predictions(score(many, one, 5, query_kind="image"))["knn1_accuracy"] is not None


def test_other_dimensions_and_missing_classes_are_rejected():
    rng = np.random.default_rng(0)
    a, b = make_set(rng, rng.normal(size=(3, 8)), 2, 1.0), make_set(rng, rng.normal(size=(3, 9)), 2, 1.0)
    with pytest.raises(StudyError, match="'one' and 'two' can't be compared: their vectors have 8 and 9 values"):
        score(a, b, 3, query_kind="image", names=("one", "two"))
    with pytest.raises(StudyError, match="reference set 'one' has no vector of class_id 3"):
        score(a, a, 4, query_kind="image", names=("one", "two"))


def make_predictions(class_ids, centroid, knn1=None, cosine=None):
    count = len(class_ids)
    table = pl.DataFrame({"class_id": class_ids, "index": range(count), "centroid_class": centroid})
    return table.with_columns(
        cosine=pl.Series(cosine if cosine is not None else [0.5] * count, dtype=pl.Float64),
        knn1_class=pl.Series(knn1 if knn1 is not None else [None] * count, dtype=pl.Int64),
        knn5_class=pl.lit(None, dtype=pl.Int64),
    )


def test_the_tables():
    predictions = make_predictions([0, 0, 1], [0, 1, 1], [0, 0, 0], [0.5, 0.25, 1.0])
    matrix, per_class = tabulate_experiments([(4, "R", "Q", predictions)], ["name 0", "name 1"])
    assert matrix.columns[:8] == ["experiment", "reference", "query", "n_queries", *METRICS]
    assert matrix.row(0)[:8] == (4, "R", "Q", 3, 2 / 3, 2 / 3, None, 1.75 / 3)
    low, high = wilson_interval(2, 3)
    assert (matrix["centroid_accuracy_low"][0], matrix["centroid_accuracy_high"][0]) == (low, high)
    assert matrix["knn5_accuracy_low"][0] is None
    assert matrix["centroid_accuracy_new_classes_low"][0] is None  # too few classes to generalise
    assert per_class["name"].to_list() == ["name 0", "name 1"]
    assert per_class["centroid_accuracy"].to_list() == [0.5, 1.0]
    assert per_class["n_queries"].to_list() == [2, 1]


def test_intervals_for_new_classes_need_fifty_classes():
    rng = np.random.default_rng(0)
    ids = np.repeat(np.arange(60), 8)
    predictions = make_predictions(ids, np.where(rng.random(480) < rng.random(60)[ids], ids, 59 - ids))
    row = tabulate_experiments([(1, "R", "Q", predictions)], [f"name {n}" for n in range(60)])[0].row(0, named=True)
    narrow = row["centroid_accuracy_high"] - row["centroid_accuracy_low"]
    wide = row["centroid_accuracy_new_classes_high"] - row["centroid_accuracy_new_classes_low"]
    assert wide > 1.5 * narrow


def test_differences_are_paired_and_corrected():
    rng = np.random.default_rng(1)
    ids = np.repeat(np.arange(20), 25)
    scores = rng.random(500)

    def predict(level, noise=0.0):
        return make_predictions(ids, np.where(scores + noise * rng.random(500) < level, ids, (ids + 1) % 20), cosine=scores)

    rows = [
        (1, "A", "Q", predict(0.8)),
        (2, "B", "Q", predict(0.8)),
        (3, "C", "Q", predict(0.6)),
        (4, "A", "P", predict(0.8)),
    ]
    found = compare_experiments(rows).filter(metric="centroid_accuracy")
    by = {(row["experiment_a"], row["experiment_b"]): row for row in found.iter_rows(named=True)}
    assert len(by) == 6
    assert not by[1, 2]["differs"]
    assert by[1, 3]["differs"]
    assert by[1, 3]["difference"] == pytest.approx(((scores < 0.8).sum() - (scores < 0.6).sum()) / 500)
    assert by[1, 3]["paired_by"] == "query"
    assert by[1, 3]["n_pairs"] == 500
    assert by[1, 4]["paired_by"] == "class"
    assert by[1, 4]["n_pairs"] == 20
    assert by[3, 4]["difference"] == pytest.approx(
        ((scores < 0.6).sum() - (scores < 0.8).sum()) / 500
    )  # classes of one size
    assert all(row["p_adjusted"] >= row["p_value"] for row in by.values())
    assert compare_experiments(rows).filter(metric="knn1_accuracy").is_empty()  # not applicable


def test_the_papers_summaries():
    """Table 6 as printed gives the paper's averages, and how often k = 5 wins."""
    printed = pl.read_csv(REPOSITORY / "resources" / "paper" / "table6_experiments.csv")
    names = {"ImageNet-IM": "image"} | {n: "prompt" if n.endswith("PRMT") else "image" for n in printed["reference"]}
    table = printed.rename({f"{name}_pct": name for name in METRICS[:3]})
    summary = {row["rows"]: row for row in summarise_matrix(table, names).iter_rows(named=True)}
    with_knn = summary["with k-NN"]
    assert with_knn["n_experiments"] == 30
    assert [round(with_knn[name], 2) for name in METRICS[:3]] == [77.09, 74.64, 77.27]
    assert with_knn["knn5_wins"] == pytest.approx(12 / 30)
    assert summary["all"]["knn5_accuracy"] is None
    across = summary["prompt reference, image query"]
    assert across["n_experiments"] == 8
    assert across["mean_cosine"] < 0.3 < 0.6 < summary["image reference, image query"]["mean_cosine"]
