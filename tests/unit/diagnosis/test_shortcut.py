"""Swap checks: their mixtures, and what they measure."""

import numpy as np
import pytest
import yaml
from workplace import REPOSITORY

from synthdiv.config.problems import ConfigError
from synthdiv.config.swaps import list_swap_checks
from synthdiv.diagnosis.interventions import Answers
from synthdiv.diagnosis.shortcut import SCHEMA, measure_shortcut
from synthdiv.jobs.diagnosis import list_swap_predictions
from synthdiv.plan.classifiers import list_choices
from synthdiv.plan.interventions import list_interventions
from synthdiv.plan.loading import load_study

CLASS_IDS = np.repeat([0, 1, 2, 3], 50)
GENERATED = ((0, 1), (2, 3))


def answer(*predicted):
    """Answers of several seeds, from the class that each predicts for all images of each class, or one per image."""
    rows = np.array([np.asarray(one)[CLASS_IDS] if len(one) == 4 else one for one in predicted])
    correct = (rows == CLASS_IDS).astype(float)
    return Answers(CLASS_IDS, correct, np.zeros(rows.shape), rows)


def test_what_generated_classes_lose():
    """Class 0 is pushed to a natural class, class 1 to a generated one, class 2 stays, and class 3 was lost before."""
    alone = answer([0, 1, 2, 0], [0, 1, 2, 0])
    first = answer([2, 0, 3, 3], [2, 0, 3, 3])  # 2 and 3 are natural
    second = answer([0, 0, 2, 1], [0, 0, 2, 1])  # 0 and 1 are natural
    row = measure_shortcut(alone, [first, second], GENERATED)
    assert (row["recall_alone"], row["recall_mixed"], row["loss"]) == pytest.approx((0.75, 0.25, 0.5))
    assert (row["pushed_alone"], row["pushed_mixed"], row["pushed"]) == pytest.approx((0.25, 0.5, 0.25))
    assert (row["n_images"], row["n_seeds"]) == (200, 2)
    assert row.keys() == SCHEMA.keys() - {"classifier", "evaluation_set", "set"}


def test_real_labels_count_in_all_three():
    one = answer([0, 1, 2, 0], [0, 1, 2, 0])
    one = one._replace(correct=np.ones_like(one.correct))
    row = measure_shortcut(one, [one, one], GENERATED)
    assert (row["recall_alone"], row["recall_mixed"], row["loss"]) == (1, 1, 0)


def test_intervals_cover_what_is_planted():
    """Of 100 simulated checks with a push of 20 points, about 95 % cover it."""
    rng = np.random.default_rng(0)
    natural = {0: [2, 3], 1: [2, 3], 2: [0, 1], 3: [0, 1]}

    def simulate(share):
        rows = [[int(rng.choice(natural[one])) if rng.random() < share else one for one in CLASS_IDS] for _ in range(3)]
        return answer(*rows)

    rows = [measure_shortcut(simulate(0.1), [simulate(0.3), simulate(0.3)], GENERATED) for _ in range(100)]
    covered = sum(row["pushed_low"] <= 0.2 <= row["pushed_high"] for row in rows)
    assert 88 <= covered <= 100
    assert sum(row["loss_low"] <= 0.2 <= row["loss_high"] for row in rows) == covered  # what is pushed is lost


@pytest.fixture
def demo(monkeypatch):
    monkeypatch.chdir(REPOSITORY)
    return yaml.safe_load((REPOSITORY / "config" / "config.yaml").read_text())


def test_the_mixtures_of_a_swap_check(demo):
    demo["classifiers"]["small"]["swap"] = ["Disamb2.5-IM"]
    study = load_study(demo)
    first, second = (study.mixtures[f"Disamb2.5-IM-Fashion-IM-swap{n}"] for n in (1, 2))
    assert [part.set for part in first] == [part.set for part in second] == ["Disamb2.5-IM", "Fashion-IM"]
    assert [part.images_per_class for part in (*first, *second)] == [100] * 4
    assert (first[0].classes, first[1].classes) == (second[1].classes, second[0].classes)
    assert {*first[0].classes, *first[1].classes} == {row.key for row in study.classes}
    assert len(first[0].classes) == 5
    train = study.config.classifiers["small"].train
    assert train[-2:] == ["Disamb2.5-IM-Fashion-IM-swap1", "Disamb2.5-IM-Fashion-IM-swap2"]
    (check,) = list_swap_checks(study.config, [row.key for row in study.classes])
    assert [[study.classes[n].key for n in own] for own in check.generated] == [first[0].classes, second[0].classes]
    names = ("Disamb2.5-IM", "Disamb2.5-IM-Fashion-IM-swap1", "Disamb2.5-IM-Fashion-IM-swap2")
    assert list_swap_predictions(study) == [f"<results>/evaluations/small/{name}.parquet" for name in names]
    # they mix styles, so they are no choice, and no intervention
    assert not {"Disamb2.5-IM-Fashion-IM-swap1", "Disamb2.5-IM-Fashion-IM-swap2"} & {*list_choices(study, "small")}
    pairs = {name for one in list_interventions(study, "small") for name in (one.base, one.changed)}
    assert not {"Disamb2.5-IM-Fashion-IM-swap1", "Disamb2.5-IM-Fashion-IM-swap2"} & pairs


def test_a_mixture_of_the_same_name_is_refused(demo):
    demo["classifiers"]["small"]["swap"] = ["Disamb-IM"]
    demo["mixtures"] = {"Disamb-IM-Fashion-IM-swap1": {"parts": [{"set": "Disamb-IM"}]}}
    with pytest.raises(ConfigError, match=r"classifiers.small.swap: its check makes a mixture Disamb-IM-Fashion-IM-swap1"):
        load_study(demo)


@pytest.mark.parametrize(
    ("swap", "changes", "message"),
    [
        ("Fashion-IM", {}, "swap.0. is 'Fashion-IM': it is not a set of generated images"),
        ("FashionStudio-IM", {}, "swap.0. is 'FashionStudio-IM': it must be among the classifier's training sets"),
        ("Nothing-IM", {}, "there is no set 'Nothing-IM'"),
        ("Disamb-IM", {"evaluate": ["Disamb-IM"], "train": ["Disamb-IM"]}, "there are no natural images to mix it with"),
    ],
)
def test_an_impossible_swap_check_is_refused(demo, swap, changes, message):
    demo["classifiers"]["small"] |= changes | {"swap": [swap]}
    with pytest.raises(ConfigError, match=message):
        load_study(demo)
