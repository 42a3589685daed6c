"""The figure of confused classes: which sets it shows, and each share in it."""

from dataclasses import astuple
from types import SimpleNamespace

import numpy as np
import polars as pl
import pytest

from synthdiv.core.tables import write_table
from synthdiv.report.figures.classifiers.confusion import (
    MOST_CLASSES,
    MOST_PAIRS,
    choose_sets,
    draw_confusion,
    plot_confusion,
)
from synthdiv.report.figures.style import style_sets
from synthdiv.stats.intervals import wilson_interval

MEANS = pl.DataFrame({"train_set": ["N", "A", "B", "C"], "top1": [0.9, 0.7, 0.8, 0.4]})
STYLES = style_sets(list("ABC"), "N")
SETS = [("N", "natural"), ("B", "best"), ("C", "worst")]


def count(n_classes):
    """Counts of two seeds with ten images a class: of set B, n of class n are classified as the next one."""
    rows = [
        (name, n, other, number)
        for name in "NABC"
        for n in range(n_classes)
        for other, number in ((n, 20 - n % 20), ((n + 1) % n_classes, n % 20))
        if number
    ]
    schema = ["train_set", "class_id", "predicted", "n_images"]
    return pl.DataFrame(rows, schema=schema, orient="row").with_columns(n_seeds=2)


@pytest.mark.parametrize(
    ("best", "natural", "choices", "expected"),
    [
        (None, "N", ["A", "B", "C"], SETS),
        ("A", "N", ["A", "B", "C"], [("N", "natural"), ("A", "best"), ("C", "worst")]),
        (None, None, ["A", "B"], [("B", "best"), ("A", "worst")]),
        (None, "N", ["A"], [("N", "natural"), ("A", "best")]),
        (None, "N", [], [("N", "natural")]),
    ],
)
def test_natural_best_and_worst_sets_are_shown_once(best, natural, choices, expected):
    assert choose_sets(MEANS, best, natural, choices) == expected


def test_few_classes_are_a_matrix_of_shares_of_each_true_class():
    figure = plot_confusion(count(5), SETS, list("abcde"), "small", STYLES)
    assert [ax.get_title() for ax in figure.axes] == ["N (natural)", "B (best)", "C (worst)"]
    values = figure.axes[1].images[0].get_array()
    assert np.allclose(values.sum(axis=1), 100)
    assert (values[3, 3], values[3, 4], values[4, 3]) == pytest.approx((85, 15, 0))
    assert [label.get_text() for label in figure.axes[0].get_yticklabels()] == list("abcde")


def test_of_many_classes_the_most_confused_pairs_are_shown_with_intervals():
    names = [f"class {n}" for n in range(MOST_CLASSES + 20)]
    figure = plot_confusion(count(len(names)), SETS, names, "small", STYLES)
    (ax,) = figure.axes
    labels = [label.get_text() for label in ax.get_yticklabels()]
    assert len(labels) == MOST_PAIRS
    assert labels[:2] == ["class 19 → class 20", "class 39 → class 0"]
    assert "25 most confused of 38 confused pairs of 40 classes (B)" in ax.get_title(loc="right")
    looks = [(line.get_color(), line.get_marker()) for line in ax.lines]
    assert looks == [astuple(STYLES[name]) for name in "NBC"]
    (segment, *_) = ax.collections[1].get_segments()
    assert segment[:, 0] == pytest.approx(100 * np.array(wilson_interval(9.5, 10)))  # ten images, whatever the seeds


def test_it_is_drawn_from_the_tables_of_its_classifier(tmp_path):
    head = {"classifier": "small", "evaluation_set": "N"}
    literals = {name: pl.lit(value) for name, value in head.items()}
    means = MEANS.with_columns(**literals, n_seeds=2)
    other = means.with_columns(evaluation_set=pl.lit("other"), top1=0.0)
    selection = pl.DataFrame({"classifier": ["small", "small"], "train_set": ["A", "B"], "best": [True, False]})
    counts = count(3).drop("n_seeds").with_columns(**literals)
    paths = {"means": "means.csv", "counts": "counts.parquet", "selection": "selection.csv"}
    paths = {name: str(tmp_path / path) for name, path in paths.items()}
    for name, table in {"means": pl.concat([means, other]), "counts": counts, "selection": selection}.items():
        write_table(table, paths[name])
    files = SimpleNamespace(**(paths | {"selection": [paths["selection"]]}))
    options = {"classifier": "small", "natural": "N", "choices": ["A", "B", "C"], "class_names": list("abc")}
    options |= {"styled": {"names": list("ABC"), "natural": "N"}}
    assert [ax.get_title() for ax in draw_confusion(files, **options).axes] == ["N (natural)", "A (best)", "C (worst)"]
    files.selection = []
    assert draw_confusion(files, **options).axes[1].get_title() == "B (best)"
