"""Metrics along the guidance scale: values by hand, and the scale at which each is highest."""

import numpy as np
import polars as pl
import pytest
from conftest import make_embeddings

from synthdiv.analysis.guidance import choose_scales, read_outcomes, tabulate_guidance
from synthdiv.metrics.centroids import compute_centroids, measure_spread, sum_classes
from synthdiv.metrics.set_metrics import measure_set
from synthdiv.report.figures.guidance import MARKERS, MOST_LINES, plot_guidance
from synthdiv.stats.intervals import wilson_interval

NAMES = ["bag", "coat"]


def make_head(metric, scale, **changes):
    head = {"guidance": "classifier-free", "metric": metric, "dataset": "disamb", "guidance_scale": scale}
    return head | {"set": f"D{scale}", "reference": "R", "query": "Q", "classifier": None} | changes


def make_outcomes(values, class_ids=None):
    class_ids = class_ids if class_ids is not None else [n % 2 for n in range(len(values))]
    columns = {"class_id": class_ids, "index": range(len(values)), "outcome": values}
    return pl.DataFrame(columns, schema_overrides={"class_id": pl.Int64, "index": pl.Int64}).sort("class_id", "index")


def test_the_outcomes_of_each_metric():
    scored = pl.DataFrame({"class_id": [1, 0, 1], "index": [4, 0, 2], "centroid_class": [1, 1, 0], "knn1_class": [0, 0, 1]})
    assert read_outcomes(scored, "prompt_accuracy", "Q").rows() == [(0, 0, False), (1, 2, False), (1, 4, True)]
    evaluated = pl.DataFrame(
        {
            "seed": [1, 2, 1, 2, 1],
            "evaluation_set": ["Q", "Q", "Q", "Q", "other"],
            "class_id": [1, 1, 0, 0, 0],
            "index": [3, 3, 5, 5, 6],
            "correct_top1": [True, False, True, True, True],
        }
    )
    assert read_outcomes(evaluated, "trained_accuracy", "Q").rows() == [(0, 5, 1.0), (1, 3, 0.5)]
    spread = pl.DataFrame({"class_id": [0, 1], "index": [0, 0], "square": [0.25, 0.5]})
    assert read_outcomes(spread, "centroid_distance", None).rows() == [(0, 0, 0.25), (1, 0, 0.5)]


def test_values_and_intervals_of_all_classes_and_per_class():
    rows = [
        (make_head("prompt_accuracy", 2.5), make_outcomes([True, True, True, False])),
        (make_head("trained_accuracy", 2.5, classifier="small"), make_outcomes([0.5, 1.0, 0.5, 0.0])),
        (make_head("prompt_accuracy", None, set="Natural"), make_outcomes([False] * 4)),
    ]
    whole, per_class = tabulate_guidance(rows, NAMES)
    assert whole["value"].to_list() == [0.75, 0.5, 0.0]
    assert whole["guidance_scale"].to_list() == [2.5, 2.5, None]
    assert whole.select("low", "high").rows() == [wilson_interval(n_correct, 4) for n_correct in (3, 2, 0)]
    assert per_class.select("class_id", "name", "value", "n").rows()[:4] == [
        (0, "bag", 1.0, 2),
        (1, "coat", 0.5, 2),
        (0, "bag", 0.5, 2),
        (1, "coat", 0.5, 2),
    ]
    assert set(whole["unit"]) == {"fraction"}


def test_centroid_distance_matches_the_set_metrics():
    """Even if classes have different numbers of images."""
    rng = np.random.default_rng(3)
    ids = np.repeat([0, 1], [30, 12])
    images = make_embeddings(ids, rng.normal(size=(42, 8)) * (1 + ids[:, None]) + 2, np.float16)
    spread = measure_spread([images], compute_centroids(sum_classes([images], 2)))
    source = pl.DataFrame({"class_id": spread.class_ids, "index": spread.indices, "square": spread.squares})
    outcomes = read_outcomes(source, "centroid_distance", None)
    whole, per_class = tabulate_guidance([(make_head("centroid_distance", 1.0), outcomes)], NAMES)
    expected = measure_set([images], 2, split="train").filter(metric="centroid_distance").select("value", "low", "high")
    assert pl.concat([whole, per_class], how="diagonal").select("value", "low", "high").rows() == expected.rows()
    assert whole["unit"].to_list() == ["(1 - cosine)^2"]


@pytest.fixture
def sweep():
    """Bags are classified best at 2.5, and as well at 5; coats are equal at every scale."""
    counts = {1.0: 2, 2.5: 38, 5.0: 36, 7.5: 10}
    ids = [0] * 40 + [1] * 40
    outcomes = {scale: make_outcomes([n < count for n in range(40)] + [True] * 40, ids) for scale, count in counts.items()}
    return [(make_head("own_centroid_accuracy", scale), outcomes[scale]) for scale in (7.5, 1.0, 5.0, 2.5)]


def test_the_best_scale_and_those_as_good(sweep):
    natural = (make_head("own_centroid_accuracy", None, set="Natural"), make_outcomes([True] * 80, [0] * 40 + [1] * 40))
    chosen = choose_scales([*sweep, natural], NAMES)
    columns = ("class", "best_guidance_scale", "value", "n_pairs", "also_as_good")
    assert chosen.select(columns).rows() == [
        ("all", 2.5, 78 / 80, 80, "5"),
        ("bag", 2.5, 38 / 40, 40, "5"),
        ("coat", 1.0, 1.0, 40, "2.5 5 7.5"),
    ]


