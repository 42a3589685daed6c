"""Modifier adherence on synthetic embeddings: images follow one modifier and ignore another."""

import numpy as np
import polars as pl
import pytest
import yaml

from synthdiv.analysis.adherence import check_generated, measure_adherence, tabulate_adherence, vary_prompts
from synthdiv.core.errors import StudyError
from synthdiv.embeddings.table import Embeddings
from synthdiv.prompts.class_tables import ClassRow
from synthdiv.prompts.datasets import Dataset
from synthdiv.prompts.grammar import Grammar
from synthdiv.report.figures.adherence import plot_adherence
from synthdiv.report.figures.style import save_figure
from synthdiv.stats.intervals import shares_interval, wilson_interval

COLOURS, SIZES = ["red", "green", "blue", "grey"], ["small", "large"]
N = 30


@pytest.fixture
def dataset(tmp_path):
    modifiers = {"colour": {"added": COLOURS}, "size": {"added": SIZES}, "number": {"added": [str(n) for n in range(20)]}}
    path = tmp_path / "grammar.yaml"
    path.write_text(
        yaml.safe_dump({"template": "{colour} {size} {class} {number}", "modifiers": modifiers}, sort_keys=False)
    )
    classes = [ClassRow(n, name, name, "", "", "") for n, name in enumerate(("bag", "coat"))]
    counts = {"train": 5, "evaluation": N}
    return Dataset("aug", classes, 3, ["bag", "coat"], counts, grammar=Grammar(path))


def embed(text):
    """Embed a prompt: one direction per colour, no effect of sizes, noise for each number."""
    colour, _, name, number = text.split()
    vector = np.zeros(12)
    vector[COLOURS.index(colour)] = 1
    vector[4 + (name == "coat")] = 1
    vector[6:] = 0.01 * np.random.default_rng(int(number)).normal(size=6)
    return vector


def make_images(dataset, vector_of):
    keys = [(class_id, index) for class_id in (0, 1) for index in range(N)]
    vectors = np.array([vector_of(dataset.prompt(class_id, "evaluation", index)) for class_id, index in keys])
    return Embeddings(*np.array(keys).T, vectors, np.ones(len(keys)))


def measure(dataset, images, embed=embed):
    variants, prompts = vary_prompts(dataset, images, "evaluation")
    return measure_adherence(images, variants, np.array([embed(text) for text in prompts]))


def show_colour(text):
    """Embed an image that follows the colour alone."""
    vector = embed(text)
    vector[6:] = 0
    return vector


def test_a_followed_modifier_wins_all_and_an_ignored_one_half(dataset):
    images = make_images(dataset, show_colour)
    table = tabulate_adherence(measure(dataset, images), "Aug-IM", ["bag", "coat"])
    whole = {row["modifier"]: row for row in table.filter(pl.col("value") == "all", pl.col("class") == "all").to_dicts()}
    assert (whole["colour"]["share_won"], whole["colour"]["nearest_share"], whole["colour"]["chance"]) == (1.0, 1.0, 0.25)
    assert whole["colour"]["n_images"] == 2 * N
    assert (whole["size"]["share_won"], whole["size"]["nearest_share"], whole["size"]["chance"]) == (0.5, 0.5, 0.5)
    assert whole["size"]["low"] < 0.5 < whole["size"]["high"]
    assert whole["colour"]["low"] > 0.9
    by_class = table.filter(pl.col("value") == "all").drop_nulls("class_id")
    assert by_class.select("modifier", "class", "n_images").rows() == [
        (modifier, name, N) for modifier in ("colour", "size", "number") for name in ("bag", "coat")
    ]
    assert table.filter(modifier="size").drop_nulls("value")["value"].to_list() == ["all"] * 3 + ["large", "small"]


def test_images_of_the_opposite_lose_all(dataset):
    """Fails if the sign, or own and other, are swapped."""
    images = make_images(dataset, lambda text: show_colour(text) * np.where(np.arange(12) < 4, -1, 1))
    found = measure(dataset, images).filter(modifier="colour")
    assert found["share_won"].to_list() == [0.0] * 2 * N
    assert found["nearest"].to_list() == [0.0] * 2 * N


def test_images_of_random_values_are_at_chance(dataset):
    """A random colour is the own one in a quarter of the images, and wins half of its comparisons on average."""
    rng = np.random.default_rng(0)
    noise = {n: rng.normal(size=12) for n in range(2 * N)}
    count = iter(range(2 * N))
    images = make_images(dataset, lambda text: noise[next(count)])
    table = tabulate_adherence(measure(dataset, images), "Aug-IM", ["bag", "coat"])
    row = table.filter(modifier="colour", value="all").row(0, named=True)
    assert row["low"] < 0.5 < row["high"]
    assert row["nearest_share"] == pytest.approx(0.25, abs=0.2)


def test_shares_match_directly_computed_cosines(dataset):
    images = make_images(dataset, lambda text: embed(text) + 0.8 * np.random.default_rng(len(text)).normal(size=12))
    found = measure(dataset, images).row(
        by_predicate=(pl.col("class_id") == 1) & (pl.col("index") == 4) & (pl.col("modifier") == "colour"), named=True
    )
    image = images.vectors[N + 4]
    values = dataset.grammar.choose(seed=3, class_key="coat", split="evaluation", index=4)

    def cosine(colour):
        vector = embed(dataset.grammar.render(values | {"colour": colour}, "coat"))
        return image @ vector / np.linalg.norm(image) / np.linalg.norm(vector)

    others = [cosine(colour) for colour in COLOURS if colour != values["colour"]]
    own = cosine(values["colour"])
    assert found["value"] == values["colour"]
    assert found["share_won"] == sum(own > other for other in others) / 3
    assert found["nearest"] == float(own > max(others))
    assert (found["n_others"], found["chance"]) == (3, 0.25)


