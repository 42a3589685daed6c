"""The record of the environments in which results were computed."""

import json
import os
import subprocess
import sys

import pytest
from workplace import REPOSITORY

from synthdiv.core.errors import StudyError
from synthdiv.core.provenance import environments
from synthdiv.core.provenance.environments import (
    describe_environment,
    list_damaged_records,
    read_last_versions,
    record_environment,
)
from synthdiv.core.provenance.versions import DECISIVE, read_versions

CONFIG = {"study": "mine", "seed": 1}


def list_records(results):
    return sorted((results / "environments").iterdir())


def test_each_environment_is_recorded_once(tmp_path):
    for config in (CONFIG, CONFIG, CONFIG | {"seed": 2}):
        record_environment(tmp_path, config, REPOSITORY)
    assert len(list_records(tmp_path)) == 2
    for path in list_records(tmp_path):
        entry = json.loads(path.read_text())
        assert entry.keys() >= {"first_used", "first_host", "python", "commit", "config_digest", "processor", "gpus"}
        assert {package: entry["packages"][package] for package in DECISIVE} == read_versions(DECISIVE)


def test_the_last_used_one_is_found(tmp_path, monkeypatch):
    record_environment(tmp_path, CONFIG, REPOSITORY)
    (first,) = list_records(tmp_path)
    os.utime(first, (1, 1))
    with monkeypatch.context() as patch:
        patch.setattr(environments, "read_versions", lambda packages: {"torch": "0.1"})
        record_environment(tmp_path, CONFIG, REPOSITORY)
    assert read_last_versions(tmp_path) == {"torch": "0.1"}
    os.utime(next(path for path in list_records(tmp_path) if path != first), (2, 2))
    record_environment(tmp_path, CONFIG, REPOSITORY)
    assert read_last_versions(tmp_path)["torch"] == read_versions(["torch"])["torch"]
    assert len(list_records(tmp_path)) == 2


def test_results_without_a_record_have_no_versions(tmp_path):
    assert read_last_versions(tmp_path) == {}


@pytest.mark.parametrize("content", ["", "{}", "[]", '{"packages": 3}'])
def test_a_damaged_record_is_named(tmp_path, content):
    path = tmp_path / "environments" / "a.json"
    path.parent.mkdir()
    path.write_text(content)
    with pytest.raises(StudyError, match=f"{path} is damaged: delete it"):
        read_last_versions(tmp_path)


@pytest.mark.parametrize(
    ("before", "after"),
    [('"torch"', '"torci"'), ('"python": "3', '"python": "1'), ('"first_host"', '"first_hosu"'), ("{", "[")],
)
def test_a_record_that_is_not_what_its_name_says_is_damaged(tmp_path, before, after):
    record_environment(tmp_path, CONFIG, REPOSITORY)
    assert list_damaged_records(tmp_path) == []
    (path,) = list_records(tmp_path)
    content = path.read_text()
    path.write_text(content.replace(before, after, 1))
    assert path.read_text() != content
    assert list_damaged_records(tmp_path) == [path]


def test_the_commit_of_an_edited_clone_and_of_a_copy_without_git(tmp_path):
    git = ["git", "-C", str(tmp_path), "-c", "user.name=me", "-c", "user.email=me@here"]
    assert describe_environment(CONFIG, tmp_path)["commit"] is None
    (tmp_path / "file").write_text("1")
    subprocess.run([*git, "init", "-q"], check=True)
    assert describe_environment(CONFIG, tmp_path)["commit"] is None
    for command in (["add", "."], ["commit", "-qm", "first"], ["tag", "v1"]):
        subprocess.run([*git, *command], check=True)
    (tmp_path / "untracked").touch()
    commit = subprocess.run([*git, "rev-parse", "HEAD"], capture_output=True, text=True, check=True).stdout.strip()
    assert describe_environment(CONFIG, tmp_path)["commit"] == commit
    (tmp_path / "file").write_text("2")
    assert describe_environment(CONFIG, tmp_path)["commit"] == f"{commit}-dirty"
    subprocess.run([*git, "add", "file"], check=True)
    assert describe_environment(CONFIG, tmp_path)["commit"] == f"{commit}-dirty"


def test_gpus_are_read_from_the_driver(tmp_path, monkeypatch):
    for number in range(2):
        (tmp_path / str(number)).mkdir()
        (tmp_path / str(number) / "information").write_text("Model: \t\t NVIDIA H100 80GB HBM3\nIRQ:   \t\t 52\n")
    monkeypatch.setattr(environments, "GPUS", tmp_path)
    assert describe_environment(CONFIG, tmp_path)["gpus"] == ["NVIDIA H100 80GB HBM3"] * 2


def test_nothing_heavy_is_imported_for_a_record():
    code = (
        "import sys; from synthdiv.core.provenance import versions as v; v.read_versions(v.RECORDED); assert 'torch' not in "
    )
    code += "sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)
