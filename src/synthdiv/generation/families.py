"""The families of text-to-image pipelines that were tried, and in what they differ: prompts, initial noise, guidance.

Another family may work alike, but nobody has seen its images depend on prompt and seed alone; so it is refused.
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
"""Kinds of guidance: two predictions a step, one prediction that is told the scale, or none that a scale could change."""


@dataclass(frozen=True)
class Family:
    """How one kind of diffusers pipeline is driven.

    Attributes
    ----------
    denoiser : str
        The component that denoises, whose folder holds the configuration that ``find_guidance`` reads.
    find_guidance : callable
        From that configuration to the kind of guidance.
    embeddings : tuple of str
        What ``encode_prompt`` returns, as arguments of the pipeline's call; "" for what the call makes itself.
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
        """What a pipeline's text encoders make of prompts, as arguments of its call; options are those of encode_prompt."""
        known = inspect.signature(pipeline.encode_prompt).parameters
        # SD3 and Flux want their other encoders' prompts named, if only as None: the same prompts
        unnamed = {name: None for name in ("prompt_2", "prompt_3") if name in known}
        given = {name: value for name, value in options.items() if name in known}
        encoded = pipeline.encode_prompt(prompt=list(prompts), num_images_per_prompt=1, **unnamed, **given)
        return {name: value for name, value in zip(self.embeddings, encoded, strict=True) if name}


def _shape_unet_noise(pipeline: Any, height: int, width: int) -> tuple[int, ...]:
    factor = pipeline.vae_scale_factor
    return pipeline.unet.config.in_channels, height // factor, width // factor


def _shape_transformer_noise(pipeline: Any, height: int, width: int) -> tuple[int, ...]:
    factor = pipeline.vae_scale_factor
    return pipeline.transformer.config.in_channels, height // factor, width // factor


def _shape_flux_noise(pipeline: Any, height: int, width: int) -> tuple[int, ...]:
    """Before it is packed into patches of 2 x 2."""
    factor = 2 * pipeline.vae_scale_factor
    return pipeline.transformer.config.in_channels // 4, 2 * (height // factor), 2 * (width // factor)


def _pack_flux_noise(pipeline: Any, noise: torch.Tensor) -> torch.Tensor:
    return pipeline._pack_latents(noise, *noise.shape)


def _find_unet_guidance(config: dict[str, Any]) -> str:
    """A distilled consistency model's U-Net is told the scale."""
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
"""By the class name of the pipeline, as its model_index.json gives it."""


def find_family(name: str, folder: Path) -> Family:
    """The family of a pipeline's folder.

    Parameters
    ----------
    name : str
        How the config calls the model, for messages.
    folder : Path
        Its files.

    Raises
    ------
    StudyError
        If the folder is no pipeline, or of a family that was not tried.
    """
    index = folder / "model_index.json"
    if not index.is_file():
        raise StudyError(f"the generator {name} is no diffusers pipeline: {folder} has no model_index.json")
    kind = str(read_configuration(index, name).get("_class_name"))
    if kind not in FAMILIES:
        raise StudyError(
            f"the generator {name} is a {kind}, which was never tried here. Those that were: {', '.join(FAMILIES)}. "
            "To add a family: src/synthdiv/generation/families.py"
        )
    return FAMILIES[kind]


def find_guidance(family: Family, folder: Path) -> str:
    """The kind of guidance of a pipeline's folder: "classifier-free", "embedded" or "none"."""
    return family.find_guidance(read_configuration(folder / family.denoiser / "config.json", str(folder)))