def test_the_order_of_images_does_not_matter(dataset):
    images = make_images(dataset, lambda text: embed(text) + np.random.default_rng(len(text)).normal(size=12))
    shuffled = images[np.random.default_rng(1).permutation(2 * N)]
    assert measure(dataset, shuffled).equals(measure(dataset, images))


def test_a_value_with_the_same_prompt_is_not_compared(tmp_path):
    path = tmp_path / "grammar.yaml"
    path.write_text(
        yaml.safe_dump({"template": "{a} {b} {class}", "modifiers": {"a": {"added": ["", " "]}, "b": {"added": ["x", "y"]}}})
    )
    dataset = Dataset(
        "aug", [ClassRow(0, "bag", "bag", "", "", "")], 0, ["bag"], {"train": 1, "evaluation": 1}, grammar=Grammar(path)
    )
    varied = dataset.vary_prompt(0, "evaluation", 0, most=20)
    own = dataset.prompt(0, "evaluation", 0)
    assert {name: next(iter(values.values())) for name, values in varied.items()} == {"a": own, "b": own}
    assert [len(values) for values in varied.values()] == [1, 2]
    images = Embeddings(np.array([0]), np.array([0]), np.eye(2)[:1], np.ones(1))
    variants, prompts = vary_prompts(dataset, images, "evaluation")
    assert measure_adherence(images, variants, np.eye(2)[: len(prompts)])["modifier"].to_list() == ["b"]


def test_a_seeded_choice_of_many_values_is_compared(tmp_path):
    path = tmp_path / "grammar.yaml"
    scenes = [f"scene {n}" for n in range(50)]
    path.write_text(yaml.safe_dump({"template": "{class} inside {scene}", "modifiers": {"scene": {"added": scenes}}}))
    counts = {"train": 1, "evaluation": 2}
    dataset = Dataset("inside", [ClassRow(0, "bag", "bag", "", "", "")], 0, ["bag"], counts, grammar=Grammar(path))
    chosen = [dataset.vary_prompt(0, "evaluation", n, most=20)["scene"] for n in (0, 1)]
    for n, values in enumerate(chosen):
        assert next(iter(values.values())) == dataset.prompt(0, "evaluation", n)
        assert len(values) == 1 + 20
        assert dataset.vary_prompt(0, "evaluation", n, most=20)["scene"] == values
        assert len(dataset.vary_prompt(0, "evaluation", n, most=100)["scene"]) == 50
    assert set(chosen[0]) != set(chosen[1])


def test_a_dataset_without_a_grammar_has_no_modifiers():
    with pytest.raises(ValueError, match="'plain' has no grammar"):
        Dataset("plain", [], 0, [], {}).vary_prompt(0, "evaluation", 0, most=20)


def test_images_of_other_prompts_are_rejected(dataset):
    images = make_images(dataset, show_colour)
    variants, prompts = vary_prompts(dataset, images, "evaluation")
    rows = [(c, n, dataset.prompt(c, "evaluation", n)) for c in (0, 1) for n in range(N)]
    index = pl.DataFrame(rows, schema=["class_id", "index", "prompt"], orient="row")
    check_generated(images, variants, prompts, index)
    other = index.with_columns(prompt=pl.when(pl.int_range(pl.len()) == N + 2).then(pl.lit("a coat")).otherwise("prompt"))
    with pytest.raises(StudyError, match="class_id 1, index 2 was generated from 'a coat', but the grammar gives it"):
        check_generated(images, variants, prompts, other)


def test_the_interval_counts_images_and_not_comparisons():
    binary = np.array([1.0] * 30 + [0.0] * 10)
    assert shares_interval(binary, 40) == wilson_interval(30, 40)
    # all three comparisons of an image have the same outcome: no additional information
    assert shares_interval(binary, 120) == wilson_interval(30, 40)
    rng = np.random.default_rng(0)
    independent = rng.integers(2, size=(2000, 4)).mean(axis=1)
    low, high = shares_interval(independent, 8000)
    expected = wilson_interval(8000 * independent.mean(), 8000)
    assert (low, high) == pytest.approx(expected, abs=1e-3)
    assert shares_interval(np.ones(20), 60) == wilson_interval(20, 20)
    assert shares_interval(np.array([0.5]), 4) == wilson_interval(0.5, 1)


def test_the_figure_marks_values_within_chance(dataset, tmp_path):
    table = tabulate_adherence(measure(dataset, make_images(dataset, show_colour)), "Aug-IM", ["bag", "coat"])
    figure = plot_adherence(table)
    whole, classes = figure.axes[:2]
    assert [label.get_text() for label in classes.get_xticklabels()] == ["bag", "coat"]
    assert whole.texts[0].get_text().startswith("100 (")
    assert [label.get_text() for label in whole.get_yticklabels()] == ["colour", "size", "number"]
    marked = {round(patch.get_y() + 0.5) for patch in whole.patches}
    assert 1 in marked
    assert 0 not in marked
    low, high = classes.images[0].get_clim()
    assert (low + high) / 2 == pytest.approx(0.5)
    save_figure(figure, tmp_path / "adherence.png")
