"""The figure of similar images: which pairs it shows, in which order."""

import polars as pl
from conftest import make_image_set

from synthdiv.images.index import read_index
from synthdiv.report.figures.images import COMPARISONS, PAIRS, choose_similar, plot_similar


def make_pairs(index, kinds, correlations, **changes):
    rows = read_index(index).select(["file", "offset", "size", "digest"]).to_pylist()[: len(kinds)]
    table = pl.DataFrame(rows).with_columns(pl.col("digest").bin.encode("hex"))
    table = table.with_columns(pl.all().name.prefix("other_"))
    table = table.with_columns(
        kind=pl.Series(kinds), correlation=pl.Series(correlations, dtype=pl.Float64), set=pl.lit("A"), split=pl.lit("train")
    )
    return table.with_columns(other_set=pl.lit("N"), other_split=pl.lit("train")).with_columns(
        **{name: pl.lit(value) for name, value in changes.items()}
    )


def test_duplicates_come_before_other_pairs_and_their_splits_before_others(tmp_path):
    index = make_image_set(tmp_path, "A")
    without = make_pairs(index, ["nearest"] * 7, [0.7, 0.5, 0.8, None, 0.2, 0.1, 0.3], set="B")
    duplicates = make_pairs(index, ["nearest", "near", "exact"], [0.95, 0.93, 1.0])
    groups = choose_similar(pl.concat([without, duplicates]))
    assert [group["set"][0] for group in groups] == ["A", "B"]
    assert groups[0]["kind"].to_list() == ["exact", "near", "nearest"]
    assert groups[1]["correlation"].to_list() == [0.8, 0.7, 0.5, 0.3, 0.2]
    assert len(groups[1]) == PAIRS
    texts = [text.get_text() for text in plot_similar(groups).axes[0].texts]
    assert texts[:3] == ["exact 1.000", "near 0.930", "nearest 0.950"]


def test_few_comparisons_are_shown(tmp_path):
    index = make_image_set(tmp_path, "A")
    many = [make_pairs(index, ["nearest"], [0.5], set=f"S{n}") for n in range(COMPARISONS + 3)]
    assert len(choose_similar(pl.concat(many))) == COMPARISONS


def test_without_images_the_figure_says_so(tmp_path):
    none = make_pairs(make_image_set(tmp_path, "A"), ["near"], [1.0]).clear()
    assert plot_similar(choose_similar(none)).texts[0].get_text() == "no images to compare"
