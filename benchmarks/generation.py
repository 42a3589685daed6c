"""Time generation and embedding in the workflow's own jobs against plain loops over the same models: `make bench`.

Ours does all that a job does: a seed and noise per image, flags, blocks in the archive and the index, full batches. The
peers are loops as one would write them by hand, and save the same format. On a GPU if there is one.
"""

from __future__ import annotations

import shutil
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import open_clip
import pyarrow as pa
import torch
import yaml
from diffusers import DPMSolverMultistepScheduler, StableDiffusionPipeline
from PIL import Image
from timing import Comparison, run_comparisons, widen_tables
from torch.utils.data import DataLoader, Dataset

from synthdiv.embeddings.loading import load_encoder
from synthdiv.generation.generator import Generator, fingerprint_generator
from synthdiv.generation.shards import generate_shard
from synthdiv.images.index import locate_images, read_index
from synthdiv.jobs.images import plan_generation
from synthdiv.plan.generation import list_shards
from synthdiv.plan.loading import load_study
from synthdiv.plan.parts import GenerationRun
from synthdiv.plan.study import Study

IMAGES = 20  # per class and split: 400 in all
REPEATS = 10  # of these images, for a shard of embeddings
DEVICE = torch.device("cuda" if torch.cuda.is_available() else "cpu")
CLOCK = time.perf_counter if DEVICE.type == "cuda" else time.process_time
SCALE = 7.5
RESULTS = Path("results/benchmarks")


def make_study(folder: Path) -> Study:
    """Load the demo's synset dataset, with an archive in its own folder."""
    config = yaml.safe_load(Path("config/config.yaml").read_text())
    config["images_per_class"] = {"train": IMAGES, "evaluation": IMAGES}
    return load_study(config | {"archive": str(folder / "archive")})


def generate_with_plain_pipeline(study: Study, folder: Path) -> Any:
    """Return a function that loops the pipeline over the same prompts and batch size, and saves the same format."""
    spec = study.config.generators["tiny-sd"].to_dict()
    pipeline = StableDiffusionPipeline.from_pretrained(spec["model"], variant=spec["variant"], dtype=torch.float32)
    pipeline.scheduler = DPMSolverMultistepScheduler.from_config(pipeline.scheduler.config)
    pipeline.to(DEVICE).set_progress_bar_config(disable=True)
    prompts = [row.lemmas for row in study.classes for _ in range(2 * IMAGES)]
    size = spec["batch_size"]

    def generate() -> None:
        folder.mkdir(exist_ok=True)
        for start in range(0, len(prompts), size):
            texts = prompts[start : start + size]
            images = pipeline(
                prompt=texts,
                generator=[torch.Generator("cpu").manual_seed(start + n) for n in range(len(texts))],
                guidance_scale=SCALE,
                num_inference_steps=spec["steps"],
                height=spec["height"],
                width=spec["width"],
            ).images
            for n, image in enumerate(images):
                image.save(folder / f"{start + n:05d}.png")

    return generate


def generate_with_ours(study: Study, folder: Path) -> Any:
    """Return a function that generates the shard of a generate_images job, after emptying its archive."""
    spec = study.config.generators["tiny-sd"].to_dict()
    fingerprint, generator = fingerprint_generator(spec), Generator(spec, DEVICE)
    (shard,) = list_shards(study).values()
    job = plan_generation(study, GenerationRun("synset", SCALE), shard)
    dataset = study.datasets["synset"]

    def generate() -> None:
        shutil.rmtree(folder / "archive", ignore_errors=True)
        generate_shard(job, dataset, fingerprint, folder / "index.parquet", load_generate=lambda: generator.generate_images)

    return generate


class Files(Dataset):
    """The images of a folder, preprocessed for open_clip."""

    def __init__(self, folder: Path, preprocess: Any) -> None:
        self.paths = sorted(folder.glob("*.png")) * REPEATS
        self.preprocess = preprocess

    def __len__(self) -> int:
        return len(self.paths)

    def __getitem__(self, n: int) -> torch.Tensor:
        return self.preprocess(Image.open(self.paths[n]).convert("RGB"))


def embed_with_plain_loop(study: Study, folder: Path) -> Any:
    """Return a function that runs open_clip over a DataLoader of the same images."""
    spec = study.config.encoders["tiny-clip"].to_dict()
    model, _, preprocess = open_clip.create_model_and_transforms(f"local-dir:{spec['model']}", device=DEVICE)
    model.eval()
    images = Files(folder, preprocess)

    def embed() -> None:
        with torch.inference_mode():
            parts = []
            for batch in DataLoader(images, batch_size=spec["batch_size"]):
                features = model.encode_image(batch.to(DEVICE))
                parts.append((features / features.norm(dim=-1, keepdim=True)).half().cpu().numpy())
        assert len(np.concatenate(parts)) == len(images)

    return embed


def embed_with_ours(study: Study, index: Path) -> Any:
    """Return a function that embeds the rows of an embed_images job."""
    encoder = load_encoder(study.config.encoders["tiny-clip"].to_dict(), DEVICE)
    rows = pa.concat_tables([read_index(index)] * REPEATS)

    def embed() -> None:
        assert len(encoder.embed_images(locate_images(rows), workers=0).vectors) == len(rows)

    return embed


def main() -> None:
    """Time both pairs."""
    widen_tables()
    RESULTS.mkdir(parents=True, exist_ok=True)
    torch.set_num_threads(1)
    print(f"on {DEVICE}, one thread", file=sys.stderr)  # the rest of stderr is progress
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        study = make_study(folder)
        ours, theirs = generate_with_ours(study, folder), generate_with_plain_pipeline(study, folder / "plain")
        ours()
        theirs()
        run_comparisons(
            [
                Comparison("generate 400 images", "diffusers' pipeline in a loop", ours, theirs, 1 / 0.97, CLOCK),
                Comparison(
                    "embed 4,000 images",
                    "open_clip over a DataLoader",
                    embed_with_ours(study, folder / "index.parquet"),
                    embed_with_plain_loop(study, folder / "plain"),
                    1 / 0.97,
                    CLOCK,
                ),
            ],
            RESULTS / "generation.csv",
        )


if __name__ == "__main__":
    main()
