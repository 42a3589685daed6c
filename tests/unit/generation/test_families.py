"""Test every supported family on a real pipeline with small random weights: all must behave as Stable Diffusion does."""

import inspect
import json
import shutil

import numpy as np
import pytest
import torch
from conftest import make_spec, make_tiny_unet, make_tiny_vae
from diffusers import AutoPipelineForImage2Image
from PIL import Image
from workplace import DEMO

from synthdiv.core.devices import one_thread
from synthdiv.core.errors import StudyError
from synthdiv.generation.families import FAMILIES
from synthdiv.generation.generator import Generator, Start, fingerprint_generator
from synthdiv.generation.trial import try_generator

CPU = torch.device("cpu")
PROMPTS = ["bag", "a sandal, off to one side", "bag", "dress", "coat", "top"]
SEEDS = [11, 12, 13, 14, 15, 2**63 - 1]
TEXT = DEMO / "models" / "stable-diffusion"
SMALL_TEXT = {
    "hidden_size": 32,
    "intermediate_size": 37,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "max_position_embeddings": 32,
    "projection_dim": 32,
}


def make_text_parts(kind):
    from transformers import CLIPTextConfig, CLIPTokenizer

    tokenizer = CLIPTokenizer.from_pretrained(TEXT, subfolder="tokenizer")
    config = CLIPTextConfig(vocab_size=len(tokenizer), eos_token_id=tokenizer.eos_token_id, **SMALL_TEXT)
    return kind(config), tokenizer


def make_lcm():
    from diffusers import LatentConsistencyModelPipeline, LCMScheduler
    from transformers import CLIPTextModel

    text_encoder, tokenizer = make_text_parts(CLIPTextModel)
    return LatentConsistencyModelPipeline(
        vae=make_tiny_vae(),
        text_encoder=text_encoder,
        tokenizer=tokenizer,
        unet=make_tiny_unet(cross_attention_dim=32, time_cond_proj_dim=16),
        scheduler=LCMScheduler(),
        safety_checker=None,
        feature_extractor=None,
        requires_safety_checker=False,
    )


def make_sdxl():
    from diffusers import EulerDiscreteScheduler, StableDiffusionXLPipeline
    from transformers import CLIPTextModel, CLIPTextModelWithProjection

    (one, tokenizer), (two, tokenizer_2) = make_text_parts(CLIPTextModel), make_text_parts(CLIPTextModelWithProjection)
    return StableDiffusionXLPipeline(
        vae=make_tiny_vae(shift_factor=0.0),
        text_encoder=one,
        text_encoder_2=two,
        tokenizer=tokenizer,
        tokenizer_2=tokenizer_2,
        unet=make_tiny_unet(
            cross_attention_dim=64,
            addition_embed_type="text_time",
            addition_time_embed_dim=8,
            projection_class_embeddings_input_dim=32 + 6 * 8,
        ),
        scheduler=EulerDiscreteScheduler(beta_schedule="scaled_linear", beta_start=0.00085, beta_end=0.012),
    )


def make_sd3():
    from diffusers import FlowMatchEulerDiscreteScheduler, SD3Transformer2DModel, StableDiffusion3Pipeline
    from transformers import CLIPTextModelWithProjection

    (one, tokenizer), (two, tokenizer_2) = (make_text_parts(CLIPTextModelWithProjection) for _ in range(2))
    return StableDiffusion3Pipeline(
        transformer=SD3Transformer2DModel(
            sample_size=8,
            patch_size=1,
            in_channels=4,
            num_layers=1,
            attention_head_dim=8,
            num_attention_heads=4,
            caption_projection_dim=32,
            joint_attention_dim=64,
            pooled_projection_dim=64,
            out_channels=4,
        ),
        scheduler=FlowMatchEulerDiscreteScheduler(),
        vae=make_tiny_vae(shift_factor=0.0),
        text_encoder=one,
        tokenizer=tokenizer,
        text_encoder_2=two,
        tokenizer_2=tokenizer_2,
        text_encoder_3=None,  # as usual where T5 does not fit into memory
        tokenizer_3=None,
    )


