"""The command init: a first config for whatever a user has, which runs unchanged, or a sentence that says why not."""

import io
import json
import tarfile

import numpy as np
import polars as pl
import pytest
import yaml
from pets_study import KEYS, write_images
from workplace import DEMO

from synthdiv.core.fingerprints import SPLITS
from synthdiv.plan.loading import load_study

CLIP = DEMO / "models" / "clip"
DIFFUSION = DEMO / "models" / "stable-diffusion"


def read(path="my_study.yaml"):
    with open(path, encoding="utf-8") as file:
        return yaml.safe_load(file)


def init(pets, *options):
    return pets.run("init", "my_study.yaml", *options)


def test_folders_and_a_generator_become_a_study_that_runs(pets):
    """Classes and numbers are those of the folders; generated sets are as large as the natural one."""
    write_images(pets.folder / "more" / "train", images=30)
    write_images(pets.folder / "more" / "validation", images=60)
    done = init(pets, "--images", "more", "--generator", DIFFUSION, "--encoder", CLIP)
    assert done.exit_code == 0, done.output
    assert done.stdout.splitlines() == [
        "Natural-IM, train: 60 images found, 60 used, 30 of each of 2 classes",
        "Natural-IM, evaluation: 120 images found, 120 used, 60 of each of 2 classes",
        "Wrote my_study.yaml and my_study_classes.csv: 2 classes.",
        "Next, see what the study would do:",
        "  synthdiv check my_study.yaml",
    ]
    assert (pets.folder / "my_study_classes.csv").read_text() == "class_id,key,name\n0,cat,cat\n1,dog,dog\n"
    config = read()
    assert config["sets"]["Natural-IM"]["images"] == {"train": "more/train", "evaluation": "more/validation"}
    assert config["sets"]["Natural-IM"]["images_per_class"] == {"train": 27}
    assert config["images_per_class"] == {"train": 27, "evaluation": 50}
    spec = {"model": str(DIFFUSION), "variant": "fp16", "steps": 50, "width": 32, "height": 32}
    assert config["generators"] == {"stable-diffusion": spec}
    assert config["classifiers"]["small"]["train"] == ["Natural-IM", "Names2.5-IM", "Names7.5-IM"]
    first = (pets.folder / "my_study.yaml").read_text().partition("\n")[0]
    schema = first.removeprefix("# yaml-language-server: $schema=")
    assert json.loads((pets.folder / schema).read_text())["properties"]["sets"]
    checked = pets.run("check", "my_study.yaml")
    assert checked.exit_code == 0, checked.output
    assert "Natural-IM, selection: 60 images found, 6 used, 3 of each of 2 classes" in checked.stdout


def write_tar(path, labels):
    with tarfile.open(path, "w") as tar:
        for n, label in enumerate(labels):
            image = (DEMO / ".." / "pictures" / "accounts.png").resolve().read_bytes()[:100]
            for suffix, data in (("png", image), ("cls", label.encode())):
                info = tarfile.TarInfo(f"{n:04d}.{suffix}")
                info.size = len(data)
                tar.addfile(info, io.BytesIO(data))


def test_the_classes_of_tars_are_their_labels(pets):
    write_tar("train-0.tar", ["dog", "cat", "dog", "cat"])
    write_tar("val-0.tar", ["dog", "cat"])
    done = init(pets, "--images", "train=train-*.tar", "--images", "evaluation=val-*.tar")
    assert done.exit_code == 0, done.output
    assert (pets.folder / "my_study_classes.csv").read_text() == "class_id,key,name\n0,cat,cat\n1,dog,dog\n"
    config = read()
    assert config["encoders"] == {"vit-l-14-quickgelu": {"model": "ViT-L-14-quickgelu", "pretrained": "openai"}}
    assert "classifiers" not in config
    assert "generators" not in config


def test_a_folder_of_parquet_files_has_its_splits_and_numbers_as_classes(pets):
    folder = pets.folder / "shards"
    folder.mkdir()
    for name, n in (("train", 12), ("test", 11)):
        labels = [one % 11 for one in range(n)]
        pl.DataFrame({"image": [b"x"] * n, "label": labels}).write_parquet(folder / f"{name}-00000-of-00001.parquet")
    done = init(pets, "--images", "shards")
    assert done.exit_code == 0, done.output
    assert "The classes have only numbers: write their names into the column name of my_study_classes.csv." in done.stdout
    assert pl.read_csv("my_study_classes.csv")["key"].to_list() == list(range(11))
    assert read()["sets"]["Natural-IM"]["images"] == {
        "train": "shards/train*.parquet",
        "evaluation": "shards/test*.parquet",
    }


def test_images_that_were_generated_elsewhere_are_compared_with_natural_ones(pets):
    write_images(pets.folder / "fakes", images=5)
    options = ["--images", "photos", "--images", "Fakes:train=fakes", "--images", "Fakes:evaluation=fakes"]
    done = init(pets, *options, "--study", "both")
    assert done.exit_code == 0, done.output
    study = load_study(read())
    assert study.name == "both"
    assert study.sets["Natural-IM"].is_natural
    assert not study.sets["Fakes"].is_natural
    assert study.config.classifiers["small"].train == ["Natural-IM", "Fakes"]


def test_a_class_of_one_image_trains_no_classifier(pets):
    write_images(pets.folder / "few", images=1)
    options = ["--images", "train=few", "--images", "evaluation=few", "--encoder", CLIP, "--generator", DIFFUSION]
    done = init(pets, *options)
    assert done.exit_code == 0, done.output
    assert "classifiers" not in read()
    assert read()["images_per_class"] == {"train": 1, "evaluation": 1}


