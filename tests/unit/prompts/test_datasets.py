"""Test datasets: every builder's prompt of every image, and the errors for invalid input."""

import csv
import re

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from standin import COUNTS, GRAMMAR

from synthdiv.config.generation import DatasetEntry
from synthdiv.core.errors import StudyError
from synthdiv.prompts.class_tables import ClassRow
from synthdiv.prompts.datasets import build_datasets

CLASSES = [
    ClassRow(0, "n01", "quail", "quail", "", ""),
    ClassRow(1, "n02", "crane", "crane, bird", "", ""),
    ClassRow(2, "n03", "jay", "jay", "", ""),
]
SYNSET = {"builder": "lemmas"}


@pytest.fixture
def write(tmp_path):
    def write_rows(name, *rows):
        """Write a table of texts, CSV or Parquet by its suffix; the first row names the columns."""
        path = tmp_path / name
        if path.suffix == ".parquet":
            columns = dict(zip(rows[0], map(list, zip(*rows[1:], strict=True)), strict=True))
            pq.write_table(pa.table(columns), path)
        else:
            with open(path, "w", newline="") as file:
                csv.writer(file).writerows(rows)
        return str(path)

    return write_rows


@pytest.fixture
def grammar(tmp_path):
    path = tmp_path / "grammar.yaml"
    path.write_text(GRAMMAR)
    return str(path)


def build(configs, *, seed=0, counts=COUNTS, classes=CLASSES):
    entries = {name: DatasetEntry.model_validate(config) for name, config in configs.items()}
    return build_datasets(entries, classes, seed=seed, images_per_class=dict.fromkeys(entries, counts))


def every_prompt(dataset, class_id):
    return {(split, n): dataset.prompt(class_id, split, n) for split, count in COUNTS.items() for n in range(count)}


def error_of(configs, **arguments):
    with pytest.raises(StudyError) as caught:
        build(configs, **arguments)
    return str(caught.value)


def test_lemmas_are_the_prompt_of_every_image_of_a_class():
    dataset = build({"synset": SYNSET})["synset"]
    assert set(every_prompt(dataset, 1).values()) == {"crane, bird"}
    assert not dataset.per_image


def test_overrides_replace_only_the_prompts_of_their_classes(write):
    path = write(
        "disamb.csv", ("key", "prompt", "reason"), ("n03", "a bird of type jay", "names"), (" n02", "a crane bird ", "")
    )
    dataset = build({"disamb": {"builder": "overrides", "base": "synset", "overrides": path}, "synset": SYNSET})["disamb"]
    assert [dataset.prompt(n, "train", 0) for n in range(3)] == ["quail", "a crane bird", "a bird of type jay"]


def test_a_grammar_gives_every_image_its_own_variant_of_the_base_prompt(write, grammar):
    path = write("disamb.csv", ("key", "prompt"), ("n02", "a crane bird"))
    datasets = build(
        {
            "aug": {"builder": "grammar", "base": "disamb", "grammar": grammar},
            "disamb": {"builder": "overrides", "base": "synset", "overrides": path},
            "synset": SYNSET,
        }
    )
    assert datasets["aug"].per_image
    for class_id, text in enumerate(["quail", "a crane bird", "jay"]):
        texts = every_prompt(datasets["aug"], class_id).values()
        possible = {f"{looks}, {size}{text}." for looks in ("old", "new") for size in ("small ", "large ", "")}
        assert len(set(texts)) == 5
        assert set(texts) < possible


def test_more_images_per_class_keep_the_existing_prompts(grammar):
    configs = {"synset": SYNSET, "aug": {"builder": "grammar", "base": "synset", "grammar": grammar}}
    few = build(configs, counts={"train": 2, "evaluation": 1})["aug"]
    many = build(configs, counts={"train": 4, "evaluation": 2})["aug"]
    for at in ((0, "train", 0), (0, "train", 1), (2, "evaluation", 0)):
        assert few.prompt(*at) == many.prompt(*at)
    prompts = [many.prompt(0, split, n) for split, count in (("train", 4), ("evaluation", 2)) for n in range(count)]
    assert len(set(prompts)) == 6


