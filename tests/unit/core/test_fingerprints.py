"""Test the identity of an image: its seed and the digests that name it."""

import itertools

import pytest

from synthdiv.core.fingerprints import derive_seed, format_scale, make_digest, name_block, name_image

HERE = {"study_seed": 3, "class_key": "quail", "split": "train", "index": 5}


def test_seeds_are_those_of_all_existing_archives():
    """First eight bytes of the JSON list's SHA-256 by sha256sum, halved. A change would regenerate every study."""
    assert derive_seed(0, "quail", "train", 0) == 165637493616614142
    assert derive_seed(7, "quail", "evaluation", 49, noise="shared") == 5819490330382812589


def test_seeds_fit_a_signed_64_bit_integer_and_never_repeat():
    splits, keys = ("train", "evaluation", "probe"), ("quail", "crane")
    seeds = [derive_seed(*at) for at in itertools.product(range(3), keys, splits, range(200))]
    assert len(set(seeds)) == 3 * 2 * 3 * 200
    assert min(seeds) >= 0
    assert 2**62 < max(seeds) < 2**63


@pytest.mark.parametrize("change", [{"study_seed": 4}, {"class_key": "crane"}, {"split": "evaluation"}, {"index": 6}])
def test_each_argument_changes_the_seed(change):
    assert derive_seed(**HERE) != derive_seed(**HERE | change)


@pytest.mark.parametrize("change", [{"study_seed": 4}, {"split": "evaluation"}, {"index": 6}])
def test_shared_noise_is_equal_for_all_classes_and_changes_otherwise(change):
    shared = derive_seed(**HERE, noise="shared")
    assert derive_seed(**HERE | {"class_key": "crane"}, noise="shared") == shared
    assert derive_seed(**HERE | change, noise="shared") != shared
    assert derive_seed(**HERE) != shared


def test_a_class_named_none_does_not_get_the_shared_noise():
    assert derive_seed(0, "None", "train", 0) != derive_seed(0, "x", "train", 0, noise="shared")


def test_make_digest_is_the_sha256_of_canonical_json():
    """The expected value is sha256sum of the text {"a":1,"b":[2,"é"]}."""
    expected = "992f8d0a5d6192a6c1c9dd35a695b4ce8c743eaa26836ab176d7367cf0bd62b1"
    assert make_digest({"b": [2, "é"], "a": 1}) == make_digest({"a": 1, "b": [2, "é"]}) == expected
    assert make_digest({"a": 1, "b": ["é", 2]}) != expected


def test_make_digest_rejects_values_outside_json():
    with pytest.raises(ValueError, match="JSON"):
        make_digest({"scale": float("nan")})


@pytest.mark.parametrize(
    "change",
    [{"recipe_digest": "b"}, {"guidance_scale": 2.6}, {"prompt": "a quail"}, {"seed": 2}],
    ids=lambda c: next(iter(c)),
)
def test_each_argument_changes_the_name_of_an_image(change):
    base = {"recipe_digest": "a", "guidance_scale": 2.5, "prompt": "quail", "seed": 1}
    assert name_image(**base) == name_image(**base)
    assert name_image(**base) != name_image(**base | change)


def test_the_names_of_images_from_noise_are_those_of_all_existing_archives():
    """The expected value is sha256sum of {"guidance_scale":2.5,"prompt":"quail","recipe":"a","seed":1}."""
    assert name_image("a", 2.5, "quail", 1) == "1d095223c89e7a2c1400f8f75aebe70d35a7de9af481ec3d24a970e141dc80d1"
    names = [name_image("a", 2.5, "quail", 1, **start) for start in ({}, {"source": "x"}, {"source": "x", "strength": 0.5})]
    assert len(set(names)) == 3


def test_the_name_of_a_block_depends_on_its_images_and_their_order():
    """The expected value is sha256sum of the text ["x","y"]."""
    assert name_block(["x", "y"]) == "01f650e85c95620160b40ed22626dca932e9f700ffe599be060da184dd4d7822"
    assert len({name_block(names) for names in (["x", "y"], ["y", "x"], ["x"], ["xy"], ["x", "y", "z"])}) == 5


@pytest.mark.parametrize(
    ("scale", "text"), [(2.5, "2.5"), (10.0, "10"), (10, "10"), (1.0, "1"), (0.1 + 0.2, "0.3"), (7.25, "7.25"), (0.0, "0")]
)
def test_a_guidance_scale_has_a_canonical_text_form(scale, text):
    assert format_scale(scale) == text
    assert format_scale(float(text)) == text
