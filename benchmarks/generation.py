"""Time generation and embedding in the workflow's own jobs against plain loops over the same models: `make bench`.

Ours does all that a job does: a seed and noise per image, flags, blocks in the archive and the index, full batches. The
peers are loops as one would write them by hand, and save the same format. gpu.py runs the same on a GPU, with models of
full size.
"""

from __future__ import annotations

import shutil
import tempfile
import time
from collections.abc import Callable
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

from synthdiv.embeddings.encoder import name_model
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
SCALE = 7.5
BOUND = 1 / 0.97
RESULTS = Path("results/benchmarks")


def make_study(folder: Path, images: int, **generator: Any) -> Study:
    """Load the demo's study with an archive in its own folder, and some settings of its generator changed.

    Parameters
    ----------
    folder : Path
    images : int
        Images of each class and split.
    **generator
        Changed settings.
    """
    config = yaml.safe_load(Path("config/config.yaml").read_text())
    config["images_per_class"] = {"train": images, "evaluation": images}
    config["generators"]["tiny-sd"] |= generator
    return load_study(config | {"archive": str(folder / "archive")})


def generate_with_plain_pipeline(study: Study, folder: Path, device: torch.device) -> Any:
    """Return a function that loops the pipeline over the same prompts and batch size, and saves the same format."""
    spec = study.config.generators["tiny-sd"].to_dict()
    dtype = getattr(torch, spec["dtype"])
    pipeline = StableDiffusionPipeline.from_pretrained(spec["model"], variant=spec["variant"], dtype=dtype)
    pipeline.scheduler = DPMSolverMultistepScheduler.from_config(pipeline.scheduler.config)
    pipeline.to(device).set_progress_bar_config(disable=True)
    prompts = [row.lemmas for row in study.classes for _ in range(sum(study.config.images_per_class.to_dict().values()))]
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


def generate_with_ours(study: Study, folder: Path, device: torch.device) -> Any:
    """Return a function that generates the shard of a generate_images job, after emptying its archive."""
    spec = study.config.generators["tiny-sd"].to_dict()
    fingerprint, generator = fingerprint_generator(spec), Generator(spec, device)
    (shard,) = list_shards(study).values()
    job = plan_generation(study, GenerationRun("synset", SCALE), shard)
    dataset = study.datasets["synset"]

    def generate() -> None:
        shutil.rmtree(folder / "archive", ignore_errors=True)
        generate_shard(job, dataset, fingerprint, folder / "index.parquet", load_generate=lambda: generator.generate_images)

    return generate


class Files(Dataset):
    """Image files, preprocessed for open_clip."""

    def __init__(self, paths: list[Path], preprocess: Any) -> None:
        self.paths, self.preprocess = paths, preprocess

    def __len__(self) -> int:
        return len(self.paths)

    def __getitem__(self, n: int) -> torch.Tensor:
        return self.preprocess(Image.open(self.paths[n]).convert("RGB"))


def embed_with_plain_loop(spec: dict[str, Any], paths: list[Path], device: torch.device, workers: int = 0) -> Any:
    """Return a function that runs open_clip over a DataLoader of image files."""
    model, _, preprocess = open_clip.create_model_and_transforms(
        name_model(spec["model"]), pretrained=spec["pretrained"], precision=spec["precision"], device=device
    )
    model.eval()
    images = Files(paths, preprocess)
    dtype = next(model.parameters()).dtype

    def embed() -> None:
        with torch.inference_mode():
            parts = []
            for batch in DataLoader(images, batch_size=spec["batch_size"], num_workers=workers, pin_memory=workers > 0):
                features = model.encode_image(batch.to(device, dtype))
                parts.append((features / features.norm(dim=-1, keepdim=True)).half().cpu().numpy())
        assert len(np.concatenate(parts)) == len(images)

    return embed


def embed_with_ours(spec: dict[str, Any], rows: pa.Table, device: torch.device, workers: int = 0) -> Any:
    """Return a function that embeds index rows as a job of embed_images does."""
    encoder = load_encoder(spec, device)

    def embed() -> None:
        assert len(encoder.embed_images(locate_images(rows), workers=workers).vectors) == len(rows)

    return embed


def compare_generation(study: Study, folder: Path, device: torch.device, bound: float | None = None) -> Comparison:
    """Compare a job of generate_images with a plain loop; both have run once."""
    ours = generate_with_ours(study, folder, device)
    theirs = generate_with_plain_pipeline(study, folder / "plain", device)
    ours()
    theirs()
    count = len(list((folder / "plain").glob("*.png")))
    return Comparison(f"generate {count} images", "diffusers' pipeline in a loop", ours, theirs, bound, choose_clock(device))


def choose_clock(device: torch.device) -> Callable[[], float]:
    """Return the clock that counts a device's time: wall time for a GPU."""
    return time.perf_counter if device.type == "cuda" else time.process_time


def main() -> None:
    """Time both pairs."""
    widen_tables()
    RESULTS.mkdir(parents=True, exist_ok=True)
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as name:
        folder, device = Path(name), torch.device("cpu")
        study = make_study(folder, IMAGES)
        generation = compare_generation(study, folder, device, BOUND)
        spec = study.config.encoders["tiny-clip"].to_dict()
        paths = sorted((folder / "plain").glob("*.png")) * REPEATS
        rows = pa.concat_tables([read_index(folder / "index.parquet")] * REPEATS)
        ours, theirs = embed_with_ours(spec, rows, device), embed_with_plain_loop(spec, paths, device)
        embedding = Comparison(f"embed {len(rows)} images", "open_clip over a DataLoader", ours, theirs, BOUND)
        run_comparisons([generation, embedding], RESULTS / "generation.csv")


if __name__ == "__main__":
    main()
