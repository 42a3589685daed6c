import json

import numpy as np
import polars as pl
import pyarrow as pa
import pytest
import timm
import torch
from conftest import make_image_set, make_recipe
from timm.data import ImageNetInfo, RealLabelsImagenet
from timm.utils import accuracy
from torch.nn.functional import cross_entropy
from torchmetrics.functional.classification import multiclass_calibration_error

from synthdiv.analysis.classifier_tables import compute_calibration_error
from synthdiv.classifiers.checkpoint import write_classifier
from synthdiv.classifiers.evaluation import classify_sets, find_real_labels, load_classifier, map_outputs
from synthdiv.classifiers.recipes import build_model
from synthdiv.core.errors import StudyError
from synthdiv.images.index import locate_images, read_index, select_images, write_index
from synthdiv.images.torch_dataset import ImageDataset
from synthdiv.jobs.classifiers import EvaluatedSet

CPU = torch.device("cpu")
KEYS = [f"k{n}" for n in range(8)]
COLOURS = EvaluatedSet(set_name="Colours-IM", split="evaluation", among=None, real_labels=False)


@pytest.fixture(scope="module")
def index(tmp_path_factory):
    return make_image_set(tmp_path_factory.mktemp("images"), "colours", classes=8, evaluation=6)


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
    path = tmp_path_factory.mktemp("model") / "model.safetensors"
    torch.manual_seed(1)
    write_classifier(path, build_model(make_recipe(), 8), {"model": "test_resnet", "class_keys": KEYS})
    return str(path)


def classify(index, weights, **changes):
    sets = [(COLOURS.model_copy(update=changes), [index])]
    (table,) = classify_sets(sets, make_recipe(), KEYS, weights={1: weights}, exclude_flags=[], device=CPU, workers=0)
    return table


def find_logits(index, weights):
    """Compute the logits with timm alone, image by image."""
    model, _ = load_classifier(make_recipe(), KEYS, weights)
    model.eval()
    data = timm.data.resolve_model_data_config(model) | {"input_size": (3, 32, 32), "crop_pct": 1.0}
    transform = timm.data.create_transform(**data, is_training=False)
    rows = select_images(read_index(index), split="evaluation", exclude_flags=[])
    images = ImageDataset(locate_images(rows), transform)
    with torch.inference_mode():
        logits = torch.cat([model(images[n][0][None]) for n in range(len(images))])
    return logits, torch.tensor(rows["class_id"].to_pylist())


def test_top1_and_top5_match_timm_on_the_same_logits(index, weights):
    table = classify(index, weights)
    logits, labels = find_logits(index, weights)
    top1, top5 = (float(share) / 100 for share in accuracy(logits, labels, topk=(1, 5)))
    assert table["correct_top1"].mean() == pytest.approx(top1, abs=1e-6)
    assert table["correct_top5"].mean() == pytest.approx(top5, abs=1e-6)
    assert 0 < top1 < top5 < 1
    np.testing.assert_array_equal(np.array(table["predicted"].to_list()), logits.topk(5).indices)
    np.testing.assert_allclose(table["confidence"], logits.softmax(dim=1).amax(dim=1), rtol=1e-4)
    np.testing.assert_allclose(-table["log_probability"].mean(), cross_entropy(logits, labels), rtol=1e-4)
    assert table.select("class_id", "index").equals(
        pl.DataFrame({"class_id": labels.numpy(), "index": list(range(6)) * 8}).cast(pl.Int32)
    )


def test_calibration_error_matches_torchmetrics(index, weights):
    logits, labels = find_logits(index, weights)
    found = compute_calibration_error(logits.softmax(dim=1).amax(dim=1).numpy(), (logits.argmax(dim=1) == labels).numpy())
    expected = multiclass_calibration_error(logits.softmax(dim=1), labels, num_classes=8, n_bins=15, norm="l1")
    assert found == pytest.approx(float(expected), abs=1e-6)
    generator = torch.Generator().manual_seed(0)
    logits, labels = torch.randn(500, 8, generator=generator) * 3, torch.randint(8, (500,), generator=generator)
    found = compute_calibration_error(logits.softmax(dim=1).amax(dim=1).numpy(), (logits.argmax(dim=1) == labels).numpy())
    expected = multiclass_calibration_error(logits.softmax(dim=1), labels, num_classes=8, n_bins=15, norm="l1")
    assert found == pytest.approx(float(expected), abs=1e-6)
    assert compute_calibration_error(np.ones(4), np.array([True] * 4)) == 0
    assert compute_calibration_error(np.ones(4), np.array([True, False] * 2)) == 0.5


def test_candidate_classes_may_be_a_subset(index, weights):
    logits, labels = find_logits(index, weights)
    among = [1, 2, 5]
    table = classify(index, weights, among=tuple(among))
    expected = torch.tensor(among)[logits[:, among].topk(3).indices]
    np.testing.assert_array_equal(np.array(table["predicted"].to_list()), expected)
    of_candidate = labels == 2
    losses = cross_entropy(logits[:, among][of_candidate], torch.full((int(of_candidate.sum()),), 1), reduction="none")
    np.testing.assert_allclose(-table["log_probability"].to_numpy()[of_candidate], losses, rtol=1e-4)
    assert (table["log_probability"].to_numpy()[labels == 0] == -np.inf).all()


