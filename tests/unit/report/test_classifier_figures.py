import numpy as np
import polars as pl
import pytest

from synthdiv.analysis.predictors import SCHEMA
from synthdiv.core.tables import read_table, write_table
from synthdiv.diagnosis.interventions import SCHEMA as INTERVENTIONS
from synthdiv.report.figures.classifiers.accuracy import (
    describe_difference,
    plot_classifiers,
    plot_interventions,
    plot_training,
)
from synthdiv.report.figures.classifiers.predictors import GROUPS, MOST_POINTS, plot_predictors
from synthdiv.report.figures.classifiers.sizes import plot_exchange_rate, plot_sizes
from synthdiv.report.figures.style import save_figure, style_sets

MEANS = pl.DataFrame(
    {
        "classifier": "small",
        "train_set": ["Natural-IM", "A-IM", "B-IM", "Natural-IM"],
        "evaluation_set": ["Natural-IM"] * 3 + ["A-IM"],
        "top1": [0.5, 0.3, 0.45, 0.6],
        "top1_low": [0.4, 0.2, 0.4, 0.5],
        "top1_high": [0.6, 0.4, 0.5, 0.7],
    }
)
STYLES = style_sets(["A-IM", "B-IM", "A", "B"], "Natural-IM")
DIFFERENCES = pl.DataFrame(
    {
        "classifier": "small",
        "evaluation_set": ["Natural-IM"] * 3,
        "train_set_a": ["A-IM", "B-IM", "A-IM"],
        "train_set_b": ["Natural-IM", "Natural-IM", "B-IM"],
        "difference": [-0.2, -0.05, -0.15],
        "difference_low": [-0.3, -0.08, -0.2],
        "difference_high": [-0.1, -0.02, -0.1],
        "differs": [True, True, False],
    }
)


def test_the_best_other_training_set_is_compared_with_the_evaluation_sets_own():
    first, second = describe_difference(MEANS, DIFFERENCES)
    assert first == "on Natural-IM: 0.500 with its training split, 0.450 with the best other (B-IM);"
    assert second == "difference +0.050 (95 % interval +0.020 to +0.080, beyond noise)"
    assert describe_difference(MEANS.filter(train_set="A-IM"), DIFFERENCES) == []
    assert describe_difference(MEANS.filter(train_set="Natural-IM"), DIFFERENCES) == []


def test_every_cell_of_the_grid_has_a_number_or_n_a(tmp_path):
    figure = plot_classifiers(MEANS, DIFFERENCES)
    (ax,) = figure.axes
    assert sorted(text.get_text() for text in ax.texts) == ["0.300", "0.450", "0.500", "0.600", "n/a", "n/a"]
    assert [label.get_text() for label in ax.get_yticklabels()] == ["Natural-IM", "A-IM", "B-IM"]
    save_figure(figure, tmp_path / "grid.png")


def test_training_curves_and_their_monitored_panel():
    log = pl.DataFrame(
        {"epoch": [0.5, 1.0], "loss": [2.0, 1.0], "train_top1": [0.1, 0.2], "monitored_top1": [None, 0.3]},
        schema_overrides={"monitored_top1": pl.Float64},
    )
    figure = plot_training({"small": {"A-IM": [log, log], "B-IM": [log]}}, {"small": "Natural-IM"}, STYLES)
    assert [len(ax.lines) for ax in figure.axes] == [3, 3, 3]
    assert figure.axes[2].get_title() == "top-1 on Natural-IM"
    unmonitored = plot_training({"small": {"A-IM": [log.with_columns(monitored_top1=pl.lit(None, pl.Float64))]}}, {}, STYLES)
    assert unmonitored.axes[2].get_title() == "no monitored set"


def test_images_added_to_natural_ones_have_a_separate_line():
    exchange_rate = MEANS.head(3).with_columns(n_natural=pl.Series([10, 20, 10]), synthetic=pl.Series(["", "", "50 S"]))
    (ax,) = plot_exchange_rate(exchange_rate).axes
    assert sorted(ax.get_legend_handles_labels()[1]) == ["natural + 50 S", "natural only"]


@pytest.mark.parametrize("kept", [0, 1, 2, 3])
def test_predictors_are_plotted_even_if_few_have_a_correlation(tmp_path, kept):
    ranks = pl.DataFrame(
        {
            "outcome": ["shortfall", "intervention", "shortfall"],
            "level": ["set", "set", "class"],
            "metric": ["recall", "recall", "vendi_score"],
            "n_points": [4, 5, 40],
            "spearman": [None, 0.5, None if kept < 3 else -0.3],
            "spearman_low": [-1.0, -0.5, -1.0 if kept < 3 else -0.5],
            "spearman_high": [1.0, 0.9, 1.0 if kept < 3 else -0.1],
            "same_sign": [None, 0.8, None],
            "same_sign_low": [None, 0.3, None],
            "same_sign_high": [None, 0.99, None],
        },
        schema_overrides=dict.fromkeys(("spearman", "same_sign", "same_sign_low", "same_sign_high"), pl.Float64),
    ).head(kept)
    write_table(ranks, tmp_path / "predictors.csv")  # a column without values has no type there
    points = pl.DataFrame(
        {"outcome": "shortfall", "base": "N", "train_set": ["A", "A", "B", "A"], "level": ["class", "class", "class", "set"]}
        | {"metric": "vendi_score", "change": [1.0, 2.0, 3.0, 1.5], "gain": [-0.1, -0.2, 0.1, -0.15]}
    )
    figure = plot_predictors(read_table(tmp_path / "predictors.csv", SCHEMA), points, STYLES)
    save_figure(figure, tmp_path / "predictors.png")
    panels = [ax for ax in figure.axes if ax.get_visible()]
    assert len(panels) == 4 + (kept == 3)
    signs = panels[1].containers
    assert signs[0].lines[0].get_xydata().tolist() == ([[0.8, 0]] if kept > 1 else [])
    if kept == 3:
        assert panels[4].get_xlabel() == "change of Vendi score"
        shown = [dots.get_offsets().tolist() for dots in panels[4].collections]
        assert shown == [[[1.0, -0.1], [2.0, -0.2]], [[1.5, -0.15]], [[3.0, 0.1]], []]


