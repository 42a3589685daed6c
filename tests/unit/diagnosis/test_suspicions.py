"""Suspicions: which intervention tests one, what its gain says about it, and what would test another."""

import polars as pl
import pytest
from workplace import REPOSITORY

from synthdiv.diagnosis.causes import CAUSES as CAUSES_OF_CLASSES
from synthdiv.diagnosis.causes import DEVIATIONS, TESTS, WRONG
from synthdiv.diagnosis.suspicions import ADVICE, SCHEMA, UNGUIDED, measure_reliability, propose_test, tabulate_suspicions
from synthdiv.jobs.diagnosis import PLANTED as PLANTED_FILE
from synthdiv.jobs.diagnosis import SuspectedSet

SETS = [
    SuspectedSet(
        name=name,
        dataset="d",
        guidance_scale=scale,
        scales=(5.0, 7.5),
        images_per_class=200,
        classifiers=("c",),
    )
    for name, scale in (("A", 7.5), ("B", 5.0))
]


def make_causes(spreads, **causes):
    """Return a table of causes, of a few classes of each set; ``spreads`` has each set's ratio of spreads."""
    rows = [
        {"set": name, "class_id": n, "key": f"k{n}", "cause": first, "further_causes": further or None}
        | {"accuracy": 0.8, "natural_accuracy": 0.9, "spread_ratio": spreads[name], "repeated": 0.0, "natural_repeated": 0.1}
        | {"displacement": 0.3, "natural_displacement": 0.1, "retrieval": 0.5, "best_retrieval": 0.6 - n / 10}
        | {
            f"p_{test.replace(' ', '_')}": 0.01 if test in one or (test == WRONG and "adherence" in one) else 0.5
            for test in TESTS
        }
        for name, found in causes.items()
        for n, one in enumerate(found)
        for first, _, further in [one.partition(", ")]
    ]
    return pl.DataFrame(rows, infer_schema_length=None).with_columns(best_text=pl.format("an {}", "class_id"))


def make_intervention(base="A", changed="B", acts_on="diversity against adherence", gain=0.04, differs=True, **others):
    row = {"classifier": "c", "evaluation_set": "N", "base": base, "changed": changed, "setting": "guidance_scale"}
    row |= {"before": "7.5", "after": "5", "acts_on": acts_on, "differs": differs}
    return row | {"gain": gain, "gain_low": gain - 0.03, "gain_high": gain + 0.02} | others


PLANTED = pl.DataFrame(
    {
        "plant": ["collapsed", "repeated", "repeated twice", "wrong class"],
        "expected": ["diversity", "diversity", "diversity", "ambiguity, wrong images"],
        "is_strong": [True, True, False, True],
        "n_planted": [30, 10, 100, 10],
        "hit_rate": [1.0, 0.6, 0.0, 0.7],
        "n_others": [100, 100, 0, 200],
        **{f"others: {cause}": [0.0, 0.04, None, 0.02] for cause in CAUSES_OF_CLASSES},
    }
)
NARROW = {"A": 0.4, "B": 0.6, "C": 0.7}
CAUSES = make_causes(NARROW, A=["diversity", "diversity, visual domain", "none"], B=["diversity", "none", "none"])
DEVIATIONS_OF_SETS = pl.DataFrame(
    [{"set": name, "deviation": test, "p_adjusted": 0.01} for name in "ABC" for test in TESTS], schema=DEVIATIONS
)


def tabulate(causes, *rows, gains=(0.04, 0.04, 0.04), width=0.03, sets=SETS):
    """Tabulate suspicions with interventions, whose classes gain ``gains``."""
    by_class = [
        {key: row[key] for key in ("classifier", "evaluation_set", "base", "changed")}
        | {"class_id": n, "gain": gain, "gain_low": gain - width, "gain_high": gain + width}
        for row in rows
        for n, gain in enumerate(gains)
    ]
    tables = (pl.DataFrame(rows), pl.DataFrame(by_class)) if rows else None
    return tabulate_suspicions(causes, DEVIATIONS_OF_SETS, tables, sets, PLANTED)


@pytest.mark.parametrize(
    ("gains", "verdict"),
    [((0.05, 0.03, -9.0), "right"), ((-0.05, -0.03, 9.0), "wrong"), ((0.05, -0.03, 9.0), "not beyond noise")],
)
@pytest.mark.parametrize("turned", [False, True])
def test_the_suspected_classes_test_a_suspicion(gains, verdict, turned):
    """From the set to the other one, whichever of them the intervention starts from; other classes do not count."""
    pair = {"base": "B", "changed": "A", "before": "5", "after": "7.5"} if turned else {}
    table = tabulate(CAUSES, make_intervention(**pair), gains=[-gain if turned else gain for gain in gains])
    assert table.schema == SCHEMA
    assert table.select("set", "cause", "n_suspected", "n_classes").rows() == [
        ("A", "diversity", 2, 3),
        ("A", "visual domain", 1, 3),
        ("B", "diversity", 1, 3),
    ]
    first = table.row(0, named=True)
    assert (first["tested_by"], first["before"], first["after"], first["verdict"]) == ("B", "7.5", "5", verdict)
    assert first["gain"] == pytest.approx(sum(gains[:2]) / 2)
    assert first["gain_high"] - first["gain"] == pytest.approx(0.03)
    assert first["test"] is None
    assert table["tested_by"].to_list() == ["B", None, None]


@pytest.mark.parametrize(
    ("gain", "differs", "verdict"),
    [(0.04, True, "right"), (-0.04, True, "wrong"), (0.04, False, "not beyond noise"), (0.04, None, None)],
)
def test_if_all_classes_are_suspected_the_set_tests_it(gain, differs, verdict):
    causes = make_causes(NARROW, A=["diversity"] * 3, B=["none"] * 3)
    first = tabulate(causes, make_intervention(gain=gain, differs=differs), gains=(-9.0, -9.0, -9.0)).row(0, named=True)
    assert (first["gain"], first["verdict"]) == (gain, verdict)


