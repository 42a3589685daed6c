"""Test on a real (tiny, untrained) Stable Diffusion pipeline what an image depends on, and what it does not."""

import functools
import io
import json
import logging
import re
import shutil

import numpy as np
import pytest
import torch
import torch._dynamo.utils
from conftest import make_checker, make_spec, make_tiny_unet
from diffusers import StableDiffusionPipeline
from safetensors.torch import load_file, save_file
from workplace import DEMO

from synthdiv.core.errors import StudyError
from synthdiv.core.files import write_json
from synthdiv.generation.fingerprint import read_fingerprint
from synthdiv.generation.generator import Generator, SafetyChecker, fingerprint_generator, make_scheduler
from synthdiv.generation.shards import make_recipe

CPU = torch.device("cpu")
PROMPTS = [
    "bag",
    "old, extremely typical, very small coat, centered in the image. Hyper-sharp.",
    "sandal",
    "bag",
    "dress",
    "top",
]
SEEDS = [11, 12, 13, 14, 15, 2**63 - 1]


def generate(spec, prompts=PROMPTS, seeds=SEEDS, scale=2.5):
    return [np.asarray(image) for image in Generator(spec, CPU).generate_images(prompts, seeds, scale)]


@pytest.fixture(scope="module")
def images(tiny_pipeline):
    return generate(make_spec(tiny_pipeline))


def test_images_have_the_requested_size_and_differ(images):
    assert [image.shape for image in images] == [(16, 16, 3)] * 6
    assert all(not np.array_equal(images[0], other) for other in images[1:])


def test_an_image_does_not_depend_on_the_other_images(tiny_pipeline, images):
    order = [4, 2, 0, 5, 1, 3]
    shuffled = generate(make_spec(tiny_pipeline), [PROMPTS[n] for n in order], [SEEDS[n] for n in order])
    for place, n in enumerate(order):
        np.testing.assert_array_equal(shuffled[place], images[n])
    for n in (0, 5):
        np.testing.assert_array_equal(generate(make_spec(tiny_pipeline), [PROMPTS[n]], [SEEDS[n]])[0], images[n])


def test_prompts_are_encoded_once_and_in_full_batches(tiny_pipeline, monkeypatch):
    generator = Generator(make_spec(tiny_pipeline) | {"batch_size": 4}, CPU)
    encoded, encode = [], generator.pipeline.encode_prompt

    @functools.wraps(encode)
    def record(prompt, *args, **kwargs):
        encoded.extend([prompt] if prompt is not None else [])  # None: the pipeline's call passes embeddings instead
        return encode(prompt, *args, **kwargs)

    monkeypatch.setattr(generator.pipeline, "encode_prompt", record)
    prompts = ["bag", "bag", "coat", "bag", "bag", "dress", "sandal", "top", "top", "shirt"]
    assert len(list(generator.generate_images(prompts, range(10), 2.5))) == 10
    assert encoded == [["bag", "coat", "dress", "sandal"], ["top", "shirt", "shirt", "shirt"]]


def test_many_long_prompts_are_warned_of_once(tiny_pipeline):
    class Lines(logging.Handler):
        def emit(self, record):
            lines.append(record.getMessage())

    lines, handler = [], Lines()
    logging.getLogger("diffusers").addHandler(handler)
    try:
        generate(make_spec(tiny_pipeline), [f"photo {n}" + " of a coat" * 40 for n in range(5)], range(5), 7.5)
    finally:
        logging.getLogger("diffusers").removeHandler(handler)
    assert [line.partition(" because")[0] for line in lines] == ["The following part of your input was truncated"]


def test_an_image_does_not_depend_on_threads():
    spec = make_spec(DEMO / "models" / "stable-diffusion", variant="fp16", width=32, height=32, steps=10)
    before, generated = torch.get_num_threads(), []
    try:
        for threads in (1, 2):
            torch.set_num_threads(threads)
            generated.append(generate(spec, ["ankle boot"] * 60, range(60)))
            assert torch.get_num_threads() == threads
    finally:
        torch.set_num_threads(before)
    np.testing.assert_array_equal(*generated)


def test_guidance_scales_up_to_one_have_no_effect(tiny_pipeline):
    spec = make_spec(tiny_pipeline)
    np.testing.assert_array_equal(generate(spec, scale=1.0), generate(spec, scale=0.5))
    assert not np.array_equal(generate(spec, scale=1.0), generate(spec, scale=7.5))


