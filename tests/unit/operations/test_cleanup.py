"""Which files of an archive are in use, and that only unused ones are deleted; a stand-in generates the images."""

import os
import re
import shutil
import time
from itertools import islice
from pathlib import Path

import polars as pl
import pytest
from standin import FINGERPRINT, generate, generate_run, make_config

from synthdiv.core.errors import StudyError
from synthdiv.core.files import write_json
from synthdiv.images.archive import MARKS, mark_use
from synthdiv.operations.cleanup import check_locks, check_users, find_users, remove_files, sort_files, tabulate_files
from synthdiv.plan.generation import list_generation_runs, list_shards
from synthdiv.plan.loading import load_study

WEEK = 7 * 24 * 3600


@pytest.fixture
def config(tmp_path, classes_csv, monkeypatch):
    """A study in its own folder, with an archive that others may share."""
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    config = make_config(tmp_path, classes_csv, images_per_class={"train": 60, "evaluation": 10})
    return config | {"archive": str(tmp_path / "archive")}


def generate_all(config):
    """Generate every dataset in the working folder and return the number of images generated."""
    study, results = load_study(config), Path("results", config["study"])
    write_json(FINGERPRINT, results / "generators" / "gen.json")
    return sum(
        generate_run(study, run, shard, results / "images" / run.collection / f"{shard.name}.parquet").generated
        for run in list_generation_runs(study)
        for shard in list_shards(study).values()
    )


def interrupt(config):
    """Stop the generation of the first dataset in its second block, and return the names of the blocks that are finished."""
    study, before = load_study(config), blocks(config)
    run, shard = list_generation_runs(study)[0], list_shards(study)["c0-2"]
    index = Path("results", config["study"], "images", run.collection, f"{shard.name}.parquet")
    index.unlink(missing_ok=True)  # as Snakemake does

    def stop_in_the_second_block(prompts, seeds, guidance_scale):
        yield from islice(generate(prompts, seeds, guidance_scale), 55)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        generate_run(study, run, shard, index, generate=stop_in_the_second_block)
    assert not index.exists()
    return blocks(config) - before


def list_states(config, *, later=0.0):
    """Return the file names of every state that has any."""
    states = sort_files(load_study(config), Path("results", config["study"]), now=time.time() + later)
    return {state: {file.path.name for file in files} for state, files in states.items() if files}


def blocks(config):
    return {path.name for path in Path(config["archive"]).rglob("*.tar")}


def test_indexed_and_planned_files_are_in_use(config):
    assert generate_all(config) == 4 * 70
    generated = blocks(config)
    assert len(generated) == 4 * 3
    assert list_states(config, later=2 * WEEK) == {"in an index": generated}
    shutil.rmtree(Path("results", config["study"], "images"))
    assert list_states(config, later=2 * WEEK) == {"planned": generated}


def test_blocks_of_an_edited_prompt_are_unused_after_a_week(config):
    generate_all(config)
    before = blocks(config)
    overrides = Path(config["datasets"]["disamb"]["overrides"])
    overrides.write_text(overrides.read_text().replace("a crane bird", "a tall crane bird"))
    assert generate_all(config) == 70
    needed = list_states(config, later=2 * WEEK)["in an index"]
    old = before - needed
    assert len(old) == 3
    assert list_states(config) == {"in an index": needed, "young": old}
    states = sort_files(load_study(config), Path("results", config["study"]), now=time.time() + 2 * WEEK)
    assert tabulate_files(states).select("state", "files").rows() == [("in an index", 12), ("unused", 3)]
    freed = sum((path.stat().st_size for path in Path(config["archive"]).rglob("*.tar") if path.name in old), 0)
    assert remove_files(states["unused"]) == freed
    assert blocks(config) == needed
    assert generate_all(config) == 0


def test_a_longer_block_leaves_the_shorter_one_unused(config):
    generate_all(config)
    short = blocks(config)
    config["images_per_class"] = {"train": 100, "evaluation": 10}
    generate_all(config)
    assert list_states(config, later=2 * WEEK)["unused"] == short - list_states(config)["in an index"]
    assert len(short - list_states(config)["in an index"]) == 4


def test_files_indexed_in_another_folder_are_in_use(config, tmp_path, monkeypatch):
    generate_all(config)
    here, own, there = Path.cwd(), blocks(config), tmp_path / "there"
    there.mkdir()
    monkeypatch.chdir(there)
    generate_all(config | {"seed": 9})
    other = blocks(config) - own
    assert len(other) == 12
    monkeypatch.chdir(here)
    assert set(find_users(config["archive"]).values()) == {here, there}
    assert list_states(config, later=2 * WEEK) == {"in an index": own | other}
    there.rename(tmp_path / "moved")
    mark = refuse_to_list(config, there, "not there")
    os.remove(mark)
    assert list_states(config, later=2 * WEEK) == {"in an index": own, "unused": other}


