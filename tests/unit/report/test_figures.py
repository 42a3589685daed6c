"""The heat maps of the matrix."""

import polars as pl

from synthdiv.report.figures.experiments import plot_experiments


def test_an_experiment_is_in_the_row_of_its_reference_and_the_column_of_its_query():
    rows = [
        {"query": query, "reference": reference, "centroid_accuracy": 0.1 + 0.1 * q + 0.3 * r}
        | {"knn1_accuracy": 0.5, "knn5_accuracy": None if query == "C" else 0.5, "mean_cosine": 0.5}
        for q, query in enumerate("ABC")
        for r, reference in enumerate("ABC")
    ]
    first, _, third, _ = plot_experiments(pl.DataFrame(rows, infer_schema_length=None), "ABC", "ABC").axes
    expected = [[0.1, 0.2, 0.3], [0.4, 0.5, 0.6], [0.7, 0.8, 0.9]]
    assert first.images[0].get_array().round(6).tolist() == expected
    assert {text.get_position(): text.get_text() for text in first.texts} == {
        (column, row): f"{value:.3f}" for row, values in enumerate(expected) for column, value in enumerate(values)
    }
    assert [text.get_text() for text in third.texts] == ["0.500", "0.500", "n/a"] * 3
    assert [label.get_text() for label in first.get_yticklabels()] == ["A", "B", "C"]
