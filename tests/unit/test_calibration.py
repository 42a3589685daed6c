"""What the models cost: measured on tiny ones; the figures themselves are the device's."""

import pytest
import torch
from conftest import DEMO, make_recipe, make_spec

from synthdiv.calibration import measure_classifier, measure_encoder, measure_generator, time_work

CPU = torch.device("cpu")


def test_the_first_call_is_not_counted(monkeypatch):
    """It loads and compiles; by a clock that only the work moves."""
    now = [0.0]
    monkeypatch.setattr("synthdiv.calibration.time.monotonic", lambda: now[0])

    def work():
        now[0] += 2.0 if now[0] else 50.0

    assert time_work(work, CPU, at_least=5.0) == 2.0
    assert now[0] == 50 + 3 * 2


def test_a_generator(tiny_pipeline):
    spec = make_spec(tiny_pipeline)
    facts = measure_generator(spec, CPU, at_least=0.1)
    assert facts["batch_size"] == spec["batch_size"]
    assert min(facts["images_per_s"], facts["images_per_s_unguided"]) > 0
    assert "proposed_batch_size" not in facts  # on the CPU it hardly matters


def test_an_encoder():
    spec = {"library": "open_clip", "model": str(DEMO / "models" / "clip"), "pretrained": None}
    facts = measure_encoder(spec | {"precision": "fp32", "batch_size": 16}, CPU, at_least=0.1)
    assert facts["batch_size"] == 16
    assert facts["images_per_s"] > 0


@pytest.mark.parametrize("mixup", [{}, {"mixup_alpha": 0.2}], ids=["labels", "mixed labels"])
def test_a_classifier(mixup):
    recipe = make_recipe(batch_size=16, mixup=mixup)
    facts = measure_classifier(recipe, 10, 2, CPU, at_least=0.1)
    assert facts["device_batch_size"] == 8
    assert facts["images_per_s"] > 0