def test_blocks_of_an_unfinished_generation_are_in_use(config, tmp_path, monkeypatch):
    """Also for another study, in the same folder or in another."""
    here, there = Path.cwd(), tmp_path / "there"
    write_json(FINGERPRINT, Path("results/s/generators/gen.json"))
    other = config | {"study": "t", "seed": 9}
    finished = interrupt(config)
    assert len(finished) == 1
    assert list_states(other, later=2 * WEEK) == {"planned": finished}
    there.mkdir()
    monkeypatch.chdir(there)
    finished |= interrupt(other)
    assert len(finished) == 2
    assert list_states(config | {"seed": 10}, later=2 * WEEK) == {"planned": finished}
    monkeypatch.chdir(here)
    assert list_states(config, later=2 * WEEK) == {"planned": finished}
    next(there.rglob("*.blocks")).unlink()
    assert set(list_states(config, later=2 * WEEK)) == {"planned", "unused"}


def test_blocks_stay_in_use_if_the_job_that_would_index_them_again_is_killed_at_its_start(config):
    """Snakemake deletes the index before it starts the script."""
    generate_all(config)
    generated = blocks(config)
    for index in Path("results").rglob("*.parquet"):
        index.unlink()
    assert list_states(config | {"study": "t", "seed": 9}, later=2 * WEEK) == {"planned": generated}


def test_shorter_blocks_are_in_use_until_their_images_are_copied(config):
    generate_all(config)
    short = blocks(config)
    config["images_per_class"] = {"train": 100, "evaluation": 10}
    new = interrupt(config)
    assert len(new) == 1
    kept = list_states(config, later=2 * WEEK)
    assert set().union(*kept.values()) == short | new
    assert "unused" not in kept


def test_a_damaged_list_of_blocks_is_an_error(config):
    generate_all(config)
    path = Path("results/s/images/synset/g7.5/c0-2.blocks")
    path.write_text(path.read_text().replace("a", "b", 1))
    message = (
        f"the list of blocks {Path.cwd() / path} is damaged: it is unknown which images are needed there. Delete it and"
    )
    with pytest.raises(StudyError, match=re.escape(message)):
        list_states(config)


def refuse_to_list(config, folder, state):
    """Return the mark that the error names."""
    results = re.escape(str(folder / "results"))
    message = (
        f"{re.escape(str(folder))} used the archive .*, and {results} is {state}, .* may not be mounted. Run this where"
    )
    with pytest.raises(StudyError, match=message) as caught:
        list_states(config)
    return re.search(r"delete (\S+) if the results are gone", str(caught.value))[1]


def test_a_user_of_the_archive_without_results_is_an_error(config, tmp_path, monkeypatch):
    """The disk of its results, or the whole folder's, may not be mounted."""
    here, there = Path.cwd(), tmp_path / "there"
    there.mkdir()
    monkeypatch.chdir(there)
    Path("study.yaml").touch()
    generate_all(config)
    monkeypatch.chdir(here)
    check_users(config["archive"])
    (there / "results").rename(tmp_path / "unmounted")
    refuse_to_list(config, there, "not there")
    (there / "results").mkdir()
    refuse_to_list(config, there, "empty")
    (there / "study.yaml").unlink()
    (there / "results").rmdir()
    mark = refuse_to_list(config, there, "not there")
    os.remove(mark)
    assert set(list_states(config)) == {"young"}


@pytest.mark.parametrize("name", ["here", "there"])
def test_nothing_is_removed_while_snakemake_runs(config, tmp_path, monkeypatch, name):
    for folder in ("there", "here"):
        (tmp_path / folder).mkdir(exist_ok=True)
        monkeypatch.chdir(tmp_path / folder)
        mark_use(config["archive"])
        Path("study.yaml").touch()
    locks = tmp_path / name / ".snakemake" / "locks"
    locks.mkdir(parents=True)
    check_locks(config["archive"])
    (locks / "0.output.lock").write_text("results/x\n")
    with pytest.raises(StudyError, match=f"Snakemake is running in {re.escape(str(tmp_path / name))}: .*--unlock"):
        check_locks(config["archive"])


def test_the_working_folder_counts_without_a_mark(config):
    """A read-only archive has no marks."""
    generate_all(config)
    shutil.rmtree(Path(config["archive"]) / MARKS)
    assert list_states(config) == {"in an index": blocks(config)}
    Path(".snakemake/locks").mkdir(parents=True)
    Path(".snakemake/locks/0.output.lock").touch()
    with pytest.raises(StudyError, match=f"Snakemake is running in {re.escape(str(Path.cwd()))}: "):
        check_locks(config["archive"])


