"""Evidence and causes: what each metric counts, and which cause the metrics support."""

import numpy as np
import pytest
from conftest import make_embeddings, make_unit

from synthdiv.diagnosis.causes import SCHEMA, Thresholds, diagnose_classes, find_cause, find_metrics
from synthdiv.diagnosis.evidence import Natural, Texts, gather_evidence, read_texts, retrieve_classes, write_texts
from synthdiv.metrics.centroids import compute_centroids, measure_spread, sum_classes
from synthdiv.metrics.set_metrics import subsample_classes
from synthdiv.prompts.class_texts import DOMAINS

D = 16
CLASSES = [(f"k{n}", f"name{n}") for n in range(5)]
GOOD = {
    "accuracy": 0.8,
    "natural_accuracy": 0.8,
    "particular": 0.4,
    "spread_ratio": 0.9,
    "prompted": 0.8,
    "natural_prompted": 0.8,
    "retrieval": 1.0,
    "best_retrieval": 1.0,
    "retrieved_other": 0.0,
    "photographs": 0.9,
    "natural_photographs": 0.9,
}


@pytest.mark.parametrize(
    ("changes", "cause"),
    [
        ({}, "none"),
        ({"spread_ratio": 0.1}, "diversity"),
        ({"accuracy": 0.1, "particular": 0.9}, "adherence"),
        ({"accuracy": 0.1, "particular": 0.3}, "concept not represented"),
        ({"accuracy": 0.1, "retrieval": 0.2, "retrieved_other": 0.6}, "ambiguity"),
        ({"accuracy": 0.65, "retrieval": 0.5, "retrieved_other": 0.5}, "ambiguity"),
        ({"accuracy": 0.1, "retrieval": 0.2, "best_retrieval": 0.2}, "concept not represented"),
        ({"retrieval": 0.1, "best_retrieval": 0.1, "natural_prompted": 0.1}, "concept not represented"),
        ({"photographs": 0.2}, "visual domain"),
        ({"accuracy": 0.0, "particular": 1.0, "spread_ratio": 0.001}, "diversity"),
        ({"accuracy": 0.6}, "none"),
        ({"accuracy": 1.0, "spread_ratio": 3.0}, "none"),
    ],
)
def test_the_cause_that_metrics_support(changes, cause):
    assert find_cause(GOOD | changes, Thresholds()) == cause


def test_without_texts_the_cause_of_wrong_images_is_undecided():
    metrics = {name: GOOD[name] for name in ("accuracy", "natural_accuracy", "particular", "spread_ratio")}
    assert find_cause(metrics, Thresholds()) == "none"
    assert find_cause(metrics | {"accuracy": 0.1}, Thresholds()) == "undecided"
    assert find_cause(metrics | {"spread_ratio": 0.1}, Thresholds()) == "diversity"


def test_the_metrics_of_a_row_of_evidence():
    row = {"n_images": 40, "n_correct": 30, "n_predicted_class": 4, "n_natural": 20, "n_natural_correct": 18}
    row |= {"spread": 0.02, "natural_spread": 0.08}
    metrics = {"accuracy": 30 / 40, "natural_accuracy": 18 / 20, "particular": 4 / 10, "spread_ratio": 0.02 / 0.08}
    assert find_metrics(row) == metrics
    assert find_metrics(row | {"n_correct": 40, "n_predicted_class": 0})["particular"] == 0
    assert find_metrics(row | {"natural_spread": 0.0})["spread_ratio"] == 1
    row |= {"n_prompted": 10, "n_natural_prompted": 5, "n_photographs": 8, "n_natural_photographs": 19, "n_retrieved": 50}
    row |= {"prompt_retrieved_own": 12, "natural_retrieved_own": 24, "best_retrieval": 36}
    row |= {"prompt_retrieved_other": 15, "natural_retrieved_other": 5}
    assert find_metrics(row) == metrics | {
        "prompted": 10 / 40,
        "natural_prompted": 5 / 20,
        "retrieval": 12 / 24,
        "best_retrieval": 36 / 24,
        "retrieved_other": (15 - 5) / 50,
        "photographs": 8 / 40,
        "natural_photographs": 19 / 20,
    }
    assert find_metrics(row | {"natural_retrieved_own": 0})["retrieval"] == 12


