"""Diversity against semantic error and other visual domains."""

import polars as pl
import pytest

from synthdiv.analysis.tradeoff import tabulate_tradeoff
from synthdiv.report.figures.tradeoff import plot_tradeoff
from synthdiv.stats.intervals import wilson_interval


@pytest.fixture
def causes():
    """Two classes of two sets; 40 and 60 natural images, 100 generated images per class."""
    shares = {"Wide-IM": (0.9, 0.7, 0.25, 0.75), "Narrow-IM": (1.0, 0.8, 0.5, 0.5)}
    return pl.DataFrame(
        [
            {"set": name, "class_id": n, "n_images": 100, "n_natural": (40, 60)[n], "natural_accuracy": 0.5}
            | {"accuracy": accuracy, "photographs": photographs, "natural_photographs": (1.0, 0.9)[n]}
            for name, (a, b, c, d) in shares.items()
            for n, (accuracy, photographs) in enumerate(((a, c), (b, d)))
        ]
    )


@pytest.fixture
def distances():
    rows = [(name, split, x + (split == "evaluation")) for name, x in (("N-IM", 0.3), ("Wide-IM", 0.2), ("Narrow-IM", 0.1))
            for split in ("train", "evaluation")]  # fmt: skip
    table = pl.DataFrame(rows, schema=["set", "split", "centroid_distance"], orient="row")
    return table.with_columns(centroid_distance_low=0.0, centroid_distance_high=1.0)


def test_the_metrics_of_each_set(causes, distances):
    table = tabulate_tradeoff(causes, distances, "N-IM", {"Wide-IM": ("a crane", 2.5)})
    assert table.select("set", "first_prompt", "guidance_scale", "centroid_distance", "n_images").rows() == [
        ("N-IM", None, None, 0.3, 100),
        ("Wide-IM", "a crane", 2.5, 0.2, 200),
        ("Narrow-IM", None, None, 0.1, 200),
    ]
    assert table["semantic_error"].to_list() == pytest.approx([0.5, 0.2, 0.1])
    assert table["other_domain"].to_list() == pytest.approx([0.06, 0.5, 0.5])
    assert table.select("semantic_error_low", "semantic_error_high").row(1) == pytest.approx(wilson_interval(40, 200))
    assert len(plot_tradeoff(table).axes) == 2


def test_without_a_text_encoder(causes, distances):
    no_domains = causes.with_columns(pl.lit(None, pl.Float64).alias(name) for name in ("photographs", "natural_photographs"))
    table = tabulate_tradeoff(no_domains, distances, "N-IM", {})
    assert table["other_domain"].null_count() == 3
    assert table["semantic_error"].to_list() == pytest.approx([0.5, 0.2, 0.1])
    assert len(plot_tradeoff(table).axes) == 1
