"""Suspicions: which intervention tests one, what its gain says about it, and what would test another."""

import polars as pl
import pytest
from workplace import REPOSITORY

from synthdiv.diagnosis.causes import CAUSES as CAUSES_OF_CLASSES
from synthdiv.diagnosis.causes import DEVIATIONS, TESTS
from synthdiv.diagnosis.suspicions import ADVICE, SCHEMA, measure_reliability, propose_test, tabulate_suspicions
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


def make_causes(**causes):
    """Return a table of causes, of the classes cat, dog, ... of each set."""
    rows = [
        {
            "set": name,
            "class_id": n,
            "key": f"k{n}",
            "cause": first,
            "further_causes": further or None,
            "best_text": f"an {n}",
        }
        for name, found in causes.items()
        for n, (first, _, further) in enumerate(one.partition(", ") for one in found)
    ]
    return pl.DataFrame(rows).with_columns(best_text=pl.format("an {}", "class_id"))


def make_deviations(**values):
    """Return a table of deviations: a value of each test, by set."""
    rows = [
        {"set": name, "deviation": test, "value": value, "natural_value": 0.9, "p_adjusted": 0.01}
        for name, own in values.items()
        for test, value in zip(TESTS, own, strict=True)
    ]
    return pl.DataFrame(rows, schema=DEVIATIONS)


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
CAUSES = make_causes(A=["diversity", "diversity, visual domain", "none"], B=["diversity", "none", "none"])
WIDER = make_deviations(A=(0.8, 0.4, 0.3), B=(0.8, 0.6, 0.3))


@pytest.mark.parametrize(
    ("gain", "differs", "verdict"),
    [(0.04, True, "right"), (-0.04, True, "wrong"), (0.04, False, "not beyond noise"), (0.04, None, None)],
)
@pytest.mark.parametrize("turned", [False, True])
def test_an_intervention_to_a_set_that_deviates_less_tests_a_suspicion(gain, differs, verdict, turned):
    """From the set to the other one, whichever of them the intervention starts from."""
    pair = {"base": "B", "changed": "A", "before": "5", "after": "7.5"} if turned else {}
    row = make_intervention(gain=-gain if turned else gain, differs=differs, **pair)
    table = tabulate_suspicions(CAUSES, WIDER, pl.DataFrame([row]), SETS, PLANTED)
    assert table.schema == SCHEMA
    assert table.select("set", "cause", "n_suspected", "n_classes").rows() == [
        ("A", "diversity", 2, 3),
        ("A", "visual domain", 1, 3),
        ("B", "diversity", 1, 3),
    ]
    first = table.row(0, named=True)
    assert (first["tested_by"], first["before"], first["after"], first["verdict"]) == ("B", "7.5", "5", verdict)
    assert first["gain"] == pytest.approx(gain)
    assert first["gain_low"] < first["gain"] < first["gain_high"]
    assert first["test"] is None
    assert table["tested_by"].to_list() == ["B", None, None]


@pytest.mark.parametrize(
    ("deviations", "row"),
    [
        (make_deviations(A=(0.8, 0.6, 0.3), B=(0.8, 0.4, 0.3)), make_intervention()),  # it leads to a narrower set
        (WIDER, make_intervention(acts_on="ambiguity")),  # it acts on another cause
        (WIDER, make_intervention(changed="elsewhere")),  # the other set is not diagnosed
        (WIDER, make_intervention(base="C", changed="B")),
    ],
)
def test_other_interventions_test_nothing(deviations, row):
    table = tabulate_suspicions(CAUSES, deviations, pl.DataFrame([row]), SETS[:1], PLANTED)
    assert table["tested_by"].null_count() == 2
    assert table["test"].null_count() == 0


def test_of_several_tests_the_strongest_counts_for_each_classifier():
    deviations = make_deviations(A=(0.8, 0.4, 0.3), B=(0.8, 0.5, 0.3), C=(0.8, 0.6, 0.3))
    rows = [make_intervention(), make_intervention(changed="C"), make_intervention(classifier="d")]
    table = tabulate_suspicions(CAUSES, deviations, pl.DataFrame(rows), SETS[:1], PLANTED).filter(cause="diversity")
    assert table.select("classifier", "tested_by").rows() == [("c", "C"), ("d", "B")]


def test_without_a_classifier_each_suspicion_has_a_proposed_test():
    table = tabulate_suspicions(CAUSES, WIDER, None, SETS, PLANTED)
    assert table["verdict"].null_count() == len(table)
    first = table.row(0, named=True)
    assert first["test"] == "lower the guidance scale: guidance scale 3.75 instead of 7.5, for all classes"
    assert first["config_lines"] == (
        "datasets: {d: {guidance_scales: [3.75, 5, 7.5]}}\n"
        "sets: {A-g3.75: {kind: image, dataset: d, guidance_scale: 3.75}}\n"
        "classifiers: {c: {train: [..., A-g3.75]}}"
    )
    assert first["n_images"] == 3 * 200


def test_a_clarified_text_is_proposed_for_the_suspected_classes_alone():
    causes = make_causes(A=["ambiguity", "none", "ambiguity"])
    found = propose_test(SETS[0], "ambiguity", causes.filter(cause="ambiguity"), 3)
    assert (found["config_lines"], found["n_images"]) == ("key,prompt\nk0,an 0\nk2,an 2", 2 * 200)


def test_where_nothing_can_be_proposed_there_is_advice():
    own = SETS[0].model_copy(update={"dataset": None, "guidance_scale": None})
    unguided = SETS[0].model_copy(update={"guidance_scale": 1.0})
    for one, cause in ((own, "diversity"), (unguided, "diversity"), (SETS[0], "visual domain")):
        found = propose_test(one, cause, CAUSES, 3)
        assert found == {"test": ADVICE[cause], "config_lines": None, "n_images": None}


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
