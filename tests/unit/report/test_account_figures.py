"""The waterfalls of accounts, and the sentences on them."""

from types import SimpleNamespace

import numpy as np
import polars as pl
import pytest

from synthdiv.core.tables import read_table, write_table
from synthdiv.diagnosis.accounts import SCHEMA
from synthdiv.diagnosis.suspicions import SCHEMA as SUSPICIONS
from synthdiv.report.figures.accounts import (
    MOST_CLASSES,
    MOST_SETS,
    draw_accounts,
    draw_ladder,
    plot_accounts,
    plot_ladder,
    plot_shortfalls,
)
from synthdiv.report.summary import (
    SETTLED,
    find_unfit,
    summarise_accounts,
    summarise_choice,
    summarise_ladder,
    summarise_shortcut,
    summarise_shortfalls,
    summarise_suspicions,
)


def tabulate(*rows, **others):
    """Make a table of accounts from (training set, kind, base, changed, setting, gain, note)."""
    columns = ("train_set", "kind", "base", "changed", "setting", "gain", "note")
    filled = {
        "classifier": "c",
        "evaluation_set": "N",
        "natural": "N",
        "anchor": "B",
        "before": "x",
        "after": "y",
        "order": "",
    }
    table = [filled | dict(zip(columns, row, strict=True)) | others for row in rows]
    table = [row | {"gain_low": row["gain"] - 0.02, "gain_high": row["gain"] + 0.02} for row in table]
    return pl.DataFrame([{name: row.get(name) for name in SCHEMA} for row in table], schema=SCHEMA)


ACCOUNTS = tabulate(
    ("B", "total", "N", "B", "", -0.05, ""),
    ("B", "not priced", "N", "B", "", -0.05, ""),
    ("A", "total", "N", "A", "", -0.10, ""),
    ("A", "not priced", "N", "B", "", -0.05, ""),
    ("A", "intervention", "B", "C", "steps", 0.03, ""),
    ("A", "intervention", "C", "A", "prompts", -0.08, ""),
)


def test_the_steps_of_a_waterfall_follow_each_other_and_end_at_the_total():
    first, second = plot_accounts(ACCOUNTS).axes
    bars = [(bar.get_x(), bar.get_width()) for bar in second.patches]
    np.testing.assert_allclose(bars, [(0, -5), (-5, 3), (-2, -8), (0, -10)])
    assert [bar.get_hatch() for bar in second.patches] == ["////", None, None, None]
    colours = {bar.get_facecolor() for bar in second.patches[1:]}
    assert len(colours) == 3  # a gain, a loss, the total
    labels = [label.get_text() for label in second.get_yticklabels()]
    assert labels == ["to B (not priced): -5.0", "steps: x → y: +3.0", "prompts: x → y: -8.0", "in all: -10.0"]
    # the interval of a step lies around its end
    lines = [collection.get_segments()[0][:, 0] for collection in second.collections if collection.get_linewidth() == 0.9]
    np.testing.assert_allclose(lines, [(-7, -3), (-4, 0), (-12, -8), (-12, -8)])
    assert first.get_title(loc="left") == "B"
    assert second.get_xlabel() == "top-1, points compared with training on N"


def test_an_interaction_is_no_bar_and_other_evaluation_sets_are_not_shown():
    extra = tabulate(("A", "interaction", "", "", "steps and prompts", 0.5, "beyond"), order="mean over orders")
    elsewhere = ACCOUNTS.with_columns(evaluation_set=pl.lit("M"))
    figure = plot_accounts(pl.concat([ACCOUNTS, extra, elsewhere]))
    assert len(figure.axes) == 2
    assert len(figure.axes[1].patches) == 4


def test_of_many_sets_those_with_the_largest_shortfall_are_shown():
    rows = [(f"S{n}", "total", "N", f"S{n}", "", -n / 100, "") for n in range(MOST_SETS + 3)]
    figure = plot_accounts(tabulate(*rows))
    assert [ax.get_title(loc="left") for ax in figure.axes] == [f"S{n}" for n in range(3, MOST_SETS + 3)]


