"""Calibration, on tiny models; the numbers themselves depend on the device."""

import pytest
import torch
from conftest import make_recipe, make_spec
from workplace import DEMO

from synthdiv.classifiers.recipes import build_model
from synthdiv.core.errors import StudyError
from synthdiv.operations.calibration import (
    choose_batch_size,
    measure_classifier,
    measure_encoder,
    measure_generator,
    time_work,
)

CPU = torch.device("cpu")


def test_the_first_call_is_not_counted(monkeypatch):
    """It loads and compiles; measured by a clock that only the work advances."""
    now = [0.0]
    monkeypatch.setattr("synthdiv.operations.calibration.time.monotonic", lambda: now[0])

    def work():
        now[0] += 2.0 if now[0] else 50.0

    assert time_work(work, CPU, at_least=5.0) == 2.0
    assert now[0] == 50 + 3 * 2


def test_a_generator(tiny_pipeline):
    spec = make_spec(tiny_pipeline)
    metadata = measure_generator(spec, CPU, at_least=0.1)
    assert metadata["batch_size"] == spec["batch_size"]
    assert min(metadata["images_per_s"], metadata["images_per_s_unguided"]) > 0
    assert "proposed_batch_size" not in metadata  # it hardly matters on a CPU


def test_the_proposed_batch_size_fits_even_if_the_configs_does_not():
    batches = [{"batch_size": n, "images_per_s": rate} for n, rate in ((1, 1.0), (2, 1.9), (4, 2.35), (8, 2.4), (16, 2.3))]
    assert choose_batch_size(batches, 16) == (16, 4)
    assert choose_batch_size(batches, 64) == (4, 4)
    with pytest.raises(StudyError, match="does not fit into this GPU's memory"):
        choose_batch_size([], 64)


def test_an_encoder():
    spec = {"library": "open_clip", "model": str(DEMO / "models" / "clip"), "pretrained": None}
    metadata = measure_encoder(spec | {"precision": "fp32", "batch_size": 16}, CPU, at_least=0.1)
    assert metadata["batch_size"] == 16
    assert metadata["images_per_s"] > 0


@pytest.mark.parametrize("mixup", [{}, {"mixup_alpha": 0.2}], ids=["labels", "mixed labels"])
def test_a_classifier(mixup):
    recipe = make_recipe(batch_size=16, mixup=mixup)
    metadata = measure_classifier(recipe, 10, 2, CPU, at_least=0.1)
    assert metadata["device_batch_size"] == 8
    assert metadata["images_per_s"] > 0


def test_a_classifiers_images_are_counted_with_all_their_crops(monkeypatch):
    """By a clock that the model's input pixels advance: an image of 32 x 32, with or without three crops of 16 x 16."""
    now = [0.0]
    monkeypatch.setattr("synthdiv.operations.calibration.time.monotonic", lambda: now[0])
    monkeypatch.setattr(
        "synthdiv.operations.calibration.build_model", lambda recipe, n_classes: _Clocked(recipe, n_classes, now)
    )
    plain = measure_classifier(make_recipe(batch_size=4), 3, 1, CPU, at_least=0.01)
    recipe = make_recipe(batch_size=4, multi_crop={"local": {"number": 3, "size": 16}})
    crops = measure_classifier(recipe, 3, 1, CPU, at_least=0.01)
    assert plain == {"device_batch_size": 4, "images_per_s": round(1e6 / 32**2, 2)}
    assert crops == {"device_batch_size": 4, "images_per_s": round(1e6 / (32**2 + 3 * 16**2), 2)}


class _Clocked(torch.nn.Module):
    """A model that takes a microsecond per pixel."""

    def __init__(self, recipe, n_classes, now):
        super().__init__()
        self.model, self.now = build_model(recipe, n_classes), now

    @property
    def pretrained_cfg(self):
        return self.model.pretrained_cfg

    def forward(self, images):
        self.now[0] += images[:, 0].numel() / 1e6
        return self.model(images)
