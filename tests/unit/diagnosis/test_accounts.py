"""Accounts of training sets: steps that add up to the shortfall."""

import itertools
import math

import numpy as np
import pytest

from synthdiv.diagnosis.accounts import (
    ALL_ORDERS,
    CLASS_SCHEMA,
    INTERACTION,
    INTERVENTION,
    NOT_PRICED,
    ONE_ORDER,
    SCHEMA,
    THIS_ORDER,
    TOTAL,
    Graph,
    Value,
    choose_natural,
    list_populations,
    measure_account,
    plan_account,
)
from synthdiv.diagnosis.interventions import Answers
from synthdiv.jobs.diagnosis import Intervention
from synthdiv.stats.crossed import measure_effect, pool_seed_variance

NATURAL = {"source": "N", "images": "all"}


def describe(prompts, scale, images="100", **others):
    return {"prompts": prompts, "guidance_scale": str(scale), "images": images} | others


def join(settings, *pairs, mixed=(), **bundles):
    """Make a graph from the settings of each set, and the pairs of sets that differ in one."""
    edges = []
    for base, changed in pairs:
        first, second = settings.get(base, {}), settings.get(changed, {})
        (setting,) = [name for name in first if second and first[name] != second[name]] or ["mixture"]
        values = {"before": first.get(setting, "none"), "after": second.get(setting, "some")}
        edges.append(
            Intervention(classifier="c", base=base, changed=changed, setting=setting, acts_on=f"on {setting}", **values)
        )
    values = {name: {key: Value(hash(one), one) for key, one in own.items()} for name, own in settings.items()}
    natural = frozenset(name for name in (*settings, *(one for pair in pairs for one in pair)) if name[0] == "N")
    return Graph(values, frozenset(mixed), natural, edges, {name: frozenset(further) for name, further in bundles.items()})


CHAIN = {
    "N": NATURAL,
    "plain 7": describe("plain", 7),
    "clear 7": describe("clear", 7),
    "clear 5": describe("clear", 5),
    "clear 2": describe("clear", 2),
    "varied 2": describe("varied", 2),
}
PAIRS = [("plain 7", "clear 7"), ("clear 7", "clear 5"), ("clear 5", "clear 2"), ("clear 2", "varied 2")]