def test_interventions_are_shown_once_with_their_intervals(tmp_path):
    """On the set on which they are tested; filled if beyond noise; without an interval if there is one seed."""
    tested = {"classifier": "c", "evaluation_set": "N", "p_value": 0.01, "p_adjusted": 0.02, "differs": True}
    rows = [
        tested
        | {"base": "A", "changed": "B", "setting": "prompts", "before": "x", "after": "y"}
        | {"gain": 0.1, "gain_low": 0.05, "gain_high": 0.15},
        tested
        | {"base": "B", "changed": "C", "setting": "steps", "before": "8", "after": "20"}
        | {"gain": -0.01, "gain_low": -0.03, "gain_high": 0.01, "differs": False},
    ]
    rows += [row | {"evaluation_set": "M", "p_adjusted": None, "differs": None, "gain": 0.9} for row in rows]
    rows += [
        rows[0] | {"classifier": "d", "evaluation_set": name}
        | dict.fromkeys(("gain_low", "gain_high", "p_value", "p_adjusted", "differs"))
        for name in ("N", "M")
    ]  # fmt: skip
    first, second = plot_interventions(pl.DataFrame(rows, infer_schema_length=None)).axes
    dots = first.collections[-1]
    np.testing.assert_allclose(dots.get_offsets(), [[10, 0], [-1, 1]])
    assert [color[:3].tolist() == [1, 1, 1] for color in dots.get_facecolors()] == [False, True]
    assert [label.get_text() for label in first.get_yticklabels()] == ["prompts: x → y", "steps: 8 → 20"]
    assert first.get_title() == "c, evaluated on N"
    assert len(second.collections[-1].get_offsets()) == 1
    write_table(pl.DataFrame(rows[-2:]), tmp_path / "interventions.csv")  # without any interval
    (alone,) = plot_interventions(read_table(tmp_path / "interventions.csv")).axes
    assert len(alone.collections[-1].get_offsets()) == 1


def tabulate_steps(*rows):
    columns = ("base", "changed", "setting", "gain", "gain_low", "gain_high")
    head = {"classifier": "small", "evaluation_set": "Natural-IM"}
    filled = [head | dict(zip(columns, row, strict=True)) for row in rows]
    return pl.DataFrame([{name: row.get(name) for name in INTERVENTIONS} for row in filled], schema=INTERVENTIONS)


def test_sizes_of_a_set_are_one_line_with_gains_below_the_natural_set():
    means = MEANS.with_columns(n_train=pl.Series([100, 200, 400, 100]))
    steps = tabulate_steps(("B-IM", "A-IM", "images", -0.15, -0.2, -0.1), ("A-IM", "Natural-IM", "prompts", 0.2, 0.1, 0.3))
    figure = plot_sizes(means, steps, {"small": [["B-IM", "A-IM"]]}, {"small": "Natural-IM"}, STYLES)
    (ax,) = figure.axes
    assert [text.get_text() for text in ax.texts] == ["+15.0 [10.0, 20.0]"]  # from the smaller to the larger one
    (line, *_) = ax.containers[0]
    assert (list(line.get_xdata()), list(line.get_ydata())) == ([200, 400], pytest.approx([30, 45]))
    assert [label.get_text() for label in ax.get_xticklabels()] == ["200", "400"]
    reference = next(one for one in ax.lines if one.get_label() == "Natural-IM (100 images)")
    assert set(reference.get_ydata()) == {50.0}
    plot_sizes(means, tabulate_steps(), {"small": [["B-IM", "A-IM"]]}, {"small": None}, STYLES)


def test_many_classes_are_groups_with_a_similar_change():
    ranks = pl.DataFrame(
        [
            {
                "classifier": "c",
                "outcome": "shortfall",
                "level": "class",
                "metric": "recall",
                "spearman": 0.5,
                "n_points": 200,
            }
        ],
        schema=SCHEMA,
    )
    changes = np.arange(MOST_POINTS + 100) / 10
    points = pl.DataFrame({"change": changes, "gain": changes**2}).with_columns(
        classifier=pl.lit("c"), outcome=pl.lit("shortfall"), level=pl.lit("class"), metric=pl.lit("recall"),
        base=pl.lit("N"), train_set=pl.lit("A"),
    )  # fmt: skip
    for table, is_grouped in ((points, True), (points.head(MOST_POINTS), False)):
        figure = plot_predictors(ranks, table, STYLES)
        ax = next(ax for ax in figure.axes if ax.get_xlabel() == "change of recall")
        lines = [line for line in ax.lines if line.get_label() == "N → A"]
        assert [len(line.get_xdata()) for line in lines] == [GROUPS] * is_grouped
        if is_grouped:
            assert lines[0].get_xdata()[0] == pytest.approx(0.95)  # the median of the first twenty
            assert (np.diff(lines[0].get_ydata()) > 0).all()
