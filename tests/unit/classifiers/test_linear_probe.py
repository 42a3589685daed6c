"""Linear probes on frozen features against scikit-learn called directly, and their tables."""

import numpy as np
import polars as pl
import pytest
from conftest import make_embeddings, make_unit
from sklearn.linear_model import LogisticRegression

from synthdiv.analysis.transfer_tables import KEYS, average_transfer, describe_fits, list_predictions, tabulate_transfer
from synthdiv.classifiers.linear_probe import Transfer, space_c_values, transfer_features
from synthdiv.embeddings.table import Embeddings, EmbeddingTables, write_embeddings
from synthdiv.metrics.embedding_classifiers import hold_out
from synthdiv.stats.intervals import wilson_interval

OPTIONS = {"features": "unit", "max_iterations": 2000, "seed": 0}


def make_set(seed, count=30, classes=4, d=20, noise=1.5):
    centres = np.random.default_rng(0).normal(size=(classes, d))
    ids = np.repeat(np.arange(classes), count)
    rows = centres[ids] + noise * np.random.default_rng(seed).normal(size=(len(ids), d))
    one = make_embeddings(ids, rows)
    return Embeddings(one.class_ids, one.indices, one.vectors, np.linalg.norm(rows, axis=1))


TRAIN, VALIDATION, EVALUATION = make_set(1), make_set(2, count=10), make_set(3)
NONE = VALIDATION[:0]


def score(c, train, evaluated):
    model = LogisticRegression(C=c, max_iter=2000).fit(make_unit(train.vectors), train.class_ids)
    return model.score(make_unit(evaluated.vectors), evaluated.class_ids)


def test_the_c_values():
    assert space_c_values(30)[0] == 1e-5
    assert space_c_values(30)[-1] == pytest.approx(1e6)
    assert space_c_values(12) == pytest.approx([10.0**n for n in range(-5, 7)])
    assert space_c_values(1) == pytest.approx([10**0.5])


@pytest.mark.parametrize("features", ["unit", "raw"])
def test_the_final_fit_matches_scikit_learn_on_training_and_validation_split(features):
    found = transfer_features(TRAIN, VALIDATION, EVALUATION, trials=1, **OPTIONS | {"features": features})
    x, y, z = (one.vectors * (one.lengths[:, None] if features == "raw" else 1) for one in (TRAIN, VALIDATION, EVALUATION))
    ids = np.concatenate([TRAIN.class_ids, VALIDATION.class_ids])
    model = LogisticRegression(C=10**0.5, max_iter=2000).fit(np.concatenate([x, y]), ids)
    assert found.predicted.tolist() == model.predict(z).tolist()
    assert (found.n_train, found.d, found.trials) == (160, 20, [])
    assert found.converged


def test_c_is_the_best_on_the_validation_split():
    found = transfer_features(TRAIN, VALIDATION, EVALUATION, trials=12, **OPTIONS)
    expected = [score(c, TRAIN, VALIDATION) for c in space_c_values(12)]
    assert [trial["C"] for trial in found.trials] == space_c_values(12)
    # a fit that starts from the previous one ends close to one from scratch
    np.testing.assert_allclose([trial["validation_top1"] for trial in found.trials], expected, atol=0.03)
    assert found.c == space_c_values(12)[int(np.argmax([trial["validation_top1"] for trial in found.trials]))]
    assert 0 < space_c_values(12).index(found.c) < 11


def test_of_equally_good_c_the_smallest_is_chosen():
    easy = [make_set(seed, noise=0.1) for seed in (1, 2, 3)]
    found = transfer_features(*easy, trials=4, **OPTIONS)
    assert [trial["validation_top1"] for trial in found.trials] == [1.0] * 4
    assert found.c == space_c_values(4)[0]


