"""The package lists, the lock and the generated conda environment agree."""

import hashlib
import re
import tomllib

from workplace import REPOSITORY

ENVS = REPOSITORY / "envs"


def read_requirements(name):
    lines = [line.partition("#")[0].strip() for line in (ENVS / name).read_text().splitlines()]
    return [re.match(r"[\w.-]+", line)[0].lower().replace("_", "-") for line in lines if line]


def test_the_lock_contains_every_package_of_both_lists():
    locked = re.findall(r"^([\w.-]+)==", (ENVS / "requirements.txt").read_text(), flags=re.MULTILINE)
    lists = read_requirements("requirements.in"), read_requirements("development.in")
    assert {name for names in lists for name in names} <= set(locked), "run `make lock`"
    assert not set(lists[0]) & set(lists[1])
    (backend,) = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())["build-system"]["requires"]
    assert re.match(r"[\w-]+", backend)[0] in lists[1]


def test_the_site_is_built_with_the_same_packages():
    locked, added = (
        dict(re.findall(r"^([\w.-]+)==(\S+)", (ENVS / name).read_text(), flags=re.MULTILINE))
        for name in ("requirements.txt", "docs.txt")
    )
    assert set(read_requirements("docs.in")) <= set(added), "run `make lock`"
    assert {name: version for name, version in added.items() if name in locked and locked[name] != version} == {}


def test_the_conda_environment_is_rebuilt_when_the_lock_changes():
    digest = hashlib.sha256((ENVS / "requirements.txt").read_bytes()).hexdigest()
    assert f"# lock: {digest[:16]}\n" in (ENVS / "synthdiv.yaml").read_text(), "run `make lock`"
