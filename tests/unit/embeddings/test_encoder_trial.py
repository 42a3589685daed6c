"""Test the trial of an encoder: one that cannot tell images or prompts apart is refused before anything is generated."""

import shutil

import pytest
import torch
from conftest import make_timm_folder
from safetensors.torch import load_file, save_file
from workplace import DEMO

from synthdiv.config.sets import Encoder
from synthdiv.core.errors import StudyError
from synthdiv.embeddings.trial import try_encoder

CPU = torch.device("cpu")


def make_spec(model, **changes):
    return Encoder.model_validate({"model": str(model)} | changes).to_dict()


@pytest.fixture
def clip(tmp_path):
    shutil.copytree(DEMO / "models" / "clip", tmp_path / "clip")
    return tmp_path / "clip"


def test_a_complete_encoder_passes(clip, tmp_path):
    make_timm_folder(tmp_path / "timm")
    assert try_encoder(make_spec(clip), CPU)["width"] > 1
    assert try_encoder(make_spec(tmp_path / "timm", library="timm"), CPU)["width"] > 1


def test_an_encoder_without_its_vocabulary_is_refused(clip):
    (clip / "tokenizer.json").unlink()
    with pytest.raises(StudyError, match=r"the encoder \S+ "):
        try_encoder(make_spec(clip), CPU)


def test_an_encoder_for_which_all_images_are_the_same_is_refused(clip):
    (path,) = clip.glob("*.safetensors")
    weights = load_file(path)
    for name in weights:
        if name.startswith("visual") and name.endswith("conv1.weight"):
            weights[name].zero_()
    save_file(weights, path, {"format": "pt"})
    with pytest.raises(StudyError, match="gives the same embedding for two different images; are its weights complete"):
        try_encoder(make_spec(clip), CPU)


def test_missing_weights_are_a_sentence(tmp_path):
    spec = make_spec("ViT-B-32", pretrained=str(tmp_path / "weights.pt"))
    with pytest.raises(StudyError, match=r"the encoder 'ViT-B-32' \(\S+weights.pt\) could not be loaded"):
        try_encoder(spec, CPU)
