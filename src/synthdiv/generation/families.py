"""Define the supported families of text-to-image pipelines, which differ in prompts, initial noise and guidance.

Another family may work the same way, but nobody has tested that its images depend only on prompt and seed; so it is refused.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from synthdiv.core.errors import StudyError
from synthdiv.core.hub import read_configuration

CLASSIFIER_FREE, EMBEDDED, NONE = "classifier-free", "embedded", "none"
"""Kinds of guidance: two predictions per step, one prediction with the scale as an input, or no guidance scale at all."""


@dataclass(frozen=True)
class Family:
    """How to call one kind of diffusers pipeline.

    Attributes
    ----------
    denoiser : str
        Name of the denoising component, whose folder holds the configuration for ``find_guidance``.
    find_guidance : callable
        From that configuration to the kind of guidance.
    embeddings : tuple of str
        The values that ``encode_prompt`` returns, as arguments of the pipeline's call; "" for values that are not passed.
    shape_noise : callable
        From (pipeline, height, width) to the shape of one image's initial noise.
    pack_noise : callable
        From (pipeline, a batch of noise) to the latents that the call takes.
    """

    denoiser: str
    find_guidance: Callable[[dict[str, Any]], str]
    embeddings: tuple[str, ...]
    shape_noise: Callable[[Any, int, int], tuple[int, ...]]
    pack_noise: Callable[[Any, torch.Tensor], torch.Tensor] = lambda pipeline, noise: noise

    def encode_prompts(self, pipeline: Any, prompts: Sequence[str], **options: Any) -> dict[str, torch.Tensor | None]:
        """Encode prompts with a pipeline's text encoders, as arguments of its call; options are those of encode_prompt."""
        known = inspect.signature(pipeline.encode_prompt).parameters
        # SD3 and Flux require the prompts of their other encoders as arguments; None means the same prompts
        same = {name: None for name in ("prompt_2", "prompt_3") if name in known}
        accepted = {name: value for name, value in options.items() if name in known}
        encoded = pipeline.encode_prompt(prompt=list(prompts), num_images_per_prompt=1, **same, **accepted)
        return {name: value for name, value in zip(self.embeddings, encoded, strict=True) if name}


def _shape_unet_noise(pipeline: Any, height: int, width: int) -> tuple[int, ...]:
    factor = pipeline.vae_scale_factor
    return pipeline.unet.config.in_channels, height // factor, width // factor


def _shape_transformer_noise(pipeline: Any, height: int, width: int) -> tuple[int, ...]:
    factor = pipeline.vae_scale_factor
    return pipeline.transformer.config.in_channels, height // factor, width // factor


def _shape_flux_noise(pipeline: Any, height: int, width: int) -> tuple[int, ...]:
    """Return the shape before the noise is packed into patches of 2 x 2."""
    factor = 2 * pipeline.vae_scale_factor
    return pipeline.transformer.config.in_channels // 4, 2 * (height // factor), 2 * (width // factor)


def _pack_flux_noise(pipeline: Any, noise: torch.Tensor) -> torch.Tensor:
    return pipeline._pack_latents(noise, *noise.shape)


def _find_unet_guidance(config: dict[str, Any]) -> str:
    """The U-Net of a distilled consistency model takes the scale as an input."""
    return CLASSIFIER_FREE if config.get("time_cond_proj_dim") is None else EMBEDDED


def _find_flux_guidance(config: dict[str, Any]) -> str:
    return EMBEDDED if config.get("guidance_embeds") else NONE


_FOUR = ("prompt_embeds", "negative_prompt_embeds", "pooled_prompt_embeds", "negative_pooled_prompt_embeds")

FAMILIES = {
    "StableDiffusionPipeline": Family("unet", _find_unet_guidance, _FOUR[:2], _shape_unet_noise),
    "LatentConsistencyModelPipeline": Family("unet", _find_unet_guidance, ("prompt_embeds", ""), _shape_unet_noise),
    "StableDiffusionXLPipeline": Family("unet", _find_unet_guidance, _FOUR, _shape_unet_noise),
    "StableDiffusion3Pipeline": Family("transformer", lambda config: CLASSIFIER_FREE, _FOUR, _shape_transformer_noise),
    "FluxPipeline": Family(
        "transformer",
        _find_flux_guidance,
        ("prompt_embeds", "pooled_prompt_embeds", ""),
        _shape_flux_noise,
        _pack_flux_noise,
    ),
}
"""The families by the pipeline's class name, as in its model_index.json."""


def find_family(name: str, folder: Path) -> Family:
    """Return the family of the pipeline in a folder.

    Parameters
    ----------
    name : str
        The model's name in the config, for messages.
    folder : Path
        The model's files.

    Raises
    ------
    StudyError
        If the folder is not a pipeline, or its family is not supported.
    """
    index = folder / "model_index.json"
    if not index.is_file():
        raise StudyError(f"the generator {name} is not a diffusers pipeline: {folder} has no model_index.json")
    kind = str(read_configuration(index, name).get("_class_name"))
    if kind not in FAMILIES:
        raise StudyError(
            f"the generator {name} is a {kind}, which is not supported. Supported: {', '.join(FAMILIES)}. "
            "To add a family, edit src/synthdiv/generation/families.py"
        )
    return FAMILIES[kind]


def find_guidance(family: Family, folder: Path) -> str:
    """Return the kind of guidance of the pipeline in a folder: "classifier-free", "embedded" or "none"."""
    return family.find_guidance(read_configuration(folder / family.denoiser / "config.json", str(folder)))
