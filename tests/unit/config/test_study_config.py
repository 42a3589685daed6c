"""The types of the config: their defaults, what they refuse, and the plain values that they give to others."""

import pytest
import yaml
from pydantic import ValidationError
from workplace import REPOSITORY

from synthdiv.config.base import rewrite_number
from synthdiv.config.generation import DatasetEntry, Generator, PromptBuilder
from synthdiv.config.loading import read_config
from synthdiv.config.sets import Encoder, NaturalImages, SetEntry
from synthdiv.config.study_config import StudyConfig
from synthdiv.config.training import ClassifierEntry, Recipe, TransferSet

SMALL = {"study": "s", "classes": "c.csv", "sets": {"A": {"kind": "image", "embeddings": "a.npy"}}}
CONFIGS = sorted((REPOSITORY / "config").glob("*.yaml"))


def test_defaults():
    config = read_config(SMALL)
    assert (config.seed, config.archive, config.device, config.noise) == (0, "archive", "auto", "per_class")
    assert (config.generators, config.encoders, config.datasets, config.classifiers) == ({}, {}, {}, {})
    assert (config.images_per_class.train, config.images_per_class.evaluation) == (1200, 50)
    assert (config.features, config.shard_by_time, config.published) == (None, None, None)
    assert config.set_metrics.references is None
    assert config.embedding_classifiers.knn == [1, 5, 10, 20, 50]


@pytest.mark.parametrize("path", CONFIGS, ids=[path.stem for path in CONFIGS])
def test_plain_values_make_the_same_config(path):
    config = StudyConfig.model_validate(yaml.safe_load(path.read_text()))
    plain = config.to_dict()
    assert StudyConfig.model_validate(plain) == config
    assert StudyConfig.model_validate(plain).to_dict() == plain


def test_a_key_that_is_not_given_is_left_out_and_a_default_is_not():
    recipe = Recipe.model_validate({"model": "resnet18", "steps": 5}).to_dict()
    assert recipe["steps"] == 5
    assert "epochs" not in recipe
    assert (recipe["batch_size"], recipe["image_size"], recipe["multi_crop"]) == (256, None, None)
    entry = SetEntry.model_validate(SMALL["sets"]["A"]).to_dict()
    assert "guidance_scale" not in entry
    assert entry["images_per_class"] == {}


def test_a_key_keeps_the_name_that_the_config_has():
    recipe = Recipe.model_validate({"model": "resnet18", "multi_crop": {"global": {"number": 2}}})
    assert recipe.multi_crop.global_.number == 2
    assert recipe.to_dict()["multi_crop"]["global"]["number"] == 2
    assert recipe.to_dict()["multi_crop"]["color_jitter"] == [0.4, 0.4, 0.2, 0.1]


def test_a_config_cannot_be_changed():
    with pytest.raises(ValidationError):
        read_config(SMALL).seed = 3


def test_a_number_is_no_text_and_a_text_no_number():
    for wrong in ({"model": 5}, {"steps": "5"}, {"steps": True}, {"steps": 5.0}, {"compile": 1}, {"arguments": [1]}):
        with pytest.raises(ValidationError):
            Generator.model_validate({"model": "m", "steps": 5, "width": 8, "height": 8} | wrong)
    assert Generator(model="m", steps=5, width=8, height=8, lora_scale=1).lora_scale == 1


def test_a_dataset_may_have_its_own_numbers_of_images():
    datasets = {"a": {"builder": "lemmas"}, "b": {"builder": "lemmas", "images_per_class": {"train": 3}}}
    config = read_config(SMALL | {"datasets": datasets, "images_per_class": {"train": 7}})
    assert config.count_images() == {"a": {"train": 7, "evaluation": 50}, "b": {"train": 3, "evaluation": 50}}


def test_the_builder_of_a_dataset_is_what_decides_its_prompts():
    entry = DatasetEntry(builder="template", template="a {name}", guidance_scales=[2.5], generator="g")
    assert entry.get_builder() == PromptBuilder(builder="template", template="a {name}")
    assert entry.get_builder().to_dict() == {"builder": "template", "template": "a {name}"}


def test_what_a_part_lists():
    assert list(NaturalImages(evaluation="e").list_splits()) == ["evaluation"]
    assert list(NaturalImages(evaluation="e", train="t").list_splits()) == ["train", "evaluation"]
    assert TransferSet(torchvision="DTD", root="r").describe_library() == {"torchvision": "DTD", "root": "r"}
    ready = ClassifierEntry(recipe="r.yaml", trained_on="ImageNet", evaluate=["A"])
    assert ready.list_training_sets() == ["ImageNet"]
    assert ClassifierEntry(recipe="r.yaml", train=["A", "B"], evaluate=["A"]).list_training_sets() == ["A", "B"]
    assert Encoder(model="m").features is None


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("1e6", "1000000"),
        ("-2E3", "-2000"),
        ("1.5e3", "1500"),
        ("1e-4", "1.0e-4"),
        ("2.5e-4", "2.5e-4"),
        ("1e12", "1.0e+12"),
        ("1.e-4", "1.e-4"),
        ("e6", None),
        ("50", None),
        ("1e", None),
        (5.0, None),
    ],
)
def test_a_number_that_yaml_reads_as_text_is_rewritten(text, number):
    assert rewrite_number(text) == number
    if number is not None:
        assert yaml.safe_load(number) == float(text)
        assert isinstance(yaml.safe_load(str(text)), str) or "." in text
