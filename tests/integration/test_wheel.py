"""The package as others install it: a wheel with all modules, which works without this repository."""

import os
import re
import shutil
import subprocess
import sys
import sysconfig
import zipfile
from email import message_from_bytes
from pathlib import Path

import pytest
from workplace import REPOSITORY

UV = Path(sys.executable).parent / "uv"
SOURCES = ("pyproject.toml", "README.md", "LICENSE", "envs/requirements.in", "src")


def run(*command, cwd):
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"} | {"UV_OFFLINE": "1"}
    return subprocess.run(command, cwd=cwd, env=environment, capture_output=True, text=True, check=True).stdout


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    place = tmp_path_factory.mktemp("wheel")
    for name in SOURCES:
        source, copy = REPOSITORY / name, place / name
        copy.parent.mkdir(exist_ok=True)
        if source.is_dir():
            shutil.copytree(source, copy, ignore=shutil.ignore_patterns("__pycache__", "*.egg-info"))
        else:
            shutil.copy(source, copy)
    run(UV, "build", "--wheel", "--no-build-isolation", "--python", sys.executable, "--out-dir", "dist", ".", cwd=place)
    (built,) = (place / "dist").glob("*.whl")
    return built


def test_a_wheel_has_every_module_and_the_packages_of_the_list(wheel):
    with zipfile.ZipFile(wheel) as opened:
        packed = {name for name in opened.namelist() if ".dist-info/" not in name}
        (metadata,) = (opened.read(name) for name in opened.namelist() if name.endswith("/METADATA"))
    source = REPOSITORY / "src"
    files = (path for path in (source / "synthdiv").rglob("*") if path.is_file() and "__pycache__" not in path.parts)
    assert packed == {path.relative_to(source).as_posix() for path in files}
    needed = message_from_bytes(metadata).get_all("Requires-Dist")
    lines = (REPOSITORY / "envs" / "requirements.in").read_text().splitlines()
    listed = [line.partition("#")[0].strip() for line in lines]
    assert {re.match(r"[\w.-]+", text)[0] for text in needed} == {re.match(r"[\w.-]+", text)[0] for text in listed if text}


def test_a_wheel_works_in_an_environment_of_its_own(wheel, tmp_path):
    run(UV, "venv", "--python", sys.executable, "bare", cwd=tmp_path)
    python = tmp_path / "bare" / "bin" / "python"
    run(UV, "pip", "install", "--python", python, "--no-deps", wheel, cwd=tmp_path)
    (packages,) = (tmp_path / "bare" / "lib").glob("python*/site-packages")
    (packages / "dependencies.pth").write_text(sysconfig.get_path("purelib") + "\n")  # ours, which would be downloaded again
    shown = run(python, "-c", "import synthdiv; print(synthdiv.__file__)", cwd=tmp_path)
    assert Path(shown.strip()).is_relative_to(packages)
    run(python, "-m", "synthdiv.config.reference_docs", ".", cwd=tmp_path)
    assert (tmp_path / "README.md").read_text() == (REPOSITORY / "config" / "README.md").read_text()