def test_a_set_may_name_another_split(index, weights):
    table = classify(index, weights, split="train")
    assert len(table) == 8 * 8
    assert not table["correct_top1"].equals(classify(index, weights)["correct_top1"])


def test_error_names_a_set_without_remaining_images(index, weights, tmp_path):
    flagged = tmp_path / "flagged.parquet"
    write_index(flagged, [row | {"flags": ["black"]} for row in read_index(index).to_pylist()], {})
    sets = [(COLOURS.model_copy(update={"set_name": "Black-IM"}), [flagged])]
    with pytest.raises(StudyError, match=r"no image of Black-IM is left to evaluate a classifier on"):
        classify_sets(sets, make_recipe(), KEYS, weights={1: weights}, exclude_flags=["black"], device=CPU, workers=0)


def test_a_classifier_of_other_classes_is_refused(index, weights):
    sets = [(COLOURS, [index])]
    with pytest.raises(StudyError, match=r"was trained on 8 classes \(k0, ...\), not on this study's 8 \(x0"):
        classify_sets(
            sets, make_recipe(), [f"x{n}" for n in range(8)], weights={1: weights}, exclude_flags=[], device=CPU, workers=0
        )


def test_pretrained_outputs_are_found_by_wordnet_id():
    synsets = ImageNetInfo().label_names()
    model = build_model(make_recipe(model_options={}), None)
    assert model.num_classes == 1000
    assert map_outputs(model, synsets[10:13][::-1], "m") == [12, 11, 10]
    assert map_outputs(build_model(make_recipe(), 3), ["a", "b", "c"], "m") is None
    with pytest.raises(
        StudyError, match=r"has 1000 outputs, but the study has 2 classes \(its key 'crane' is not an ImageNet"
    ):
        map_outputs(model, [synsets[0], "crane"], "m")


def test_pretrained_weights_are_evaluated_without_training(index, tmp_path):
    from conftest import make_timm_folder

    make_timm_folder(tmp_path)  # ten outputs
    recipe = make_recipe(model=str(tmp_path), model_options={}, pretrained=True)
    keys = [f"k{n}" for n in range(10)]
    sets = [(COLOURS, [index])]
    (table,) = classify_sets(sets, recipe, keys, weights={None: None}, exclude_flags=[], device=CPU, workers=0)
    assert len(table) == 48
    assert table["predicted"].list.max().max() <= 9


def test_reassessed_labels_match_timm(tmp_path):
    """On ImageNet's validation names, with made-up logits for all 50,000."""
    synsets = ImageNetInfo().label_names()
    names = [f"val/ILSVRC2012_val_{n + 1:08d}.JPEG" for n in range(50_000)]
    ours = find_real_labels(pa.table({"file": names}), synsets)
    logits = torch.randn(50_000, 1000, generator=torch.Generator().manual_seed(0))
    theirs = RealLabelsImagenet(names)
    for start in range(0, 50_000, 10_000):
        theirs.add_result(logits[start : start + 10_000])
    top = logits.topk(5).indices.tolist()
    kept = [n for n, labels in enumerate(ours) if labels]
    correct_top1 = np.mean([top[n][0] in ours[n] for n in kept])
    correct_top5 = np.mean([bool(ours[n] & set(top[n])) for n in kept])
    assert (correct_top1 * 100, correct_top5 * 100) == pytest.approx((theirs.get_accuracy(1), theirs.get_accuracy(5)))
    assert len(kept) < 50_000
    # for a subset of the classes in another order, the labels are the study's
    few = find_real_labels(pa.table({"file": names[:200]}), synsets[:500][::-1])
    expected = [{499 - n for n in labels if n < 500} for labels in ours[:200]]
    assert few == expected
    with pytest.raises(StudyError, match=r"under their own names \(ILSVRC2012_val_...\), not val/cat.png"):
        find_real_labels(pa.table({"file": ["val/cat.png"]}), synsets)


def test_real_labels_exclude_images_without_labels(index, weights, monkeypatch):
    labels = [{0, 1}, set(), {7}] * 16
    monkeypatch.setattr("synthdiv.classifiers.evaluation.find_real_labels", lambda table, keys: labels)
    table = classify(index, weights, real_labels=True)
    assert len(table) == 32
    expected = [row[0] in own for row, own in zip(table["predicted"].to_list(), [{0, 1}, {7}] * 16, strict=True)]
    assert table["correct_top1"].to_list() == expected
    assert json.dumps(table["correct_top5"].to_list()) == json.dumps(
        [bool(set(row) & own) for row, own in zip(table["predicted"].to_list(), [{0, 1}, {7}] * 16, strict=True)]
    )
