"""Test which package a workflow accepts as its own."""

import shutil

import pytest

from synthdiv.core import installation
from synthdiv.core.errors import StudyError


def make_package(folder):
    (folder / "synthdiv" / "core").mkdir(parents=True)
    (folder / "synthdiv" / "__init__.py").write_text("")
    (folder / "synthdiv" / "core" / "errors.py").write_text("class StudyError(Exception): ...\n")
    return folder / "synthdiv"


@pytest.fixture
def clones(tmp_path, monkeypatch):
    """Two identical clones; Python has imported the second one's package."""
    packages = [make_package(tmp_path / name / "src") for name in ("one", "two")]
    monkeypatch.setattr(installation, "PACKAGE", packages[1])
    return tmp_path / "one", tmp_path / "two"


def test_a_clones_own_package_is_accepted_also_through_a_link(clones, tmp_path):
    installation.check_installation(clones[1])
    (tmp_path / "link").symlink_to(clones[1])
    installation.check_installation(tmp_path / "link")


def test_an_identical_package_of_another_clone_is_rejected(clones):
    with pytest.raises(StudyError, match=f"is in {clones[0]}, but the package synthdiv was imported from {clones[1]}"):
        installation.check_installation(clones[0])


@pytest.mark.parametrize("change", ["core/errors.py", "core/new.py", "core/data.csv"])
def test_an_installed_copy_must_be_identical(clones, tmp_path, monkeypatch, change):
    copy = tmp_path / "site-packages" / "synthdiv"
    shutil.copytree(clones[0] / "src" / "synthdiv", copy)
    monkeypatch.setattr(installation, "PACKAGE", copy)
    installation.check_installation(clones[0])
    (clones[0] / "src" / "synthdiv" / change).write_text("changed\n")
    with pytest.raises(StudyError, match=f"in {copy.parent} differs from that of {clones[0]}, whose code has changed"):
        installation.check_installation(clones[0])