def test_an_image_depends_on_the_prompt_and_the_seed(tiny_pipeline, images):
    spec = make_spec(tiny_pipeline)
    assert not np.array_equal(generate(spec, ["coat"], [11], 2.5)[0], images[0])
    assert not np.array_equal(generate(spec, ["bag"], [99], 2.5)[0], images[0])


def test_the_fingerprint_depends_on_the_contents_and_not_on_the_location(tiny_pipeline, tmp_path):
    first = fingerprint_generator(make_spec(tiny_pipeline))
    write_json(first, tmp_path / "gen.json")
    assert read_fingerprint(tmp_path / "gen.json") == first
    moved = tmp_path / "elsewhere"
    shutil.copytree(tiny_pipeline, moved)
    (moved / "README.md").write_text("a note")
    assert fingerprint_generator(make_spec(moved))["digest"] == first["digest"]
    (moved / "unet" / "diffusion_pytorch_model.fp16.safetensors").write_bytes(b"another variant, which is not loaded")
    (moved / "safety_checker").mkdir()
    (moved / "safety_checker" / "config.json").write_text("{}")
    assert fingerprint_generator(make_spec(moved))["digest"] == first["digest"]
    weights = moved / "unet" / "diffusion_pytorch_model.safetensors"
    tensors = load_file(weights)
    tensors["conv_in.bias"] += 1e-3
    save_file(tensors, weights, metadata={"format": "pt"})
    assert fingerprint_generator(make_spec(moved))["digest"] != first["digest"]


def test_settings_that_change_an_image_change_the_recipe(tiny_pipeline):
    def recipe(**changes):
        spec = make_spec(tiny_pipeline, **changes)
        return make_recipe(spec, fingerprint_generator(spec), {"format": "png", "quality": 95})

    base = recipe()
    for change in (
        {"steps": 3},
        {"width": 24},
        {"dtype": "bfloat16"},
        {"batch_size": 8},
        {"negative_prompt": "blurry"},
        {"arguments": {"guidance_rescale": 0.7}},
        {"scheduler": "DDIMScheduler"},
        {"scheduler_options": {"steps_offset": 0}},
    ):
        assert recipe(**change) != base, change
    assert recipe(safety_checker="somewhere") == base


def test_the_scheduler_is_the_pipelines_own_or_the_named_one(tiny_pipeline):
    own = make_scheduler(tiny_pipeline, make_spec(tiny_pipeline))
    assert type(own).__name__ == "PNDMScheduler"
    ddim = make_scheduler(tiny_pipeline, make_spec(tiny_pipeline, scheduler="DDIMScheduler"))
    assert ddim.config.clip_sample is False, "clipped latents ruin images at high guidance without an error"
    with pytest.raises(StudyError, match="diffusers has no scheduler 'PLMS'"):
        make_scheduler(tiny_pipeline, make_spec(tiny_pipeline, scheduler="PLMS"))


def test_every_scheduler_has_its_own_fingerprint(tiny_pipeline):
    """Including those whose configuration contains infinity, which JSON cannot represent."""
    names = (
        "PNDMScheduler",
        "DDIMScheduler",
        "DPMSolverMultistepScheduler",
        "UniPCMultistepScheduler",
        "EulerDiscreteScheduler",
    )
    digests = {fingerprint_generator(make_spec(tiny_pipeline, scheduler=name))["digest"] for name in names}
    assert len(digests) == len(names)


def test_the_demo_model_generates_similar_images_with_ddim_and_pndm():
    spec = make_spec(DEMO / "models" / "stable-diffusion", variant="fp16", width=32, height=32, steps=30)
    pndm = generate(spec, ["trousers, pants", "sneaker"], [1, 2], 7.5)
    ddim = generate(spec | {"scheduler": "DDIMScheduler"}, ["trousers, pants", "sneaker"], [1, 2], 7.5)
    difference = np.abs(np.float32(pndm) - np.float32(ddim)).mean()
    assert difference < 25, f"mean difference {difference:.1f} of 255: is DDIM clipping its latents?"


