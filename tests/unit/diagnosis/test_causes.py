"""Evidence and causes: what is counted, and which causes planted deviations lead to."""

import numpy as np
import pytest
from conftest import make_embeddings, make_unit

from synthdiv.diagnosis.causes import DEVIATIONS, SCHEMA, diagnose_sets
from synthdiv.diagnosis.deviations import TESTS
from synthdiv.diagnosis.evidence import Natural, Texts, gather_evidence, read_texts, retrieve_classes, write_texts
from synthdiv.prompts.class_texts import DOMAINS

D = 16
CLASSES = [(f"k{n}", f"name{n}") for n in range(5)]


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
    return diagnose_sets({"S": evidence}, CLASSES)[0]


def test_images_like_natural_images_have_no_cause():
    evidence = gather_evidence(
        make_images(1), Natural([make_images(100)], make_images(101)), make_texts(), 5, dataset="x", seed=1
    )
    causes, deviations = diagnose_sets({"S": evidence}, CLASSES)
    assert causes["cause"].to_list() == ["none"] * 5
    assert dict(causes.schema) == SCHEMA
    assert dict(deviations.schema) == DEVIATIONS
    assert deviations["deviation"].to_list() == list(TESTS)
    assert deviations["n_suspected"].to_list() == [0] * len(TESTS)
    assert not deviations["is_suspected"].any()
    assert (causes["accuracy"] > 0.9).all()
    assert (causes["retrieval"] > 0.9).all()
    assert (causes["spread_ratio_low"] < 1).all()
    assert (causes["spread_ratio_high"] > 1).all()


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
    assert diagnose(make_images(1), make_texts(every))["cause"].to_list() == ["none"] * 5  # the images are right
    assert diagnose(make_images(1, spread=0.05), make_texts())["cause"].to_list() == ["diversity"] * 5
    assert diagnose(make_images(1, spread=0.33), make_texts())["cause"].to_list() == ["none"] * 5  # they vary more


def test_without_texts_the_kind_of_wrong_images_is_not_known():
    found = diagnose(make_images(1, of={0: 1}), None)
    assert found["cause"].to_list() == ["wrong images", "none", "none", "none", "none"]
    assert found["retrieval"].null_count() == 5


def test_texts_at_chance_say_nothing():
    """Each prompt means the next class, so no natural image is nearest to the prompt of its own."""
    found = diagnose(make_images(1, of={0: 1}), make_texts({(c, "prompt of x"): (c + 1) % 5 for c in range(5)}))
    assert found["cause"][0] == "wrong images"


def test_an_encoder_that_does_not_tell_natural_classes_apart_suspects_nothing():
    same = dict.fromkeys(range(5), 0)
    natural = Natural([make_images(100, of=same)], make_images(101, of=same))
    found = diagnose(make_images(1, of=dict.fromkeys(range(5), 1)), make_texts(), natural)
    assert found["cause"].to_list() == ["not tested"] * 5


@pytest.mark.parametrize("share", [0.0, 1.0])
def test_one_image_for_a_class_lacks_diversity(share):
    """Equal vectors, of the right class or of another one, and the other classes as before."""
    images = make_images(1, of={0: int(share)})
    vectors = images.vectors.copy()
    vectors[images.class_ids == 0] = vectors[0]
    found = diagnose(make_embeddings(images.class_ids, vectors, np.float16), make_texts())
    assert found["cause"].to_list() == ["diversity", "none", "none", "none", "none"]
    assert (found["n_distinct"][0], found["repeated"][0]) == (1, 1.0)


def test_a_class_with_few_images_is_not_tested():
    few = make_images(1)
    few = few[(few.class_ids != 2) | (few.indices < 5)]
    found = diagnose(few, make_texts())
    assert found["cause"].to_list() == ["none", "none", "not tested", "none", "none"]
    assert found["p_diversity"].null_count() == 1


def test_half_of_the_images_elsewhere_in_the_class_are_another_domain():
    images = make_images(1)
    vectors = images.vectors.astype(float)
    vectors[images.class_ids == 3] += 0.3 * np.eye(D)[-2]
    found = diagnose(make_embeddings(images.class_ids, vectors, np.float16), make_texts())
    assert found["cause"].to_list() == ["none", "none", "none", "visual domain", "none"]
    assert found["displacement"][3] > 2 * found["natural_displacement"][3]


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
    images, texts, natural = (
        make_images(1, of={0: 1}, spread=0.2),
        make_texts(),
        Natural([make_images(100)], make_images(101)),
    )
    tables = [gather_evidence(images, natural, texts, 5, dataset="x", seed=seed) for seed in (1, 1, 2)]
    first, again, other = (diagnose_sets({"S": one}, CLASSES)[0] for one in tables)
    assert first.equals(again)
    assert first["cause"].to_list() == other["cause"].to_list()


def test_texts_are_written_and_read(tmp_path):
    texts = make_texts()
    write_texts(texts, tmp_path / "texts.parquet")
    again = read_texts(tmp_path / "texts.parquet")
    assert again.kinds == texts.kinds
    assert again.texts == texts.texts
    np.testing.assert_array_equal(again.class_ids, texts.class_ids)
    np.testing.assert_allclose(again.vectors, texts.vectors, atol=1e-7)