def answer(accuracies, *, seeds=3, n=400, classes=4, seed=0):
    """Answers of each set: each image is correct with the set's probability."""
    rng = np.random.default_rng(seed)
    class_ids = np.repeat(np.arange(classes), n // classes)
    return {
        name: Answers(class_ids, (rng.random((seeds, n)) < share).astype(float), np.zeros((seeds, n)), np.zeros((seeds, n)))
        for name, share in accuracies.items()
    }


def summarise(steps):
    return [(step.kind, step.base, step.changed, step.setting, step.before, step.after) for step in steps]


def test_a_path_leads_from_natural_images_through_the_anchor():
    steps = plan_account(join(CHAIN, *PAIRS), "plain 7", "clear 2", "N")
    assert summarise(steps) == [
        (TOTAL, "N", "plain 7", "", "", ""),
        (NOT_PRICED, "N", "clear 2", "images", "all", "100"),
        (INTERVENTION, "clear 2", "clear 5", "guidance_scale", "2", "5"),
        (INTERVENTION, "clear 5", "clear 7", "guidance_scale", "5", "7"),
        (INTERVENTION, "clear 7", "plain 7", "prompts", "clear", "plain"),
    ]
    assert {step.order for step in steps[2:]} == {THIS_ORDER}
    assert steps[2].acts_on == "on guidance_scale"
    assert steps[1].note == ""


def test_a_sweep_has_one_order():
    steps = plan_account(join(CHAIN, *PAIRS), "clear 7", "clear 2", "N")
    assert [step.setting for step in steps] == ["", "images", "guidance_scale", "guidance_scale"]
    assert {step.order for step in steps} == {ONE_ORDER}


def test_the_anchor_itself_and_studies_without_natural_images():
    graph = join(CHAIN, *PAIRS)
    assert [step.kind for step in plan_account(graph, "clear 2", "clear 2", "N")] == [TOTAL, NOT_PRICED]
    assert plan_account(graph, "clear 2", "clear 2", None) == []
    steps = plan_account(graph, "clear 7", "clear 2", None)
    assert [(step.kind, step.base) for step in steps[:2]] == [(TOTAL, "clear 2"), (INTERVENTION, "clear 2")]


def test_an_equal_number_of_images_is_no_setting_of_the_first_step():
    settings = CHAIN | {"N": NATURAL | {"images": "100"}}
    assert plan_account(join(settings, *PAIRS), "clear 2", "clear 2", "N")[1].setting == ""


def test_no_step_removes_natural_images_that_another_added():
    """A mixture is joined to natural images and to a generated set, and is no price of the way from one to the other."""
    bridge = [("N", "N and clear 2"), ("clear 2", "N and clear 2")]
    steps = plan_account(join(CHAIN, *PAIRS, *bridge), "clear 5", "clear 2", "N")
    assert [(step.kind, step.changed) for step in steps[1:]] == [(NOT_PRICED, "clear 2"), (INTERVENTION, "clear 5")]


def test_a_set_with_natural_images_is_joined_to_natural_images():
    """Natural images with generated ones added: no step leads through the anchor."""
    steps = plan_account(join(CHAIN, *PAIRS, ("N", "N and clear 2")), "N and clear 2", "clear 2", "N")
    assert summarise(steps)[1:] == [(INTERVENTION, "N", "N and clear 2", "mixture", "none", "some")]


@pytest.mark.parametrize("count", [2, 3])
def test_all_cells_of_a_factorial_give_the_mean_over_orders(count):
    factors = ["prompts", "guidance_scale", "steps"][:count]
    cells = {
        "".join("b" if chosen else "a" for chosen in choice): {
            factor: "new" if chosen else "old" for factor, chosen in zip(factors, choice, strict=True)
        }
        for choice in itertools.product([False, True], repeat=count)
    }
    pairs = [
        (one, other)
        for one, other in itertools.combinations(cells, 2)
        if sum(cells[one][factor] != cells[other][factor] for factor in factors) == 1
    ]
    start, end = "a" * count, "b" * count
    answers = answer({name: 0.3 + 0.05 * n for n, name in enumerate(cells)})
    steps = plan_account(join(cells, *pairs), end, start, None)
    rows = measure_account(steps, answers, end, list_populations(answers)[0])
    top1 = {name: one.correct.mean() for name, one in answers.items()}

    def average(factor):  # an oracle: walk every order of the settings
        gains = []
        for order in itertools.permutations(range(count)):
            place = list(start)
            for turn in order:
                before = "".join(place)
                place[turn] = "b"
                if turn == factor:
                    gains.append(top1["".join(place)] - top1[before])
        return np.mean(gains)

    found = {row["setting"]: row for row in rows if row["kind"] == INTERVENTION}
    for factor, name in enumerate(factors):
        assert found[name]["gain"] == pytest.approx(average(factor))
        assert (found[name]["order"], found[name]["acts_on"]) == (ALL_ORDERS, f"on {name}")
    assert sum(row["gain"] for row in found.values()) == pytest.approx(rows[0]["gain"])
    alone = [top1["".join("b" if n == turn else "a" for n in range(count))] - top1[start] for turn in range(count)]
    assert rows[-1]["kind"] == INTERACTION
    assert rows[-1]["gain"] == pytest.approx(top1[end] - top1[start] - sum(alone))


def test_orders_are_averaged_from_the_set_on_the_way_where_all_combinations_are_trained():
    """Sizes lead from the best set to a smaller one, from which both prompts and guidance change in either order."""
    settings = {
        "large": describe("clear", 2, "400"),
        "clear 2": describe("clear", 2),
        "clear 7": describe("clear", 7),
        "plain 2": describe("plain", 2),
        "plain 7": describe("plain", 7),
    }
    pairs = [
        ("large", "clear 2"),
        ("clear 2", "clear 7"),
        ("clear 2", "plain 2"),
        ("clear 7", "plain 7"),
        ("plain 2", "plain 7"),
    ]
    steps = plan_account(join(settings, *pairs), "plain 7", "large", None)
    assert [(step.kind, step.setting, step.order) for step in steps] == [
        (TOTAL, "", ONE_ORDER),
        (INTERVENTION, "images", THIS_ORDER),
        (INTERVENTION, "prompts", ALL_ORDERS),
        (INTERVENTION, "guidance_scale", ALL_ORDERS),
        (INTERACTION, "prompts and guidance_scale", ALL_ORDERS),
    ]
    answers = answer({name: 0.3 + 0.1 * n for n, name in enumerate(settings)})
    rows = measure_account(steps, answers, "plain 7", list_populations(answers)[0])
    assert sum(row["gain"] for row in rows[1:4]) == pytest.approx(rows[0]["gain"])


def test_a_mean_over_orders_acts_on_what_its_smaller_steps_act_on():
    settings = {name: CHAIN[name] for name in ("plain 7", "clear 7", "clear 5", "clear 2")}
    settings |= {"plain 5": describe("plain", 5), "plain 2": describe("plain", 2)}
    pairs = [(f"{name} {one}", f"{name} {other}") for name in ("plain", "clear") for one, other in ((7, 5), (5, 2))]
    steps = plan_account(
        join(settings, *pairs, *((f"plain {n}", f"clear {n}") for n in (7, 5, 2))), "plain 7", "clear 2", None
    )
    assert {(step.setting, step.acts_on) for step in steps if step.kind == INTERVENTION} == {
        ("prompts", "on prompts"),
        ("guidance_scale", "on guidance_scale"),
    }


def test_a_bundled_setting_is_none_of_its_own():
    settings = {"A": describe("p", 7, weights="one", size="32"), "B": describe("p", 2, weights="two", size="64")}
    settings |= {"C": describe("p", 2, weights="one", size="32"), "D": describe("p", 7, weights="two", size="64")}
    graph = join(settings, weights=["size"])
    assert graph.find_differences("A", "B") == ["guidance_scale", "weights"]
    cells = graph.find_cells("A", "B", ["guidance_scale", "weights"])
    assert cells == {
        frozenset(): "A",
        frozenset({"guidance_scale"}): "C",
        frozenset({"weights"}): "D",
        frozenset({"guidance_scale", "weights"}): "B",
    }


@pytest.mark.parametrize(
    ("settings", "note"),
    [
        (describe("other", 3), "one training set more would price it: clear 2 with prompts other"),
        (
            describe("other", 3, "50"),
            "2 training sets more would price it: clear 2 with prompts other, then with guidance_scale 3",
        ),
        (describe("clear", 2), "its images are those of clear 2"),
        ({"cfg": "2"}, "no set that is joined to the best one has the same settings"),
        (None, "no set that is joined to the best one has the same settings"),
    ],
)
def test_a_set_that_nothing_joins_has_no_price_and_the_way_to_one(settings, note):
    added = {} if settings is None else {"alone": settings}
    steps = plan_account(join(CHAIN | added, *PAIRS), "alone", "clear 2", "N")
    assert summarise(steps)[1:] == [
        (NOT_PRICED, "N", "clear 2", "images", "all", "100"),
        (NOT_PRICED, "clear 2", "alone", *summarise(steps)[2][3:]),
    ]
    assert steps[2].note == note


def test_a_set_that_mixes_styles_has_no_price():
    steps = plan_account(join(CHAIN, *PAIRS, mixed=["mix"]), "mix", "clear 2", "N")
    assert steps[-1].note == "it mixes styles between classes, which a classifier can tell apart"


def test_the_steps_add_up_and_have_intervals():
    answers = answer({"N": 0.9, "clear 2": 0.85, "clear 5": 0.8, "clear 7": 0.8, "plain 7": 0.6, "varied 2": 0.7})
    steps = plan_account(join(CHAIN, *PAIRS), "plain 7", "clear 2", "N")
    whole, *classes = list_populations(answers)
    rows = measure_account(steps, answers, "plain 7", whole)
    assert [row["step"] for row in rows] == [0, 1, 2, 3, 4]
    assert sum(row["gain"] for row in rows[1:]) == pytest.approx(rows[0]["gain"], abs=1e-12)
    assert rows[0]["gain"] == pytest.approx(answers["plain 7"].correct.mean() - answers["N"].correct.mean())
    assert rows[0].keys() == (SCHEMA | CLASS_SCHEMA).keys() - {"classifier", "evaluation_set", "natural", "anchor"}
    variance = pool_seed_variance([one.correct for one in answers.values()])
    effect = measure_effect(answers["clear 7"].correct, answers["plain 7"].correct, answers["N"].class_ids, variance)
    assert (rows[4]["gain_low"], rows[4]["gain_high"]) == pytest.approx(effect.interval)
    assert (rows[4]["n_images"], rows[4]["n_seeds"]) == (400, 3)
    assert (rows[4]["top1_before"], rows[4]["top1_after"]) == pytest.approx(
        (answers["clear 7"].correct.mean(), answers["plain 7"].correct.mean())
    )
    assert [one.class_id for one in classes] == [0, 1, 2, 3]
    by_class = [measure_account(steps, answers, "plain 7", one) for one in classes]
    for number, one in enumerate(by_class):
        recalls = [answers[name].correct[:, number * 100 : number * 100 + 100].mean() for name in ("N", "plain 7")]
        assert one[0]["gain"] == pytest.approx(recalls[1] - recalls[0])
        assert sum(row["gain"] for row in one[1:]) == pytest.approx(one[0]["gain"])
        assert (one[0]["class_id"], one[0]["n_images"]) == (number, 100)
    # classes have equally many images
    assert np.mean([one[2]["gain"] for one in by_class]) == pytest.approx(rows[2]["gain"])


def test_one_seed_gives_no_interval():
    steps = plan_account(join(CHAIN, *PAIRS), "clear 7", "clear 2", "N")
    answers = answer(dict.fromkeys(CHAIN, 0.5), seeds=1)
    rows = measure_account(steps, answers, "clear 7", list_populations(answers)[0])
    assert all(math.isnan(row["gain_low"]) for row in rows)


def test_the_natural_set_has_as_many_images_as_the_best_set():
    settings = CHAIN | {"few": NATURAL | {"images": "100"}}
    graph = join(settings, *PAIRS)
    assert choose_natural(graph, ["N", "few"], "clear 2") == "few"
    assert choose_natural(graph, ["N"], "clear 2") == "N"
    assert choose_natural(graph, ["N", "few"], "of several sources") == "N"
    assert choose_natural(graph, [], "clear 2") is None
