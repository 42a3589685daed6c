"""Architectures of the demo's models, smaller versions of Stable Diffusion v1.5 and CLIP, and a step of their training."""

from __future__ import annotations

import json
from typing import Any

import torch
from diffusers import AutoencoderKL, PNDMScheduler, UNet2DConditionModel
from tokenizers.pre_tokenizers import ByteLevel
from transformers import CLIPTokenizer

CONTEXT = 32  # tokens, start and end included
EMBED_DIM = 64
TEXT_WIDTH, TEXT_LAYERS, TEXT_HEADS = 128, 2, 4


def take_step(loss: torch.Tensor, model: torch.nn.Module, optimizer: Any, schedule: Any) -> None:
    """Take a training step, with the norm of the gradients clipped to 1."""
    optimizer.zero_grad()
    loss.backward()
    torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
    optimizer.step()
    schedule.step()


def make_clip_config(vocab_size: int) -> dict:
    """Return the open_clip_config.json of the demo's CLIP model."""
    return {
        "model_cfg": {
            "embed_dim": EMBED_DIM,
            "vision_cfg": {"image_size": 32, "layers": [1, 1, 1, 1], "width": 16},
            "text_cfg": {
                "context_length": CONTEXT,
                "vocab_size": vocab_size,
                "hf_tokenizer_name": "local",
                "tokenizer_kwargs": {"clean": "lower"},
                "width": TEXT_WIDTH,
                "heads": TEXT_HEADS,
                "layers": TEXT_LAYERS,
            },
        },
        "preprocess_cfg": {"mean": [0.5, 0.5, 0.5], "std": [0.5, 0.5, 0.5], "interpolation": "bicubic"},
    }


def make_vae() -> AutoencoderKL:
    """Make a KL autoencoder from 3 x 32 x 32 to 4 x 8 x 8."""
    return AutoencoderKL(
        down_block_types=("DownEncoderBlock2D",) * 3,
        up_block_types=("UpDecoderBlock2D",) * 3,
        block_out_channels=(24, 48, 64),
        layers_per_block=1,
        latent_channels=4,
        norm_num_groups=8,
        sample_size=32,
        mid_block_add_attention=False,
        scaling_factor=1.0,
    )


def make_unet() -> UNet2DConditionModel:
    """Make a conditional UNet on 4 x 8 x 8 latents."""
    return UNet2DConditionModel(
        sample_size=8,
        in_channels=4,
        out_channels=4,
        down_block_types=("DownBlock2D", "CrossAttnDownBlock2D"),
        up_block_types=("CrossAttnUpBlock2D", "UpBlock2D"),
        mid_block_type="UNetMidBlock2DCrossAttn",
        block_out_channels=(48, 96),
        layers_per_block=1,
        cross_attention_dim=TEXT_WIDTH,
        attention_head_dim=4,
        norm_num_groups=8,
    )


def make_scheduler() -> PNDMScheduler:
    """Make Stable Diffusion v1.5's scheduler, with clip_sample set, since DDIM with this config would default to True."""
    scheduler = PNDMScheduler(
        beta_start=0.00085,
        beta_end=0.012,
        beta_schedule="scaled_linear",
        num_train_timesteps=1000,
        skip_prk_steps=True,
        set_alpha_to_one=False,
        steps_offset=1,
    )
    scheduler.register_to_config(clip_sample=False)
    return scheduler


def train_tokenizer(captions: list[str], merges: int = 240) -> CLIPTokenizer:
    """Train a CLIP byte-pair encoding on captions.

    As in CLIP's own vocabulary, every byte occurs with and without the end-of-word mark, and the start and end tokens
    have the last ids (open_clip finds a text's end by its largest id).
    """
    trained = CLIPTokenizer().train_new_from_iterator(captions, vocab_size=256 + merges)
    found = json.loads(trained.backend_tokenizer.to_str())["model"]["merges"]
    letters = sorted(ByteLevel.alphabet())
    tokens = letters + [f"{letter}</w>" for letter in letters]
    tokens += [token for token in dict.fromkeys("".join(pair) for pair in found) if token not in set(tokens)]
    tokens += ["<|startoftext|>", "<|endoftext|>"]
    vocab = {token: n for n, token in enumerate(tokens)}
    return CLIPTokenizer(vocab=vocab, merges=[tuple(pair) for pair in found], model_max_length=CONTEXT)
