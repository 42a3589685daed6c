"""A stand-in for a model, for what is about blocks and not pictures, and a study of two datasets that share two classes."""

import numpy as np
from PIL import Image

from synthdiv.core.fingerprints import make_digest

FINGERPRINT = {"pipeline": "Standin", "digest": "0" * 64, "guidance": "classifier-free"}


def generate(prompts, seeds, guidance_scale):
    """Noise that prompt, seed and guidance scale determine, and nothing else."""
    for prompt, seed in zip(prompts, seeds, strict=True):
        rng = np.random.default_rng(int(make_digest([prompt, seed, guidance_scale])[:8], 16))
        yield Image.fromarray(rng.integers(0, 256, (8, 8, 3), dtype=np.uint8))


def make_config(folder, classes, **changes):
    """The study's config; its overrides lie in the folder."""
    (folder / "overrides.csv").write_text("key,prompt\nn01,a crane bird\n")
    overrides = {"builder": "overrides", "base": "synset", "overrides": str(folder / "overrides.csv")}
    return {
        "study": "s",
        "classes": str(classes),
        "generators": {"gen": {"model": str(folder), "steps": 1, "width": 8, "height": 8}},
        "encoders": {"clip": {"model": "ViT-B-32", "pretrained": "openai"}},
        "datasets": {
            "synset": {"builder": "lemmas", "guidance_scales": [7.5]},
            "disamb": overrides | {"guidance_scales": [7.5]},
        },
        "sets": {"AA": {"kind": "prompt", "dataset": "synset"}},
    } | changes
