"""Which training sets differ in one setting."""

import pytest
import yaml
from workplace import REPOSITORY

from synthdiv.plan.interventions import find_cause, list_interventions, resolve_settings
from synthdiv.plan.loading import load_study


@pytest.fixture
def config(monkeypatch):
    monkeypatch.chdir(REPOSITORY)
    return yaml.safe_load((REPOSITORY / "config" / "config.yaml").read_text())


def list_pairs(config):
    study = load_study(config)
    return {
        (one.base, one.changed): (one.setting, one.before, one.after, find_cause(study, one))
        for one in list_interventions(study, "small")
    }


def test_the_demos_interventions(config):
    guidance = "diversity against adherence"
    assert list_pairs(config) == {
        ("Synset-IM", "Disamb-IM"): ("prompts", "synset", "disamb", "ambiguity"),
        ("Disamb-IM", "Disamb5.0-IM"): ("guidance_scale", "7.5", "5", guidance),
        ("Disamb5.0-IM", "Disamb2.5-IM"): ("guidance_scale", "5", "2.5", guidance),
        ("Disamb2.5-IM", "Disamb1.0-IM"): ("guidance_scale", "2.5", "1", guidance),
        ("Disamb2.5-IM", "PromptAug-IM"): ("prompts", "disamb", "promptaug", "diversity"),
    }


def add_set(config, name, generator=None, **entry):
    """Add a training set; with a generator, of a dataset of its own with the prompts of disamb at 2.5."""
    if generator is not None:
        config["generators"][name] = config["generators"]["tiny-sd"] | generator
        dataset = f"of{name}"
        config["datasets"][dataset] = config["datasets"]["disamb"] | {"guidance_scales": [2.5], "generator": name}
        entry = {"kind": "image", "dataset": dataset, "guidance_scale": 2.5} | entry
    config["sets"][name] = entry
    config["classifiers"]["small"]["train"].append(name)


@pytest.mark.parametrize(
    ("generator", "expected"),
    [
        ({"steps": 20}, ("steps", "8", "20")),
        ({"scheduler": None}, ("sampler", "DPMSolverMultistepScheduler", "the model's own")),
        ({"lora": "resources/demo/models/clip"}, ("weights", "tiny-sd", "New")),
        ({"width": 64}, ("generator's other options", "tiny-sd", "New")),
    ],
    ids=lambda value: str(value)[:20],
)
def test_each_setting_of_a_generator_is_one(config, monkeypatch, generator, expected):
    if "lora" in generator:
        monkeypatch.setattr("synthdiv.plan.loading.check_study", lambda study: None)
    add_set(config, "New", generator)
    found = {pair: one for pair, one in list_pairs(config).items() if "New" in pair}
    assert found.keys() == {("Disamb2.5-IM", "New")}
    assert found["Disamb2.5-IM", "New"][:3] == expected


def test_two_changed_settings_are_no_intervention(config):
    add_set(config, "New", {"steps": 20, "scheduler": None})
    assert not [pair for pair in list_pairs(config) if "New" in pair]


def test_equal_content_under_another_name_is_the_same_setting(config):
    """A dataset with the same prompts, and a generator with the same settings: nothing differs."""
    add_set(config, "New", {"safety_checker": None})
    found = {pair: one[0] for pair, one in list_pairs(config).items() if "New" in pair}
    assert ("Disamb2.5-IM", "New") not in found
    assert found["Disamb5.0-IM", "New"] == "guidance_scale"


def test_a_set_with_some_classes_of_clarified_prompts_differs_in_its_prompts(config):
    clarified, rest = ["tshirt", "bag"], ["trouser", "pullover", "dress", "coat", "sandal", "shirt", "sneaker", "boot"]
    parts = [{"set": "Disamb-IM", "classes": clarified}, {"set": "Synset-IM", "classes": rest}]
    config["mixtures"] = {"Clarified": {"parts": parts}}
    config["classifiers"]["small"]["train"].append("Clarified")
    found = {pair: one[0] for pair, one in list_pairs(config).items() if "Clarified" in pair}
    assert found == {("Synset-IM", "Clarified"): "prompts", ("Disamb-IM", "Clarified"): "prompts"}
    config["mixtures"]["Clarified"]["parts"][0]["set"] = "Disamb2.5-IM"  # another guidance scale in some classes
    assert resolve_settings(load_study(config), "Clarified") is None
    assert not [pair for pair in list_pairs(config) if "Clarified" in pair]


def test_natural_images_and_sizes(config):
    """More images are an intervention, and added synthetic ones; another natural source is none."""
    config["mixtures"] = {
        "Natural50": {"parts": [{"set": "Fashion-IM", "images_per_class": 50}]},
        "Natural20": {"parts": [{"set": "Fashion-IM", "images_per_class": 20}]},
        "Both": {"parts": [{"set": "Fashion-IM"}, {"set": "Disamb2.5-IM", "images_per_class": 60}]},
    }
    config["classifiers"]["small"]["train"] = ["Fashion-IM", "Natural50", "Natural20", "Both", "FashionStudio-IM"]
    found = list_pairs(config)
    assert {pair: one[:3] for pair, one in found.items()} == {
        ("Fashion-IM", "Natural50"): ("images", "100", "50"),
        ("Natural50", "Natural20"): ("images", "50", "20"),
        ("Fashion-IM", "Both"): ("mixture", "none", "60 Disamb2.5-IM"),
    }


def test_settings_of_the_user(config):
    """They stand for where the images come from."""
    for name, split, season in (("One", "train", "summer"), ("Two", "evaluation", "winter")):
        images = {"train": f"resources/demo/natural/fashion-{split}.parquet"}
        images["evaluation"] = "resources/demo/natural/fashion-evaluation.parquet"
        add_set(config, name, kind="image", images=images, settings={"season": season, "camera": 1})
    found = {pair: one for pair, one in list_pairs(config).items() if {"One", "Two"} & {*pair}}
    assert found == {("One", "Two"): ("setting season", "summer", "winter", "")}
