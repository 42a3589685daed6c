"""Test which package a workflow accepts as its own."""

import re
import shutil
import sys

import pytest
from workplace import REPOSITORY

from synthdiv.core import installation
from synthdiv.core.errors import StudyError
from synthdiv.core.installation import find_clone


def make_package(folder):
    (folder / "synthdiv" / "core").mkdir(parents=True)
    (folder / "synthdiv" / "__init__.py").write_text("")
    (folder / "synthdiv" / "core" / "errors.py").write_text("class StudyError(Exception): ...\n")
    return folder / "synthdiv"


@pytest.fixture
def clones(tmp_path, monkeypatch):
    """Two identical clones; Python has imported the second one's package."""
    packages = [make_package(tmp_path / name / "src") for name in ("one", "two")]
    for name in ("one", "two"):
        (tmp_path / name / "Snakefile").touch()
    monkeypatch.setattr(installation, "PACKAGE", packages[1])
    return tmp_path / "one", tmp_path / "two"


def test_a_clones_own_package_is_accepted_also_through_a_link(clones, tmp_path):
    installation.check_installation(clones[1])
    (tmp_path / "link").symlink_to(clones[1])
    installation.check_installation(tmp_path / "link")


def test_an_identical_package_of_another_clone_is_rejected(clones):
    with pytest.raises(StudyError, match=f"is in {clones[0]}, but the package synthdiv was imported from {clones[1]}"):
        installation.check_installation(clones[0])


@pytest.mark.parametrize("folder", ["site-packages", "target"])
@pytest.mark.parametrize("change", ["core/errors.py", "core/new.py"])
def test_an_installed_copy_must_be_identical(clones, tmp_path, monkeypatch, change, folder):
    """Also one that `pip install --target` put into any folder."""
    copy = tmp_path / folder / "synthdiv"
    shutil.copytree(clones[0] / "src" / "synthdiv", copy)
    monkeypatch.setattr(installation, "PACKAGE", copy)
    (clones[0] / "src" / "synthdiv" / ".DS_Store").write_text("no code")
    installation.check_installation(clones[0])
    (clones[0] / "src" / "synthdiv" / change).write_text("changed\n")
    with pytest.raises(
        StudyError, match=rf"in {copy.parent} differs from that of {clones[0]} \(in {change}\), whose code has changed"
    ):
        installation.check_installation(clones[0])


@pytest.mark.parametrize("name", ["a{x}b", "{", "}"])
def test_a_clone_with_braces_in_its_path_is_refused(clones, tmp_path, monkeypatch, name):
    """Snakemake would take them for a wildcard in the paths of its scripts."""
    own = make_package(tmp_path / name / "src")
    monkeypatch.setattr(installation, "PACKAGE", own)
    with pytest.raises(StudyError, match=f"{re.escape(str(tmp_path / name))} has .* in its path, .* move the clone"):
        installation.check_installation(tmp_path / name)


def test_a_python_that_snakemake_cannot_start_is_refused(clones, monkeypatch):
    monkeypatch.setattr(sys, "executable", "/home/me/my clone/.venv/bin/python")
    with pytest.raises(
        StudyError, match=r"/home/me/my clone/.venv/bin/python, because its path contains ' ': move the clone"
    ):
        installation.check_installation(clones[1])


def test_the_clone_is_that_of_the_package_or_the_working_directory(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert find_clone() == REPOSITORY
    monkeypatch.setattr(installation, "PACKAGE", tmp_path / "site-packages" / "synthdiv")
    with pytest.raises(StudyError, match="is installed without its workflow, and there is no clone of the repository"):
        find_clone()
    (tmp_path / "workflow" / "rules").mkdir(parents=True)
    (tmp_path / "Snakefile").touch()
    assert find_clone() == tmp_path