def test_leftovers_of_killed_jobs_are_unused_and_other_files_are_ignored(config):
    generate_all(config)
    folder = next(Path(config["archive"]).rglob("*.tar")).parent
    leftover = f".{'0' * 64}.tar.node7.123.tmp"
    for name in (leftover, "notes.tar", f"{'0' * 63}.tar", "README"):
        (folder / name).write_text("x")
    (folder.parent / f"{'1' * 64}.tar").write_text("not in a folder of two digits")
    assert list_states(config, later=2 * WEEK)["unused"] == {leftover}


def test_an_unreadable_index_is_an_error(config):
    generate_all(config)
    index = next(Path("results").rglob("images/**/*.parquet"))
    index.write_bytes(index.read_bytes()[:100])
    with pytest.raises(StudyError, match=f"the index {re.escape(str(Path.cwd() / index))} can't be read"):
        list_states(config)


def test_unreadable_results_are_an_error(config, monkeypatch):
    """Unseen files must not count as unused; root may read everything, so the refusal is simulated."""
    generate_all(config)
    closed, scandir = str(Path.cwd() / "results" / "s" / "images" / "disamb"), os.scandir

    def refuse(path):
        if os.fspath(path) == closed:
            raise PermissionError(13, "Permission denied", closed)
        return scandir(path)

    monkeypatch.setattr(os, "scandir", refuse)
    with pytest.raises(StudyError, match=f"{re.escape(closed)} can't be read .Permission denied."):
        list_states(config)


def test_indices_behind_a_link_are_found(config, tmp_path):
    generate_all(config)
    generated = blocks(config)
    Path("results/s/images/disamb").rename(tmp_path / "disk")
    Path("results/s/images/disamb").symlink_to(tmp_path / "disk")
    config["datasets"] = {"synset": config["datasets"]["synset"]}
    assert list_states(config, later=2 * WEEK) == {"in an index": generated}


@pytest.mark.parametrize("moved", ["results", "results/s", "results/s/images", "results/s/images/disamb"])
def test_results_behind_a_link_to_a_missing_disk_are_an_error(config, tmp_path, moved):
    """Without the results on a disk that is not mounted now, all their images would count as unused."""
    generate_all(config)
    Path(moved).rename(tmp_path / "disk")
    Path(moved).symlink_to(tmp_path / "disk")
    assert list_states(config, later=2 * WEEK) == {"in an index": blocks(config)}
    (tmp_path / "disk").rename(tmp_path / "unmounted")
    with pytest.raises(
        StudyError, match=rf"{moved} is a link to {tmp_path}/disk, which is not there, .*Mount it, or remove"
    ):
        list_states(config, later=2 * WEEK)


@pytest.mark.parametrize("moved", ["results/s", "results/s/images", "results/s/images/disamb"])
def test_results_behind_a_link_to_an_empty_folder_are_an_error(config, tmp_path, moved):
    """Such as the mount point of a disk that is not mounted."""
    generate_all(config)
    Path(moved).rename(tmp_path / "unmounted")
    (tmp_path / "disk").mkdir()
    Path(moved).symlink_to(tmp_path / "disk")
    message = rf"{moved} is a link to {tmp_path}/disk, which is empty, .* may not be mounted. Mount it, or remove the link"
    with pytest.raises(StudyError, match=message):
        list_states(config, later=2 * WEEK)


def test_an_empty_folder_of_a_study_is_an_error(config, tmp_path):
    generate_all(config)
    Path("results/other").mkdir()
    with pytest.raises(
        StudyError, match=r"results/other is empty, .* may not be mounted. Mount it, or remove the folder if"
    ):
        list_states(config, later=2 * WEEK)
    Path("results/other").rmdir()
    Path("results/s/images/failed").mkdir()  # Snakemake makes it before a job
    Path("results/README").touch()
    assert list_states(config, later=2 * WEEK) == {"in an index": blocks(config)}


def test_a_table_of_images_next_to_the_indices_is_not_an_index(config):
    """Such as a transfer set that a package ships: its images are rows of a Parquet file."""
    generate_all(config)
    pl.DataFrame({"image": [b"x"], "class_id": [0]}).write_parquet("results/s/images/digits.parquet")
    assert list_states(config) == {"in an index": blocks(config)}


def test_a_missing_archive_has_no_files(config):
    assert list_states(config) == {}


def test_a_read_only_archive_is_used_without_a_mark(tmp_path, caplog):
    (tmp_path / "file").write_text("")
    mark_use(tmp_path / "file" / "archive")
    assert "will not know of this study" in caplog.text
