"""Test which names of models are paths, and which files of a pipeline's snapshot are loaded."""

import pytest

from synthdiv.core.hub import is_path, list_model_files


@pytest.mark.parametrize(
    "name", ["/models/sd", "./sd", "../sd", "~/sd", "a/b/c", "resources/sd", "clip.safetensors", "a/b.pt"]
)
def test_what_no_hub_has_is_a_path(name):
    assert is_path(name)


@pytest.mark.parametrize(
    "name", ["sd-legacy/stable-diffusion-v1-5", "resnet50.a1_in1k", "hf-hub:a/b", "local-dir:/models/clip", "openai", "sd"]
)
def test_what_a_hub_or_a_library_may_have_is_not_taken_for_a_path(name):
    assert not is_path(name)


def test_one_variant_of_sharded_and_single_weights_is_loaded(tmp_path):
    names = [
        "model_index.json",
        "unet/config.json",
        "unet/diffusion_pytorch_model.safetensors",
        "unet/diffusion_pytorch_model.fp16.safetensors",
        "unet/diffusion_pytorch_model.non_ema.safetensors",
        "unet/diffusion_pytorch_model.bin",
        "text_encoder/config.json",
        "text_encoder/model-00001-of-00002.safetensors",
        "text_encoder/model-00002-of-00002.safetensors",
        "text_encoder/model.safetensors.index.json",
        "text_encoder/model.fp16-00001-of-00002.safetensors",
        "text_encoder/model.fp16-00002-of-00002.safetensors",
        "vae/config.json",
        "vae/diffusion_pytorch_model.safetensors",
        "tokenizer/vocab.json",
        "tokenizer/merges.txt",
        "safety_checker/model.safetensors",
        "v1-5-pruned.safetensors",
    ]
    for name in names:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(b"")
    parts = ["unet", "text_encoder", "vae", "tokenizer", "safety_checker"]

    def list_loaded(variant):
        return {path.relative_to(tmp_path).as_posix() for path in list_model_files(tmp_path, parts, variant)}

    both = {
        "unet/config.json",
        "text_encoder/config.json",
        "vae/config.json",
        "vae/diffusion_pytorch_model.safetensors",  # which has no other variant
        "tokenizer/vocab.json",
        "tokenizer/merges.txt",
    }
    assert list_loaded("fp16") == both | {
        "unet/diffusion_pytorch_model.fp16.safetensors",
        "text_encoder/model.fp16-00001-of-00002.safetensors",
        "text_encoder/model.fp16-00002-of-00002.safetensors",
    }
    assert list_loaded(None) == both | {
        "unet/diffusion_pytorch_model.safetensors",
        "text_encoder/model-00001-of-00002.safetensors",
        "text_encoder/model-00002-of-00002.safetensors",
    }