@pytest.mark.parametrize(("gain", "verdict"), [(0.05, "right"), (-0.05, "confounded"), (0.0, "confounded")])
def test_a_loss_with_another_deviation_says_nothing(gain, verdict):
    causes = make_causes(NARROW, A=["diversity", "none"], B=["adherence", "none"])
    first = tabulate(causes, make_intervention(), gains=(gain, 0.0)).row(0, named=True)
    assert (first["verdict"], first["also_worse"]) == (verdict, "wrong images")


@pytest.mark.parametrize(
    ("spreads", "row"),
    [
        ({"A": 0.6, "B": 0.4}, make_intervention()),  # it leads to a narrower set
        ({"A": 1.1, "B": 1.3}, make_intervention()),  # nothing is left to improve
        ({"A": None, "B": None}, make_intervention()),  # nor is anything known
        (NARROW, make_intervention(acts_on="ambiguity")),  # it acts on another cause
        (NARROW, make_intervention(changed="elsewhere")),  # the other set is not diagnosed
        (NARROW, make_intervention(base="C", changed="B")),
    ],
)
def test_other_interventions_test_nothing(spreads, row):
    causes = make_causes(spreads, A=["diversity", "diversity, visual domain", "none"], B=["none", "none", "none"])
    table = tabulate(causes, row, sets=SETS[:1])
    assert table["tested_by"].null_count() == 2
    assert table["test"].null_count() == 0


def test_a_deviation_that_was_tested_in_one_set_alone_is_not_worse():
    causes = make_causes(NARROW, A=["diversity", "none"], B=["adherence", "none"])
    untested = pl.when(pl.col("set") == "A").then(None).otherwise("p_wrong_images")
    first = tabulate(causes.with_columns(p_wrong_images=untested), make_intervention(), gains=(-0.05, 0.0)).row(
        0, named=True
    )
    assert (first["verdict"], first["also_worse"]) == ("wrong", None)


def test_a_clarified_text_is_tested_by_the_whole_set():
    causes = make_causes(NARROW, A=["ambiguity", "none"], B=["none", "none"]).with_columns(
        accuracy=pl.when(pl.col("set") == "A").then(0.5).otherwise(0.8)
    )
    row = make_intervention(acts_on="ambiguity", gain=0.1)
    first = tabulate(causes, row, gains=(-0.05, 0.0)).row(0, named=True)
    assert (first["gain"], first["verdict"]) == (0.1, "right")


def test_of_several_tests_the_strongest_counts_for_each_classifier():
    causes = make_causes(NARROW, A=["diversity", "none"], B=["none", "none"], C=["none", "none"])
    rows = [make_intervention(), make_intervention(changed="C"), make_intervention(classifier="d")]
    table = tabulate(causes, *rows, sets=SETS[:1])
    assert table.select("classifier", "tested_by").rows() == [("c", "C"), ("d", "B")]


def test_without_a_classifier_each_suspicion_has_a_proposed_test():
    sets = [SETS[0].model_copy(update={"classifiers": ("c", "d")}), SETS[1]]
    table = tabulate(CAUSES, sets=sets)
    assert table["verdict"].null_count() == len(table)
    first = table.row(0, named=True)
    assert first["test"] == "lower the guidance scale: guidance scale 3.75 instead of 7.5, for all classes"
    assert first["config_lines"] == (
        "datasets: {d: {guidance_scales: [3.75, 5, 7.5]}}\n"
        "sets: {A-g3.75: {kind: image, dataset: d, guidance_scale: 3.75}}\n"
        "classifiers: {c: {train: [..., A-g3.75]}, d: {train: [..., A-g3.75]}}"
    )
    assert first["n_images"] == 3 * 200


def test_a_clarified_text_is_proposed_for_the_suspected_classes_alone():
    """Of those, the ones with a text that retrieves more than the prompts."""
    causes = make_causes(NARROW, A=["ambiguity", "none", "ambiguity"])
    found = propose_test(SETS[0], "ambiguity", causes.filter(cause="ambiguity"), 3)
    assert (found["config_lines"], found["n_images"]) == ("key,prompt\nk0,an 0", 200)


def test_where_nothing_can_be_proposed_there_is_advice():
    own = SETS[0].model_copy(update={"dataset": None, "guidance_scale": None})
    for one, cause in ((own, "diversity"), (SETS[0], "visual domain")):
        found = propose_test(one, cause, CAUSES, 3)
        assert found == {"test": ADVICE[cause], "config_lines": None, "n_images": None}
    for scale in (0.0, 1.0):
        unguided = SETS[0].model_copy(update={"guidance_scale": scale})
        assert propose_test(unguided, "diversity", CAUSES, 3)["test"] == UNGUIDED
        assert "guidance scale 2 instead" in propose_test(unguided, "adherence", CAUSES, 3)["test"]


def test_the_reliability_is_that_of_the_strong_plants_of_a_cause():
    assert measure_reliability(PLANTED, "diversity") == pytest.approx({"hit_rate": (30 + 6) / 40, "false_rate": 8 / 400})
    assert measure_reliability(PLANTED, "wrong images")["hit_rate"] == pytest.approx(0.7)


def test_every_cause_was_planted():
    """A cause that is not found where it is strongly planted is no cause."""
    planted = pl.read_csv(REPOSITORY / PLANTED_FILE)
    for cause in CAUSES_OF_CLASSES:
        found = measure_reliability(planted, cause)
        assert found["hit_rate"] > 0.5, cause
        assert found["false_rate"] < 0.05, cause
