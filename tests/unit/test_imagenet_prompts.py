"""ImageNet's class table and prompts: complete, WordNet's own, and every override with its finding."""

import csv
from pathlib import Path

import timm
from conftest import REPOSITORY

from synthdiv.classes import read_classes
from synthdiv.grammar import Grammar

FOLDER = REPOSITORY / "resources" / "prompts" / "imagenet"
TIMM = Path(timm.__file__).parent / "data" / "_info"
CLASSES = {row.key: row for row in read_classes(FOLDER / "classes.csv")}


def read_rows(name):
    with open(FOLDER / name, newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def test_the_classes_are_imagenets_in_their_order():
    assert list(CLASSES) == (TIMM / "imagenet_synsets.txt").read_text().split()
    lemmas, definitions = (
        dict(line.split("\t", 1) for line in (TIMM / f"imagenet_synset_to_{name}.txt").read_text().splitlines())
        for name in ("lemma", "definition")
    )
    assert {key: (row.lemmas, row.definition) for key, row in CLASSES.items()} == {
        key: (lemmas[key], definitions[key]) for key in CLASSES
    }
    assert all(row.name == row.lemmas.split(", ")[0] for row in CLASSES.values())


def test_hypernyms_are_those_of_the_synset_and_not_of_its_name():
    expected = {
        "n02012849": "wading bird",  # crane
        "n03126707": "lifting device",  # crane
        "n01608432": "hawk",  # kite
        "n02113186": "corgi",  # Cardigan
        "n02963159": "sweater",  # cardigan
        "n03786901": "vessel",  # mortar
        "n01580077": "corvine bird",  # jay
        "n02108089": "working dog",  # boxer
        "n03481172": "hand tool",  # hammer
        "n03804744": "fastener",  # nail
    }
    assert {key: CLASSES[key].hypernym for key in expected} == expected


def test_every_override_has_its_finding():
    overrides = read_rows("disamb.csv")
    found = {(row["key"], row["finding"]) for row in read_rows("candidates.csv")}
    assert len({row["key"] for row in overrides}) == len(overrides) == 105  # as many as the study changed
    for row in overrides:
        assert (row["key"], row["finding"]) in found
        assert row["prompt"] != CLASSES[row["key"]].lemmas
        assert row["reason"]
    assert len({row["prompt"] for row in overrides}) == len(overrides)


def test_the_published_changes_are_marked_and_all_others_called_ours():
    published = {row["key"]: row["prompt"] for row in read_rows("disamb.csv") if row["source"] == "published"}
    assert published == {
        "n01580077": "a bird of type jay",
        "n02895154": "breastplate",
        "n03786901": "mortar and pestle",
        "n02012849": "a crane bird",
    }
    assert {row["source"] for row in read_rows("disamb.csv")} == {"published", "ours"}


def test_clarified_prompts_are_no_other_classs():
    """Two classes of Disamb never have the same prompt, as crane and crane had."""
    texts = {key: row.lemmas for key, row in CLASSES.items()}
    assert len(set(texts.values())) < len(texts)
    texts |= {row["key"]: row["prompt"] for row in read_rows("disamb.csv")}
    assert len(set(texts.values())) == len(texts)


def test_the_grammar_has_well_over_as_many_prompts_as_a_class_has_images():
    assert len(Grammar(FOLDER.parent / "promptaug.yaml").templates) > 4 * 1250
