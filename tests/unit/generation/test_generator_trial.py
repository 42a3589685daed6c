"""Test the trial of a generator: a setting that its pipeline ignores is an error, not a silent success."""

import shutil
from importlib.util import find_spec

import pytest
import torch
from conftest import make_checker, make_spec
from diffusers import StableDiffusionPipeline, UNet2DConditionModel
from peft import LoraConfig
from peft.utils import get_peft_model_state_dict
from safetensors.torch import load_file, save_file

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


def test_an_image_of_one_colour_is_refused(tiny_pipeline, tmp_path):
    pipeline = StableDiffusionPipeline.from_pretrained(tiny_pipeline)
    torch.nn.init.zeros_(pipeline.vae.decoder.conv_out.weight)
    pipeline.save_pretrained(tmp_path)
    with pytest.raises(StudyError, match=r"has one colour; are its weights damaged, or is the range of float32 too small"):
        try_generator(make_spec(tmp_path), CPU, guided=True)


def test_prompts_that_do_not_matter_are_refused(tiny_pipeline, tmp_path):
    shutil.copytree(tiny_pipeline, tmp_path / "model")
    (tmp_path / "model" / "tokenizer" / "tokenizer.json").unlink()
    with pytest.raises(StudyError, match=r"the images of two prompts are the same; are the files of its tokenizer complete"):
        try_generator(make_spec(tmp_path / "model"), CPU, guided=True)


@pytest.mark.parametrize("part", ["text_encoder", "unet", "vae"])
def test_weights_that_would_be_random_are_refused(tiny_pipeline, tmp_path, part):
    shutil.copytree(tiny_pipeline, tmp_path / "model")
    (path,) = (tmp_path / "model" / part).glob("*.safetensors")
    weights = load_file(path)
    save_file({f"other.{name}" if n % 2 else name: weights[name] for n, name in enumerate(weights)}, path, {"format": "pt"})
    with pytest.raises(StudyError, match=r"could not be loaded; .*are in none of its files, and would be random"):
        try_generator(make_spec(tmp_path / "model"), CPU, guided=True)


@pytest.mark.parametrize("scale", [0.0, 1e-9])
def test_a_lora_of_no_weight_is_refused(tiny_pipeline, tmp_path, scale):
    unet = UNet2DConditionModel.from_pretrained(tiny_pipeline, subfolder="unet")
    unet.add_adapter(LoraConfig(r=2, lora_alpha=2, target_modules=["to_q", "to_v"], init_lora_weights=False))
    StableDiffusionPipeline.save_lora_weights(tmp_path, unet_lora_layers=get_peft_model_state_dict(unet))
    spec = make_spec(tiny_pipeline, lora=str(tmp_path))
    assert try_generator(spec, CPU, guided=True)["changes"]["lora"] > 0
    with pytest.raises(StudyError, match=r"lora had no effect"):
        try_generator(spec | {"lora_scale": scale}, CPU, guided=True)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"arguments": {"height": 8}}, "the generator's key height determines height; remove the argument"),
        ({"arguments": {"negative_prompt": "blurry"}}, "the generator's key negative_prompt determines negative_prompt"),
        ({"arguments": {"prompt_embeds": [0]}}, "the dataset determines prompt_embeds"),
        ({"arguments": {"timesteps": [9, 5, 1]}}, "timesteps has 3 values; steps must be that number"),
        (
            {"scheduler": "DDPMScheduler", "arguments": {"timesteps": 5}},
            "and arguments {'timesteps': 5}; change one of them: ",
        ),
        ({"arguments": {"clip_skip": 1}}, "and arguments {'clip_skip': 1}; change one of them: "),
    ],
    ids=str,
)
def test_arguments_that_cannot_be_given_are_refused(tiny_pipeline, changes, message):
    with pytest.raises(StudyError) as caught:
        try_generator(make_spec(tiny_pipeline, **changes), CPU, guided=True)
    assert message in str(caught.value)


@pytest.mark.skipif(find_spec("torchsde") is not None, reason="torchsde is installed")
def test_a_scheduler_whose_package_is_missing_is_a_sentence(tiny_pipeline):
    with pytest.raises(StudyError, match="the scheduler DPMSolverSDEScheduler needs the package torchsde: install it, or"):
        try_generator(make_spec(tiny_pipeline, scheduler="DPMSolverSDEScheduler"), CPU, guided=True)