def test_a_study_with_one_seed_has_waterfalls_without_intervals(tmp_path):
    path = tmp_path / "accounts.csv"
    write_table(ACCOUNTS.with_columns(gain_low=None, gain_high=None), path)
    table = type("Files", (), {"table": path})
    assert not [one for ax in draw_accounts(table).axes for one in ax.collections if one.get_linewidth() == 0.9]
    sentences = summarise_accounts(read_table(path))
    assert (
        sentences[0]
        == "B is 5.0 points behind N (c, evaluated on N): -5.0 points from N to B, which no intervention prices."
    )


def test_accounts_in_words():
    table = ACCOUNTS.with_columns(order=pl.when(kind="intervention").then(pl.lit("in this order")).otherwise(pl.lit("")))
    assert summarise_accounts(table)[1] == (
        "A is 10.0 points [8.0, 12.0] behind N (c, evaluated on N): in this order, -5.0 points [-7.0, -3.0] from N to B, "
        "which no intervention prices; +3.0 points [1.0, 5.0] by steps, x to y; "
        "-8.0 points [-10.0, -6.0] by prompts, x to y."
    )
    extra = tabulate(("A", "interaction", "", "", "steps and prompts", -0.01, "what both give together"))
    assert summarise_accounts(pl.concat([table, extra]))[1].endswith(" What both give together: -1.0 points [-3.0, 1.0].")
    ahead = tabulate(("A", "total", "N", "A", "", 0.01, ""), ("A", "not priced", "N", "A", "", 0.01, "one set more"))
    equal = tabulate(("A", "total", "N", "A", "", -0.0001, ""), ("A", "not priced", "N", "A", "", -0.0001, ""))
    assert summarise_accounts(equal.with_columns(gain_low=-0.0002))[0].startswith("A is 0.0 points [-2.0, 0.0] behind N (c,")
    assert summarise_accounts(ahead) == [
        "A is 1.0 points [-1.0, 3.0] ahead of N (c, evaluated on N): +1.0 points [-1.0, 3.0] from N to A, which no "
        "intervention prices (one set more)."
    ]


LADDER = pl.DataFrame(
    [
        {"classifier": "c", "evaluation_set": evaluated, "step": n, "base": base, "changed": changed, "changes": changes}
        | {"gain": gain, "gain_low": gain - 0.02, "gain_high": gain + 0.02, "monotone": monotone}
        for evaluated in ("N", "Other")
        for n, (base, changed, changes, gain, monotone) in enumerate(
            [
                ("N", "A", "the whole ladder", -0.06, "within noise"),
                ("N", "ladder-vae", "encoded and decoded", -0.07, None),
                ("ladder-vae", "A", "guidance scale 1 to 7.5", 0.01, None),
            ]
        )
    ]
)


def test_the_steps_of_a_ladder_follow_each_other(tmp_path):
    write_table(LADDER.with_columns(gain_low=None, gain_high=None), tmp_path / "ladder.csv")
    (without,) = draw_ladder(SimpleNamespace(table=tmp_path / "ladder.csv")).axes
    (ax,) = plot_ladder(LADDER).axes
    np.testing.assert_allclose([(bar.get_x(), bar.get_width()) for bar in ax.patches], [(0, -7), (-7, 1), (0, -6)])
    labels = [label.get_text() for label in ax.get_yticklabels()]
    assert labels == ["encoded and decoded: -7.0", "guidance scale 1 to 7.5: +1.0", "in all: -6.0"]
    assert ax.get_title(loc="left") == "N to A"
    intervals = [one for one in ax.collections if one.get_linewidth() == 0.9]
    np.testing.assert_allclose([one.get_segments()[0][:, 0] for one in intervals], [(-9, -5), (-8, -4), (-8, -4)])
    assert len(without.collections) == len(ax.collections) - len(intervals)


