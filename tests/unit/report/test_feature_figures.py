from dataclasses import astuple

import polars as pl
import pytest

from synthdiv.analysis.transfer_tables import MEANS
from synthdiv.report.figures.features import INNER, OTHERS, STATISTICS, gather_axes, plot_spider, plot_transfer
from synthdiv.report.figures.style import save_figure, style_sets

SETS = ["Natural-IM", "A-IM", "B-IM"]
STYLES = style_sets(SETS, "Natural-IM")
STATISTIC_ROWS = pl.DataFrame(
    [
        {"classifier": "net", "train_set": training, "seed": seed, "statistic": name, "value": n + 0.1 * k + 0.2 * seed}
        for k, training in enumerate(SETS)
        for seed in (1, 2)
        for n, name in enumerate(STATISTICS)
    ]
)
ACCURACIES = pl.DataFrame(
    {"classifier": "net", "train_set": SETS * 2, "evaluation_set": ["X-IM"] * 3 + ["Y-IM"] * 3}
).with_columns(top1=pl.Series([0.5, 0.3, 0.2, 0.9, 0.8, 0.7]))


def make_means(*rows):
    columns = ("transfer_set", "encoder", "train_set", "top1")
    given = [dict(zip(columns, row, strict=True)) for row in rows]
    return pl.DataFrame(
        [row | {"top1_low": row["top1"] - 0.1, "top1_high": row["top1"] + 0.1} for row in given], schema=MEANS
    )


TRANSFER = make_means(
    *[(name, "net", training, 0.3 + 0.1 * n) for name in ("digits", "dogs") for n, training in enumerate(SETS)],
    ("digits", "clip", None, 0.6),
    ("dogs", "clip", None, 0.8),
    ("digits", "ready", "Elsewhere", 0.5),
)


def test_the_axes_are_means_over_seeds_and_over_transfer_sets():
    axes = gather_axes(STATISTIC_ROWS, ACCURACIES, TRANSFER)
    own = dict(axes.filter(train_set="A-IM").select("axis", "value").iter_rows())
    assert own == pytest.approx(
        {"sparsity": 0.4, "intra-class distance": 1.4, "redundancy": 2.4, "coding length": 3.4}
        | {"top-1 on X-IM": 0.3, "top-1 on Y-IM": 0.8, "transfer, mean of 2 sets": 0.4}
    )
    assert axes["classifier"].unique().to_list() == ["net"]
    # an evaluation set that some training set lacks is no axis
    fewer = gather_axes(STATISTIC_ROWS, ACCURACIES.head(5), None)
    assert fewer["axis"].unique(maintain_order=True).to_list()[4:] == ["top-1 on X-IM"]


def test_the_spider_plot_has_a_panel_per_training_set_with_the_natural_one_in_each():
    figure = plot_spider(gather_axes(STATISTIC_ROWS, ACCURACIES, None), "Natural-IM", STYLES)
    panels = [ax for ax in figure.axes if ax.get_visible()]
    assert [ax.get_title() for ax in panels] == ["A-IM", "B-IM"]
    for ax in panels:
        dashed, own = ax.lines
        assert (own.get_color(), own.get_marker()) == astuple(STYLES[ax.get_title()])
        assert dashed.get_linestyle() == "--"
        assert len(own.get_xdata()) == 7  # six axes, closed
    # of three training sets the natural one is lowest, B-IM highest in the statistics and lowest in accuracy
    assert panels[1].lines[0].get_ydata()[0] == pytest.approx(INNER)
    assert panels[1].lines[1].get_ydata()[0] == pytest.approx(1)
    assert panels[1].lines[1].get_ydata()[4] == pytest.approx(INNER)
    labels = [text.get_text() for text in panels[0].get_xticklabels()]
    assert labels[0] == "sparsity\n0.30 to 0.50"
    assert labels[4] == "top-1 on X-IM\n0.20 to 0.50"


def test_without_a_natural_training_set_there_is_no_comparison():
    axes = gather_axes(STATISTIC_ROWS, ACCURACIES, None)
    figure = plot_spider(axes, None, STYLES)
    assert [len(ax.lines) for ax in figure.axes] == [1, 1, 1]
    alone = plot_spider(axes.filter(train_set="Natural-IM"), "Natural-IM", STYLES)
    assert [len(ax.lines) for ax in alone.axes] == [1]


def test_transfer_has_a_panel_per_classifier_and_one_of_pretrained_encoders(tmp_path):
    figure = plot_transfer(TRANSFER, STYLES)
    first, second = figure.axes
    assert (first.get_title(), second.get_title()) == ("net", OTHERS)
    assert [text.get_text() for text in first.get_legend().get_texts()] == SETS
    assert [text.get_text() for text in second.get_legend().get_texts()] == ["clip", "ready, Elsewhere"]
    assert [text.get_text() for text in first.get_yticklabels()] == ["digits", "dogs"]
    # the first training set is above the second, in the row of its transfer set
    places = [container.lines[0].get_ydata() for container in first.containers]
    assert places[0][0] < places[1][0] < 0.5 < places[0][1]
    save_figure(figure, tmp_path / "figure.png")
