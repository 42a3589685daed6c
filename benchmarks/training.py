"""Time the input pipeline and the step of a training against timm's."""

from __future__ import annotations

import argparse
import io
import tempfile
import time
from collections.abc import Callable, Iterator
from functools import partial
from itertools import cycle
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import timm
import torch
import yaml
from PIL import Image
from timing import Comparison, run_comparisons, widen_tables
from timm.data import create_dataset, create_loader

from synthdiv.classifiers.prediction import load_batches
from synthdiv.classifiers.recipes import build_model, build_transform, count_steps, resolve_data
from synthdiv.classifiers.training.learner import Learner
from synthdiv.classifiers.training.processes import Process
from synthdiv.classifiers.training.sampler import TrainingSampler
from synthdiv.classifiers.training_set import Part, gather_training_set
from synthdiv.config.training import Recipe
from synthdiv.core.jobs import limit_threads
from synthdiv.images.archive import read_block, write_block
from synthdiv.images.index import write_index
from synthdiv.images.torch_dataset import ImageDataset, SampledImages

CPU = torch.device("cpu")
BOUND = 1 / 0.97
IMAGES, SIZE, BATCH = 800, (500, 375), 50
NATURAL = Path("resources/demo/natural/fashion-train.parquet")


def make_images(folder: Path) -> Path:
    """Write the demo's photographs as JPEG of ImageNet's size: a folder per class for timm, blocks and an index for ours."""
    table = pq.read_table(NATURAL)
    generator = np.random.default_rng(0)
    rows = []
    for start in range(0, IMAGES, BATCH):
        members = []
        for n in range(start, start + BATCH):
            small = Image.open(io.BytesIO(table["image"][n].as_py())).convert("RGB").resize(SIZE, Image.Resampling.BICUBIC)
            noisy = np.asarray(small, dtype=np.float64) + generator.normal(0, 8, size=(SIZE[1], SIZE[0], 3))
            data = io.BytesIO()
            Image.fromarray(noisy.clip(0, 255).astype(np.uint8)).save(data, "JPEG", quality=90)
            path = folder / "folders" / f"class{start // BATCH}" / f"{n:05d}.jpg"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data.getvalue())
            members.append((f"{n:05d}", "jpg", data.getvalue(), {"index": n}))
        block = folder / f"{start}.tar"
        write_block(block, members)
        rows += [
            {"class_id": start // BATCH, "split": "train", "index": n, "prompt": None, "seed": None, "file": stored.file}
            | {"offset": stored.offset, "size": stored.size, "digest": stored.digest, "flags": []}
            for n, stored in enumerate(read_block(block))
        ]
    write_index(folder / "index.parquet", rows, {})
    return folder / "index.parquet"


def make_recipe(**changes: Any) -> dict[str, Any]:
    """Return the cited recipe with a small model."""
    recipe = yaml.safe_load(Path("resources/recipes/resnetrs152.yaml").read_text())
    recipe |= {"model": "resnet18", "model_options": {}, "device_batch_size": None, "batch_size": BATCH} | changes
    return Recipe.model_validate(recipe).to_dict()


def open_ours(recipe: dict[str, Any], index: Path, workers: int) -> Callable[[], None]:
    """Return a reader of an epoch of batches, as in a training."""
    images = gather_training_set([Part("own", [index])], ["x"] * (IMAGES // BATCH), exclude_flags=[], seed=0)
    model = build_model(recipe, 10)
    dataset = SampledImages(ImageDataset(images.rows, build_transform(recipe, model, is_training=True)), 0)
    sampler = TrainingSampler(images.sizes, images.weights, 0)
    data = resolve_data(recipe, model, is_training=True)

    def read() -> None:
        batches = sampler.iterate_batches(0, IMAGES, BATCH)
        assert sum(len(batch) for batch, _ in load_batches(dataset, data, CPU, workers=workers, batches=batches)) == IMAGES

    return read


def open_theirs(recipe: dict[str, Any], folder: Path, workers: int) -> Callable[[], None]:
    """Return a reader of the same images, transforms and batches with timm's folder reader and loader."""
    model = build_model(recipe, 10)
    data = resolve_data(recipe, model, is_training=True)
    loader = create_loader(
        create_dataset("", root=folder / "folders", split="train"),
        data["input_size"],
        BATCH,
        is_training=True,
        interpolation=data["interpolation"],
        mean=data["mean"],
        std=data["std"],
        num_workers=workers,
        persistent_workers=False,
        device=CPU,
        **recipe["augmentation"],
    )

    def read() -> None:
        assert sum(len(batch) for batch, _ in loader) == IMAGES

    return read


def make_steps(recipe: dict[str, Any], device: torch.device = CPU) -> tuple[Any, Any]:
    """Return a step of our training and one of a bare timm loop, on the same batches, each with its own model."""
    learner = Learner(recipe, 8, count_steps(recipe, IMAGES), seed=0, initial=None, process=Process(0, 1, device))
    learner.model.train()
    generator = torch.Generator().manual_seed(0)
    size, count = recipe["image_size"], recipe["batch_size"]
    kept = [(torch.randn(count, 3, size, size, generator=generator), torch.arange(count) % 8) for _ in range(2)]
    batches = cycle([(images.to(device), labels.to(device)) for images, labels in kept])

    model = build_model(recipe, 8).to(device, memory_format=torch.channels_last).train()
    optimizer = timm.optim.create_optimizer_v2(model, **recipe["optimizer"])
    criterion = timm.loss.LabelSmoothingCrossEntropy(recipe["label_smoothing"])
    average = timm.utils.ModelEmaV3(model, decay=recipe["ema_decay"])

    def theirs() -> None:
        images, labels = next(batches)
        images = images.contiguous(memory_format=torch.channels_last)
        with torch.autocast(device.type, torch.bfloat16):
            logits = model(images)
        criterion(logits.float(), labels).backward()
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
        average.update(model)

    return partial(learner.update, batches), theirs


def repeat(task: Any, count: int) -> None:
    """Run a task ``count`` times."""
    for _ in range(count):
        task()


def compare_training(folder: Path) -> Iterator[Comparison]:
    """Compare the input pipeline alone, then the step alone."""
    index, recipe = make_images(folder), make_recipe()
    reader = "timm's create_dataset and create_loader on folders"
    for workers, clock in ((0, time.process_time), (2, time.perf_counter)):
        name = f"{IMAGES} JPEGs of {SIZE[0]} x {SIZE[1]}, read and augmented, {workers} workers"
        ours, theirs = open_ours(recipe, index, workers), open_theirs(recipe, folder, workers)
        yield Comparison(name, reader, ours, theirs, BOUND, clock)
    ours, theirs = make_steps(make_recipe(image_size=64))
    name = f"20 steps of resnet18, {BATCH} images of 64 pixels, bf16"
    yield Comparison(name, "a bare timm loop", partial(repeat, ours, 20), partial(repeat, theirs, 20), BOUND)


def main() -> None:
    """Run the comparisons and write the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--output", type=Path, default=Path("results/benchmarks"))
    options = parser.parse_args()
    limit_threads(options.threads)
    torch.set_num_threads(options.threads)
    options.output.mkdir(parents=True, exist_ok=True)
    widen_tables()
    with tempfile.TemporaryDirectory() as folder:
        run_comparisons(compare_training(Path(folder)), options.output / "training.csv")


if __name__ == "__main__":
    main()
