"""Published values compared with the study's own: by the names of sets and classes, reference before query."""

import polars as pl
from workplace import REPOSITORY

from synthdiv.claims.compare_published import compare_published

PAPER = {path.stem: path for path in (REPOSITORY / "resources" / "paper").glob("*.csv")}
SECOND = {"imagenet_sd": PAPER["imagenet_sd"]}
FIRST = {stem: path for stem, path in PAPER.items() if stem not in SECOND}
EMPTY = pl.DataFrame(schema=dict.fromkeys(("reference", "query", "name"), pl.String))


def test_printed_values_are_compared_with_own_values_of_the_same_sets():
    """The pair is (reference, query), in this order; values that the study lacks stay empty."""
    pair = {"reference": "Disamb2.5-PRMT", "query": "ImageNet-IM"}
    bounds = {"centroid_accuracy_low": 0.6, "centroid_accuracy_high": 0.7, "mean_cosine_low": 0.2, "mean_cosine_high": 0.3}
    experiments = pl.DataFrame([pair | {"centroid_accuracy": 0.65, "mean_cosine": 0.25} | bounds])
    per_class = pl.DataFrame([pair | {"name": "nail", "centroid_accuracy": 0.5}])
    distances = pl.DataFrame({"set": ["Disamb-IM"] * 2, "split": ["evaluation", "train"], "centroid_distance": [0.2, 0.1]})
    means = pl.DataFrame({"train_set": ["Synset-IM"], "evaluation_set": ["ImageNet-IM"], "top1": [0.2], "top5": [0.3]})
    table = compare_published("diversity_and_diffusion", FIRST, experiments, per_class, distances, means)
    own = table.filter(pl.col("value").is_not_null())
    assert own.filter(metric="centroid_accuracy").select("where", "class", "published", "value", "low").rows() == [
        ("Table 6", "all", 0.701, 0.65, 0.6),
        ("Table 3", "all", 0.701, 0.65, 0.6),
        ("Table 4", "nail", 0.58, 0.5, None),
    ]
    assert own.filter(metric="centroid_distance").select("reference", "published", "value").rows() == [
        ("Disamb-IM", 1.23e-5, 0.1)
    ]
    assert own.filter(metric="top1").select("where", "reference", "published", "value").rows() == [
        ("Table 1, line 4", "Synset-IM", 0.23, 0.2)
    ]
    swapped = experiments.rename({"reference": "query", "query": "reference"})
    without = compare_published("diversity_and_diffusion", FIRST, swapped, per_class, None, None)
    assert without.filter(pl.col("value").is_not_null(), pl.col("where") == "Table 3").is_empty()
    assert len(table) == 36 * 2 + 30 * 2 + 9 * 2 + 3 * 2 + 4 + 4 + 6 + 13


def test_the_rows_of_the_second_publication():
    means = pl.DataFrame(
        [
            {
                "train_set": "CD-1K-IM",
                "evaluation_set": "ImageNet-IM",
                "top1": 0.3,
                "top1_low": 0.29,
                "top1_high": 0.31,
                "top5": 0.5,
            },
            {"train_set": "C-IM", "evaluation_set": "ImageNet-IM", "top1": 0.4, "top5": 0.75},
            {"train_set": "C-IM", "evaluation_set": "ImageNet-A", "top1": 0.1, "top5": 0.2},
        ]
    )
    table = compare_published("imagenet_sd", SECOND, EMPTY, EMPTY, None, means)
    assert set(table["source"]) == {'"Fake it till you make it"'}
    own = table.filter(pl.col("value").is_not_null())
    assert own.select("reference", "metric", "published", "value", "low").rows() == [
        ("C-IM", "top5", 0.7, 0.75, None),
        ("CD-1K-IM", "top1", 0.262, 0.3, 0.29),
        ("CD-1K-IM", "top1", 0.262, 0.3, 0.29),
    ]
    assert len(table) == 7
    assert table["note"].null_count() == 0