def make_flux(guidance_embeds=True):
    from diffusers import FlowMatchEulerDiscreteScheduler, FluxPipeline, FluxTransformer2DModel
    from transformers import CLIPTextModel, T5Config, T5EncoderModel, T5Tokenizer

    one, tokenizer = make_text_parts(CLIPTextModel)
    words = sorted({word for prompt in PROMPTS for word in prompt.split()})
    pieces = [("<pad>", 0.0), ("</s>", 0.0), ("<unk>", 0.0), *((f"▁{word}", -2.0) for word in words)]
    config = T5Config(vocab_size=len(pieces), d_model=32, d_kv=8, d_ff=37, num_layers=1, num_heads=4)
    return FluxPipeline(
        transformer=FluxTransformer2DModel(
            patch_size=1,
            in_channels=16,
            num_layers=1,
            num_single_layers=1,
            attention_head_dim=16,
            num_attention_heads=2,
            joint_attention_dim=32,
            pooled_projection_dim=32,
            axes_dims_rope=(4, 4, 8),
            guidance_embeds=guidance_embeds,
        ),
        scheduler=FlowMatchEulerDiscreteScheduler(),
        vae=make_tiny_vae(shift_factor=0.0),
        text_encoder=one,
        tokenizer=tokenizer,
        text_encoder_2=T5EncoderModel(config),
        tokenizer_2=T5Tokenizer(vocab=pieces),
    )


MAKERS = {
    "LatentConsistencyModelPipeline": make_lcm,
    "StableDiffusionXLPipeline": make_sdxl,
    "StableDiffusion3Pipeline": make_sd3,
    "FluxPipeline": make_flux,
}
EMBEDDED = {"LatentConsistencyModelPipeline", "FluxPipeline"}
"""Families whose denoiser takes the guidance scale as an input."""


@pytest.fixture(scope="module", params=FAMILIES)
def pipeline(request, tiny_pipeline, tmp_path_factory):
    """Return the folder and the class name of a pipeline, one per family."""
    if request.param == "StableDiffusionPipeline":
        return tiny_pipeline, request.param
    torch.manual_seed(0)
    folder = tmp_path_factory.mktemp("models") / request.param
    MAKERS[request.param]().save_pretrained(folder)
    return folder, request.param


def generate(spec, prompts=PROMPTS, seeds=SEEDS, scale=2.5):
    return [np.asarray(image) for image in Generator(spec, CPU).generate_images(prompts, seeds, scale)]


def make_family_spec(folder, **changes):
    arguments = {"max_sequence_length": 32} if folder.name == "FluxPipeline" else {}
    return make_spec(folder, arguments=arguments, **changes)


def test_an_image_depends_on_its_prompt_and_seed_alone(pipeline):
    spec = make_family_spec(pipeline[0])
    images = generate(spec)
    assert [image.shape for image in images] == [(16, 16, 3)] * 6
    assert len({image.tobytes() for image in images}) == 6
    order = [4, 2, 0, 5, 1, 3]
    shuffled = generate(spec, [PROMPTS[n] for n in order], [SEEDS[n] for n in order])
    for place, n in enumerate(order):
        np.testing.assert_array_equal(shuffled[place], images[n])
    np.testing.assert_array_equal(generate(spec, PROMPTS[5:], SEEDS[5:])[0], images[5])


@pytest.mark.parametrize("guided", [True, False])
def test_every_family_passes_its_trial(pipeline, guided):
    changes = try_generator(make_family_spec(pipeline[0]), CPU, guided=guided)["changes"]
    assert all(change > 0 for change in changes.values())


def test_images_equal_those_of_a_plain_call_of_the_pipeline(pipeline):
    """The plain call gets the prompts as text and the same noise, and uses its own image processor."""
    spec = make_family_spec(pipeline[0])
    generator = Generator(spec, CPU)
    call = generator.pipeline
    shape = generator.family.shape_noise(call, 16, 16)
    generators = [torch.Generator().manual_seed(seed) for seed in SEEDS[:4]]
    noise = torch.stack([torch.randn(shape, generator=one) for one in generators])
    with one_thread():  # as in the generator: a convolution's result depends on it
        expected = call(
            prompt=PROMPTS[:4],
            latents=generator.family.pack_noise(call, noise),
            generator=generators,  # for later random draws by the scheduler
            guidance_scale=2.5,
            num_inference_steps=2,
            height=16,
            width=16,
            **spec["arguments"],
        ).images
    for image, other in zip(generate(spec)[:4], expected, strict=True):
        assert isinstance(other, Image.Image)
        np.testing.assert_array_equal(image, np.asarray(other))


def make_images(count):
    rng = np.random.default_rng(0)
    return [Image.fromarray(rng.integers(0, 256, (16, 16, 3), dtype=np.uint8)) for _ in range(count)]


