"""The waterfalls of accounts, and the sentences on them."""

import numpy as np
import polars as pl
import pytest

from synthdiv.core.tables import read_table, write_table
from synthdiv.diagnosis.accounts import SCHEMA
from synthdiv.report.figures.accounts import MOST_SETS, draw_accounts, plot_accounts
from synthdiv.report.summary import summarise_accounts, summarise_choice


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
    assert labels == ["to B: -5.0", "steps: x → y: +3.0", "prompts: x → y: -8.0", "in all: -10.0"]
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
    assert summarise_accounts(ahead) == [
        "A is 1.0 points [-1.0, 3.0] ahead of N (c, evaluated on N): +1.0 points [-1.0, 3.0] from N to A, which no "
        "intervention prices (one set more)."
    ]


@pytest.mark.parametrize(("high", "others"), [(-0.01, ""), (0.02, "; A may be as good"), (None, "; A may be as good")])
def test_the_best_set_in_words(high, others):
    selection = pl.DataFrame(
        {
            "classifier": "c",
            "selection_set": "N",
            "train_set": ["A", "B"],
            "n_images": 300,
            "top1": [0.5, 0.6],
            "difference_high": [high, None],
            "best": [False, True],
        },
        schema_overrides={"difference_high": pl.Float64},
    )
    assert summarise_choice(selection, ACCOUNTS) == [
        f"B is the best of 2 training sets for c: 60.0 % on 300 images of N that only serve to choose{others}.",
        "On the evaluation images of N, it is 5.0 points [3.0, 7.0] behind N.",
    ]
