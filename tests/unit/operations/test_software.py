"""The warning that the software has changed since a study's last run."""

import json

import pytest
from small_study import OVERRIDES, make_classifiers, make_config, write_natural
from workplace import REPOSITORY

from synthdiv.core.provenance.versions import DECISIVE, read_versions
from synthdiv.operations.software import describe_changes
from synthdiv.plan.loading import load_study

IMAGES, EMBEDDINGS, CLASSIFIERS = "  images: ", "  embeddings: ", "  classifiers: "


@pytest.fixture
def warn(tmp_path, monkeypatch):
    """Return the warning for a study whose last run had other versions."""
    monkeypatch.chdir(tmp_path)
    write_natural(tmp_path, train=6, val=4)
    (tmp_path / "resources").symlink_to(REPOSITORY / "resources")
    (tmp_path / "overrides.csv").write_text(OVERRIDES)
    (tmp_path / "subset.txt").write_text("bag\n")
    config = make_config(**make_classifiers())
    config["sets"]["Subset-IM"] = {"kind": "image", "images": {"evaluation": "natural/val"}, "class_subset": "subset.txt"}

    def warn(versions, **changes):
        (tmp_path / "environments").mkdir()
        packages = {name: text for name, text in (read_versions(DECISIVE) | versions).items() if text}
        (tmp_path / "environments" / "a.json").write_text(json.dumps({"packages": packages}))
        return describe_changes(load_study(config | changes), tmp_path)

    return warn


def test_the_same_software_and_other_packages_give_no_warning(warn):
    assert warn({"matplotlib": "0.1"}) is None


@pytest.mark.parametrize(
    ("package", "ways"),
    [
        ("torch", [IMAGES, EMBEDDINGS, CLASSIFIERS]),
        ("diffusers", [IMAGES]),
        ("open_clip_torch", [EMBEDDINGS]),
        ("timm", [EMBEDDINGS, CLASSIFIERS]),
    ],
)
def test_a_change_is_said_with_what_can_be_computed_again(warn, package, ways):
    warning = warn({package: "0.1"})
    assert f"since the last run of small: {package} was 0.1 and is {read_versions([package])[package]}." in warning
    assert [way for way in (IMAGES, EMBEDDINGS, CLASSIFIERS) if way in warning] == ways


def test_a_study_without_classifiers_is_not_told_to_train_them_again(warn):
    warning = warn({"timm": "0.1"}, classifiers={}, mixtures={})
    assert CLASSIFIERS not in warning


def test_a_package_that_was_missing(warn):
    assert "timm was missing and is" in warn({"timm": None})
