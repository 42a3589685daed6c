"""What the messages and the reference page say that a key takes."""

import pytest

from synthdiv.config.expected import (
    NAME,
    describe,
    find_part,
    list_choices,
    list_item_types,
    list_keys,
    list_required,
    list_types,
    read_schema,
)
from synthdiv.config.study_config import StudyConfig

SCHEMA = read_schema(StudyConfig)
CROPS = ("classifiers", "x", "recipe", "multi_crop")


def find(*path):
    part = find_part(SCHEMA, SCHEMA, path)
    assert part is not None
    return part


@pytest.mark.parametrize(
    ("path", "words"),
    [
        (("seed",), "an integer from 0 to 4,294,967,295"),
        (("images_per_class", "train"), "an integer from 1 to 10,000,000"),
        (("generators", "x", "width"), "an integer from 8 to 16384, a multiple of 8"),
        (("generators", "x", "lora_scale"), "a number"),
        (("shard_by_time", "minutes"), "a number above 0"),
        ((*CROPS, "flip"), "a number from 0 to 1"),
        ((*CROPS, "global", "scale", 1), "a number above 0 and up to 1"),
        (("classifiers", "x", "recipe", "warmup"), "a number from 0 to below 1"),
        (("classes",), "text"),
        (("archive",), "text that is not empty"),
        (("study",), NAME),
        (("generators", "x", "compile"), "true or false"),
        (("sets", "x", "kind"), "one of image, prompt"),
        (("transfer", "sets", "x", "sklearn"), "digits"),
        (("embedding_classifiers", "lda_shrinkage"), "auto or a number from 0 to 1"),
        (("classifiers", "x", "recipe", "pretrained"), "true or false or text"),
        (("datasets", "x", "guidance_scales"), "a list of numbers from 0 to 1000"),
        (("classifiers", "x", "evaluate"), "a list of one or more texts"),
        (("exclude_flags",), "a list of these: black, uniform, nsfw, undecodable"),
        ((*CROPS, "blur_sigma"), "a list of 2 numbers above 0"),
        ((*CROPS, "color_jitter"), "a list of 4 numbers from 0"),
        ((*CROPS, "color_jitter", 3), "a number from 0 to 0.5"),
        (
            ("mixtures", "x", "parts"),
            "a list of one or more mappings with the keys set, images_per_class, classes, weight",
        ),
        (("generators",), "a mapping of names of your choice"),
        (("sets",), "a mapping of one or more names of your choice"),
        (("generators", "x", "arguments"), "a mapping"),
        (("images_per_class",), "a mapping with the keys train, evaluation"),
        (
            ("generators", "x"),
            "a mapping with keys such as model, revision, variant, dtype, steps, width (config/README.md has all)",
        ),
        (("sets", "x", "images", "train"), "text or a mapping with the keys path, labels, label, folders"),
    ],
    ids=lambda one: ".".join(map(str, one)) if isinstance(one, tuple) else "",
)
def test_a_key_is_described_in_words(path, words):
    assert describe(find(*path), SCHEMA) == words


def test_every_key_can_be_described():
    def walk(schema):
        for choice in list_choices(schema, SCHEMA):
            assert "any value" not in describe(choice, SCHEMA)
            for part in [*choice.get("properties", {}).values(), *choice.get("patternProperties", {}).values()]:
                walk(part)

    walk(SCHEMA)


@pytest.mark.parametrize("path", [("sead",), ("sets", "x", "y"), ("seed", "x"), ("exclude_flags", "x"), ("seed", 0)])
def test_nothing_is_found_where_nothing_may_be(path):
    assert find_part(SCHEMA, SCHEMA, path) is None


def test_the_keys_and_types_of_a_part():
    assert list_keys(find("image_format"), SCHEMA) == ["format", "quality"]
    assert list_keys(find("sets"), SCHEMA) == []
    assert list_required(SCHEMA, SCHEMA) == ["study", "classes", "sets"]
    assert list_required(find("classifiers", "x"), SCHEMA) == ["recipe", "evaluate"]
    assert list_types(find("sets", "x", "images", "train"), SCHEMA) == {"string", "object"}
    assert list_types(find("embedding_classifiers", "lda_shrinkage"), SCHEMA) == {"number"}
    assert list_item_types(find("exclude_flags"), SCHEMA) == set()
    assert list_item_types(find("classifiers", "x", "seeds"), SCHEMA) == {"integer"}