@pytest.mark.parametrize("suffix", ["csv", "parquet"])
@pytest.mark.parametrize(("column", "names"), [("key", ["n03", "n01", "n02"]), ("class_id", [2, 0, 1])])
def test_a_table_with_one_prompt_per_class(write, suffix, column, names):
    texts = ["a jay", " a quail ", "a crane, wading"]
    path = write(f"mine.{suffix}", (column, "prompt"), *zip(names, texts, strict=True))
    dataset = build({"mine": {"builder": "table", "table": path}})["mine"]
    assert [set(every_prompt(dataset, n).values()) for n in range(3)] == [{"a quail"}, {"a crane, wading"}, {"a jay"}]
    assert not dataset.per_image


def rows_per_image(change=None, drop=None):
    """Make a table with one prompt per image; on request, one prompt is changed or dropped."""
    rows = []
    for row in CLASSES:
        for split, count in COUNTS.items():
            for index in range(count):
                at = (row.key, split, index)
                if at != drop:
                    rows.append((*at, "changed" if at == change else f"{row.name} {split} {index}"))
    return [("key", "split", "index", "prompt"), *rows]


@pytest.mark.parametrize("suffix", ["csv", "parquet"])
def test_a_table_with_one_prompt_per_image(write, suffix):
    header, *rows = rows_per_image()
    path = write(f"mine.{suffix}", header, *reversed(rows))
    dataset = build({"mine": {"builder": "table", "table": path}})["mine"]
    assert dataset.per_image
    assert every_prompt(dataset, 2) == {
        ("train", 0): "jay train 0",
        ("train", 1): "jay train 1",
        ("train", 2): "jay train 2",
        ("evaluation", 0): "jay evaluation 0",
        ("evaluation", 1): "jay evaluation 1",
    }


def test_a_table_can_be_the_base_of_overrides_and_of_a_grammar(write, grammar):
    table = write("mine.csv", ("key", "prompt"), ("n01", "a quail"), ("n02", "a crane"), ("n03", "a jay"))
    path = write("more.csv", ("key", "prompt"), ("n02", "a crane bird"))
    datasets = build(
        {
            "mine": {"builder": "table", "table": table},
            "more": {"builder": "overrides", "base": "mine", "overrides": path},
            "aug": {"builder": "grammar", "base": "more", "grammar": grammar},
        }
    )
    assert [datasets["more"].prompt(n, "train", 0) for n in range(3)] == ["a quail", "a crane bird", "a jay"]
    assert all("a crane bird" in text for text in every_prompt(datasets["aug"], 1).values())


def test_descriptions_are_equal_exactly_when_the_prompts_are(write, grammar, tmp_path):
    """Over all pairs of datasets of a kind, class by class: images with equal descriptions are generated once."""
    other = tmp_path / "other.yaml"
    other.write_text(GRAMMAR.replace("new", "odd"))
    disamb = write("disamb.csv", ("key", "prompt"), ("n02", "a crane bird"))
    lemmas = write("lemmas.csv", ("key", "prompt"), ("n01", "quail"), ("n02", "crane, bird"), ("n03", "a jay"))
    one_class = {
        "synset": SYNSET,
        "disamb": {"builder": "overrides", "base": "synset", "overrides": disamb},
        "lemmas": {"builder": "table", "table": lemmas},
    }
    augmented = {
        f"{base} {path}": {"builder": "grammar", "base": base, "grammar": path}
        for base in one_class
        for path in (grammar, str(other))
    }
    one_image = {
        name: {"builder": "table", "table": write(f"{name}.csv", *rows_per_image(change))}
        for name, change in (("first", None), ("same", None), ("changed", ("n02", "evaluation", 1)))
    }
    seen = set()
    for kind in (one_class, augmented, one_image):
        built = [*build({**one_class, **kind}).values(), *build({**one_class, **kind}, seed=1).values()]
        of_kind = [dataset for dataset in built if dataset.name in kind]
        for one in of_kind:
            for two in of_kind:
                for class_id in range(3):
                    alike = every_prompt(one, class_id) == every_prompt(two, class_id)
                    assert (one.describe_class(class_id) == two.describe_class(class_id)) is alike, (
                        one.name,
                        two.name,
                        class_id,
                    )
                    seen.add((one.name, two.name, alike))
    assert {("synset", "disamb", True), ("synset", "disamb", False), ("first", "changed", True)} <= seen
    assert {("first", "changed", False), (f"synset {grammar}", f"disamb {grammar}", True)} <= seen


