"""Classify images with trained models."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import torch
from timm.data.loader import PrefetchLoader, fast_collate
from torch import nn
from torch.utils.data import DataLoader, Dataset
from tqdm import tqdm

from synthdiv.classifiers.recipes import choose_layout, choose_precision
from synthdiv.core.devices import limit_batch
from synthdiv.core.jobs import ignore_sigterm
from synthdiv.images.torch_dataset import ImageDataset

TOP_K = 5
"""Classes in a prediction."""


class Predictions(NamedTuple):
    """A classifier's predictions, one row per image.

    Attributes
    ----------
    classes : int32 array of shape (n, min(5, C))
        The most probable classes, the most probable first.
    confidences : float32 array of shape (n,)
        Probability of the first class.
    log_probabilities : float32 array of shape (n,)
        Natural logarithm of the probability of the image's own class; minus infinity if that is no candidate.
    """

    classes: np.ndarray
    confidences: np.ndarray
    log_probabilities: np.ndarray


def load_batches(
    dataset: Dataset,
    data: Mapping[str, Any],
    device: torch.device,
    *,
    workers: int,
    batches: Any = None,
    batch_size: int = 1,
) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
    """Return an iterator over batches of normalised images and their classes on a device; the next one is prefetched.

    Parameters
    ----------
    dataset : Dataset
        Items are (uint8 array, class).
    data : mapping
        timm's mean and std.
    device : torch.device
    workers : int
        Processes that read, decode and transform; 0 uses the current process.
    batches : iterable of lists, optional
        Dataset items of each batch; default: all in order, ``batch_size`` at a time.
    batch_size : int
        See ``batches``.
    """
    chosen: dict[str, Any] = {"batch_sampler": batches} if batches is not None else {"batch_size": batch_size}
    loader = DataLoader(
        dataset,
        **chosen,
        num_workers=workers,
        collate_fn=fast_collate,
        pin_memory=device.type == "cuda",
        prefetch_factor=4 if workers else None,
        worker_init_fn=ignore_sigterm,
    )
    return iter(PrefetchLoader(loader, mean=data["mean"], std=data["std"], device=device))


@torch.inference_mode()
def run_models(
    models: Sequence[Callable[[torch.Tensor], torch.Tensor]],
    images: ImageDataset,
    recipe: Mapping[str, Any],
    data: Mapping[str, Any],
    device: torch.device,
    *,
    batch_size: int,
    workers: int,
    work: str,
) -> Iterator[list[torch.Tensor]]:
    """Yield the outputs of several models, batch by batch; each image is read and decoded once for all models.

    Parameters
    ----------
    models : sequence of callable
        Modules on the device, in evaluation mode, or functions that apply them.
    images, recipe, data, device, batch_size, workers
        As for :func:`predict`.
    work : str
        Name of the work in the log.

    Yields
    ------
    list of float32 tensors
        One per model.
    """
    layout, (_, height, width) = choose_layout(recipe), data["input_size"]
    batch_size = limit_batch(batch_size, height, width, device)
    with tqdm(total=len(images), unit="image", desc=work, mininterval=10) as progress:
        for batch, _ in load_batches(images, data, device, workers=workers, batch_size=batch_size):
            batch = batch.contiguous(memory_format=layout)
            with choose_precision(recipe, device):
                outputs = [model(batch) for model in models]
            yield [output.float() for output in outputs]
            progress.update(len(batch))


@torch.inference_mode()
def predict(
    models: Sequence[nn.Module],
    images: ImageDataset,
    recipe: Mapping[str, Any],
    data: Mapping[str, Any],
    device: torch.device,
    *,
    batch_size: int,
    workers: int,
    outputs: Sequence[int] | None = None,
    among: Sequence[int] | None = None,
) -> list[Predictions]:
    """Classify images with several models; each image is read and decoded once for all models.

    Parameters
    ----------
    models : sequence of Module
        On the device, in evaluation mode.
    images : ImageDataset
        With the evaluation transform.
    recipe : mapping
        Sets ``precision`` and ``channels_last``.
    data : mapping
        timm's input_size, mean and std.
    device : torch.device
    batch_size : int
        Images per batch; on a CPU, the limit of :func:`synthdiv.core.devices.limit_batch` holds too.
    workers : int
        Processes that read, decode and transform.
    outputs : sequence of int, optional
        The model's output for each class of the study; default: the model's order.
    among : sequence of int, optional
        Candidate classes of the study; default: all.
    """
    candidates = torch.as_tensor(among, device=device) if among is not None else None
    columns = torch.as_tensor(outputs, device=device) if outputs is not None else None
    labels: np.ndarray = np.asarray(images.rows["class_id"], dtype=np.int64)
    if among is not None:
        places = {class_id: n for n, class_id in enumerate(among)}
        labels = np.array([places.get(class_id, -1) for class_id in labels.tolist()])
    found: list[tuple[list[np.ndarray], ...]] = [([], [], []) for _ in models]
    done = 0
    run = run_models(models, images, recipe, data, device, batch_size=batch_size, workers=workers, work="classify")
    for batch in run:
        own = torch.from_numpy(labels[done : done + len(batch[0])]).to(device)[:, None]
        done += len(own)
        for logits, (classes, confidences, log_probabilities) in zip(batch, found, strict=True):
            logits = logits if columns is None else logits[:, columns]
            logits = logits if candidates is None else logits[:, candidates]
            probabilities, top = logits.softmax(dim=1).topk(min(TOP_K, logits.shape[1]), dim=1)
            classes.append((top if candidates is None else candidates[top]).int().cpu().numpy())
            confidences.append(probabilities[:, 0].cpu().numpy())
            logs = logits.log_softmax(dim=1).gather(1, own.clamp(min=0))
            log_probabilities.append(logs.masked_fill(own < 0, -torch.inf)[:, 0].cpu().numpy())
    return [Predictions(*map(np.concatenate, one)) for one in found]
