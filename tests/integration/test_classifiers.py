"""A study of natural images alone, run for real by Snakemake: classifiers trained, mixed, continued, killed and tried."""

import os
import re
import signal
import subprocess
import time
from pathlib import Path

import numpy as np
import polars as pl
import psutil
import pyarrow.parquet as pq
import pytest
from PIL import Image
from safetensors.torch import load_file
from workplace import DEMO, Workplace

from synthdiv.classifier_file import read_facts
from synthdiv.image_index import read_index

KEYS = ["tshirt", "trouser", "sneaker", "bag"]
CLASS_IDS = [0, 1, 7, 8]  # in the demo's data
TINY = {"model": "test_resnet", "model_options": {"channels": [8, 8, 8, 16], "stem_width": 8}, "image_size": 32}
TINY |= {"epochs": 4, "batch_size": 10, "optimizer": {"opt": "adamw", "lr": 0.01}, "augmentation": {"color_jitter": None}}


def make_place(folder):
    lines = [f"{n},{key},{key}" for n, key in enumerate(KEYS)]
    (folder / "classes.csv").write_text("class_id,key,name\n" + "\n".join(lines) + "\n")
    (folder / "subset.txt").write_text("trouser\nbag\n")
    for split, source, count in (("train", "train", 15), ("val", "evaluation", 10)):
        table = pq.read_table(DEMO / "natural" / f"fashion-{source}.parquet")
        labels = np.array(table["class_id"].to_pylist())
        for key, class_id in zip(KEYS, CLASS_IDS, strict=True):
            for name in ("natural", "other"):
                (folder / name / split / key).mkdir(parents=True)
            for place, n in enumerate(np.flatnonzero(labels == class_id)[:count]):
                name = "natural" if split == "val" or place < 10 else "other"
                (folder / name / split / key / f"{n:05d}.png").write_bytes(table["image"][int(n)].as_py())
                if split == "val":
                    (folder / "other" / split / key / f"{n:05d}.png").write_bytes(table["image"][int(n)].as_py())
    import timm
    import torch

    torch.manual_seed(0)
    model = timm.create_model("test_resnet", num_classes=4)
    timm.models.save_for_hf(model, folder / "pretrained", model_config={"num_classes": 4}, safe_serialization=True)
    natural = {"train": "natural/train", "evaluation": "natural/val"}
    evaluate = ["Natural-IM", "Subset-IM"]
    return Workplace(
        folder,
        {
            "study": "trained",
            "classes": "classes.csv",
            "device": "cpu",
            "encoders": {"clip": {"model": "resources/demo/models/clip"}},
            "sets": {
                "Natural-IM": {"kind": "image", "images": natural},
                "Other-IM": {"kind": "image", "images": {"train": "other/train", "evaluation": "other/val"}},
                "Subset-IM": {"kind": "image", "images": {"evaluation": "natural/val"}, "class_subset": "subset.txt"},
            },
            "experiments": {"references": ["Natural-IM"], "queries": ["Natural-IM"]},
            "mixtures": {
                "Natural4": {"parts": [{"set": "Natural-IM", "images_per_class": 4}]},
                "Mixed": {"parts": [{"set": "Natural-IM", "images_per_class": 4}, {"set": "Other-IM", "weight": 20}]},
            },
            "classifiers": {
                "tiny": {
                    "recipe": TINY,
                    "train": ["Natural-IM", "Natural4", "Mixed"],
                    "evaluate": evaluate,
                    "seeds": [5],
                    "follow": "Subset-IM",
                },
                "tuned": {
                    "recipe": TINY,
                    "train": ["Natural-IM"],
                    "init_from": {"classifier": "tiny", "train": "Mixed"},
                    "processes": 2,
                    "evaluate": evaluate,
                    "seeds": [5],
                },
                "ready": {
                    "recipe": {"model": "pretrained", "pretrained": True, "image_size": 32},
                    "trained_on": "Elsewhere",
                    "evaluate": evaluate,
                },
            },
        },
    )


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    place = make_place(tmp_path_factory.mktemp("trained"))
    place.run("classifiers")
    return place


@pytest.fixture(autouse=True)
def _in_place(request, monkeypatch):
    if "place" in request.fixturenames:
        monkeypatch.chdir(request.getfixturevalue("place").folder)