def test_a_class_without_lemmas_is_rejected():
    message = error_of({"synset": SYNSET}, classes=[CLASSES[0], ClassRow(1, "n02", "crane", "", "", "")])
    assert all(text in message for text in ("datasets.synset:", "'n02'", "no lemmas"))


OVERRIDES = {
    "an unknown class": ([("n02", "a crane bird"), ("n99", "a jay")], ["line 3", "'n99'"]),
    "a class twice": ([("n02", "a crane bird"), ("n03", "a jay"), ("n02", "a crane")], ["'n02'", "lines 2 and 4"]),
    "an empty prompt": ([("n02", "  ")], ["line 2", "'n02'", "empty"]),
}


@pytest.mark.parametrize(("rows", "fragments"), OVERRIDES.values(), ids=OVERRIDES)
def test_invalid_overrides_are_rejected(write, rows, fragments):
    path = write("disamb.csv", ("key", "prompt"), *rows)
    message = error_of({"synset": SYNSET, "disamb": {"builder": "overrides", "base": "synset", "overrides": path}})
    assert all(text in message for text in [path, *fragments]), message


def test_overrides_without_a_prompt_column_are_rejected(write):
    path = write("disamb.csv", ("key", "text"), ("n02", "a crane bird"))
    message = error_of({"synset": SYNSET, "disamb": {"builder": "overrides", "base": "synset", "overrides": path}})
    assert all(text in message for text in (path, "no column prompt", "key, text"))


CLASS_HEADER, IMAGE_HEADER = ("key", "prompt"), ("key", "split", "index", "prompt")
TABLES = {
    "an unknown key": ([CLASS_HEADER, ("n01", "a quail"), ("n99", "a jay")], ["row 2", "'n99'"]),
    "an unknown id": ([("class_id", "prompt"), (0, "a quail"), (3, "a jay")], ["row 2", "'3'"]),
    "an empty prompt": ([CLASS_HEADER, ("n01", " ")], ["row 1", "empty"]),
    "a class twice": ([CLASS_HEADER, ("n01", "a"), ("n01", "b")], ["row 2", "'n01'", "split and index"]),
    "a class left out": ([CLASS_HEADER, ("n01", "a"), ("n02", "b")], ["no prompt for class 'n03'"]),
    "no class column": ([("name", "prompt"), ("quail", "a quail")], ["columns prompt, and key or class_id"]),
    "no row": ([CLASS_HEADER], ["columns prompt, and key or class_id"]),
    "an unknown split": ([IMAGE_HEADER, ("n01", "test", "0", "a")], ["row 1", "'test'", "train or evaluation"]),
    "an index below 0": ([IMAGE_HEADER, ("n01", "train", "-1", "a")], ["row 1", "'-1'", "number from 0"]),
    "an image twice": (
        [IMAGE_HEADER, ("n01", "train", "0", "a"), ("n01", "train", "0", "b")],
        ["row 2", "'n01'", "train 0"],
    ),
    "an image left out": (rows_per_image(drop=("n02", "train", 2)), ["'n02'", "train 2", "asks for 3"]),
    "a split left out": (rows_per_image()[:4], ["'n01'", "evaluation 0", "asks for 2"]),
}


@pytest.mark.parametrize(("rows", "fragments"), TABLES.values(), ids=TABLES)
def test_an_invalid_table_is_rejected(write, rows, fragments):
    path = write("mine.csv", *rows)
    message = error_of({"mine": {"builder": "table", "table": path}})
    assert all(text in message for text in fragments), message
    assert message.startswith("config: datasets.mine.table: ")


@pytest.mark.parametrize("suffix", ["csv", "parquet"])
def test_a_missing_table_is_named(tmp_path, suffix):
    message = error_of({"mine": {"builder": "table", "table": str(tmp_path / f"mine.{suffix}")}})
    assert f"mine.{suffix} does not exist" in message