def test_the_evaluation_split_does_not_leak_into_the_choice():
    """On the training images the weakest regularisation is best; the validation split chooses another."""
    found = transfer_features(TRAIN, VALIDATION, TRAIN, trials=12, **OPTIONS)
    on_evaluation = [score(c, TRAIN, TRAIN) for c in space_c_values(12)]
    best_there = space_c_values(12)[int(np.argmax(on_evaluation))]
    assert found.c < best_there
    shuffled = Embeddings(EVALUATION.class_ids[::-1], EVALUATION.indices, EVALUATION.vectors, EVALUATION.lengths)
    first, second = (transfer_features(TRAIN, VALIDATION, one, trials=12, **OPTIONS) for one in (EVALUATION, shuffled))
    assert first.predicted.tolist() == second.predicted.tolist()
    assert (first.c, first.trials) == (second.c, second.trials)


def test_without_a_validation_split_a_fifth_of_each_class_replaces_it():
    held = hold_out(TRAIN, 0)
    assert np.bincount(TRAIN.class_ids[held]).tolist() == [6] * 4
    assert not (held == hold_out(TRAIN, 1)).all()
    found = transfer_features(TRAIN, NONE, EVALUATION, trials=12, **OPTIONS)
    given = transfer_features(TRAIN[~held], TRAIN[held], EVALUATION, trials=12, **OPTIONS)
    assert found.trials == given.trials
    assert found.n_train == 120
    few = make_embeddings([0, 0, 0, 1, 1, 2], np.eye(6))
    assert np.bincount(few.class_ids[hold_out(few, 0)], minlength=3).tolist() == [1, 1, 0]


def test_a_fit_that_does_not_converge_is_reported():
    found = transfer_features(TRAIN, VALIDATION, EVALUATION, trials=3, **OPTIONS | {"max_iterations": 1})
    assert not found.converged
    assert not found.trials[1]["converged"]


def test_the_order_of_the_rows_does_not_matter_and_seeds_are_kept_separate(tmp_path):
    rng, metadata = np.random.default_rng(5), {}
    parts = [("train", TRAIN), ("evaluation", EVALUATION)]
    for name, order in (("a", np.arange(480)), ("b", rng.permutation(480))):
        rows = np.concatenate([one.vectors for _, one in parts] + [-(one.vectors**3) for _, one in parts])
        splits = [split for split, one in parts for _ in range(len(one))] * 2
        ids, indices = (
            np.tile(np.concatenate([getattr(one, key) for _, one in parts]), 2) for key in ("class_ids", "indices")
        )
        write_embeddings(
            tmp_path / f"{name}.parquet",
            ids[order],
            [splits[n] for n in order],
            indices[order],
            rows[order].astype(np.float16),
            np.ones(480),
            metadata,
            seeds=[7 + (n >= 240) for n in order],
        )
    found = {}
    for name in "ab":
        for seed in (7, 8):
            train, evaluation, validation = (
                EmbeddingTables([tmp_path / f"{name}.parquet"], split, seed=seed).read()
                for split in ("train", "evaluation", "validation")
            )
            assert (len(train), len(evaluation), len(validation)) == (120, 120, 0)
            found[name, seed] = transfer_features(train, validation, evaluation, trials=5, **OPTIONS)
    for seed in (7, 8):
        assert found["a", seed].predicted.tolist() == found["b", seed].predicted.tolist()
        assert found["a", seed].trials == found["b", seed].trials
    assert found["a", 7].predicted.tolist() != found["a", 8].predicted.tolist()