def make_images(seed, *, n=60, spread=0.25, of=None):
    """Make images about the classes' axes; class c shows class ``of[c]``, if given."""
    rng = np.random.default_rng(seed)
    ids = np.repeat(np.arange(5), n)
    shown = np.array([(of or {}).get(c, c) for c in ids])
    return make_embeddings(ids, np.eye(D)[shown] + spread * rng.normal(size=(len(ids), D)), np.float16)


def make_texts(meanings=None):
    """Make a prompt, wordings and domains of each class; all are far from the images, as CLIP's texts are."""
    modality_gap = 2 * np.eye(D)[-1]
    ids, kinds, rows = [], [], []
    for c in range(5):
        for kind in ("prompt of x", "name", "name, hypernym"):
            ids.append(c)
            kinds.append(kind)
            rows.append(modality_gap + np.eye(D)[(meanings or {}).get((c, kind), c)])
        for n, name in enumerate(DOMAINS):
            ids.append(c)
            kinds.append(f"domain {name}")
            rows.append(modality_gap + np.eye(D)[c] + 0.1 * np.eye(D)[5 + n])
    return Texts(np.array(ids), kinds, [f"text {n}" for n in range(len(ids))], make_unit(rows))


def diagnose(images, texts, natural=None):
    natural = natural or Natural([make_images(100)], make_images(101))
    evidence = gather_evidence(images, natural, texts, 5, dataset="x", seed=1)
    return diagnose_classes(evidence, CLASSES, set_name="S", seed=1)


def test_images_like_natural_images_have_no_cause():
    found = diagnose(make_images(1), make_texts())
    assert found["cause"].to_list() == ["none"] * 5
    assert dict(found.schema) == SCHEMA
    assert (found["accuracy"] > 0.9).all()
    assert (found["retrieval"] > 0.9).all()


def test_each_planted_cause():
    images = make_images(1, of={0: 1})
    found = diagnose(images, make_texts())
    assert found["cause"].to_list() == ["adherence", "none", "none", "none", "none"]
    assert found["predicted_class"][0] == "name1"
    assert found["predicted_class_share"][0] > 0.9
    found = diagnose(images, make_texts({(0, "prompt of x"): 1}))
    assert found["cause"].to_list() == ["ambiguity", "none", "none", "none", "none"]
    assert found["best_wording"][0] == "name"
    every = {(0, kind): 1 for kind in ("prompt of x", "name", "name, hypernym")}
    assert diagnose(images, make_texts(every))["cause"][0] == "concept not represented"
    assert diagnose(make_images(1), make_texts(every))["cause"][0] == "concept not represented"
    assert diagnose(make_images(1, spread=0.05), make_texts())["cause"].to_list() == ["diversity"] * 5


def test_the_set_and_the_natural_images_are_not_swapped():
    natural = Natural([make_images(100)], make_images(101))
    evidence = gather_evidence(make_images(1, of={0: 1}, n=30), natural, None, 5, dataset="x", seed=1)
    assert evidence["n_images"].to_list() == [30] * 5
    assert evidence["n_natural"].to_list() == [60] * 5
    assert evidence["n_correct"][0] < 5
    assert evidence["n_natural_correct"][0] > 50
    assert evidence["predicted_class"][0] == 1
    assert "prompt_retrieved_own" not in evidence.columns