@pytest.mark.parametrize(
    ("monotone", "sentence"),
    [
        ("within noise", ["A step gains, but not beyond noise: the ladder may be monotone."]),
        ("no", ["The ladder is not monotone: a step gains beyond noise."]),
        ("yes", ["No step gains: the ladder is monotone."]),
        (None, []),
    ],
)
def test_the_ladder_in_words(monotone, sentence):
    table = LADDER.with_columns(monotone=pl.lit(monotone, dtype=pl.String))
    assert summarise_ladder(table) == [
        "A is 6.0 points [4.0, 8.0] behind N (c, evaluated on N), in points: encoded and decoded (-7.0 [-9.0, -5.0]); "
        "guidance scale 1 to 7.5 (+1.0 [-1.0, 3.0]).",
        *sentence,
    ]


@pytest.mark.parametrize(("open_", "others"), [(False, ""), (True, "; A may be as good"), (None, "; A may be as good")])
def test_the_best_set_in_words(open_, others):
    selection = pl.DataFrame(
        {
            "classifier": "c",
            "selection_set": "N",
            "train_set": ["A", "B"],
            "n_images": 300,
            "top1": [0.5, 0.6],
            "may_be_best": [open_, True],
            "best": [False, True],
        }
    )
    assert summarise_choice(selection, ACCOUNTS) == [
        f"B is the best of 2 training sets for c: 60.0 % on 300 images of N that only serve to choose{others}.",
        "On the evaluation images of N, it is 5.0 points [3.0, 7.0] behind N.",
    ]


SHORTFALLS = pl.DataFrame(
    {
        "classifier": "c",
        "evaluation_set": "N",
        "train_set": ["A", "A", "A", "B", "B", "B"],
        "class_id": [0, 1, 2] * 2,
        "name": ["cat", "dog", "eel"] * 2,
        "shortfall": [0.3, 0.1, -0.2, 0.2, 0.001, 0.1],
        "shortfall_low": [0.2, 0.0, -0.3, 0.1, -0.1, 0.05],
        "shortfall_high": [0.4, 0.2, -0.1, 0.3, 0.1, 0.15],
        "finding": ["priced", "within noise", "ahead", "unexplained", "within noise", "suspected"],
        "setting": "steps",
        "before": "8",
        "after": "20",
        "cost": 0.25,
        "suspected": ["diversity"] * 5 + ["ambiguity"],
    }
)


def test_classes_that_fall_short_are_coloured_and_noise_is_grey():
    (ax,) = plot_shortfalls(SHORTFALLS).axes
    (image,) = ax.images
    values = image.get_array()
    assert [label.get_text() for label in ax.get_xticklabels()] == ["cat", "dog", "eel"]  # the largest mean first
    np.testing.assert_array_equal(values.mask, [[False, True, False], [False, True, False]])
    np.testing.assert_allclose(values.compressed(), [30, -20, 20, 10])
    assert [text.get_text() for text in ax.texts] == ["30", "10", "-20", "20", "0", "10"]
    assert image.get_clim() == (-30, 30)


def test_of_many_classes_those_that_lose_most_are_shown():
    many = pl.concat(
        [SHORTFALLS.head(1).with_columns(class_id=pl.lit(n), name=pl.lit(f"k{n}")) for n in range(MOST_CLASSES + 5)]
    )
    many = many.with_columns(shortfall=pl.int_range(pl.len()) / 100)
    (ax,) = plot_shortfalls(many).axes
    shown = [label.get_text() for label in ax.get_xticklabels()]
    assert (len(shown), shown[0], shown[-1]) == (MOST_CLASSES, f"k{MOST_CLASSES + 4}", "k5")
    assert f"{MOST_CLASSES} of {MOST_CLASSES + 5} classes" in ax.get_title()


def test_classes_that_fall_short_in_words():
    assert summarise_shortfalls(SHORTFALLS) == [
        "A (c): 1 of 3 classes fall short beyond noise: cat by 30.0 points [20.0, 40.0], most by steps, 8 to 20 (25.0).",
        "B (c): 2 of 3 classes fall short beyond noise: cat by 20.0 points [10.0, 30.0], unexplained; eel by 10.0 points "
        "[5.0, 15.0], suspected: ambiguity.",
    ]
    assert summarise_shortfalls(SHORTFALLS.with_columns(finding=pl.lit("not tested"))) == []


