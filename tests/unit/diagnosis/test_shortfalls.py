"""The classes that fall short, and what is known of them."""

import polars as pl
import pytest
from scipy import stats

from synthdiv.diagnosis.accounts import CLASS_SCHEMA
from synthdiv.diagnosis.causes import CAUSES as CAUSES_OF_CLASSES
from synthdiv.diagnosis.shortfalls import SCHEMA, TESTED_BY, tabulate_shortfalls
from synthdiv.plan.interventions import ACTS_ON, VARIED

NAMES = ["cat", "dog", "eel", "fox"]


def account(class_id, *steps, p_value=0.001, train_set="S", **others):
    """Make the account of a class: steps are (kind, setting, gain)."""
    total = ("total", "", sum(gain for *_, gain in steps))
    rows = []
    for n, (kind, setting, gain) in enumerate([total, *steps]):
        row = {"classifier": "c", "evaluation_set": "N", "train_set": train_set, "class_id": class_id, "step": n}
        row |= {
            "kind": kind,
            "base": "N",
            "setting": setting,
            "before": "x",
            "after": "y",
            "n_images": 100,
            "p_value": p_value,
        }
        row |= {"acts_on": {"steps": "diversity against adherence", "prompts": "ambiguity"}.get(setting, "")}
        row |= {"gain": gain, "gain_low": gain - 0.1, "gain_high": gain + 0.2, "top1_before": 0.8, "top1_after": 0.8 + gain}
        rows.append({name: (row | others).get(name) for name in CLASS_SCHEMA})
    return pl.DataFrame(rows, schema=CLASS_SCHEMA)


def list_findings(table):
    return dict(table.select("name", "finding").rows())


ACCOUNTS = pl.concat(
    [
        account(0, ("not priced", "", -0.1), ("intervention", "steps", 0.1), ("intervention", "prompts", -0.2)),
        account(1, ("not priced", "", -0.2), ("intervention", "prompts", -0.1)),
        account(2, ("not priced", "", -0.2), ("intervention", "prompts", 0.0)),
        account(3, ("not priced", "", -0.2), p_value=0.2),
    ]
)
CAUSES = pl.DataFrame(
    {"set": "S", "class_id": [0, 1, 2, 3], "cause": ["adherence", "diversity", "none", "ambiguity"], "further_causes": ""}
)


def test_what_is_known_of_each_class():
    """A class that is not short is not accused, and none of the others is without a finding."""
    table = tabulate_shortfalls(ACCOUNTS, CAUSES, NAMES)
    assert table.schema == SCHEMA
    findings = {"cat": "priced", "dog": "suspected", "eel": "unexplained", "fox": "within noise"}
    assert list_findings(table) == findings
    first = table.row(0, named=True)
    assert (first["shortfall"], first["priced"], first["not_priced"]) == pytest.approx((0.2, 0.1, 0.1))
    assert (first["shortfall_low"], first["shortfall_high"]) == pytest.approx((0.0, 0.3))
    assert (first["setting"], first["before"], first["after"], first["compared_with"]) == ("prompts", "x", "y", "N")
    assert (first["cost"], first["recall_before"], first["recall"]) == pytest.approx((0.2, 0.8, 0.6))
    assert table["suspected"].to_list() == ["adherence", "diversity", None, "ambiguity"]
    assert table["suspected_cost"].to_list() == [pytest.approx(-0.1), None, None, None]


@pytest.mark.parametrize(
    ("cause", "cost", "finding"),
    [
        ("diversity", -0.1, "unexplained"),  # an intervention has tested it, and costs nothing
        ("adherence", -0.1, "unexplained"),
        ("visual domain", None, "suspected"),
        ("ambiguity", 0.05, "unexplained"),
        ("concept not represented", None, "suspected"),
        ("not tested", None, "unexplained"),
        ("ambiguity, diversity", 0.05, "unexplained"),  # both are tested
    ],
)
def test_a_suspicion_that_an_intervention_has_tested_has_a_price(cause, cost, finding):
    steps = account(0, ("not priced", "", -0.3), ("intervention", "steps", 0.1), ("intervention", "prompts", -0.05))
    first, _, further = cause.partition(", ")
    causes = pl.DataFrame({"set": ["S"], "class_id": [0], "cause": [first], "further_causes": [further]})
    table = tabulate_shortfalls(steps, causes, NAMES)
    assert table["suspected_cost"].to_list() == [None if cost is None else pytest.approx(cost)]
    assert table["finding"].to_list() == [finding]


def test_a_further_cause_that_no_intervention_tests_is_still_suspected():
    steps = account(0, ("not priced", "", -0.3), ("intervention", "prompts", -0.05))
    causes = pl.DataFrame(
        {"set": ["S"], "class_id": [0], "cause": ["ambiguity"], "further_causes": ["diversity, visual domain"]}
    )
    row = tabulate_shortfalls(steps, causes, NAMES).row(0, named=True)
    assert (row["finding"], row["suspected"], row["suspected_cost"]) == ("suspected", "diversity", None)


def test_every_cause_can_be_tested():
    assert set(TESTED_BY) == set(CAUSES_OF_CLASSES)
    assert {one for acts_on in TESTED_BY.values() for one in acts_on} <= {*ACTS_ON.values(), VARIED}


def test_without_causes_a_class_has_a_price_or_is_unexplained():
    assert list_findings(tabulate_shortfalls(ACCOUNTS, None, NAMES)) == {
        "cat": "priced",
        "dog": "unexplained",
        "eel": "unexplained",
        "fox": "within noise",
    }


def test_a_class_that_gains_is_not_short():
    table = tabulate_shortfalls(account(0, ("not priced", "", 0.3)), CAUSES, NAMES)
    assert list_findings(table) == {"cat": "ahead"}
    assert table["differs"].to_list() == [True]


def test_the_false_discovery_rate_is_over_all_classes_and_sets_of_a_classifier():
    p_values = [0.01, 0.03, 0.04, 0.6]
    tables = [account(n % 2, ("not priced", "", -0.1), p_value=p, train_set=f"S{n // 2}") for n, p in enumerate(p_values)]
    others = [account(0, ("not priced", "", -0.1), p_value=0.04, classifier="d")]
    elsewhere = account(0, ("not priced", "", -0.1), p_value=1e-9, evaluation_set="M")
    found = tabulate_shortfalls(pl.concat([*tables, *others, elsewhere]), None, NAMES)
    expected = [*stats.false_discovery_control(p_values), 0.04]
    assert found["p_adjusted"].to_list() == pytest.approx(expected)
    assert found["evaluation_set"].unique().to_list() == ["N"]


def test_one_seed_tests_nothing():
    empty = dict.fromkeys(("p_value", "gain_low", "gain_high"), pl.lit(None, dtype=pl.Float64))
    table = tabulate_shortfalls(ACCOUNTS.with_columns(**empty), CAUSES, NAMES)
    assert set(list_findings(table).values()) == {"not tested"}
    assert table["differs"].is_null().all()
