"""The command export: other readers find every image with its class and what is known of it, also after an interruption."""

import csv
import hashlib
import io
import json
import signal
import subprocess
import sys
import tarfile
from collections import Counter
from pathlib import Path

import polars as pl
import pyarrow.parquet as pq
import pytest
from PIL import Image
from standin import FINGERPRINT, generate, generate_run
from torchvision.datasets import ImageFolder

from synthdiv.core.files import write_json
from synthdiv.core.fingerprints import SPLITS
from synthdiv.core.results_format import write_results_format
from synthdiv.core.tables import write_table
from synthdiv.export import formats
from synthdiv.images.index import read_index
from synthdiv.images.natural_index import write_splits
from synthdiv.images.readers.sources import find_images
from synthdiv.images.splits import find_splits
from synthdiv.jobs.images import index_images
from synthdiv.plan.generation import list_generation_runs, list_shards
from synthdiv.plan.loading import load_study
from synthdiv.plan.user_sources import describe_images

NAMES = ("imagefolder", "webdataset", "datasets")


def generate_with_black_images(prompts, seeds, guidance_scale):
    """Dogs are black."""
    for prompt, image in zip(prompts, generate(prompts, seeds, guidance_scale), strict=True):
        yield Image.new("RGB", (8, 8)) if "dog" in prompt else image


@pytest.fixture
def done(pets):
    """A study whose images are generated and indexed."""
    pets.config["mixtures"] = {"Mixed": {"parts": [{"set": "Pets", "images_per_class": 2}, {"set": "Names"}]}}
    recipe = {"model": "resnet18", "epochs": 1, "batch_size": 8}
    pets.config["classifiers"] = {"small": {"recipe": recipe, "train": ["Names", "Mixed"], "evaluate": ["Pets"]}}
    pets.write()
    study = load_study(pets.config)
    write_results_format(pets.results)
    write_json(FINGERPRINT, pets.results / "generators" / "tiny.json")
    for run in list_generation_runs(study):
        for shard in list_shards(study).values():
            path = pets.results / "images" / run.collection / f"{shard.name}.parquet"
            generate_run(study, run, shard, path, generate=generate_with_black_images)
    source = index_images(study, indexed="natural/Pets").source
    options = {"class_table": study.config.classes, "digits": "", "seed": study.seed, "threads": 1}
    classes, splits = find_splits(source, name="Pets", **options)
    index = pets.results / "images" / "natural" / "Pets.parquet"
    places = {"index": index, "counts": index.with_suffix(".csv"), "archive": "archive", "checked": "checked"}
    write_splits(splits, classes, name="Pets", on_undecodable="error", threads=1, **places)
    return pets


def export(study, name, folder, *options):
    run = study.run("export", "study.yaml", name, folder, *options)
    assert run.exit_code == 0, run.output
    return run


def read_rows(study, collection="names/g2.5/c0-1", split=None):
    rows = read_index(study.results / "images" / f"{collection}.parquet").to_pylist()
    return [row for row in rows if split in (None, row["split"])]


def digest(data):
    return hashlib.sha256(data).digest()[:16]


def check_images(study, found, split):
    """Check the bytes and metadata of images by those of the index."""
    by_place = {(metadata["label"], metadata["index"]): (data, metadata) for data, metadata in found}
    rows = read_rows(study, split=split)
    assert by_place.keys() == {(row["class_id"], row["index"]) for row in rows}
    for row in rows:
        data, metadata = by_place[row["class_id"], row["index"]]
        assert digest(data) == row["digest"]
        key = ("cat", "dog")[row["class_id"]]
        expected = {"class_key": key, "class_name": key, "set": "Names", "prompt": f"a {key}"}
        expected |= {"seed": row["seed"], "guidance_scale": 2.5, "flags": row["flags"]}
        assert {name: metadata[name] for name in expected} == expected


