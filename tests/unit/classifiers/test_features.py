"""Features of classifiers against timm's, and the transfer to digits end to end with the workflow's scripts."""

from collections import Counter
from pathlib import Path
from types import SimpleNamespace

import classify_transfer
import extract_features
import index_images
import measure_features
import numpy as np
import plot_figure
import polars as pl
import pyarrow.parquet as pq
import pytest
import tabulate_features
import tabulate_transfer
import torch
from conftest import make_image_set, make_recipe, make_timm_folder
from PIL import Image

from synthdiv.classifiers.checkpoint import write_classifier
from synthdiv.classifiers.evaluation import load_classifier
from synthdiv.classifiers.features import extract_features as take_features
from synthdiv.classifiers.features import gather_splits
from synthdiv.classifiers.recipes import build_model, build_transform, resolve_data
from synthdiv.core.manifests import write_manifest
from synthdiv.core.tables import read_table
from synthdiv.embeddings.table import EmbeddingTables
from synthdiv.images.index import locate_images, read_index
from synthdiv.images.torch_dataset import ImageDataset
from synthdiv.jobs.figures import PlotFigure
from synthdiv.jobs.images import index_images as plan_index
from synthdiv.jobs.transfer import (
    ClassifyTransfer,
    Encoding,
    ExtractFeatures,
    MeasureFeatures,
    TabulateFeatures,
    TabulateTransfer,
)
from synthdiv.plan.loading import load_study
from synthdiv.prompts.class_columns import ClassColumns
from synthdiv.prompts.class_tables import read_classes

CPU = torch.device("cpu")
KEYS = [f"k{n}" for n in range(3)]
WHOLE = {"exclude_flags": [], "images_per_class": None, "seed": 0}


def write_weights(folder, seed):
    path = folder / f"model{seed}.safetensors"
    torch.manual_seed(seed)
    write_classifier(path, build_model(make_recipe(), 3), {"model": "test_resnet", "class_keys": KEYS})
    return str(path)


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
    folder = tmp_path_factory.mktemp("models")
    return {seed: write_weights(folder, seed) for seed in (1, 2)}


@pytest.fixture(scope="module")
def index(tmp_path_factory):
    return make_image_set(tmp_path_factory.mktemp("images"), "colours")


def test_the_last_layer_maps_the_features_to_the_logits(index, weights):
    recipe = make_recipe()
    rows = gather_splits([index], ["train", "evaluation"], **WHOLE)
    found = take_features(rows, recipe, KEYS, weights=weights, device=CPU, workers=0)
    assert len(rows) == 36
    transform = build_transform(recipe, load_classifier(recipe, KEYS, weights[1])[0], is_training=False)
    images = ImageDataset(locate_images(rows), transform)
    for seed, features in zip(weights, found, strict=True):
        model = load_classifier(recipe, KEYS, weights[seed])[0].eval()
        data = resolve_data(recipe, model, is_training=False)
        mean, std = (torch.tensor(data[key])[None, :, None, None] * 255 for key in ("mean", "std"))
        batch = torch.stack([torch.as_tensor(images[n][0]).float() for n in range(len(images))])
        with torch.inference_mode():
            logits = model((batch - mean) / std)
            own = torch.from_numpy(features.vectors.astype(np.float32) * features.lengths[:, None])
            torch.testing.assert_close(model.get_classifier()(own), logits, atol=2e-3, rtol=2e-3)
        norms = np.linalg.norm(features.vectors.astype(np.float64), axis=1)
        np.testing.assert_allclose(norms, 1, atol=1e-3)
    assert not np.allclose(found[0].vectors, found[1].vectors)


def test_a_seeded_subset_of_one_split_is_taken(index):
    few = gather_splits([index], ["evaluation"], **WHOLE | {"images_per_class": 2})
    assert few["class_id"].to_pylist() == [0, 0, 1, 1, 2, 2]
    assert set(few["split"].to_pylist()) == {"evaluation"}
    assert len(gather_splits([index], ["train", "evaluation", "validation"], **WHOLE)) == 36


def test_pretrained_weights_give_features_without_a_seed(index, tmp_path):
    make_timm_folder(tmp_path)
    recipe = make_recipe(model=str(tmp_path), model_options={}, pretrained=True)
    rows = gather_splits([index], ["evaluation"], **WHOLE)
    keys = [f"k{n}" for n in range(10)]
    (found,) = take_features(rows, recipe, keys, weights={None: None}, device=CPU, workers=0)
    assert len(found.vectors) == 12


class Steps:
    """Run the scripts one after another in a folder."""

    def __init__(self, folder, config, weights):
        self.folder, self.config, self.weights = folder, config, weights

    def run(self, script, job, *, inputs=None, outputs):
        script.main(
            SimpleNamespace(
                config=self.config,
                input=SimpleNamespace(**inputs or {}),
                output=SimpleNamespace(**outputs),
                params=SimpleNamespace(job=job.to_params()),
                resources=SimpleNamespace(device="cpu"),
                log=[None],
                threads=1,
            )
        )
        return next(iter(outputs.values()))

    def index(self, name):
        outputs = {"index": self.folder / f"{name}.parquet", "counts": self.folder / f"{name}.csv"}
        return self.run(index_images, plan_index(load_study(self.config), f"transfer/{name}"), outputs=outputs)

    def extract(self, index, training, splits):
        job = ExtractFeatures(
            recipe=make_recipe(),
            seeds=(1, 2),
            classes=ClassColumns.describe(None, read_classes("classes.csv"), "key"),
            splits=splits,
            exclude_flags=(),
            images_per_class=None,
            study_seed=0,
        )
        manifest = self.folder / "weights_1-2.json"
        write_manifest(self.weights.values(), manifest)
        return self.run(
            extract_features,
            job,
            inputs={"models": [manifest], "index": index},
            outputs={"table": self.folder / f"{Path(index).stem}-{training}.features.parquet"},
        )

    def classify(self, features, training):
        outputs = {name: self.folder / f"{training}.{name}.parquet" for name in ("predictions", "trials")}
        job = ClassifyTransfer(features="unit", max_iterations=300, seed=0, trials=4, seeds=(1, 2))
        self.run(classify_transfer, job, inputs={"features": features}, outputs=outputs)
        return outputs


