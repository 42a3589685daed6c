"""The identity of an image: its seed, and the digests that name images and blocks."""

from __future__ import annotations

import hashlib
import json
from typing import Any

RECIPE_VERSION = 1
"""Increase this to invalidate all generated images on purpose: when the generation code itself changes the images."""

BLOCK_SIZE = 50
"""Images in a block of the archive: one class, one split, consecutive noises starting at a multiple of this."""

SPLITS = ("train", "evaluation")

SELECTION = "selection"
"""The split of natural images on which a training set is chosen."""
PROBE, REVIEW = "probe", "review"
"""Separate splits: images that are inspected while prompts are written belong to no set."""


def make_digest(value: Any) -> str:
    """Return the SHA-256 (hex) of a JSON-serialisable value in canonical form: sorted keys, no spaces, UTF-8."""
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()


def derive_seed(study_seed: int, class_key: str, split: str, index: int, *, noise: str = "per_class") -> int:
    """Derive the seed of an image's initial noise.

    It depends only on the study's seed, the class, the split and the image's index: the same image of every set starts
    from the same noise, whatever the shard, the job or the order ("Diversity and Diffusion", Figure 5).

    Parameters
    ----------
    study_seed : int
        The config's ``seed``.
    class_key : str
        The class's key; unused if ``noise`` is "shared".
    split : str
        "train", "evaluation", or a separate split such as that of prompt probes.
    index : int
        The image's number within class and split (and prompt, in a prompt probe).
    noise : {"per_class", "shared"}
        Whether each class has its own noise, or image i of every class starts from the same noise.

    Returns
    -------
    int
        From 0 to 2**63 - 1.
    """
    key = None if noise == "shared" else class_key
    digest = hashlib.sha256(json.dumps(["seed", study_seed, key, split, index]).encode()).digest()
    return int.from_bytes(digest[:8], "big") >> 1


def name_image(recipe_digest: str, guidance_scale: float, prompt: str, seed: int, **start: str | float) -> str:
    """Return the digest of everything that determines an image's bytes; ``start`` if it starts from another image."""
    text = {"recipe": recipe_digest, "guidance_scale": guidance_scale, "prompt": prompt, "seed": seed}
    return make_digest(text | start)


def name_block(image_names: list[str]) -> str:
    """Return the name of the block that contains these images, in this order."""
    return make_digest(image_names)


def format_scale(guidance_scale: float) -> str:
    """Return the canonical text form of a guidance scale: 2.5 -> "2.5", 10.0 -> "10"."""
    return f"{guidance_scale:.12g}"
