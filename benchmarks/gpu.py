"""Time generation, embedding, training and scoring on a GPU against plain loops, and calibrate: `make gpu-test`.

The models have full size and random weights, so nothing is downloaded. Each row has the share of the time in which the GPU
was busy, as nvidia-smi samples it. `--rehearse` runs the same code on the CPU with the demo's models, in a minute.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pyarrow as pa
import torch
from data import SyntheticEmbeddings
from full_size import make_clip, make_stable_diffusion
from generation import choose_clock, compare_generation, embed_with_ours, embed_with_plain_loop, make_study
from timing import Comparison, compare, show, widen_tables
from training import make_images, make_recipe, make_steps, repeat

from synthdiv.embeddings.table import ROW_GROUP
from synthdiv.images.index import read_index
from synthdiv.metrics.neighbours import find_nearest
from synthdiv.operations.calibration import measure_classifier, measure_encoder, measure_generator

ALTERNATIONS = 3
K = 5
WATCHED = 3.0
"""Minimum time in seconds over which the GPU's use is sampled."""
STEPS = 20
"""Training steps of a measurement."""
FULL: dict[str, Any] = {
    "generator": {"dtype": "float16", "steps": 20, "width": 512, "height": 512, "batch_size": 20},
    "images": 2,  # of each of 10 classes and 2 splits
    "photographs": 800,
    "encoder": {"model": "ViT-L-14-quickgelu", "precision": "fp16", "batch_size": 256},
    "recipe": {"model": "resnetrs152", "image_size": 256, "batch_size": 128},
    "queries": 50_000,
    "references": 640_000,
}
REHEARSAL: dict[str, Any] = {
    "generator": {"steps": 2},
    "images": 1,
    "photographs": 32,
    "encoder": {},
    "recipe": {"model": "test_resnet", "image_size": 32, "batch_size": 8},
    "queries": 200,
    "references": 5000,
}


def generate(sizes: dict[str, Any], folder: Path, device: torch.device) -> tuple[Comparison, dict[str, Any]]:
    """Compare generation; return also the generator's settings."""
    changes = dict(sizes["generator"])
    if sizes is FULL:
        make_stable_diffusion(folder / "sd15")
        changes["model"] = str(folder / "sd15")
    study = make_study(folder, sizes["images"], **changes)
    return compare_generation(study, folder, device), study.config.generators["tiny-sd"].to_dict()


def embed(sizes: dict[str, Any], folder: Path, device: torch.device) -> tuple[Comparison, dict[str, Any]]:
    """Compare the embedding of JPEG files, decoded by several processes; return also the encoder's settings."""
    rows = read_index(make_images(folder)).slice(0, sizes["photographs"])
    files = sorted((folder / "folders").rglob("*.jpg"))[: len(rows)]
    changes = dict(sizes["encoder"])
    if sizes is FULL:
        make_clip(folder / "clip.safetensors")
        changes["pretrained"] = str(folder / "clip.safetensors")
        rows, files = pa.concat_tables([rows] * 4), files * 4
    spec = make_study(folder, 1).config.encoders["tiny-clip"].to_dict() | changes
    workers = min(16, os.cpu_count() or 1)
    ours, theirs = embed_with_ours(spec, rows, device, workers), embed_with_plain_loop(spec, files, device, workers)
    name = f"embed {len(rows)} JPEGs, {workers} workers"
    return Comparison(name, "open_clip over a DataLoader", ours, theirs, None, time.perf_counter), spec


def train(sizes: dict[str, Any], device: torch.device) -> tuple[Comparison, dict[str, Any]]:
    """Compare training steps; return also the recipe."""
    recipe = make_recipe(**sizes["recipe"])

    def wait_after(step: Callable[[], Any]) -> None:
        repeat(step, STEPS)
        if device.type == "cuda":
            torch.cuda.synchronize(device)

    ours, theirs = (partial(wait_after, step) for step in make_steps(recipe, device))
    name = f"{STEPS} steps of {recipe['model']}, {recipe['batch_size']} images of {recipe['image_size']} pixels"
    return Comparison(name, "a bare timm loop", ours, theirs, None, choose_clock(device)), recipe


