"""Base class of all encoders: parallel decoding of images, batches of constant size, unit vectors in fp16.

Libraries preprocess images one by one, with the last two steps in floating point. Here, these two steps run on the device
for a whole batch: the loader's workers return bytes, which need a quarter of the memory, and the values are the same.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from PIL import Image
from torch import nn
from torch.utils.data import DataLoader
from torchvision.transforms import Compose, Normalize, PILToTensor, ToTensor
from tqdm import tqdm

from synthdiv.core.devices import limit_batch
from synthdiv.core.errors import StudyError
from synthdiv.core.jobs import ignore_sigterm
from synthdiv.images.torch_dataset import ImageDataset

DTYPES = {"fp32": torch.float32, "fp16": torch.float16, "bf16": torch.bfloat16}


class Features(NamedTuple):
    """The output of an encoder.

    Attributes
    ----------
    vectors : float16 array of shape (n, d)
        Unit vectors.
    lengths : float32 array of shape (n,)
        Lengths of the encoder's vectors before they were normalised.
    """

    vectors: np.ndarray
    lengths: np.ndarray


class Encoder:
    """A loaded model that embeds images.

    Parameters
    ----------
    spec : mapping
        An entry of the config's ``encoders``.
    device : torch.device
        The device to compute on.
    model : Module
        The model, on the device.
    preprocess : torchvision.transforms.Compose
        The library's transform of an RGB image to a tensor; its last two steps are ToTensor and Normalize.
    encode : callable
        From a batch of such tensors to a tensor of shape (n, d).
    """

    version: str
    """Version of the model's library."""

    def __init__(
        self, spec: Mapping[str, Any], device: torch.device, *, model: nn.Module, preprocess: Compose, encode: Callable
    ) -> None:
        self.batch_size: int = spec["batch_size"]
        self.dtype = DTYPES[spec["precision"]]
        self.device = device
        # CPUs convolve images whose channels come last faster
        self.layout = torch.channels_last if device.type == "cpu" else torch.contiguous_format
        self.model: Any = model.to(memory_format=self.layout).eval()
        *steps, to_tensor, self.normalize = preprocess.transforms
        assert isinstance(to_tensor, ToTensor)
        assert isinstance(self.normalize, Normalize)
        self.preprocess = Compose([*steps, PILToTensor()])
        self.encode = encode
        height, width = self.preprocess(Image.new("RGB", (64, 64))).shape[1:]
        self.rows = limit_batch(self.batch_size, height, width, device)

    def prepare(self, batch: torch.Tensor) -> torch.Tensor:
        """Convert images in bytes, shape (n, 3, height, width), to the model's input, on the device."""
        values = batch.to(self.device, torch.float32, non_blocking=True).div_(255)
        return self.normalize(values).to(self.dtype, memory_format=self.layout)

    def embed_batch(self, batch: torch.Tensor) -> Features:
        """Embed images in bytes, shape (n, 3, height, width)."""
        return run_batch(batch, lambda part: self.encode(self.prepare(part)), self.rows, self.device)

    @torch.inference_mode()
    def embed_images(self, rows: Mapping[str, Sequence], *, workers: int) -> Features:
        """Embed the images of index rows.

        Parameters
        ----------
        rows : mapping of column name to sequence
            As :func:`synthdiv.images.index.locate_images` returns them.
        workers : int
            Number of processes that read and decode while the model computes; with 0, this process does it.

        Returns
        -------
        Features
            In the order of the rows.

        Raises
        ------
        StudyError
            If there are no rows.
        """
        if not len(rows["file"]):
            raise StudyError(
                "no image is left to embed: do all of them carry an excluded flag? (tables/flags.csv counts them)"
            )
        loader = DataLoader(
            ImageDataset(rows, self.preprocess),
            batch_size=self.batch_size,
            num_workers=workers,
            pin_memory=self.device.type == "cuda",
            prefetch_factor=4 if workers else None,
            worker_init_fn=ignore_sigterm,
        )
        parts = []
        with tqdm(total=len(rows["file"]), unit="image", desc="embed", mininterval=2) as progress:
            for batch, _ in loader:
                parts.append(self.embed_batch(batch))
                progress.update(len(batch))
        return join_features(parts)


def run_batch(batch: torch.Tensor, encode: Callable, rows: int, device: torch.device) -> Features:
    """Encode a batch, so many rows at once; the last ones are padded, so that no row's result depends on their number."""
    parts = []
    for part in batch.to(device, non_blocking=True).split(rows):
        missing = rows - len(part)
        padded = torch.cat([part, part[-1:].expand(missing, *part.shape[1:])]) if missing else part
        parts.append(measure_lengths(encode(padded)[: len(part)].float()))
    return join_features(parts)


def measure_lengths(features: torch.Tensor) -> Features:
    """Return the unit vectors and lengths of a model's vectors, float32 of shape (n, d); a zero vector stays zero."""
    lengths = torch.linalg.vector_norm(features, dim=1)
    units = features / torch.where(lengths > 0, lengths, 1)[:, None]
    return Features(units.half().cpu().numpy(), lengths.cpu().numpy())


def join_features(parts: Sequence[Features]) -> Features:
    """Concatenate features."""
    vectors, lengths = zip(*parts, strict=True)
    return Features(np.concatenate(vectors), np.concatenate(lengths))


def name_model(model: str) -> str:
    """Return a model's name for open_clip and timm: "local-dir:<folder>" for a folder, anything else unchanged."""
    return f"local-dir:{model}" if Path(model).is_dir() else model
