"""The choice of the best training set."""

import numpy as np
import pytest
from scipy import stats

from synthdiv.diagnosis.interventions import Answers
from synthdiv.diagnosis.selection import SCHEMA, compare_choices
from synthdiv.stats.best import find_criticals
from synthdiv.stats.crossed import measure_effect, pool_seed_variance
from synthdiv.stats.power import Design, find_detectable, measure_noise


def answer(share, *, seeds=3, n=300, seed=0):
    rng = np.random.default_rng(seed)
    correct = (rng.random((seeds, n)) < share).astype(float)
    return Answers(np.repeat([0, 1, 2], n // 3), correct, np.zeros((seeds, n)), np.zeros((seeds, n)))


def find_tail(answers, best):
    variance = pool_seed_variance([one.correct for one in answers.values()])
    effects = [
        [measure_effect(one.correct, other.correct, one.class_ids, variance) for other in answers.values()]
        for one in answers.values()
    ]
    errors, freedoms = (np.array([[getattr(one, name) for one in row] for row in effects]) for name in ("error", "freedom"))
    np.fill_diagonal(errors, 0)
    return find_criticals(errors, freedoms)[list(answers).index(best)].tail


def test_the_best_set_has_the_highest_mean():
    answers = {"A": answer(0.5, seed=1), "B": answer(0.8, seed=2), "C": answer(0.6, seed=3)}
    rows = {row["train_set"]: row for row in compare_choices(answers)}
    assert [name for name, row in rows.items() if row["best"]] == ["B"]
    assert rows["B"]["difference"] == 0
    assert rows["B"]["difference_low"] is rows["B"]["difference_high"] is None
    assert rows["A"]["difference"] == pytest.approx(answers["A"].correct.mean() - answers["B"].correct.mean())
    assert [rows[name]["may_be_best"] for name in "ABC"] == [False, True, False]
    assert rows["A"]["difference_high"] == rows["C"]["difference_high"] == 0
    assert rows["A"].keys() == SCHEMA.keys() - {"classifier", "selection_set"}
    assert (rows["A"]["n_images"], rows["A"]["n_seeds"]) == (300, 3)


def test_of_two_sets_the_bounds_are_one_sided():
    answers = {"A": answer(0.64, seed=1), "B": answer(0.66, seed=2)}
    rows = {row["train_set"]: row for row in compare_choices(answers)}
    other = next(name for name, row in rows.items() if not row["best"])
    (best,) = {"A", "B"} - {other}
    variance = pool_seed_variance([one.correct for one in answers.values()])
    effect = measure_effect(answers[best].correct, answers[other].correct, answers["A"].class_ids, variance)
    half = stats.t.ppf(0.95, effect.freedom) * effect.error
    assert rows[other]["may_be_best"]
    assert (rows[other]["difference_low"], rows[other]["difference_high"]) == pytest.approx(
        (effect.value - half, effect.value + half)
    )


def test_of_equally_good_sets_the_first_is_best():
    rows = compare_choices({"A": answer(0.5), "B": answer(0.5)})
    assert [row["best"] for row in rows] == [True, False]


def test_more_seeds_or_images_would_tell_a_close_set_from_the_best():
    answers = {"A": answer(0.67, seed=1), "B": answer(0.70, seed=2), "C": answer(0.3, seed=3)}
    rows = {row["train_set"]: row for row in compare_choices(answers)}
    best = next(name for name, row in rows.items() if row["best"])
    (close,) = {"A", "B"} - {best}
    correct = [one.correct for one in answers.values()]
    noise, design = measure_noise(correct, answers["A"].class_ids), Design(3, 3, (100, 100, 100))
    (detectable,) = {row["detectable"] for row in rows.values()}
    one_sided, all_pairs = (find_detectable(noise, design, tail=tail) for tail in (0.05, 0.05 / 2))
    assert one_sided < detectable < all_pairs  # two rivals: between one comparison and Bonferroni's correction for two
    tail = find_tail(answers, best)
    assert detectable == find_detectable(noise, design, tail=tail)
    assert 0 < -rows[close]["difference"] < rows[close]["detectable"]
    enough = rows[close]["enough_seeds"]
    assert find_detectable(noise, Design(3, enough, (100, 100, 100)), tail=tail) <= -rows[close]["difference"]
    assert find_detectable(noise, Design(3, enough - 1, (100, 100, 100)), tail=tail) > -rows[close]["difference"]
    assert rows[close]["enough_images"] is None  # 20 times as many do not suffice
    for name in (best, "C"):  # nothing is open there
        assert rows[name]["enough_seeds"] is rows[name]["enough_images"] is None


def test_one_seed_cannot_say_what_it_would_find():
    rows = compare_choices({"A": answer(0.5, seeds=1), "B": answer(0.6, seeds=1, seed=1)})
    assert np.isnan([row["detectable"] for row in rows]).all()
    assert {row["enough_images"] for row in rows} == {row["may_be_best"] for row in rows} == {None}