def test_every_classifier_is_tabulated(place):
    table = pl.read_csv(place.results / "tables" / "classifiers.csv")
    assert table.select("classifier", "train_set", "evaluation_set", "seed", "n_evaluation").rows() == [
        (classifier, training, evaluation, seed, count)
        for classifier, training, seed in (
            ("tiny", "Natural-IM", 5),
            ("tiny", "Natural4", 5),
            ("tiny", "Mixed", 5),
            ("tuned", "Natural-IM", 5),
            ("ready", "Elsewhere", None),
        )
        for evaluation, count in (("Natural-IM", 40), ("Subset-IM", 20))
    ]
    assert table["n_train"].to_list() == [40, 40, 16, 16, 36, 36, 40, 40, None, None]
    assert table["steps"].to_list() == [16, 16, 6, 6, 14, 14, 16, 16, None, None]
    means = pl.read_csv(place.results / "tables" / "classifier_means.csv")
    assert means["n_seeds"].to_list() == [1] * 10
    assert means.columns[-1] == "calibration_error"  # nothing published stands beside
    per_class = pl.read_parquet(place.results / "tables" / "classifiers_per_class.parquet")
    subset = per_class.filter(evaluation_set="Subset-IM", classifier="ready")
    assert subset["name"].to_list() == ["trouser", "bag"]
    predicted = pl.read_parquet(place.results / "evaluations" / "ready" / "Elsewhere.parquet")
    assert set(predicted.filter(evaluation_set="Subset-IM")["predicted"].list.first()) <= {1, 3}
    confusion = pl.read_parquet(place.results / "tables" / "classifier_confusion.parquet")
    assert confusion["n_images"].sum() == 5 * 60


def test_the_figures_and_the_exchange(place):
    for name in ("classifiers", "training", "exchange", "predictors"):
        with Image.open(place.results / "figures" / f"{name}.png") as image:
            assert min(image.size) > 200
    assert not (place.results / "figures" / "guidance.png").exists()  # nothing is drawn at several scales
    exchange = pl.read_csv(place.results / "tables" / "exchange.csv")
    counts = exchange.filter(classifier="tiny").select("train_set", "n_natural", "n_synthetic").rows()
    assert counts == [("Natural-IM", 40, 0), ("Natural4", 16, 0), ("Mixed", 36, 0)]


def test_a_mixtures_weights_reach_the_training(place):
    facts = read_facts(place.results / "classifiers" / "tiny" / "Mixed" / "seed5" / "model.safetensors")
    assert facts["parts"] == [["Natural-IM", 16], ["Other-IM", 20]]
    assert (facts["n_train"], facts["held_fixed"], facts["epochs"]) == (36, "epochs", pytest.approx(140 / 36))


def test_nothing_is_left_to_do_and_an_evaluation_alone_follows_its_recipe(place):
    assert "Nothing to be done" in place.plan("classifiers").stdout
    try:
        place.config["classifiers"]["tiny"]["recipe"] = TINY | {"evaluation_size": 48}
        place.config["classifiers"]["tiny"]["checkpoint_minutes"] = 5
        place.write_config()
        planned = place.plan("classifiers").stdout
        assert "train_classifier" not in planned
        assert len(set(re.findall(r"Try (tiny|tuned|ready), trained on (\S+),", planned))) == 3
        place.config["classifiers"]["tiny"]["recipe"] = TINY | {"label_smoothing": 0.1}
        place.write_config()
        planned = place.plan("classifiers").stdout
        assert len(set(re.findall(r"Train (\S+) on (\S+), seed 5", planned))) == 4  # tuned starts from tiny
    finally:
        place.config["classifiers"]["tiny"]["recipe"] = TINY
        place.write_config()


def test_published_figures_stand_beside_ours_only_where_the_config_asks(place):
    """None of this study's sets has the name of a published one, so nothing stands beside them."""
    place.config["published"] = "diversity_and_diffusion"
    place.write_config()
    try:
        place.run("results/trained/tables/published.csv")
        table = pl.read_csv(place.results / "tables" / "published.csv", infer_schema_length=None)
        assert "top1" in set(table["figure"])
        assert table["value"].is_null().all()
    finally:
        del place.config["published"]
        place.write_config()


