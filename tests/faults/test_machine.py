"""Test failures of the machine: full and read-only disks, wrong clocks, kills, concurrent runs, spaces in paths, tokens.

All runs of Snakemake are in one scenario, since each takes seconds to start: two studies share an archive and generate
concurrently, in a checkout with a space in its path, with prompts that a shell or Snakemake could misinterpret.
"""

import csv
import io
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager
from itertools import islice
from pathlib import Path

import polars as pl
import pytest
import small_study
import yaml
from PIL import Image
from shared import make_once
from standin import generate_run, make_config
from traps import CALL, untouched
from workplace import REPOSITORY

from synthdiv.core import jobs
from synthdiv.core.clock import check_clock
from synthdiv.core.errors import StudyError
from synthdiv.core.files import replace_atomically
from synthdiv.core.tables import write_table
from synthdiv.images.archive import read_block
from synthdiv.images.index import read_index
from synthdiv.operations.cleanup import find_users, list_files
from synthdiv.plan.generation import list_shards
from synthdiv.plan.loading import load_study
from synthdiv.plan.parts import GenerationRun

TOKEN = "hf_" + "Zq7" * 11
LEMMAS = [
    f"$({CALL}); `{CALL}` | {CALL} #",
    "{wildcards} <results> {input}",
    "=1+1 <script>alert(1)</script>",
    "'حقيبة' \"bag\"\nе\u0301",
]


# Disks


@contextmanager
def small_disk(folder, options):
    """Mount a small disk at a folder, or skip the test if that is not permitted."""
    folder.mkdir()
    done = subprocess.run(["mount", "-t", "tmpfs", "-o", options, "none", str(folder)], capture_output=True, check=False)
    if done.returncode != 0:
        pytest.skip(f"a disk cannot be mounted here: {done.stderr.decode().strip()}")
    try:
        yield
    finally:
        subprocess.run(["umount", str(folder)], check=True)


def remount(folder, options):
    subprocess.run(["mount", "-o", f"remount,{options}", str(folder)], check=True)


needs_mount = pytest.mark.skipif(
    os.geteuid() != 0 or shutil.which("mount") is None, reason="only root may mount a small disk"
)


@pytest.fixture
def standin(tmp_path, classes_csv, monkeypatch):
    """Return the config of a study of three classes, 120 and 10 images each, for a stand-in model."""
    monkeypatch.chdir(tmp_path)
    return make_config(tmp_path, classes_csv, images_per_class={"train": 120, "evaluation": 10})


def generate_all(config, path):
    study = load_study(config)
    (shard,) = list_shards(study).values()
    return generate_run(study, GenerationRun("synset", 7.5), shard, path)


def read_all(path):
    return [
        (row["class_id"], row["split"], row["index"], row["file"], row["offset"]) for row in read_index(path).to_pylist()
    ]