def test_a_folder_that_is_not_a_pipeline_is_refused(tmp_path):
    with pytest.raises(StudyError, match=r"has no model_index\.json"):
        fingerprint_generator(make_spec(tmp_path))
    with pytest.raises(StudyError, match=r"'nobody/nothing' .* could not be fetched from the hub") as caught:
        fingerprint_generator(make_spec("nobody/nothing"))
    assert "snakemake --profile local fetch_models" in str(caught.value)


def test_a_path_that_does_not_exist_is_not_looked_up_in_the_hub(tmp_path):
    for model in (f"{tmp_path}/nothing", "./nothing", "a/b/nothing", "nothing.safetensors"):
        for change in ({"model": model}, {"lora": model}):
            spec = make_spec(DEMO / "models" / "stable-diffusion", variant="fp16") | change
            with pytest.raises(StudyError, match=rf"^{model} does not exist \(relative"):
                fingerprint_generator(spec)
        with pytest.raises(StudyError, match=rf"^{model} does not exist \(relative"):
            SafetyChecker(model, CPU)


def test_a_checkpoint_of_one_file_is_refused(tmp_path):
    path = tmp_path / "sd.safetensors"
    save_file({"weight": torch.zeros(2)}, path)
    with pytest.raises(StudyError, match=rf"{path} is one file, and the pipeline must be a folder: convert it"):
        fingerprint_generator(make_spec(path))


def test_lora_weights_change_images_and_the_fingerprint(tiny_pipeline, tmp_path, images):
    from peft import LoraConfig
    from peft.utils import get_peft_model_state_dict

    generator = Generator(make_spec(tiny_pipeline), CPU)
    unet = generator.pipeline.unet
    unet.add_adapter(LoraConfig(r=2, lora_alpha=2, target_modules=["to_q", "to_v"], init_lora_weights=False))
    state = {key: value * 5 for key, value in get_peft_model_state_dict(unet).items()}
    generator.pipeline.save_lora_weights(tmp_path, unet_lora_layers=state)
    spec = make_spec(tiny_pipeline, lora=str(tmp_path))
    assert fingerprint_generator(spec)["digest"] != fingerprint_generator(make_spec(tiny_pipeline))["digest"]
    assert not np.array_equal(generate(spec), images)
    np.testing.assert_array_equal(generate(spec | {"lora_scale": 0.0}), images)


CALLS = {
    "an argument that the scheduler does not take": (
        {"scheduler": "PNDMScheduler", "arguments": {"timesteps": [9, 5]}},
        "timesteps",
    ),
    "a scheduler of another kind of model": (
        {"scheduler": "FlowMatchEulerDiscreteScheduler"},
        "FlowMatchEulerDiscreteScheduler",
    ),
    "an argument of another type": ({"arguments": {"guidance_rescale": "much"}}, "guidance_rescale"),
}


@pytest.mark.parametrize(("changes", "word"), CALLS.values(), ids=CALLS)
def test_what_the_pipeline_refuses_when_it_runs_is_a_sentence(tiny_pipeline, caplog, changes, word):
    with pytest.raises(StudyError, match=r"the generator \S+ cannot generate with the scheduler \w+") as caught:
        generate(make_spec(tiny_pipeline, **changes))
    assert word in str(caught.value)
    assert "Traceback" in caplog.text


@pytest.fixture(scope="module")
def lora(tiny_pipeline):
    """The tensors of a LoRA of the pipeline, by their names in diffusers' format."""
    from peft import LoraConfig
    from peft.utils import get_peft_model_state_dict

    unet = Generator(make_spec(tiny_pipeline), CPU).pipeline.unet
    unet.add_adapter(LoraConfig(r=2, lora_alpha=2, target_modules=["to_q", "to_v"], init_lora_weights=False))
    return {f"unet.{name}": value.contiguous() for name, value in get_peft_model_state_dict(unet).items()}


LORAS = {
    "PEFT's prefix": (
        lambda name, value: (f"base_model.model.{name.removeprefix('unet.')}", value),
        "StableDiffusionPipeline uses 0 of the",
    ),
    "the prefix of another pipeline": (lambda name, value: (name.replace("unet.", "transformer."), value), "uses 0 of the"),
    "no prefix": (lambda name, value: (name.removeprefix("unet."), value), "uses 0 of the"),
    "half of the names": (lambda name, value: (name.replace("up_blocks", "side_blocks"), value), "of the"),
    "zeros": (lambda name, value: (name, value * 0), "changes nothing: its matrices B"),
}