def test_swap_checks_in_words():
    row = {"classifier": "c", "set": "A", "loss": 0.3, "loss_low": 0.25, "loss_high": 0.35}
    row |= {"pushed": 0.4, "pushed_low": 0.3, "pushed_high": 0.5}
    (sentence,) = summarise_shortcut(pl.DataFrame([row]))
    assert sentence == (
        "If half of the classes have images of A and the others natural ones, the first half loses 30.0 points [25.0, 35.0] "
        "of recall, and +40.0 points [30.0, 50.0] of its natural images are predicted as classes of the other half (c): do "
        "not fill up some classes of a training set with generated images."
    )
    (sentence,) = summarise_shortcut(pl.DataFrame([row | {"pushed_low": None, "pushed_high": None}]))
    assert sentence.endswith("+40.0 points of its natural images are predicted as classes of the other half (c).")


def test_a_settled_cause_is_not_named():
    """Only that of a suspected class, and those of sets that no classifier is trained on."""
    causes = pl.DataFrame(
        {
            "set": ["A", "A", "B", "B", "C"],
            "class_id": [0, 1, 0, 2, 0],
            "name": ["cat", "dog", "cat", "eel", "cat"],
            "cause": ["adherence", "adherence", "adherence", "ambiguity", "adherence"],
            "further_causes": None,
            "predicted_class": "fox",
            "predicted_class_share": 0.5,
            "best_text": "an eel",
            "spread_ratio": 1.0,
        }
    )
    pairs = [("A", "adherence"), ("B", "adherence"), ("B", "ambiguity"), ("C", "adherence")]
    rows = [{"set": name, "cause": cause, "n_classes": 3, "test": "look"} for name, cause in pairs]
    suspicions = pl.DataFrame(rows, schema=SUSPICIONS)
    named = summarise_suspicions(suspicions, causes, SHORTFALLS, {})
    assert [sentence.split(" in ")[0] for sentence in named] == ["B: ambiguity", "C: adherence"]
    assert len(summarise_suspicions(suspicions, causes, None, {})) == 4
    assert summarise_suspicions(suspicions, causes.head(3), SHORTFALLS, {}) == [SETTLED]


@pytest.mark.parametrize(
    ("low", "kinds"), [({"N": 0.5, "P": 0.4}, []), ({"N": 0.5, "P": 0.09}, ["texts"]), ({"N": 0.1, "P": 0.4}, ["images"])]
)
def test_what_an_encoder_at_chance_cannot_judge_is_said(low, kinds):
    rows = [
        {
            "query": "N",
            "reference": name,
            "centroid_accuracy": 0.12,
            "centroid_accuracy_low": one,
            "centroid_accuracy_high": 0.9,
        }
        for name, one in low.items()
    ]
    unfit = find_unfit(pl.DataFrame(rows), "N", "P", 10)
    assert list(unfit) == kinds
    columns = {"set": "A", "class_id": 0, "name": "cat", "cause": "diversity", "further_causes": None, "spread_ratio": 0.1}
    columns |= {"predicted_class": "dog", "predicted_class_share": 0.0, "repeated": 0.0, "natural_repeated": 0.0}
    suspicions = pl.DataFrame([{"set": "A", "cause": "diversity", "n_classes": 1, "test": "look"}], schema=SUSPICIONS)
    *first, last = summarise_suspicions(suspicions, pl.DataFrame([columns]), None, unfit)
    assert last.startswith("A: diversity in 1 of 1 classes: cat (0.10 times")
    assert len(first) == len(kinds)
    what = {"images": "Suspected causes", "texts": "The cause of wrong images"}
    for kind, sentence in zip(kinds, first, strict=True):
        assert sentence.startswith(f"{what[kind]} cannot be judged: class centroids of ")
        assert "recognise 12.0 % [" in sentence
        assert "and chance 10.0 %: use another encoder" in sentence
