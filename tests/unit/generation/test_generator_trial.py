"""Test the trial of a generator: a setting that its pipeline ignores is an error, not a silent success."""

import pytest
import torch
from conftest import make_checker, make_spec
from diffusers import StableDiffusionPipeline

from synthdiv.core.errors import StudyError
from synthdiv.generation.trial import try_generator

CPU = torch.device("cpu")
IGNORED = {
    "an argument that the scheduler does not take": {"arguments": {"eta": 1.0}},
    "weights of cross-attention without a LoRA": {"arguments": {"cross_attention_kwargs": {"scale": 0.5}}},
    "an option that diffusers itself replaces, by 1": {
        "scheduler": "DDIMScheduler",
        "scheduler_options": {"steps_offset": 0},
    },
    "an option of another option": {"scheduler": "DDIMScheduler", "scheduler_options": {"sample_max_value": 2.0}},
}


@pytest.mark.parametrize("changes", IGNORED.values(), ids=IGNORED)
def test_a_setting_that_changes_nothing_is_refused(tiny_pipeline, changes):
    group = "scheduler_options" if "scheduler_options" in changes else "arguments"
    with pytest.raises(StudyError, match=rf"{group}\.\w+ had no effect: at guidance scale 7\.5, the image of a trial"):
        try_generator(make_spec(tiny_pipeline, **changes), CPU, guided=True)


@pytest.mark.parametrize("changes", [{"negative_prompt": "blurry"}, {"arguments": {"guidance_rescale": 0.7}}], ids=str)
def test_a_setting_of_guidance_needs_a_scale_above_1(tiny_pipeline, changes):
    spec = make_spec(tiny_pipeline, **changes)
    with pytest.raises(StudyError, match=r"had no effect: at guidance scale 1, the image"):
        try_generator(spec, CPU, guided=False)
    (change,) = try_generator(spec, CPU, guided=True)["changes"].values()
    assert change > 0


def test_the_trial_says_how_much_each_setting_changes(tiny_pipeline):
    spec = make_spec(
        tiny_pipeline,
        scheduler="DDIMScheduler",
        arguments={"eta": 1.0, "guidance_rescale": 0.7},
        scheduler_options={"timestep_spacing": "trailing", "clip_sample": False},
        negative_prompt="blurry",
    )
    tried = try_generator(spec, CPU, guided=True)
    # clip_sample is False in the pipeline's own configuration already
    assert list(tried["changes"]) == [
        "arguments.eta",
        "arguments.guidance_rescale",
        "scheduler_options.timestep_spacing",
        "negative_prompt",
    ]
    assert min(tried["changes"].values()) > 0


def test_an_argument_with_its_default_is_accepted(tiny_pipeline):
    assert try_generator(make_spec(tiny_pipeline, arguments={"eta": 0.0}), CPU, guided=True)["changes"] == {}


@pytest.mark.parametrize(("limit", "flagged"), [(100.0, False), (-100.0, True)])  # similarities are -1 to 1
def test_the_safety_checker_is_tried_too(tiny_pipeline, tmp_path, limit, flagged):
    spec = make_spec(tiny_pipeline, safety_checker=str(tmp_path))
    with pytest.raises(StudyError, match=r"the safety checker '.*' could not be loaded"):
        try_generator(spec, CPU, guided=True)
    make_checker(tmp_path, limit)
    assert try_generator(spec, CPU, guided=False)["unsafe"] is flagged


def test_images_of_one_colour_prove_nothing(tiny_pipeline, tmp_path, caplog):
    pipeline = StableDiffusionPipeline.from_pretrained(tiny_pipeline)
    torch.nn.init.zeros_(pipeline.vae.decoder.conv_out.weight)
    pipeline.save_pretrained(tmp_path)
    assert try_generator(make_spec(tmp_path, arguments={"eta": 1.0}), CPU, guided=True)["changes"] == {}
    assert "has one colour, which hides whether a setting changes it" in caplog.text
