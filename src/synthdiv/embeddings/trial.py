"""Try an encoder before images are generated for hours: embed two images, and two prompts if it embeds prompts."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from PIL import Image

from synthdiv.core.errors import StudyError
from synthdiv.core.hub import explain_refusal
from synthdiv.embeddings.encoder import Features
from synthdiv.embeddings.loading import load_encoder

PROMPTS = ("a photo", "mountains at night")
SIDE = 64
"""Pixels of the images' sides; they are noise."""


def try_encoder(spec: Mapping[str, Any], device: torch.device) -> dict[str, int]:
    """Embed two images of noise, and two prompts if the encoder embeds prompts.

    Parameters
    ----------
    spec : mapping
        An entry of the config's ``encoders``.
    device : torch.device
        The device to compute on.

    Returns
    -------
    dict
        ``width``, the number of an embedding's values.

    Raises
    ------
    StudyError
        If the encoder cannot be loaded or used, an embedding is not finite, or those of two images or prompts are the same.
    """
    encoder = load_encoder(spec, device)
    generator = np.random.default_rng(0)
    images = [Image.fromarray(generator.integers(0, 256, (SIDE, SIDE, 3), dtype=np.uint8)) for _ in PROMPTS]
    with explain_refusal(f"the encoder {spec['model']} cannot embed images"), torch.inference_mode():
        batch = torch.stack([encoder.preprocess(image) for image in images])
        features = encoder.embed_batch(batch)
    _check(features, spec, "images; are its weights complete?")
    if hasattr(encoder, "embed_prompts"):
        with explain_refusal(f"the encoder {spec['model']} cannot embed prompts"):
            texts = encoder.embed_prompts(PROMPTS)
        _check(texts, spec, "prompts; are the files of its tokenizer complete?")
    return {"width": features.vectors.shape[1]}


def _check(features: Features, spec: Mapping[str, Any], question: str) -> None:
    if not np.isfinite(features.vectors).all():
        raise StudyError(f"the encoder {spec['model']} gives embeddings that are not finite; choose another precision")
    if np.array_equal(*features.vectors):
        raise StudyError(f"the encoder {spec['model']} gives the same embedding for two different {question}")