def change(spec, order, strength):
    """Generate from some of the images, at guidance scale 1."""
    images = make_images(len(PROMPTS))
    start = Start(iter([images[n] for n in order]), strength)
    prompts, seeds = [PROMPTS[n] for n in order], [SEEDS[n] for n in order]
    return [np.asarray(image) for image in Generator(spec, CPU).generate_images(prompts, seeds, 1.0, start)]


def test_images_from_images_equal_those_of_a_plain_call_of_diffusers_own_pipeline(pipeline):
    spec = make_family_spec(pipeline[0], steps=4)
    generator = Generator(spec, CPU)
    call = AutoPipelineForImage2Image.from_pipe(generator.pipeline)
    vae = call.vae
    with one_thread(), torch.inference_mode():
        latents = vae.encode(call.image_processor.preprocess(make_images(4))).latent_dist.mode()
        expected = call(
            prompt=PROMPTS[:4],
            image=(latents - (vae.config.get("shift_factor") or 0)) * vae.config.scaling_factor,
            strength=0.5,
            generator=[torch.Generator().manual_seed(seed) for seed in SEEDS[:4]],
            guidance_scale=1.0,
            num_inference_steps=4,
            **({} if "height" not in inspect.signature(call.__call__).parameters else {"height": 16, "width": 16}),
            **spec["arguments"],
        ).images
    found = change(spec, range(6), 0.5)
    for image, other in zip(found[:4], expected, strict=True):
        np.testing.assert_array_equal(image, np.asarray(other))
    order = [4, 2, 0, 5, 1]
    for image, n in zip(change(spec, order, 0.5), order, strict=True):
        np.testing.assert_array_equal(image, found[n])


def test_the_recorded_kind_of_guidance_is_correct(pipeline):
    folder, kind = pipeline
    spec = make_family_spec(folder)
    guidance = fingerprint_generator(spec)["guidance"]
    assert guidance == ("embedded" if kind in EMBEDDED else "classifier-free")
    low, one, high = (generate(spec, PROMPTS[:1], SEEDS[:1], scale)[0] for scale in (0.5, 1.0, 7.5))
    assert not np.array_equal(one, high)
    assert np.array_equal(low, one) == (guidance == "classifier-free")  # which has no effect up to 1


def test_a_negative_prompt_is_used_or_refused(pipeline):
    folder, kind = pipeline
    spec = make_family_spec(folder, negative_prompt="coat")
    if kind in EMBEDDED:
        with pytest.raises(StudyError, match="has embedded guidance, which takes no negative_prompt"):
            fingerprint_generator(spec)
    else:
        assert not np.array_equal(generate(spec)[0], generate(make_family_spec(folder))[0])


def test_pipeline_options_that_change_images_are_in_the_fingerprint(tmp_path):
    torch.manual_seed(0)
    folder = tmp_path / "StableDiffusionXLPipeline"
    make_sdxl().save_pretrained(folder)
    before, images = fingerprint_generator(make_spec(folder)), generate(make_spec(folder))
    index = json.loads((folder / "model_index.json").read_text())
    assert index["force_zeros_for_empty_prompt"] is True
    (folder / "model_index.json").write_text(json.dumps(index | {"force_zeros_for_empty_prompt": False}))
    after = fingerprint_generator(make_spec(folder))
    assert "options" not in before
    assert after["options"] == {"force_zeros_for_empty_prompt": False}
    assert before["digest"] != after["digest"]
    assert not np.array_equal(images, generate(make_spec(folder)))


def test_a_model_without_a_guidance_scale_is_recorded_as_such(tmp_path):
    torch.manual_seed(0)
    make_flux(guidance_embeds=False).save_pretrained(tmp_path)
    assert fingerprint_generator(make_spec(tmp_path))["guidance"] == "none"


def test_a_distilled_consistency_model_has_embedded_guidance(tiny_pipeline, tmp_path):
    shutil.copytree(tiny_pipeline, tmp_path / "lcm")
    path = tmp_path / "lcm" / "unet" / "config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"time_cond_proj_dim": 16}))
    assert fingerprint_generator(make_spec(tmp_path / "lcm"))["guidance"] == "embedded"


def test_an_unsupported_family_is_refused(tiny_pipeline, tmp_path):
    shutil.copytree(tiny_pipeline, tmp_path / "other")
    path = tmp_path / "other" / "model_index.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"_class_name": "KandinskyV22CombinedPipeline"}))
    with pytest.raises(StudyError, match=r"is a KandinskyV22CombinedPipeline, which is not supported.*FluxPipeline"):
        fingerprint_generator(make_spec(tmp_path / "other"))