@pytest.fixture
def steps(tmp_path, monkeypatch, weights, index):
    monkeypatch.chdir(tmp_path)
    lines = [f"{n},{key},{key}" for n, key in enumerate(KEYS)]
    (tmp_path / "classes.csv").write_text("class_id,key,name\n" + "\n".join(lines) + "\n")
    config = {
        "study": "s",
        "classes": "classes.csv",
        "device": "cpu",
        "encoders": {"clip": {"model": "ViT-B-32", "pretrained": "openai"}},
        "sets": {"Natural-IM": {"kind": "image", "images": {"train": "nowhere", "evaluation": "nowhere"}}},
        "transfer": {"sets": {"digits": {"sklearn": "digits"}, "mine": {"images": {"train": "mine"}}}},
    }
    return Steps(tmp_path, config, weights)


def test_digits_are_transferred_and_features_measured_end_to_end(steps, index):
    digits = steps.index("digits")
    rows = read_index(digits)
    assert (len(rows), set(rows["split"].to_pylist())) == (1797, {"train", "evaluation"})
    found = steps.classify(steps.extract(digits, "Natural-IM", ["train", "evaluation", "validation"]), "Natural-IM")
    table = pq.read_table(steps.folder / "digits-Natural-IM.features.parquet")
    assert table.column_names == ["seed", "class_id", "split", "index", "length", "embedding"]
    assert len(table) == 2 * 1797
    encoding = Encoding(transfer_set="digits", encoder="net", train_set="Natural-IM")
    means = steps.folder / "transfer_means.csv"
    runs = steps.run(
        tabulate_transfer,
        TabulateTransfer(encodings=(encoding,), natural="Natural-IM"),
        inputs={"predictions": [found["predictions"]], "trials": [found["trials"]]},
        outputs={"table": steps.folder / "transfer.csv", "means": means},
    )
    table = pl.read_csv(runs)
    assert table["seed"].to_list() == [1, 2]
    # an untrained network of sixteen features is far above chance on digits
    assert table["top1"].min() > 0.3
    first = table.row(0, named=True)
    assert (first["n_classes"], first["n_train"] + first["n_evaluation"], first["trials"]) == (10, 1797, 4)

    own = steps.extract(index, "Natural-IM", ["evaluation"])
    assert len(EmbeddingTables([own], "evaluation", seed=2).read()) == 12
    statistics = steps.run(
        measure_features,
        MeasureFeatures(image_set="Natural-IM", threshold=1e-5, eps=0.5, seeds=(1, 2)),
        inputs={"features": own},
        outputs={"statistics": steps.folder / "statistics.parquet"},
    )
    tabulated = steps.run(
        tabulate_features,
        TabulateFeatures(evaluations=(("net", "Natural-IM"),), image_set="Natural-IM"),
        inputs={"statistics": [statistics]},
        outputs={"table": steps.folder / "feature_statistics.csv"},
    )
    table = read_table(tabulated)
    assert table.select("classifier", "train_set", "image_set").unique().rows() == [("net", "Natural-IM", "Natural-IM")]
    assert table.select("seed", "statistic").n_unique() == len(table) == 8
    accuracies = "classifier,train_set,evaluation_set,top1\nnet,Natural-IM,Other-IM,0.5\n"
    (steps.folder / "classifier_means.csv").write_text(accuracies)
    measured = {"statistics": tabulated, "classifiers": steps.folder / "classifier_means.csv", "transfer": [means]}
    styled = {"styled": {"names": ["Natural-IM"], "natural": "Natural-IM"}}
    for job, inputs in (
        (PlotFigure(figure="transfer", options=styled), {"means": means}),
        (PlotFigure(figure="features", options=styled | {"natural": "Natural-IM"}), measured),
    ):
        figure = steps.run(plot_figure, job, inputs=inputs, outputs={"figure": steps.folder / "figure.png", "vector": []})
        with Image.open(figure) as image:
            assert min(image.size) > 200


def test_a_folder_of_images_is_a_transfer_set(steps):
    for name, count in (("cat", 10), ("dog", 4), ("eel", 1)):
        for n in range(count):
            path = steps.folder / "mine" / name / f"{n}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.new("RGB", (8, 8), (10 * n, 0, 99)).save(path)
    rows = read_index(steps.index("mine"))
    counted = Counter(zip(rows["class_id"].to_pylist(), rows["split"].to_pylist(), strict=True))
    expected = {(0, "train"): 7, (0, "evaluation"): 3, (1, "train"): 3, (1, "evaluation"): 1, (2, "train"): 1}
    assert counted == expected
    counts = pl.read_csv(steps.folder / "mine.csv")
    assert counts.filter(split="evaluation")["key"].to_list() == ["cat", "dog"]