def search(sizes: dict[str, Any], device: torch.device) -> Comparison:
    """Compare exact neighbours with an inexact search by torch alone, on the same blocks."""
    source = SyntheticEmbeddings()
    queries = source.sample(0, sizes["queries"], sizes["queries"], seed=2)
    blocks = list(source.sample_blocks(sizes["references"], seed=1))
    center = np.mean([block.vectors.astype(np.float64).mean(axis=0) for block in blocks], axis=0)

    def theirs() -> np.ndarray:
        rough = torch.from_numpy(queries.vectors).to(device)
        best, found = torch.empty(len(rough), 0, device=device), torch.empty(len(rough), 0, dtype=torch.int64, device=device)
        for number, block in enumerate(blocks):
            products = (rough @ torch.from_numpy(block.vectors).to(device).T).float()
            values, places = products.topk(min(K, len(block)), dim=1)
            best, found = torch.cat([best, values], dim=1), torch.cat([found, places + number * ROW_GROUP], dim=1)
            best, chosen = best.topk(K, dim=1)
            found = found.gather(1, chosen)
        return found.cpu().numpy()

    ours = partial(find_nearest, queries, blocks, K, center=center, device=str(device), engine="torch")
    name = f"exact neighbours, {len(queries)} queries x {sizes['references']} references"
    return Comparison(name, "torch matmul and topk in fp16", ours, theirs, None, choose_clock(device))


def measure_busy_share(task: Callable[[], Any]) -> float | None:
    """Run a task for some seconds; return the share of the time in which a kernel ran, None without nvidia-smi."""
    command = shutil.which("nvidia-smi")
    if command is None:
        return None
    query = [command, "--query-gpu=utilization.gpu", "--format=csv,noheader,nounits", "--loop-ms=100", "--id=0"]
    start = time.monotonic()
    with subprocess.Popen(query, stdout=subprocess.PIPE, text=True) as watcher:
        while time.monotonic() - start < WATCHED:
            task()
        watcher.terminate()
        assert watcher.stdout is not None
        shares = [float(line) / 100 for line in watcher.stdout if line.strip().isdigit()]
    return round(sum(shares) / len(shares), 3) if shares else None


def run(sizes: dict[str, Any], device: torch.device) -> Iterator[dict[str, Any]]:
    """Yield a row of each comparison and each calibration."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        seconds = WATCHED if sizes is FULL else 0.1

        def describe(comparison: Comparison) -> dict[str, Any]:
            row = compare(comparison, ALTERNATIONS)
            return row | {"busy": measure_busy_share(comparison.ours) if device.type == "cuda" else None}

        def calibrate(what: str, found: dict[str, Any]) -> dict[str, Any]:
            return {"comparison": f"calibrate {what}", "images_per_s": found["images_per_s"]}

        comparison, generator = generate(sizes, folder, device)
        yield describe(comparison)
        yield calibrate("the generator", measure_generator(generator, device, at_least=seconds))
        comparison, encoder = embed(sizes, folder / "photographs", device)
        yield describe(comparison)
        yield calibrate("the encoder", measure_encoder(encoder, device, at_least=seconds))
        comparison, recipe = train(sizes, device)
        yield describe(comparison)
        yield calibrate("the classifier", measure_classifier(recipe, 8, 1, device, at_least=seconds))
        yield describe(search(sizes, device))


def main() -> None:
    """Print each row when it is measured, and write the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rehearse", action="store_true", help="small, on the CPU")
    parser.add_argument("--output", type=Path, default=Path("results/benchmarks"))
    options = parser.parse_args()
    if not options.rehearse and not torch.cuda.is_available():
        raise SystemExit("error: torch sees no GPU here. See whether the code runs at all with --rehearse.")
    device = torch.device("cpu" if options.rehearse else "cuda")
    if options.rehearse:
        torch.set_num_threads(1)
    options.output.mkdir(parents=True, exist_ok=True)
    widen_tables()
    print("on", torch.cuda.get_device_name(device) if device.type == "cuda" else "the CPU: a rehearsal", flush=True)
    start, rows = time.monotonic(), []
    for row in run(REHEARSAL if options.rehearse else FULL, device):
        rows.append(row)
        print(f"after {time.monotonic() - start:.0f} s:", row, flush=True)
    show(pl.DataFrame(rows, infer_schema_length=None), options.output / ("rehearsal.csv" if options.rehearse else "gpu.csv"))


if __name__ == "__main__":
    main()