def tabulate(accuracies, natural="Natural-IM", count=200):
    """Return tables of made-up predictions with the accuracy of each seed, by (encoder, train_set)."""
    predictions, trials, order = [], [], np.random.default_rng(0).random(count)
    ids = np.repeat(np.arange(4), count // 4)
    evaluation = make_embeddings(ids, np.ones((count, 2)))
    found = transfer_features(TRAIN, VALIDATION, EVALUATION, trials=2, **OPTIONS)
    for (encoder, training), shares in accuracies.items():
        head = dict(zip(KEYS, ("digits", encoder, training), strict=True))
        names = [pl.lit(value, dtype=pl.String).alias(key) for key, value in head.items()]
        for seed, share in enumerate(shares):
            seed = None if training is None else seed
            predicted = np.where(order < share, ids, (ids + 1) % 4)
            one = type(found)(predicted, found.c, True, 160, 20, found.trials)
            predictions.append(list_predictions(one, evaluation, seed).select(*names, pl.all()))
            trials.append(describe_fits(one, seed).select(*names, pl.all()))
    whole = pl.concat(predictions)
    runs = tabulate_transfer(whole, pl.concat(trials))
    return runs, average_transfer(runs, whole, natural)


def test_one_row_per_seed_and_means_compared_with_the_natural_training_set():
    runs, means = tabulate(
        {("net", "Generated-IM"): [0.4, 0.42], ("net", "Natural-IM"): [0.78, 0.8], ("clip", None): [0.9]},
    )
    assert runs.select("encoder", "train_set", "seed").rows() == [
        ("net", "Generated-IM", 0),
        ("net", "Generated-IM", 1),
        ("net", "Natural-IM", 0),
        ("net", "Natural-IM", 1),
        ("clip", None, None),
    ]
    first = runs.row(0, named=True)
    assert (first["n_classes"], first["n_train"], first["n_evaluation"], first["d"], first["trials"]) == (4, 160, 200, 20, 2)
    assert (first["top1_low"], first["top1_high"]) == pytest.approx(wilson_interval(first["top1"] * 200, 200))
    generated, natural, clip = means.to_dicts()
    assert generated["top1"] == pytest.approx(runs["top1"][:2].mean())
    assert generated["compared_with"] == "Natural-IM"
    # the generated set minus the natural one, not the reverse
    assert generated["difference"] == pytest.approx(generated["top1"] - natural["top1"])
    assert generated["difference_high"] < 0
    assert generated["differs"]
    for other in (natural, clip):
        assert other["difference"] is None
        assert other["p_adjusted"] is None
    assert (clip["n_seeds"], clip["top1_deviation"]) == (1, None)


def test_seeds_that_vary_much_make_a_difference_uncertain():
    _, means = tabulate({("net", "Generated-IM"): [0.4, 0.6], ("net", "Natural-IM"): [0.7, 0.8]})
    (row,) = means.drop_nulls("difference").to_dicts()
    assert row["difference"] < -0.2
    assert row["difference_high"] > 0
    assert not row["differs"]


def test_fits_that_did_not_converge_are_counted_and_the_chosen_trial_is_found():
    trials = [(0.1, 0.5, True), (1.0, 0.75, False), (10.0, 0.25, True)]
    rows = [dict(zip(("C", "validation_top1", "converged"), one, strict=True)) for one in trials]
    found = Transfer(np.array([0, 1, 1, 0]), 1.0, True, 160, 20, rows)
    head = [pl.lit("x").alias(key) for key in KEYS]
    predictions = list_predictions(found, make_embeddings([0, 0, 1, 1], np.eye(4)), 7).select(*head, pl.all())
    (row,) = tabulate_transfer(predictions, describe_fits(found, 7).select(*head, pl.all())).to_dicts()
    assert (row["C"], row["validation_top1"], row["top1"]) == (1.0, 0.75, 0.5)
    assert (row["trials"], row["trials_not_converged"], row["converged"]) == (3, 1, True)


def test_p_values_are_corrected_for_the_number_of_comparisons_alone():
    several = {("net", f"Generated{n}-IM"): [0.66] for n in range(3)} | {("net", "Natural-IM"): [0.7]}
    _, means = tabulate(several)
    rows = means.drop_nulls("difference")
    assert len(rows) == 3
    assert rows["p_adjusted"].to_list() == pytest.approx(rows["p_value"].to_list())  # Benjamini-Hochberg keeps equal ones
    _, none = tabulate(several, natural="Elsewhere-IM")
    assert none["difference"].is_null().all()
