"""Test finding, copying and generating blocks, with a stand-in model whose images depend only on prompt and seed."""

import io
import tarfile
from itertools import islice, repeat
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from PIL import Image
from standin import FINGERPRINT, generate, generate_run, make_config

from synthdiv.core.provenance.versions import read_versions
from synthdiv.core.tables import read_metadata
from synthdiv.generation import shards
from synthdiv.generation.shards import iter_blocks, regenerate_image
from synthdiv.images.archive import read_block, read_bytes
from synthdiv.images.index import read_index
from synthdiv.jobs.images import plan_generation
from synthdiv.plan.generation import find_prompts, list_shards
from synthdiv.plan.loading import load_study
from synthdiv.plan.parts import GenerationRun


@pytest.fixture
def config(tmp_path, classes_csv, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return make_config(tmp_path, classes_csv, images_per_class={"train": 120, "evaluation": 10})


def run(config, name, path, *, generate=generate):
    study = load_study(config)
    (shard,) = list_shards(study).values()
    return generate_run(study, GenerationRun(name, 7.5), shard, path, generate)


def contents(path):
    return {
        (row["class_id"], row["split"], row["index"]): read_bytes(row["file"], row["offset"], row["size"])
        for row in read_index(path).to_pylist()
    }


def test_an_index_names_every_image_and_its_bytes(config, tmp_path):
    counts = run(config, "synset", tmp_path / "a.parquet")
    assert (counts.generated, counts.copied, counts.found) == (3 * 130, 0, 0)
    rows = read_index(tmp_path / "a.parquet").to_pylist()
    assert len(rows) == 390
    assert [row["index"] for row in rows[:120]] == list(range(120))
    expected = next(generate([rows[7]["prompt"]], [rows[7]["seed"]], 7.5))
    image = Image.open(io.BytesIO(contents(tmp_path / "a.parquet")[0, "train", 7]))
    assert np.array_equal(np.asarray(image), np.asarray(expected))


def test_another_dataset_generates_only_the_images_that_differ(config, tmp_path):
    run(config, "synset", tmp_path / "synset.parquet")
    counts = run(config, "disamb", tmp_path / "disamb.parquet")
    assert (counts.generated, counts.found) == (130, 260)
    synset, disamb = contents(tmp_path / "synset.parquet"), contents(tmp_path / "disamb.parquet")
    assert {key[0] for key in synset if synset[key] != disamb[key]} == {0}


def test_a_second_call_loads_no_model(config, tmp_path):
    run(config, "synset", tmp_path / "a.parquet")
    before = (tmp_path / "a.parquet").read_bytes()

    def refuse(*_):
        raise AssertionError("no image should be generated")

    assert run(config, "synset", tmp_path / "a.parquet", generate=refuse).found == 390
    assert (tmp_path / "a.parquet").read_bytes() == before


@pytest.mark.parametrize(("train", "evaluation"), [(50, 2), (1, 1), (30, 40)])
def test_more_images_per_class_generate_only_the_new_ones(config, tmp_path, train, evaluation):
    run(config, "synset", tmp_path / "a.parquet")
    before = contents(tmp_path / "a.parquet")
    config["images_per_class"] = {"train": 120 + train, "evaluation": 10 + evaluation}
    counts = run(config, "synset", tmp_path / "b.parquet")
    assert counts.generated == 3 * (train + evaluation)
    assert counts.copied == 3 * (20 + 10)  # the images of the two incomplete blocks
    after = contents(tmp_path / "b.parquet")
    assert all(after[key] == data for key, data in before.items())


def test_a_block_grows_from_the_longest_shorter_one(config, tmp_path):
    for train, copied in ((10, 0), (30, 10), (45, 30)):
        config["images_per_class"] = {"train": train, "evaluation": 10}
        assert run(config, "synset", tmp_path / "a.parquet").copied == 3 * copied


def test_every_stored_image_names_itself(config, tmp_path):
    """Also in a class's second block, and where images were added to a shorter block."""
    run(config, "synset", tmp_path / "a.parquet")
    config["images_per_class"] = {"train": 140, "evaluation": 10}
    run(config, "synset", tmp_path / "b.parquet")
    stored, members = {}, {}
    for path in Path("archive").rglob("*.tar"):
        stored |= {(one.file, one.offset): one.metadata for one in read_block(path)}
        with tarfile.open(path) as tar:
            members |= {(str(path), one.offset_data): one.name for one in tar}
    for row in read_index(tmp_path / "b.parquet").to_pylist():
        place, key = (row["file"], row["offset"]), f"n0{row['class_id'] + 1}"
        named = {name: row[name] for name in ("split", "index", "prompt", "seed")} | {"class_key": key}
        assert stored[place].items() >= named.items()
        assert members[place] == f"{key}-{row['split']}-{row['index']:06d}.png"


def test_images_and_their_index_tell_the_versions_that_generated_them(config, tmp_path, monkeypatch, caplog):
    """Images that are found or copied keep theirs, and the versions change no block's name."""
    now, later = read_versions(["diffusers", "torch"]), {"diffusers": "99", "torch": "99"}
    run(config | {"images_per_class": {"train": 70, "evaluation": 10}}, "synset", tmp_path / "a.parquet")
    names = {path.name for path in (tmp_path / "archive").rglob("*.tar")}
    monkeypatch.setattr(shards, "read_versions", lambda packages: later)
    assert run(config, "synset", tmp_path / "b.parquet").generated == 3 * 50
    assert read_metadata(tmp_path / "a.parquet")["versions"] == [now]
    assert read_metadata(tmp_path / "b.parquet")["versions"] == [now, later]
    assert "the images were generated with different software: " in caplog.text
    assert names <= {path.name for path in (tmp_path / "archive").rglob("*.tar")}
    rows = read_index(tmp_path / "b.parquet").to_pylist()
    (block,) = (row["file"] for row in rows if (row["class_id"], row["index"]) == (0, 60))
    assert [image.metadata["versions"] for image in read_block(block)] == [now] * 20 + [later] * 30


def test_images_of_an_archive_without_versions_are_used(config, tmp_path, monkeypatch):
    monkeypatch.setattr(shards, "read_versions", lambda packages: None)
    run(config, "synset", tmp_path / "a.parquet")
    assert read_metadata(tmp_path / "a.parquet")["versions"] == [None]


@pytest.mark.parametrize("train", [110, 40])  # part of an incomplete block, and of a full one
def test_fewer_images_per_class_generate_nothing(config, tmp_path, train):
    run(config, "synset", tmp_path / "a.parquet")
    before, blocks = contents(tmp_path / "a.parquet"), set((tmp_path / "archive").rglob("*.tar"))
    config["images_per_class"] = {"train": train, "evaluation": 7}

    def refuse(*_):
        raise AssertionError("no image should be generated")

    assert run(config, "synset", tmp_path / "b.parquet", generate=refuse).found == 3 * (train + 7)
    after = contents(tmp_path / "b.parquet")
    assert len(after) == 3 * (train + 7)
    assert all(before[key] == data for key, data in after.items())
    assert set((tmp_path / "archive").rglob("*.tar")) == blocks


def test_an_interrupted_job_keeps_its_finished_blocks(config, tmp_path):
    def fail_in_the_third_block(prompts, seeds, guidance_scale):
        yield from islice(generate(prompts, seeds, guidance_scale), 110)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run(config, "synset", tmp_path / "a.parquet", generate=fail_in_the_third_block)
    blocks = {path: path.stat().st_mtime_ns for path in (tmp_path / "archive").rglob("*.tar")}
    assert len(blocks) == 2
    assert not (tmp_path / "a.parquet").exists()
    assert not list((tmp_path / "archive").rglob("*.tmp"))
    assert run(config, "synset", tmp_path / "a.parquet").generated == 390 - 100
    assert all(path.stat().st_mtime_ns == time for path, time in blocks.items())
    config["archive"] = "undisturbed"
    run(config, "synset", tmp_path / "b.parquet")
    assert contents(tmp_path / "a.parquet") == contents(tmp_path / "b.parquet")


def test_shards_do_not_change_images(config, tmp_path):
    run(config, "synset", tmp_path / "whole.parquet")
    config |= {"classes_per_shard": 1, "archive": "other"}
    study = load_study(config)
    parts = {}
    for n, shard in enumerate(reversed(list_shards(study).values())):
        path = tmp_path / f"part{n}.parquet"
        generate_run(study, GenerationRun("synset", 7.5), shard, path, generate)
        parts |= contents(path)
    assert parts == contents(tmp_path / "whole.parquet")


def test_classes_with_the_same_prompt_and_noise_are_generated_once(config, tmp_path, classes_csv):
    classes_csv.write_text("class_id,key,name,lemmas\n0,n01,crane,crane\n1,n02,crane,crane\n2,n03,crane,crane\n")
    config |= {"noise": "shared", "images_per_class": {"train": 1, "evaluation": 1}}
    study = load_study(config)
    (shard,) = list_shards(study).values()
    path = tmp_path / "a.parquet"
    counts = generate_run(study, GenerationRun("synset", 7.5), shard, path, generate, writers=3)
    assert (counts.generated, counts.found) == (2, 4)
    generated = contents(path)
    assert len(generated) == 6
    assert generated[0, "train", 0] == generated[1, "train", 0] == generated[2, "train", 0] != generated[0, "evaluation", 0]


def test_a_block_that_another_job_wrote_meanwhile_is_not_overwritten(config, tmp_path, classes_csv):
    keys = ["short", "long" * 200, "other"]
    classes_csv.write_text("class_id,key,name,lemmas\n" + "".join(f"{n},{key},crane,crane\n" for n, key in enumerate(keys)))
    config |= {"noise": "shared", "classes_per_shard": 1}
    config["datasets"] = {"synset": config["datasets"]["synset"]}
    study = load_study(config)
    first, second, _ = list_shards(study).values()

    def run_one(shard, path, generate):
        generate_run(study, GenerationRun("synset", 7.5), shard, path, generate)

    def generate_while_another_job_writes(*arguments):
        run_one(second, tmp_path / "b.parquet", generate)
        yield from generate(*arguments)

    run_one(first, tmp_path / "a.parquet", generate_while_another_job_writes)
    one, other = contents(tmp_path / "a.parquet"), contents(tmp_path / "b.parquet")
    assert [one[0, "train", n] for n in range(120)] == [other[1, "train", n] for n in range(120)]


def test_black_images_are_flagged_and_kept(config, tmp_path):
    def generate_black(prompts, seeds, guidance_scale):
        return repeat(Image.new("RGB", (8, 8)), len(prompts))

    run(config, "synset", tmp_path / "a.parquet", generate=generate_black)
    flags = pq.read_table(tmp_path / "a.parquet")["flags"].to_pylist()
    assert flags == [["black"]] * 390


def test_the_same_class_and_index_start_from_the_same_noise_in_every_set(config):
    study = load_study(config)
    (shard,) = list_shards(study).values()
    seeds = []
    for run in (GenerationRun("synset", 7.5), GenerationRun("disamb", 7.5)):
        blocks = iter_blocks(plan_generation(study, run, shard), find_prompts(study, run), range(3), FINGERPRINT)
        seeds.append([seed for block in blocks for seed in block.seeds])
    assert seeds[0] == seeds[1]
    assert len(set(seeds[0])) == 390


def test_one_image_is_regenerated_from_its_row(config, tmp_path):
    run(config, "synset", tmp_path / "a.parquet")
    regenerated = regenerate_image(tmp_path / "a.parquet", 1, "evaluation", 4, load_generate=lambda spec: generate)
    assert regenerated == contents(tmp_path / "a.parquet")[1, "evaluation", 4]