@pytest.mark.parametrize(("change", "message"), LORAS.values(), ids=LORAS)
def test_a_lora_that_the_pipeline_does_not_use_is_refused(tiny_pipeline, tmp_path, lora, change, message):
    save_file(dict(change(*one) for one in lora.items()), tmp_path / "lora.safetensors")
    with pytest.raises(StudyError) as caught:
        Generator(make_spec(tiny_pipeline, lora=str(tmp_path / "lora.safetensors")), CPU)
    assert message in str(caught.value), str(caught.value)
    assert str(tmp_path) in str(caught.value)


@pytest.mark.parametrize(("kept", "other"), [("A", "B"), ("B", "A"), ("down", "up"), ("up", "down")])
def test_a_lora_of_which_half_is_missing_is_refused(tiny_pipeline, tmp_path, lora, kept, other):
    names = {name: name.replace("lora_A", "lora_down").replace("lora_B", "lora_up") for name in lora}
    half = {(name if kept in "AB" else new): lora[name] for name, new in names.items() if f"lora_{kept}" in name + new}
    save_file(half, tmp_path / "lora.safetensors")
    name = sorted(half)[0]
    message = f"has the matrix {name}, but not {name.replace(f'lora_{kept}', f'lora_{other}')}: half of it is missing; "
    with pytest.raises(StudyError, match=re.escape(f"the LoRA '{tmp_path}/lora.safetensors' {message}")):
        Generator(make_spec(tiny_pipeline, lora=str(tmp_path / "lora.safetensors")), CPU)


def test_a_folder_with_two_loras_is_refused(tiny_pipeline, tmp_path, lora):
    for name in ("first", "second"):
        save_file(lora, tmp_path / f"{name}.safetensors")
    with pytest.raises(
        StudyError, match=r"a folder with 2 files, such as first\.safetensors and second\.safetensors: name one"
    ):
        fingerprint_generator(make_spec(tiny_pipeline, lora=str(tmp_path)))


def test_the_safety_checker_flags_images_without_changing_them(tmp_path, images):
    from PIL import Image

    make_checker(tmp_path, 100.0)
    pil_images = [Image.fromarray(image) for image in images]
    assert SafetyChecker(str(tmp_path), CPU).check_images(pil_images) == [False] * 6
    make_checker(tmp_path, -100.0)
    assert SafetyChecker(str(tmp_path), CPU).check_images(pil_images) == [True] * 6
    assert all(np.array_equal(np.asarray(p), image) for p, image in zip(pil_images, images, strict=True))


def test_a_stored_image_equals_the_generated_one(tiny_pipeline, images):
    from PIL import Image

    from synthdiv.generation.shards import encode_image

    pil_image = Image.fromarray(images[0])
    data = encode_image(pil_image, {"format": "png", "quality": 95})
    assert np.array_equal(np.asarray(Image.open(io.BytesIO(data))), images[0])
    assert json.loads((tiny_pipeline / "model_index.json").read_text())["_class_name"] == "StableDiffusionPipeline"


ONE_BLOCK = {
    "block_out_channels": (16,),
    "down_block_types": ("CrossAttnDownBlock2D",),
    "mid_block_type": None,
    "up_block_types": ("CrossAttnUpBlock2D",),
}


@pytest.mark.skipif(shutil.which("g++") is None, reason="torch.compile needs a C++ compiler")
@pytest.mark.parametrize("blocks", [ONE_BLOCK, pytest.param({}, marks=pytest.mark.full)], ids=["one block", "every block"])
def test_a_compiled_denoiser_generates_the_same_images_up_to_rounding(tiny_pipeline, tmp_path, blocks):
    """Compilation takes seconds per block."""
    pipeline = StableDiffusionPipeline.from_pretrained(tiny_pipeline)
    pipeline.unet = make_tiny_unet(cross_attention_dim=pipeline.text_encoder.config.hidden_size, **blocks)
    pipeline.save_pretrained(tmp_path)
    spec = make_spec(tmp_path)
    images = generate(spec)
    before = torch._dynamo.utils.counters["stats"]["unique_graphs"]
    compiled = generate(spec | {"compile": True})
    assert torch._dynamo.utils.counters["stats"]["unique_graphs"] > before
    difference = np.abs(np.stack(compiled).astype(int) - np.stack(images))
    assert difference.max() <= 2
