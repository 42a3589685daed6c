"""Measure a study's models on this device: images per second of generation, embedding and training, and a batch size."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from PIL import Image

from synthdiv.classifiers.recipes import (
    build_loss,
    build_model,
    build_multi_crop,
    build_optimizer,
    choose_layout,
    choose_precision,
    resolve_data,
)
from synthdiv.core.errors import StudyError
from synthdiv.embeddings.loading import load_encoder
from synthdiv.generation.generator import Generator
from synthdiv.generation.trial import GUIDED, UNGUIDED

SIZES = (1, 2, 4, 8, 16, 32, 64, 128)
"""Batch sizes to try on a GPU."""
GOOD_ENOUGH = 0.97
"""Share of the highest rate; the smallest batch size that reaches it is proposed."""
SECONDS = 5.0
"""Minimum time of each measurement."""


def time_work(work: Callable[[], Any], device: torch.device, *, at_least: float = SECONDS) -> float:
    """Return the seconds per call, after one call that is not counted.

    Parameters
    ----------
    work : callable
        The function to time.
    device : torch.device
        The device to wait for after each call.
    at_least : float
        Minimum time of the measurement, in seconds.
    """
    work()
    _wait_for(device)
    start, calls = time.monotonic(), 0
    while True:
        work()
        calls += 1
        _wait_for(device)
        elapsed = time.monotonic() - start
        if elapsed >= at_least:
            return elapsed / calls


def _wait_for(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def measure_generator(spec: Mapping[str, Any], device: torch.device, *, at_least: float = SECONDS) -> dict[str, Any]:
    """Measure a generator's images per second, guided and unguided; on a GPU also by batch size, until memory is full.

    Parameters
    ----------
    spec : mapping
        An entry of the config's ``generators``.
    device : torch.device
        The device to compute on.
    at_least : float
        Minimum time of each measurement, in seconds.

    Returns
    -------
    dict
        ``images_per_s`` (guided), ``images_per_s_unguided``, ``batch_size`` (the config's, if it fits), and on a GPU
        ``batches`` (batch_size, images_per_s, peak_mb) with ``proposed_batch_size``.

    Raises
    ------
    StudyError
        If the generator can't be loaded, or the GPU's memory is too small for one image.
    """
    generator = Generator(spec, device)

    def measure(size: int, scale: float) -> float:
        generator.spec = {**spec, "batch_size": size}
        prompts, seeds = ["a photograph"] * size, list(range(size))
        return size / time_work(lambda: list(generator.generate_images(prompts, seeds, scale)), device, at_least=at_least)

    size = spec["batch_size"]
    metadata: dict[str, Any] = {}
    if device.type == "cuda":
        metadata["batches"] = _measure_batches(measure, size, device)
        size, metadata["proposed_batch_size"] = choose_batch_size(metadata["batches"], size)
    return metadata | {
        "batch_size": size,
        "images_per_s": round(measure(size, GUIDED), 4),
        "images_per_s_unguided": round(measure(size, UNGUIDED), 4),
    }


def choose_batch_size(batches: Sequence[Mapping[str, float]], configured: int) -> tuple[int, int]:
    """Choose the batch size to measure a generator at, and the one to propose.

    Parameters
    ----------
    batches : sequence of mappings
        ``batch_size`` and ``images_per_s`` of the batch sizes that fit.
    configured : int
        The config's batch size.

    Returns
    -------
    int
        The config's, or the proposed one if that does not fit.
    int
        The proposed one: the smallest that is about as fast as the fastest.

    Raises
    ------
    StudyError
        If none fits.
    """
    if not batches:
        raise StudyError("the generator does not fit into this GPU's memory, not even to generate one image at a time")
    best = max(batch["images_per_s"] for batch in batches)
    proposed = min(int(batch["batch_size"]) for batch in batches if batch["images_per_s"] >= GOOD_ENOUGH * best)
    return configured if configured in [batch["batch_size"] for batch in batches] else proposed, proposed


def _measure_batches(
    measure: Callable[[int, float], float], configured: int, device: torch.device
) -> list[dict[str, float]]:
    batches = []
    for size in sorted({*SIZES, configured}):
        torch.cuda.reset_peak_memory_stats(device)
        try:
            rate = measure(size, GUIDED)
        except torch.OutOfMemoryError:
            torch.cuda.empty_cache()
            break
        peak = torch.cuda.max_memory_allocated(device) / 1e6
        batches.append({"batch_size": size, "images_per_s": round(rate, 4), "peak_mb": round(peak, 1)})
    return batches


def measure_encoder(spec: Mapping[str, Any], device: torch.device, *, at_least: float = SECONDS) -> dict[str, Any]:
    """Measure an encoder's images per second, without reading and decoding."""
    encoder = load_encoder(spec, device)
    pixels = encoder.preprocess(Image.fromarray(np.zeros((64, 64, 3), np.uint8)))
    batch = pixels.expand(spec["batch_size"], *pixels.shape)
    with torch.inference_mode():
        seconds = time_work(lambda: encoder.embed_batch(batch), device, at_least=at_least)
    return {"batch_size": spec["batch_size"], "images_per_s": round(spec["batch_size"] / seconds, 2)}


def measure_classifier(
    recipe: Mapping[str, Any], n_classes: int, processes: int, device: torch.device, *, at_least: float = SECONDS
) -> dict[str, Any]:
    """Measure one process's training images per second, each with all its crops, without reading and augmenting.

    Parameters
    ----------
    recipe : mapping
        The classifier's recipe.
    n_classes : int
        Its number of outputs.
    processes : int
        Processes that share a batch.
    device : torch.device
        The device to compute on.
    at_least : float
        Minimum time of the measurement, in seconds.
    """
    model = build_model(recipe, n_classes).to(memory_format=choose_layout(recipe)).to(device).train()
    optimizer, loss = build_optimizer(recipe, model), build_loss(recipe)
    size = recipe["device_batch_size"] or recipe["batch_size"] // processes
    multi_crop = build_multi_crop(recipe, model)
    shape = multi_crop.shape if multi_crop is not None else resolve_data(recipe, model, is_training=True)["input_size"]
    images = torch.zeros(size, *shape, device=device)
    target = torch.full((n_classes,), 1 / n_classes) if recipe["mixup"] else torch.tensor(0)
    labels = target.expand(size, *target.shape).to(device)
    passes = multi_crop.separate(images, labels) if multi_crop is not None else [(images, labels)]
    passes = [(crops.contiguous(memory_format=choose_layout(recipe)), targets) for crops, targets in passes]

    def step() -> None:
        for crops, targets in passes:
            with choose_precision(recipe, device):
                result = loss(model(crops), targets)
            result.backward()
        optimizer.step()
        optimizer.zero_grad()

    return {"device_batch_size": size, "images_per_s": round(size / time_work(step, device, at_least=at_least), 2)}