@needs_mount
def test_a_disk_that_fills_while_images_are_generated_keeps_the_finished_blocks(tmp_path, standin):
    with small_disk(tmp_path / "archive", "size=400k"):
        with pytest.raises(
            StudyError, match=r"the disk is full: archive/.* Everything finished before it is kept; free some space"
        ):
            generate_all(standin, tmp_path / "results" / "a.parquet")
        blocks = sorted((tmp_path / "archive").rglob("*.tar"))
        kept = {block: block.read_bytes() for block in blocks}
        assert 0 < len(kept) < 9
        assert all(read_block(block) for block in kept)
        assert not list((tmp_path / "archive").rglob("*.tmp"))
        assert not (tmp_path / "results" / "a.parquet").exists()
        remount(tmp_path / "archive", "size=4m")
        counts = generate_all(standin, tmp_path / "results" / "a.parquet")
        assert counts.found == sum(len(read_block(block)) // 1 for block in kept)
        assert counts.generated == 390 - counts.found
        assert {block: block.read_bytes() for block in kept} == kept


@needs_mount
def test_a_disk_that_fills_while_a_table_is_written_keeps_the_previous_table(tmp_path):
    with small_disk(tmp_path / "results", "size=64k"):
        path = tmp_path / "results" / "table.csv"
        write_table(pl.DataFrame({"a": [1]}), path)
        with pytest.raises(StudyError, match=r"the disk is full: .*table\.csv could not be written"):
            write_table(pl.DataFrame({"a": range(100_000)}), path)
        assert path.read_text() == "a\n1\n"
        assert list((tmp_path / "results").iterdir()) == [path]


@needs_mount
def test_a_read_only_disk_is_reported(tmp_path, standin):
    with small_disk(tmp_path / "archive", "size=1m"):
        remount(tmp_path / "archive", "ro")
        with pytest.raises(StudyError, match=r"archive/.* could not be written: Read-only file system"):
            generate_all(standin, tmp_path / "results" / "a.parquet")


def test_an_archive_that_is_a_file_is_named(tmp_path, standin):
    (tmp_path / "archive").write_text("a file")
    with untouched(tmp_path), pytest.raises(StudyError, match=r"archive/.* could not be written: "):
        generate_all(standin | {"archive": "archive"}, tmp_path / "results" / "a.parquet")
    assert (tmp_path / "archive").read_text() == "a file"


def test_a_partial_file_of_a_killed_job_is_ignored(tmp_path, standin):
    generate_all(standin, tmp_path / "results" / "a.parquet")
    first = read_all(tmp_path / "results" / "a.parquet")
    victim, *others = sorted((tmp_path / "archive").rglob("*.tar"))
    partial = victim.with_name(f".{victim.name}.elsewhere.4711.tmp")
    partial.write_bytes(victim.read_bytes()[:700])
    victim.unlink()
    times = {path: path.stat().st_mtime_ns for path in others}
    counts = generate_all(standin, tmp_path / "results" / "b.parquet")
    assert counts.generated in (10, 20, 50)
    assert read_all(tmp_path / "results" / "b.parquet") == first
    assert {path: path.stat().st_mtime_ns for path in others} == times


def test_processes_with_the_same_id_on_two_machines_do_not_share_a_temporary_file(tmp_path, monkeypatch):
    with replace_atomically(tmp_path / "table.csv") as here:
        monkeypatch.setattr("socket.gethostname", lambda: "another")
        with replace_atomically(tmp_path / "table.csv") as there:
            assert here != there
            here.write_text("here")
            there.write_text("there")
        assert (tmp_path / "table.csv").read_text() == "there"
    assert (tmp_path / "table.csv").read_text() == "here"
    assert [path.name for path in tmp_path.iterdir()] == ["table.csv"]


# Runs of Snakemake


class Checkout:
    """A copy of the workflow in a folder with a space in its path, in which Snakemake is run."""

    def __init__(self, folder):
        self.folder = folder

    def fill(self):
        folder = self.folder
        folder.mkdir(parents=True)
        shutil.copy(REPOSITORY / "Snakefile", folder)
        for name in ("src", "workflow", "profiles", "envs", "resources/prompts"):
            shutil.copytree(REPOSITORY / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
        (folder / "local").symlink_to("profiles/local")
        (folder / "resources" / "demo").symlink_to(small_study.DEMO)
        small_study.write_natural(folder, train=6, val=4)
        (folder / "overrides.csv").write_text("key,prompt\nbag,a handbag\n")
        rows = [(n, key, text, text) for n, (key, text) in enumerate(zip(small_study.KEYS, LEMMAS, strict=True))]
        with open(folder / "classes.csv", "w", newline="", encoding="utf-8") as file:
            csv.writer(file).writerows(
                [("class_id", "key", "name", "lemmas"), *((n, k, t.split("\n")[0], x) for n, k, t, x in rows)]
            )

    def write(self, name, **changes):
        """Write the config of a study that generates one dataset and has natural images; all studies share the archive."""
        config = small_study.make_config(classes_per_shard=4, archive="archive") | {"study": name, "experiments": {}}
        config["datasets"] = {"synset": config["datasets"]["synset"]}
        config["sets"] = {key: config["sets"][key] for key in ("Natural-IM", "Synset-IM")}
        (self.folder / f"{name}.yaml").write_text(yaml.safe_dump(config | changes, sort_keys=False))

    def start(self, *arguments, study, package=None):
        command = [sys.executable, "-m", "snakemake", "--profile", "local", *arguments, "--configfile", f"{study}.yaml"]
        environment = os.environ | {"HF_TOKEN": TOKEN, "HUGGING_FACE_HUB_TOKEN": TOKEN, "HF_HUB_OFFLINE": "1"}
        environment["PYTHONPATH"] = str(package or self.folder / "src")
        return subprocess.Popen(
            command, cwd=self.folder, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )

    def run(self, *arguments, study, package=None):
        process = self.start(*arguments, study=study, package=package)
        output, _ = process.communicate(timeout=900)
        return process.returncode, output


INSIDE = Path("a b") / "check out"


def run_concurrently(folder):
    """Generate two studies in one folder at once, the second with more images; a third run is of the first study again."""
    place = Checkout(folder / INSIDE)
    place.fill()
    place.write("first")
    place.write("second", images_per_class={"train": 8, "evaluation": 4})
    with untouched(place.folder):
        first = place.start("generate", "results/first/prompts/synset.csv", study="first")
        while not list((place.folder / ".snakemake" / "locks").glob("*")) and first.poll() is None:
            time.sleep(0.05)
        second, third = place.start("generate", study="second"), place.start("generate", study="first")
        outputs = {name: run.communicate(timeout=900)[0] for name, run in zip("123", (first, second, third), strict=True)}
    codes = {name: run.returncode for name, run in zip("123", (first, second, third), strict=True)}
    (folder / "ended.json").write_text(json.dumps([codes, outputs]))


@pytest.fixture(scope="session")
def finished_runs(tmp_path_factory):
    """Return the folder, exit codes and outputs of the three runs, for tests that change nothing."""
    folder = make_once(tmp_path_factory, "machine", run_concurrently)
    place = Checkout(folder / INSIDE)
    place.codes, place.outputs = json.loads((folder / "ended.json").read_text())
    return place


@pytest.fixture
def checkout(finished_runs, tmp_path):
    """Return a copy of the folder of the three runs."""
    shutil.copytree(finished_runs.folder, tmp_path / INSIDE, symlinks=True)
    place = Checkout(tmp_path / INSIDE)
    place.outputs = finished_runs.outputs
    return place


def images_of(place, study):
    table = read_index(place.folder / "results" / study / "images" / "synset" / "g7.5" / "c0-3.parquet")
    return {
        (row["class_id"], row["split"], row["index"]): (place.folder / row["file"]).read_bytes()[row["offset"] :][
            : row["size"]
        ]
        for row in table.to_pylist()
    }


def test_a_checkout_may_have_a_space_in_its_path_and_prompts_any_character(finished_runs):
    assert finished_runs.codes["1"] == 0, finished_runs.outputs["1"][-3000:]
    with open(finished_runs.folder / "results" / "first" / "prompts" / "synset.csv", newline="", encoding="utf-8") as file:
        assert [row["prompt"] for row in csv.DictReader(file)] == LEMMAS


def test_two_studies_that_generate_concurrently_are_both_correct(finished_runs):
    assert finished_runs.codes["2"] == 0, finished_runs.outputs["2"][-3000:]
    first, second = images_of(finished_runs, "first"), images_of(finished_runs, "second")
    assert (len(first), len(second)) == (40, 48)
    assert first == {place: second[place] for place in first}
    assert all(Image.open(io.BytesIO(data)).size == (32, 32) for data in islice(second.values(), 5))
    assert not list((finished_runs.folder / "archive").rglob("*.tmp"))


def test_a_second_run_of_a_study_is_refused_with_advice(finished_runs):
    assert finished_runs.codes["3"] != 0
    assert "Directory cannot be locked" in finished_runs.outputs["3"]
    assert "no other Snakemake process is trying to create the same files" in finished_runs.outputs["3"]
    assert "Traceback" not in finished_runs.outputs["3"]


def test_the_package_of_another_clone_is_refused(checkout):
    code, output = checkout.run("--dry-run", "generate", study="first", package=REPOSITORY / "src")
    assert code != 0
    assert f"this workflow is in {checkout.folder}, but the package synthdiv was imported from {REPOSITORY}" in output
    assert "Traceback" not in output


def test_a_token_is_in_no_log_result_or_message(checkout):
    checkout.write(
        "failing",
        generators={
            "tiny": yaml.safe_load((checkout.folder / "first.yaml").read_text())["generators"]["tiny"]
            | {"model": "nobody/nothing"}
        },
    )
    code, output = checkout.run("generate", study="failing")
    assert code != 0
    assert "the generator 'nobody/nothing' (revision main) is not a folder and could not be fetched from the hub" in output
    assert TOKEN not in "".join(checkout.outputs.values()) + output
    for folder in ("results", "archive", ".snakemake"):
        for path in (checkout.folder / folder).rglob("*"):
            assert not path.is_file() or TOKEN.encode() not in path.read_bytes(), path


def test_an_input_from_the_future_is_named_before_anything_runs(checkout):
    """Otherwise, Snakemake would run all its jobs, and then reject their outputs as older than the input."""
    path, now = checkout.folder / "natural" / "val" / "bag", time.time()
    os.utime(path, (now + 10**6,) * 2)
    index = checkout.folder / "results" / "first" / "images" / "natural" / "Natural-IM.parquet"
    before = index.stat().st_mtime_ns if index.exists() else None
    code, output = checkout.run(str(index.relative_to(checkout.folder)), study="first")
    os.utime(path, (now, now))
    assert code != 0
    assert "natural/val/bag was last changed at " in output
    assert "check the machine's clock; if it is right, reset the file's time: touch natural/val/bag" in output
    assert "Index the images" not in output.partition("Select jobs")[2]
    assert (index.stat().st_mtime_ns if index.exists() else None) == before


def test_a_small_difference_between_clocks_is_accepted(tmp_path):
    late, missing = tmp_path / "late file.csv", tmp_path / "missing.csv"
    late.touch()
    os.utime(late, (time.time() + 20,) * 2)
    check_clock([str(late), str(missing)])
    os.utime(late, (time.time() + 3600,) * 2)
    with pytest.raises(StudyError, match=rf"reset the file's time: touch '{late}'$"):
        check_clock([str(late), str(missing)])


# Files of other users


@contextmanager
def another_user():
    """Give this process the rights of another user: root may read and write everything."""
    if os.geteuid() != 0:
        yield
        return
    os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(0)


@pytest.fixture
def shared(standin, tmp_path, monkeypatch):
    """Return a study's folder that every user may enter, unlike pytest's, and the config of the study."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        folder.chmod(0o777)
        for path in tmp_path.iterdir():
            shutil.copy(path, folder)
        config = json.loads(json.dumps(standin | {"archive": "archive"}).replace(str(tmp_path), "."))
        monkeypatch.chdir(folder)
        generate_all(config, Path("results/a.parquet"))
        (folder / "results").chmod(0o777)
        yield folder, config
        monkeypatch.chdir(tmp_path)


@contextmanager
def closed(path):
    """Take all rights to a file or folder from other users."""
    path.chmod(0)
    try:
        with another_user():
            yield
    finally:
        path.chmod(0o755)


def report(error, capsys):
    """Return what a job's log says of an error."""
    jobs._report_error(type(error), error, None)
    return capsys.readouterr().err


@pytest.mark.parametrize("part", [".", "family", "block"])
def test_an_archive_of_another_user_is_named(shared, capsys, part):
    folder, config = shared
    (folder / "results" / "a.parquet").unlink()
    block = min(Path("archive").rglob("*.tar"))
    path = {".": Path("archive"), "family": block.parents[1], "block": block}[part]
    with closed(path), pytest.raises((PermissionError, StudyError)) as caught:
        generate_all(config, Path("results/a.parquet"))
    message = report(caught.value, capsys)
    assert "Permission denied" in message
    assert str(path) in message
    assert "Traceback" not in message


def test_an_archive_of_another_user_may_lack_the_mark_of_its_use(shared):
    """Like a read-only archive that has all images already."""
    with closed(Path("archive/used_by")):
        assert generate_all(shared[1], Path("results/b.parquet")).generated == 0


@pytest.mark.parametrize("part", [".", "used_by", "family", "folder"])
def test_an_unreadable_archive_is_not_taken_for_an_empty_one(shared, part):
    """Otherwise, images that another folder needs would count as unused."""
    archive = Path("archive")
    block = min(archive.rglob("*.tar"))
    path = {".": archive, "used_by": archive / "used_by", "family": block.parents[1], "folder": block.parent}[part]
    with closed(path), pytest.raises(StudyError, match=r"archive.* cannot be read: Permission denied"):
        find_users("archive"), list(list_files("archive"))
