"""The figures of the diagnosis: also without errors, and which classes are shown."""

import numpy as np
import polars as pl
from conftest import make_embeddings

from synthdiv.diagnosis.causes import SCHEMA
from synthdiv.diagnosis.error_split import classify_queries, tabulate_split, tabulate_terms
from synthdiv.metrics.centroids import compute_centroids, sum_classes
from synthdiv.report.figures.diagnosis import MOST_CLASSES, choose_evidence, plot_causes, plot_error_split, plot_evidence
from synthdiv.report.figures.style import save_figure

NAMES = [f"class {n}" for n in range(3)]


def make_causes(rows):
    columns = ("set", "class_id", "name", "cause", "accuracy", "natural_accuracy", "spread_ratio")
    return pl.DataFrame([dict(zip(columns, row, strict=True)) for row in rows], schema=SCHEMA)


def test_a_set_without_errors_is_plotted(tmp_path):
    rng = np.random.default_rng(0)
    ids = np.repeat(np.arange(3), 10)
    sets = {name: make_embeddings(ids, 9 * np.eye(6)[ids] + rng.normal(size=(30, 6))) for name in ("N", "S")}
    centroids = {name: compute_centroids(sum_classes([one], 3)) for name, one in sets.items()}
    tables = {name: classify_queries(one, centroids[name], {"N": centroids["N"]}, sets["N"]) for name, one in sets.items()}
    split, terms = tabulate_split(tables, NAMES, "N"), tabulate_terms(tables, NAMES, "N")
    assert split["error"].max() == 0
    for number, table in enumerate((terms, terms.clear())):
        path = tmp_path / f"{number}.png"
        save_figure(plot_error_split(split, table, "N"), path)
        assert path.stat().st_size > 5000


def test_evidence_has_one_set_per_class_and_cause_and_rows_of_each_cause():
    causes = make_causes(
        [
            ("A", 0, "crane", "ambiguity", 0.5, 0.9, 1.0),
            ("B", 0, "crane", "ambiguity", 0.1, 0.9, 1.0),
            ("A", 1, "jay", "diversity", 0.9, 0.9, 0.1),
            ("A", 2, "nail", "none", 0.0, 0.9, 1.0),
            ("B", 2, "nail", "adherence", 0.3, 0.9, 1.0),
        ]
    )
    chosen = choose_evidence(causes, 5)
    assert chosen.select("set", "name").rows() == [("B", "crane"), ("B", "nail"), ("A", "jay")]
    assert len(choose_evidence(causes, 1)) == 1
    more = [("A", n, f"class {n}", "adherence", n / 20, 0.9, 1.0) for n in range(3, 9)]
    chosen = choose_evidence(pl.concat([causes, make_causes(more)]), 4)
    assert chosen["cause"].to_list() == ["ambiguity", "adherence", "adherence", "diversity"]
    assert chosen["name"].to_list() == ["crane", "class 3", "class 4", "jay"]


def test_without_any_cause_the_figure_says_so(tmp_path):
    chosen = choose_evidence(make_causes([("A", 0, "crane", "none", 0.9, 0.9, 1.0)]), 5)
    save_figure(plot_evidence(chosen, []), tmp_path / "evidence.png")
    assert (tmp_path / "evidence.png").stat().st_size > 1000


def test_classes_with_the_same_name_have_a_column_each():
    causes = make_causes([("A", n, name, "none", 0.9, 0.9, 1.0) for n, name in enumerate(("crane", "jay", "crane"))])
    cells = plot_causes(causes).axes[1]
    assert [label.get_text() for label in cells.get_xticklabels()] == ["crane", "jay", "crane"]


def test_causes_are_plotted_for_few_classes_and_for_many(tmp_path):
    for count in (3, 100):
        causes = make_causes([("A", n, f"class {n}", ("none", "diversity")[n % 2], 0.9, 0.9, 1.0) for n in range(count)])
        path = tmp_path / f"{count}.png"
        save_figure(plot_causes(causes), path)
        assert path.stat().st_size > 3000


def test_of_many_classes_those_suspected_in_the_most_sets_have_a_cell():
    number = MOST_CLASSES + 70
    rows = [(name, n, f"class {n}", "none", 0.9, 0.9, 1.0) for name in "AB" for n in range(number)]
    rows[number - 1] = ("A", number - 1, "last", "diversity", 0.9, 0.9, 0.5)
    rows[number - 2] = ("A", number - 2, "wrong", "adherence", 0.1, 0.9, 1.0)
    rows[2 * number - 3] = ("B", number - 3, "twice", "diversity", 0.9, 0.9, 0.5)
    rows[number - 3] = ("A", number - 3, "twice", "diversity", 0.9, 0.9, 0.5)
    cells = plot_causes(make_causes(rows)).axes[1]
    labels = [label.get_text() for label in cells.get_xticklabels()]
    assert labels[:3] == ["twice", "wrong", "last"]
    assert len(labels) == MOST_CLASSES
    assert cells.get_title() == "30 of 100 classes: those suspected in the most sets"
    assert {text.get_text() for text in cells.texts} == {"", "D", "Ad"}