@pytest.mark.parametrize("form", ["parquet", "npy"])
def test_embeddings_alone_need_no_model(pets, form):
    vectors = np.random.default_rng(0).normal(size=(8, 4)).astype(np.float32)
    labels = {"class_id": [0, 1, 2, 3] * 2, "split": ["train"] * 4 + ["evaluation"] * 4}
    for name in ("real", "fake"):
        if form == "parquet":
            pl.DataFrame(labels | {"embedding": vectors.tolist()}).write_parquet(f"{name}.parquet")
        else:
            np.save(f"{name}.npy", vectors)
            pl.DataFrame(labels).write_csv(f"{name}.csv")
    done = init(pets, "--embeddings", f"Real:real.{form}", "--embeddings", f"Fake:fake.{form}")
    assert done.exit_code == 0, done.output
    assert "Real, train: 4 vectors of 4 values, 1 of each of 4 classes" in done.stdout
    config = read()
    assert config.keys() == {"study", "classes", "seed", "sets"}
    assert config["sets"]["Fake"] == {"kind": "image", "embeddings": f"fake.{form}"}
    if form == "npy":
        checked = pets.run("check", "my_study.yaml")
        assert checked.exit_code == 0, checked.output


@pytest.mark.parametrize(
    ("table", "dataset", "counts"),
    [
        ("key,prompt\ncat,a cat\ndog,a dog\n", {"builder": "table", "table": "p.csv"}, {"train": 3, "evaluation": 3}),
        (
            "key,prompt\ncat,a cat on a mat\n",
            {"builder": "overrides", "base": "names", "overrides": "p.csv"},
            {"train": 3, "evaluation": 3},
        ),
        (
            "key,split,index,prompt\n"
            + "".join(f"{key},{split},{n},{key} {n}\n" for key in KEYS for split in SPLITS for n in (0, 1)),
            {"builder": "table", "table": "p.csv"},
            {"train": 2, "evaluation": 2},
        ),
    ],
    ids=["each class", "some classes", "each image"],
)
def test_prompts_of_each_class_of_some_or_of_each_image(pets, table, dataset, counts):
    (pets.folder / "p.csv").write_text(table)
    done = init(pets, "--images", "photos", "--prompts", "p.csv")
    assert done.exit_code == 0, done.output
    config = read()
    assert config["datasets"]["own"] == dataset | {"guidance_scales": [2.5, 7.5]}
    assert config["images_per_class"] == counts


def test_prompts_alone_name_the_classes(pets):
    (pets.folder / "p.csv").write_text("key,prompt\ntea pot,a tea pot\ncrane,a crane that lifts loads\n")
    done = init(pets, "--prompts", "p.csv", "--generator", "org/Model-XL 1.0")
    assert done.exit_code == 0, done.output
    config = read()
    assert [row.key for row in load_study(config).classes] == ["tea pot", "crane"]
    spec = {"model": "org/Model-XL 1.0", "steps": 50, "width": 1024, "height": 1024}
    assert config["generators"] == {"model-xl-1.0": spec}


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ((), "nothing says what the classes are: name images"),
        (("--images", "nowhere"), "there is nothing at nowhere; write a path, or SPLIT=PATH"),
        (("--images", "photos/train"), "the train images of Natural-IM are missing: photos/train has no folder train or"),
        (
            ("--images", "train=photos/train"),
            "the evaluation images of Natural-IM are missing: they are not named; name them",
        ),
        (
            ("--images", "photos", "--images", "photos"),
            "the set Natural-IM has two sources of one split, the",
        ),
        (("--images", "photos", "--classes", "no.csv"), "the class table no.csv does not exist"),
        (("--images", "photos", "--prompts", "bad.csv"), "the table of prompts bad.csv has no column prompt; its columns"),
        (("--images", "photos", "--prompts", "empty.csv"), "error: the table of prompts empty.csv has no row\n"),
        (("--prompts", "empty.csv"), "error: the table of prompts empty.csv has no row\n"),
        (
            ("--images", "photos", "--prompts", "train.csv"),
            "error: this makes no study: datasets.own.table: the table has no prompt for class 'cat', evaluation 0",
        ),
        (("--images", "photos", "--study", "a b"), "study is 'a b': write a name of letters"),
        (("--embeddings", "bad.csv"), "bad.csv is not a readable Parquet file"),
        (
            ("--images", "photos", "--images", "Other:train=photos/train", "--images", "Other:evaluation=odd"),
            "no folder odd/cat",
        ),
        (("--classes", "classes.csv"), "there is nothing to study: name images, embedding tables, prompts or a generator"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else "",
)
def test_nonsense_gives_one_sentence_and_leaves_nothing(pets, options, message):
    (pets.folder / "bad.csv").write_text("key,promt\ncat,a cat\n")
    (pets.folder / "empty.csv").write_text("key,prompt\n")
    (pets.folder / "train.csv").write_text("key,split,index,prompt\ncat,train,0,a cat\ndog,train,0,a dog\n")
    (pets.folder / "classes.csv").write_text("class_id,key,name\n0,cat,cat\n")
    write_images(pets.folder / "odd", ["wolf"])
    before = sorted(pets.folder.iterdir())
    done = init(pets, *options)
    assert done.exit_code == 1
    assert done.stderr.startswith("error: ")
    assert message in done.stderr
    assert done.stderr.count("\n") == 1
    assert sorted(pets.folder.iterdir()) == before


@pytest.mark.parametrize("name", ["my_study.yaml", "my_study_classes.csv"])
def test_nothing_is_overwritten(pets, name):
    (pets.folder / name).write_text("mine\n")
    done = init(pets, "--images", "photos")
    assert done.exit_code == 1
    assert done.stderr.startswith(f"error: {name} exists already, and is left as it is: ")
    assert (pets.folder / name).read_text() == "mine\n"
    assert len(list(pets.folder.iterdir())) == 2