def test_a_prompt_that_is_null_counts_as_empty(write):
    path = write("mine.parquet", CLASS_HEADER, ("n01", "a quail"), ("n02", None))
    message = error_of({"mine": {"builder": "table", "table": path}})
    assert all(text in message for text in (path, "row 2", "empty"))


def test_too_few_prompts_of_a_grammar_are_reported_with_their_number(grammar):
    configs = {"synset": SYNSET, "aug": {"builder": "grammar", "base": "synset", "grammar": grammar}}
    assert len(build(configs, counts={"train": 4, "evaluation": 2})) == 2
    message = error_of(configs, counts={"train": 5, "evaluation": 2})
    assert all(text in message for text in ("datasets.aug.grammar", "needs 7", "has 6", grammar, "images_per_class"))


def test_circular_bases_are_rejected(write):
    path = write("disamb.csv", ("key", "prompt"), ("n02", "a crane bird"))
    circle = {
        name: {"builder": "overrides", "base": base, "overrides": path} for name, base in zip("abc", "bca", strict=True)
    }
    assert "a -> b -> c -> a" in error_of(circle)


@pytest.mark.parametrize("base", ["aug", "mine"])
def test_a_base_with_one_prompt_per_image_is_rejected(write, grammar, base):
    configs = {
        "synset": SYNSET,
        "mine": {"builder": "table", "table": write("mine.csv", *rows_per_image())},
        "aug": {"builder": "grammar", "base": "synset", "grammar": grammar},
        "top": {"builder": "grammar", "base": base, "grammar": grammar},
    }
    message = error_of(configs)
    assert all(text in message for text in ("datasets.top.base", f"'{base}'", "one prompt per image"))


ROWS = [
    ClassRow(0, "n01", "crane", "crane", "large wading bird of {marshes}", "wading bird"),
    ClassRow(1, "n02", "crane", "crane", "lifts heavy objects", "lifting device"),
]


def test_a_template_is_filled_from_the_class_table():
    forms = {"c": "{name}", "c_h": "{name}, {hypernym}", "c_d": "{name}, {definition}", "m": "multiple {name}, {hypernym}"}
    built = build({name: {"builder": "template", "template": form} for name, form in forms.items()}, classes=ROWS)
    assert {name: [dataset.prompt(n, "train", 0) for n in (0, 1)] for name, dataset in built.items()} == {
        "c": ["crane", "crane"],
        "c_h": ["crane, wading bird", "crane, lifting device"],
        "c_d": ["crane, large wading bird of {marshes}", "crane, lifts heavy objects"],
        "m": ["multiple crane, wading bird", "multiple crane, lifting device"],
    }
    assert not any(dataset.per_image for dataset in built.values())


@pytest.mark.parametrize(
    ("template", "message"),
    [
        ("a photo", "the template 'a photo' has no slot; it takes {name}, {lemmas}, {definition}, {hypernym}"),
        ("{name}, {hypernyms}", "the template '{name}, {hypernyms}' has {hypernyms}; it takes {name}, {lemmas}"),
        ("{name.key}", "has {name.key}; it takes"),
        ("{name}, {hypernym}", "class 'n01' has no hypernym in the class table"),
    ],
)
def test_a_template_that_cannot_be_filled_is_rejected(template, message):
    with pytest.raises(StudyError, match=re.escape(message)):
        build({"c": {"builder": "template", "template": template}})


def test_prompts_repeat_if_that_is_allowed(grammar):
    config = {"synset": SYNSET, "aug": {"builder": "grammar", "base": "synset", "grammar": grammar}}
    counts = {"train": 14, "evaluation": 2}
    with pytest.raises(StudyError, match="let prompts repeat"):
        build(config, counts=counts)
    config["aug"]["unique"] = False
    dataset = build(config, counts=counts)["aug"]
    prompts = [dataset.prompt(0, "train", n) for n in range(14)]
    assert len(set(prompts[:6])) == len(set(prompts[6:12])) == 6
    assert prompts[:6] != prompts[6:12]
    places = [place for place in dataset.list_places() if place[0] == 0]
    assert places == [(0, "train", n) for n in range(6)]  # the first place of each of the six prompts
    few = build(config | {"aug": config["aug"] | {"unique": True}})["aug"]
    assert [few.prompt(0, "train", n) for n in range(3)] == prompts[:3]
