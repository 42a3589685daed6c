"""Test ImageNet's class table and prompts: complete, equal to WordNet's, and every override has its finding."""

import csv
from dataclasses import replace
from pathlib import Path

import timm
import yaml
from workplace import REPOSITORY

from synthdiv.config.generation import DatasetEntry
from synthdiv.prompts.class_tables import read_classes
from synthdiv.prompts.datasets import build_datasets
from synthdiv.prompts.grammar import Grammar

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


def test_published_overrides_are_marked_and_all_others_are_ours():
    published = {row["key"]: row["prompt"] for row in read_rows("disamb.csv") if row["source"] == "published"}
    assert published == {
        "n01580077": "a bird of type jay",
        "n02895154": "breastplate",
        "n03786901": "mortar and pestle",
        "n02012849": "a crane bird",
    }
    assert {row["source"] for row in read_rows("disamb.csv")} == {"published", "ours"}


def test_clarified_prompts_are_unique():
    """No two classes of Disamb have the same prompt, as the two crane classes had."""
    texts = {key: row.lemmas for key, row in CLASSES.items()}
    assert len(set(texts.values())) < len(texts)
    texts |= {row["key"]: row["prompt"] for row in read_rows("disamb.csv")}
    assert len(set(texts.values())) == len(texts)


def test_the_grammar_has_several_times_more_prompts_than_a_class_has_images():
    assert len(Grammar(FOLDER.parent / "promptaug.yaml").templates) > 4 * 1250


FORMS = {
    "n02012849": ("crane", "wading bird", "large long-necked wading bird of marshes and plains in many parts of the world"),
    "n03126707": (
        "crane",
        "lifting device",
        "lifts and moves heavy objects; lifting tackle is suspended from a pivoted boom that rotates around a vertical axis",
    ),
    "n01608432": (
        "kite",
        "hawk",
        "any of several small graceful hawks of the family Accipitridae having long pointed wings and feeding on insects "
        "and small animals",
    ),
    "n02113186": ("Cardigan", "corgi", "slightly bowlegged variety of corgi having rounded ears and a long tail"),
    "n02963159": ("cardigan", "sweater", "knitted jacket that is fastened up the front with buttons or a zipper"),
    "n03786901": ("mortar", "vessel", "a bowl-shaped vessel in which substances can be ground and mixed with a pestle"),
    "n01580077": ("jay", "corvine bird", "crested largely blue bird"),
    "n03481172": (
        "hammer",
        "hand tool",
        "a hand tool with a heavy rigid head and a handle; used to deliver an impulsive force by striking",
    ),
    "n03804744": ("nail", "fastener", "a thin pointed piece of metal that is hammered into materials as a fastener"),
    "n01440764": (
        "tench",
        "cyprinid",
        "freshwater dace-like game fish of Europe and western Asia noted for ability to survive outside water",
    ),
    "n02085620": (
        "Chihuahua",
        "toy dog",
        "an old breed of tiny short-haired dog with protruding eyes from Mexico held to antedate Aztec civilization",
    ),
    "n02701002": ("ambulance", "car", "a vehicle that takes people to and from hospitals"),
    "n03594734": (
        "jean",
        "trouser",
        "(usually plural) close-fitting trousers of heavy denim for manual work or casual wear",
    ),
    "n03584829": (
        "iron",
        "home appliance",
        "home appliance consisting of a flat metal base that is heated and used to smooth cloth",
    ),
    "n04099969": ("rocking chair", "chair", "a chair mounted on rockers"),
    "n07753275": (
        "pineapple",
        "edible fruit",
        "large sweet fleshy tropical fruit with a terminal tuft of stiff leaves; widely cultivated",
    ),
    "n03930630": ("pickup", "truck", "a light truck with an open body and low sides and a tailboard"),
    "n03947888": ("pirate", "ship", "a ship that is manned by pirates"),
    "n03710637": ("maillot", "tights", "tights for dancers or gymnasts"),
    "n02087046": ("toy terrier", "toy dog", "a small active dog"),
}
"""WordNet 3.0 entries of twenty synsets, some of them homonyms: first lemma, first hypernym, definition."""


def test_the_prompt_forms_of_imagenet_sd(monkeypatch):
    monkeypatch.chdir(REPOSITORY)
    study = yaml.safe_load((REPOSITORY / "config" / "imagenet_sd.yaml").read_text())
    entries = {name: DatasetEntry.model_validate(entry) for name, entry in study["datasets"].items()}
    counts = {name: {"train": 730, "evaluation": 50} for name in entries}
    built = build_datasets(entries, list(CLASSES.values()), seed=1, images_per_class=counts)
    scenes = Grammar(REPOSITORY / "resources" / "prompts" / "places365.yaml").modifiers["scene"]
    assert len(FORMS) == 20
    for key, (name, hypernym, definition) in FORMS.items():
        n = CLASSES[key].class_id
        found = {dataset: built[dataset].prompt(n, "train", 0) for dataset in ("c", "c_h", "c_d", "multiple")}
        assert found == {
            "c": name,
            "c_h": f"{name}, {hypernym}",
            "c_d": f"{name}, {definition}",
            "multiple": f"multiple {name}, {hypernym}",
        }
        placed = [built["inside"].prompt(n, "train", index) for index in range(730)]
        assert sorted(placed) == sorted(2 * [f"{name}, {hypernym} inside {scene}" for scene in scenes])


def test_the_scenes_are_the_365_of_places():
    scenes = Grammar(REPOSITORY / "resources" / "prompts" / "places365.yaml").modifiers["scene"]
    assert len(set(scenes)) == 365
    assert {"airfield", "hockey arena", "outdoor church", "broadleaf forest", "zen garden"} <= set(scenes)
    assert not any(character in scene for scene in scenes for character in "_/")


def test_imagenet100_is_part_of_imagenet():
    own = read_classes(FOLDER / "imagenet100.csv")
    assert [row.key for row in own] == sorted((FOLDER / "making" / "imagenet100.txt").read_text().split())
    assert len(own) == 100
    assert [replace(CLASSES[row.key], class_id=n) for n, row in enumerate(own)] == own