def test_a_prompt_and_the_natural_centroid_retrieve_as_many_images_as_the_smallest_class_has():
    """The prompt of class 0, which its images show too, means class 1."""
    train, evaluation = make_images(100), make_images(101)
    images, texts = make_images(1, of={0: 1}), make_texts({(0, "prompt of x"): 1})
    for few, count in ((20, 20), (55, 50)):
        smaller = train[(train.class_ids != 4) | (train.indices < few)]
        row = gather_evidence(images, Natural([smaller], evaluation), texts, 5, dataset="x", seed=1).row(0, named=True)
        assert (row["n_retrieved"], row["predicted_class"]) == (count, 1)
        assert row["prompt_retrieved_own"] < 0.1 * count < 0.9 * count < row["prompt_retrieved_other"]
        assert row["natural_retrieved_other"] < 0.1 * count < 0.9 * count < row["natural_retrieved_own"]


def test_the_natural_centroid_is_compared_with_the_mean_of_all_images():
    """Of classes of 20, 40, 60, 60 and 60 images: a direct computation of the 20 images nearest to each."""
    train = make_images(100, spread=0.6)
    train = train[train.indices < np.array([20, 40, 60, 60, 60])[train.class_ids]]
    evidence = gather_evidence(make_images(1), Natural([train], make_images(101)), make_texts(), 5, dataset="x", seed=1)
    rows = train.vectors.astype(np.float64)
    centroids = make_unit([rows[train.class_ids == c].sum(axis=0) for c in range(5)])
    nearest = np.argsort(-(make_unit(centroids - rows.mean(axis=0)) @ make_unit(rows).T), axis=1)[:, :20]
    assert evidence["natural_retrieved_own"].to_list() == [(train.class_ids[nearest[c]] == c).sum() for c in range(5)]


@pytest.mark.parametrize("short", ["spread", "natural_spread"])
def test_spreads_are_compared_at_the_number_of_images_of_the_smallest_class(short):
    sets = {"spread": make_images(1), "natural_spread": make_images(101)}
    sets[short] = sets[short][(sets[short].class_ids != 3) | (sets[short].indices < 4)]
    natural = Natural([make_images(100)], sets["natural_spread"])
    evidence = gather_evidence(sets["spread"], natural, None, 5, dataset="x", seed=1)
    for name, one in sets.items():
        four = subsample_classes([one], 4, 1)
        squares = measure_spread([four], compute_centroids(sum_classes([four], 5))).squares.reshape(5, 4)
        assert evidence[name].to_list() == pytest.approx(squares.mean(axis=1))
        assert evidence[f"{name}_error"].to_list() == pytest.approx(squares.std(axis=1, ddof=1) / 2)


def test_a_vector_retrieves_the_nearest_natural_images():
    natural = make_images(100)
    counts = retrieve_classes(make_unit(np.eye(D)[:5] + 2 * np.eye(D)[-1]), [natural[:100], natural[100:]], 20, 5)
    assert counts.sum(axis=1).tolist() == [20] * 5
    assert (counts.diagonal() >= 18).all()


def test_four_different_evidence_images_per_class():
    found = diagnose(make_images(1), make_texts())
    for row in found.iter_rows(named=True):
        assert len(set(row["evidence"].split())) == 4


def test_another_seed_changes_no_suspected_cause():
    images, texts, natural = make_images(1, spread=0.14), make_texts(), Natural([make_images(100)], make_images(101))
    evidence = gather_evidence(images, natural, texts, 5, dataset="x", seed=1)
    first, again, other = (diagnose_classes(evidence, CLASSES, set_name="S", seed=seed) for seed in (1, 1, 2))
    assert first.equals(again)
    assert first["suspected"].to_list() == other["suspected"].to_list()


def test_texts_are_written_and_read(tmp_path):
    texts = make_texts()
    write_texts(texts, tmp_path / "texts.parquet")
    again = read_texts(tmp_path / "texts.parquet")
    assert again.kinds == texts.kinds
    assert again.texts == texts.texts
    np.testing.assert_array_equal(again.class_ids, texts.class_ids)
    np.testing.assert_allclose(again.vectors, texts.vectors, atol=1e-7)