def read_folder(folder, split):
    with open(folder / split / "metadata.csv", encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            numbers = {name: int(row[name]) for name in ("label", "index", "seed")}
            metadata = row | numbers | {"guidance_scale": float(row["guidance_scale"]), "flags": row["flags"].split()}
            yield (folder / split / row["file_name"]).read_bytes(), metadata


def read_tars(folder, split):
    for path in sorted(folder.glob(f"{split}-*.tar")):
        with tarfile.open(path) as tar:
            members = {member.name: tar.extractfile(member).read() for member in tar}
        for name in members:
            if name.endswith(".png"):
                yield members[name], json.loads(members[name.replace(".png", ".json")])


def read_parquet(folder, split):
    for path in sorted(folder.glob(f"data/{split}-*.parquet")):
        for row in pq.read_table(path).to_pylist():
            yield row["image"]["bytes"], row


READERS = {"imagefolder": read_folder, "webdataset": read_tars, "datasets": read_parquet}


@pytest.mark.parametrize("to", NAMES)
def test_every_image_is_there_with_its_class_prompt_seed_scale_and_flags(done, to):
    run = export(done, "Names", "out", "--to", to)
    assert "Exported 10 images of Names to out. out/README.md says how to read them." in run.stdout
    for split in SPLITS:
        check_images(done, READERS[to](done.folder / "out", split), split)
    assert (done.folder / "out" / "classes.csv").read_text() == "class_id,key,name\n0,cat,cat\n1,dog,dog\n"
    listed = [line.split("  ") for line in (done.folder / "out" / "checksums.sha256").read_text().splitlines()]
    files = [path for path in (done.folder / "out").rglob("*") if path.is_file() and path.name != "checksums.sha256"]
    assert sorted(name for _, name in listed) == sorted(str(path.relative_to(done.folder / "out")) for path in files)
    for checksum, name in listed:
        assert hashlib.sha256((done.folder / "out" / name).read_bytes()).hexdigest() == checksum


def test_torchvision_reads_the_folders(done):
    export(done, "Names", "out")
    images = ImageFolder("out/train")
    assert images.classes == ["cat", "dog"]
    assert Counter(images.targets) == {0: 3, 1: 3}
    assert images[0][0].size == (8, 8)


@pytest.mark.parametrize("to", NAMES)
def test_a_study_reads_each_format_as_images_of_its_own(done, to):
    export(done, "Names", "out", "--to", to)
    path = {"imagefolder": "out/train", "webdataset": "out/train-*.tar", "datasets": "out/data/train-*.parquet"}[to]
    classes = load_study(done.config).classes
    assert Counter(image.class_id for image in find_images(describe_images(path, ["cat", "dog"]), classes)) == {0: 3, 1: 3}


@pytest.mark.parametrize("to", ["imagefolder", "datasets", "webdataset"])
def test_hugging_faces_datasets_reads_them(done, to, monkeypatch):
    monkeypatch.setenv("HF_HOME", str(done.folder / "hf"))
    datasets = pytest.importorskip("datasets", reason="Hugging Face's datasets is not installed")
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", done.folder / "hf")
    export(done, "Names", "out", "--to", to)
    path, options = ("out", {}) if to == "datasets" else (to, {"data_dir": "out"})
    read = datasets.load_dataset(path, cache_dir=str(done.folder / "cache"), **options)["train"]
    rows = [row["json"] | {"image": row["png"]} for row in read] if to == "webdataset" else read
    assert Counter((row["label"], row["prompt"]) for row in rows) == {(0, "a cat"): 3, (1, "a dog"): 3}
    assert {row["image"].size for row in rows} == {(8, 8)}


def test_webdataset_reads_the_tars(done):
    webdataset = pytest.importorskip("webdataset", reason="webdataset is not installed")
    export(done, "Names", "out", "--to", "webdataset")
    samples = list(webdataset.WebDataset("out/train-{000000..000000}.tar", shardshuffle=False).decode("pil"))
    assert Counter(sample["json"]["label"] for sample in samples) == {0: 3, 1: 3}
    assert {sample["png"].size for sample in samples} == {(8, 8)}


def test_the_classes_of_tars_are_mixed(done, monkeypatch):
    """Whoever reads tars in their order does not read one class after the other."""
    export(done, "Names", "out", "--to", "webdataset")
    labels = [metadata["label"] for _, metadata in read_tars(done.folder / "out", "train")]
    assert labels != sorted(labels)


def test_a_mixture_has_the_training_images_of_its_parts(done):
    export(done, "Mixed", "out")
    assert not (done.folder / "out" / "evaluation").exists()
    with open("out/train/metadata.csv", encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert Counter((row["set"], row["class_key"]) for row in rows) == {
        ("Pets", "cat"): 2,
        ("Pets", "dog"): 2,
        ("Names", "cat"): 3,
        ("Names", "dog"): 3,
    }
    natural = next(row for row in rows if row["set"] == "Pets")
    assert natural["prompt"] == natural["seed"] == natural["guidance_scale"] == ""
    assert len({row["file_name"] for row in rows}) == 10


def test_images_with_a_flag_are_left_out_if_asked_or_by_the_config(done):
    assert [row["flags"] for row in read_rows(done)].count(["black"]) == 5
    assert "Exported 5 images" in export(done, "Names", "out", "--exclude-flags", "black,nsfw").stdout
    done.config["exclude_flags"] = ["black"]
    done.write()
    assert "Exported 5 images" in export(done, "Names", "other").stdout
    assert "Exported 10 images" in export(done, "Names", "all", "--exclude-flags", "").stdout


def read_tree(folder):
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(Path(folder).rglob("*")) if path.is_file()}


KILLED = """
import os, signal, sys
from synthdiv.cli.main import app
from synthdiv.export import formats
from synthdiv.export.images import ExportedImage

read, count = ExportedImage.read, iter(range(100))

def read_or_die(image):
    if next(count) == 4:
        os.kill(os.getpid(), signal.SIGKILL)
    return read(image)

formats.IMAGES_PER_FILE, ExportedImage.read = 2, read_or_die
app(sys.argv[1:])
"""
"""A process that exports, and is killed when it reads the fifth image."""


@pytest.mark.parametrize("to", NAMES)
def test_an_export_that_was_killed_continues_and_gives_the_same_bytes(done, to, monkeypatch):
    monkeypatch.setattr(formats, "IMAGES_PER_FILE", 2)
    export(done, "Names", "whole", "--to", to)
    killed = subprocess.run(
        [sys.executable, "-c", KILLED, "export", "study.yaml", "Names", "killed", "--to", to], check=False
    )
    assert killed.returncode == -signal.SIGKILL
    assert 1 < len(read_tree("killed")) < len(read_tree("whole"))
    written = [path for path in Path("killed").rglob("*") if path.suffix in (".png", ".tar", ".parquet")]
    kept = {path: path.stat().st_mtime_ns for path in written}
    assert kept
    export(done, "Names", "killed", "--to", to)
    assert read_tree("killed") == read_tree("whole")
    assert all(path.stat().st_mtime_ns == changed for path, changed in kept.items())


def test_the_card_says_how_the_set_was_made_and_what_the_study_found(done):
    export(done, "Names", "early")
    card = (done.folder / "early" / "README.md").read_text()
    assert card.startswith(
        "---\npretty_name: pets-Names\ntask_categories:\n- image-classification\nsize_categories:\n- n<1K\n"
    )
    assert (
        f"/stable-diffusion (Standin {FINGERPRINT['digest'][:12]}) at guidance scale 2.5, in 2 steps of the model's" in card
    )
    assert "prompts by the builder template from a {name}." in card
    assert "The study had not come this far." in card
    means = {
        "classifier": ["small"],
        "train_set": ["Names"],
        "evaluation_set": ["Pets"],
        "n_seeds": [1],
        "n_evaluation": [6],
    }
    means |= {"top1": [0.5], "top1_low": [0.2], "top1_high": [0.8]}
    write_table(pl.DataFrame(means), done.results / "tables" / "classifier_means.csv")
    export(done, "Names", "later")
    card = (done.folder / "later" / "README.md").read_text()
    sentence = "small recognises 50.0 % [20.0, 80.0] of 6 evaluation images of Pets (1 training seed)."
    assert f"- After training on it, {sentence}" in card


def test_a_natural_set_is_not_called_synthetic(done):
    export(done, "Pets", "out")
    card = (done.folder / "out" / "README.md").read_text()
    assert "- Pets: natural images." in card
    assert "synthetic" not in card
    assert Image.open(io.BytesIO(next(Path("out/train/cat").iterdir()).read_bytes())).size == (16, 16)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("Name", "out"), "there is no set or mixture 'Name'; did you mean 'Names'?"),
        (("Prompts", "out"), "Prompts has no images, but prompts"),
        (("Names", "photos"), "photos is not empty: choose a new folder"),
        (("Names", "out", "--exclude-flags", "blak"), "there is no flag 'blak'; did you mean 'black'?"),
        (
            ("Wide", "out"),
            "the images of Wide are not all generated or indexed yet (results/pets/images/names/g7.5/c0-1.parquet",
        ),
    ],
    ids=lambda value: value[0] if isinstance(value, tuple) else "",
)
def test_what_cannot_be_exported_is_a_sentence_and_writes_nothing(done, arguments, message):
    done.config["sets"]["Prompts"] = {"kind": "prompt", "dataset": "names"}
    done.config["datasets"]["names"]["guidance_scales"] = [2.5, 7.5]
    done.config["sets"]["Wide"] = {"kind": "image", "dataset": "names", "guidance_scale": 7.5}
    done.write()
    run = done.run("export", "study.yaml", *arguments)
    assert run.exit_code == 1
    assert run.stderr.startswith(f"error: {message}")
    assert not (done.folder / "out").exists()


def test_another_export_in_the_folder_is_not_mixed_with_this_one(done):
    export(done, "Names", "out")
    run = done.run("export", "study.yaml", "Names", "out", "--exclude-flags", "black")
    assert run.exit_code == 1
    assert run.stderr.startswith(
        "error: out has another export, of Names of study pets as imagefolder, or of images that have"
    )