def test_a_killed_training_job_goes_on_and_ends_alike(place):
    model = place.results / "classifiers" / "tiny" / "Natural-IM" / "seed5" / "model.safetensors"
    before = load_file(model)
    place.config["classifiers"]["tiny"]["checkpoint_minutes"] = 0
    place.write_config()
    target = str(model.relative_to(place.folder))
    running = subprocess.Popen(
        place.command(target, "--force"), cwd=place.folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    checkpoint = model.with_name("checkpoint.pt")
    deadline = time.monotonic() + 120
    while not checkpoint.exists():
        assert time.monotonic() < deadline
        assert running.poll() is None
        time.sleep(0.01)
    for process in psutil.Process(running.pid).children(recursive=True):
        if "train_classifier.py" in " ".join(process.cmdline()):
            os.kill(process.pid, signal.SIGKILL)
    output, _ = running.communicate(timeout=120)
    assert running.returncode != 0, output
    assert checkpoint.exists()
    assert not model.exists()
    place.run(target)
    log = (place.results / "logs" / "train_classifier" / "tiny" / "Natural-IM" / "seed5.log").read_text()
    assert "going on from the checkpoint of step" in log
    after = load_file(model)
    assert max(float((before[name].float() - after[name].float()).abs().max()) for name in before) <= 1e-6
    assert not checkpoint.exists()


def test_bad_input_is_a_sentence(place):
    good = place.config["classifiers"]["tiny"]
    try:
        for changes, message in (
            ({"train": ["Natural"]}, "there is no set or mixture 'Natural'; did you mean 'Natural4'?"),
            ({"train": ["Subset-IM"]}, "set 'Subset-IM' has no training split"),
            ({"recipe": TINY | {"steps": 5}}, "needs exactly one of epochs and steps"),
            ({"recipe": TINY | {"learning_rate": 5}}, "unknown key learning_rate"),
            ({"recipe": "missing.yaml"}, "missing.yaml does not exist"),
            ({"recipe": TINY | {"device_batch_size": 3}}, "batch_size 10 is no multiple of 1 processes x 3 images"),
            ({"init_from": {"classifier": "tuned", "train": "Natural-IM"}}, "is a circle"),
            ({"init_from": {"classifier": "ready", "train": "Elsewhere"}}, "no training set of that classifier 'Elsewhere'"),
            ({"train": []}, "has nothing to train on"),
        ):
            place.config["classifiers"]["tiny"] = good | changes
            place.write_config()
            done = place.plan("classifiers", check=False)
            assert done.returncode != 0
            assert message in done.stdout, done.stdout
            assert "Traceback" not in done.stdout
    finally:
        place.config["classifiers"]["tiny"] = good
        place.write_config()


def test_a_lost_image_file_and_what_mends_a_lost_block(place):
    """Natural folders have no blocks; a Parquet set's images are copied into the archive, where one may be lost."""
    table = pq.read_table(DEMO / "natural" / "fashion-evaluation.parquet")
    labels = np.array(table["class_id"].to_pylist())
    rows = [int(n) for class_id in CLASS_IDS for n in np.flatnonzero(labels == class_id)[:6]]
    keys = [key for key in KEYS for _ in range(6)]
    import pyarrow as pa

    pq.write_table(pa.table({"image": [table["image"][n].as_py() for n in rows], "key": keys}), place.folder / "few.parquet")
    place.config["sets"]["Few-IM"] = {"kind": "image", "images": {"train": "few.parquet", "evaluation": "few.parquet"}}
    place.config["classifiers"]["few"] = {"recipe": TINY, "train": ["Few-IM"], "evaluate": ["Natural-IM"]}
    place.config["experiments"] = {"references": ["Natural-IM"], "queries": ["Natural-IM"]}
    place.write_config()
    index = place.results / "images" / "natural" / "Few-IM.parquet"
    target = "results/trained/classifiers/few/Few-IM/seed0/model.safetensors"
    place.run(str(index.relative_to(place.folder)))
    lost = Path(read_index(index)["file"][0].as_py())
    lost.unlink()
    done = place.run(target, check=False)
    (command,) = re.findall(r"snakemake --profile local --force (\S+)", done.stdout)
    assert str(lost) in done.stdout
    assert command == str(index.relative_to(place.folder))
    place.run("--force", command)
    assert lost.exists()
    place.run(target)
    assert (place.folder / target).exists()
