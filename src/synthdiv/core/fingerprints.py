"""What an image is a function of: its seed, and the digests that name images and blocks."""

from __future__ import annotations

import hashlib
import json
from typing import Any

RECIPE_VERSION = 1
"""Raise this to invalidate every drawn image on purpose: when the drawing code itself changes what it draws."""

BLOCK_SIZE = 50
"""Images in a block of the archive: one class, one split, a run of noises that starts at a multiple of this."""

SPLITS = ("train", "evaluation")

PROBE, REVIEW = "probe", "review"
"""Splits of their own: what is looked at while prompts are made is part of no set."""


def make_digest(value: Any) -> str:
    """SHA-256 (hex) of a JSON-able value in canonical form: sorted keys, no spaces, UTF-8."""
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()


def derive_seed(study_seed: int, class_key: str, split: str, index: int, *, noise: str = "per_class") -> int:
    """The seed of an image's initial noise.

    It depends on the study's seed, the class, the split and the image's index, and on nothing else: the same image of
    every set starts from the same noise, whatever the shard, the job or the order ("Diversity and Diffusion", Figure 5).

    Parameters
    ----------
    study_seed : int
        The config's ``seed``.
    class_key : str
        The class's key; not used if ``noise`` is "shared".
    split : str
        "train", "evaluation", or a split of its own such as a probe's.
    index : int
        The image's number within class and split (and prompt, in a probe).
    noise : {"per_class", "shared"}
        Whether classes have noise of their own, or image i of every class starts alike.

    Returns
    -------
    int
        From 0 to 2**63 - 1.
    """
    key = None if noise == "shared" else class_key
    digest = hashlib.sha256(json.dumps(["seed", study_seed, key, split, index]).encode()).digest()
    return int.from_bytes(digest[:8], "big") >> 1


def name_image(recipe_digest: str, guidance_scale: float, prompt: str, seed: int) -> str:
    """The digest of everything that decides an image's bytes."""
    return make_digest({"recipe": recipe_digest, "guidance_scale": guidance_scale, "prompt": prompt, "seed": seed})


def name_block(image_names: list[str]) -> str:
    """The name of the block that holds these images, in this order."""
    return make_digest(image_names)


def format_scale(guidance_scale: float) -> str:
    """The one text form of a guidance scale: 2.5 -> "2.5", 10.0 -> "10"."""
    return f"{guidance_scale:.12g}"