def test_the_order_of_rows_does_not_matter(sweep):
    shuffled = [(head, outcomes.sample(fraction=1, shuffle=True, seed=1).sort("class_id")) for head, outcomes in sweep[::-1]]
    assert choose_scales(shuffled, NAMES).equals(choose_scales(sweep, NAMES))


def test_scales_are_paired_by_image():
    """A small gain of every image is significant though images differ far more; an unpaired test would miss it."""
    base = np.random.default_rng(0).normal(size=60)
    gain = 0.01 + 0.001 * np.random.default_rng(1).normal(size=60)
    lower, higher = make_outcomes(base), make_outcomes(base + gain)
    rows = [(make_head("centroid_distance", 1.0), higher), (make_head("centroid_distance", 2.0), lower)]
    assert choose_scales(rows, NAMES)["also_as_good"].to_list() == ["", "", ""]
    mixed = lower.with_columns(outcome=pl.col("outcome").reverse().over("class_id"))
    assert choose_scales([rows[0], (rows[1][0], mixed)], NAMES)["also_as_good"][0] == "2"


def test_images_missing_at_one_scale_are_not_compared(sweep):
    fewer = [
        (head, outcomes.filter(pl.col("index") != 3)) if head["guidance_scale"] == 1 else (head, outcomes)
        for head, outcomes in sweep
    ]
    assert choose_scales(fewer, NAMES)["n_pairs"].to_list() == [79, 39, 40]


def test_each_dataset_and_classifier_has_its_own_choice(sweep):
    other = [
        (head | {"dataset": "other", "metric": "trained_accuracy", "classifier": name}, outcomes)
        for head, outcomes in sweep
        for name in ("a", "b")
    ]
    chosen = choose_scales(sweep + other, NAMES)
    assert chosen.filter(pl.col("class_id").is_null()).select("dataset", "metric", "classifier").rows() == [
        ("disamb", "own_centroid_accuracy", None),
        ("other", "trained_accuracy", "a"),
        ("other", "trained_accuracy", "b"),
    ]


def test_the_figure_has_one_panel_per_metric_and_kind_of_guidance(sweep):
    distilled = {"dataset": "distilled", "guidance": "embedded"}
    rows = sweep + [(head | distilled, outcomes) for head, outcomes in sweep[:2]]
    rows += [(make_head("trained_accuracy", scale, classifier="small"), make_outcomes([0.5] * 8)) for scale in (1.0, 5.0)]
    rows += [(make_head("own_centroid_accuracy", None, set="Natural"), make_outcomes([True] * 8))]
    figure = plot_guidance(*tabulate_guidance(rows, NAMES), choose_scales(rows, NAMES))
    axes = [ax for ax in figure.axes if ax.get_visible()]
    assert [ax.get_xlabel() for ax in axes] == ["guidance scale (classifier-free)"] * 2 + ["guidance scale (embedded)"]
    assert [ax.get_title() for ax in axes][1] == "small, trained on the set,\nevaluated on Q"
    assert [label.get_text() for label in axes[0].get_xticklabels()] == ["1", "2.5", "5", "7.5"]
    lines = [line.get_xydata().tolist() for line in axes[0].lines]
    assert [[1.0, 42 / 80], [2.5, 78 / 80], [5.0, 76 / 80], [7.5, 50 / 80]] in lines
    assert [[1.0, 2 / 40], [2.5, 38 / 40], [5.0, 36 / 40], [7.5, 10 / 40]] in lines
    points = {line.get_xdata()[0]: line.get_markerfacecolor() for line in axes[0].lines if line.get_marker() == "o"}
    roles = {1.0: "worse", 2.5: "best", 5.0: "as good", 7.5: "worse"}
    assert points == {scale: MARKERS[role] for scale, role in roles.items()}
    dashed = [line for line in axes[0].lines if line.get_linestyle() == "--"]
    assert [line.get_ydata()[0] for line in dashed] == [1.0]
    assert not [line for line in axes[2].lines if line.get_linestyle() == "--"]


def test_many_classes_are_bands_with_named_extremes(sweep):
    whole, per_class = tabulate_guidance(sweep, NAMES)
    shifts = [n / 1000 for n in range(MOST_LINES)]
    copies = [
        per_class.with_columns(pl.col("class_id") + 100 * n, pl.col("name") + f" {n}", pl.col("value") * (1 - shift))
        for n, shift in enumerate(shifts)
    ]
    figure = plot_guidance(whole, pl.concat(copies), choose_scales(sweep, NAMES))
    (ax, *_) = figure.axes
    means = pl.concat(copies).group_by("name").agg(pl.col("value").mean()).sort("value")["name"]
    assert [text.get_text() for text in ax.texts] == [means[0], means[-1]]
    assert len([line for line in ax.lines if line.get_color() == "0.6"]) == 2
    assert len(ax.collections) == 3  # two bands of classes, and the interval
    labels = [text.get_text() for text in figure.subfigs[0].legends[0].get_texts()]
    assert labels[1:4] == ["90 % of 60 classes", "50 % of 60 classes", "the lowest and the highest class"]
