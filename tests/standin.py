"""A stand-in for an image model, for tests of blocks, and a study of two datasets that share the prompts of two classes."""

import numpy as np
from PIL import Image

from synthdiv.core.fingerprints import make_digest
from synthdiv.generation.shards import generate_shard
from synthdiv.jobs.images import plan_generation

COUNTS = {"train": 3, "evaluation": 2}
GRAMMAR = """
template: "{looks}, {size} {class}."
modifiers:
  looks:
    published: [old, new]
  size:
    added: [small, large, ""]
"""
"""It has six prompts, enough for these counts."""
FINGERPRINT = {"pipeline": "Standin", "digest": make_digest({"pipeline": "Standin"}), "guidance": "classifier-free"}


def generate(prompts, seeds, guidance_scale):
    """Generate noise images that depend only on prompt, seed and guidance scale."""
    for prompt, seed in zip(prompts, seeds, strict=True):
        rng = np.random.default_rng(int(make_digest([prompt, seed, guidance_scale])[:8], 16))
        yield Image.fromarray(rng.integers(0, 256, (8, 8, 3), dtype=np.uint8))


def generate_run(study, run, shard, path, generate=generate, **options):
    """Generate a shard of a generation run as its job does."""
    job = plan_generation(study, run, shard)
    dataset = job.prompts.read(study.config.classes, job.images_per_class)
    return generate_shard(job, dataset, FINGERPRINT, path, load_generate=lambda: generate, **options)


def make_config(folder, classes, **changes):
    """Return the study's config, and write its overrides into the folder."""
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
