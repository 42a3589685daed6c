"""Present index rows as a torch dataset: read an image from its place in a file, decode it and transform it."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch.utils.data import Dataset

from synthdiv.images.archive import read_image
from synthdiv.images.flags import decode_image


class ImageDataset(Dataset):
    """The decoded, transformed images of index rows.

    Parameters
    ----------
    rows : mapping of column name to sequence
        From :func:`synthdiv.images.index.locate_images`: ``file``, ``offset``, ``size``, ``digest`` and ``class_id``. A
        column of a million numbers is one buffer that the loader's workers share.
    transform : callable
        From an RGB image to a value that the loader can collate.
    """

    def __init__(self, rows: Mapping[str, Sequence], transform: Callable[..., Any]) -> None:
        self.rows = rows
        self.transform = transform

    def __len__(self) -> int:
        return len(self.rows["file"])

    def __getitem__(self, n: int) -> tuple[Any, int]:
        rows = self.rows
        place = str(rows["file"][n]), int(rows["offset"][n]), int(rows["size"][n])
        image = decode_image(read_image(*place, bytes(rows["digest"][n])))
        return self.transform(image), int(rows["class_id"][n])


class SampledImages(Dataset):
    """Images as the training samples them: an image's augmentation depends only on the seed and the number of the draw.

    timm's and torchvision's transforms use the global random generators, so these are seeded for each image: neither the
    number of workers nor an interruption of the training changes the augmentation.

    Parameters
    ----------
    images : ImageDataset
        The images to sample from.
    seed : int
        The training's seed.
    """

    def __init__(self, images: ImageDataset, seed: int) -> None:
        self.images = images
        self.seed = seed

    def __getitem__(self, sample: tuple[int, int]) -> tuple[Any, int]:
        draw, n = sample
        seed_randomness(self.seed, draw)
        return self.images[n]


def seed_randomness(*numbers: int) -> None:
    """Seed the global generators of Python, numpy and torch, which timm's transforms and torch's dropout use."""
    first, second, third = (int(word) for word in np.random.SeedSequence(numbers).generate_state(3))
    random.seed(first)
    np.random.seed(second)  # noqa: NPY002 - timm uses the legacy generator
    torch.random.default_generator.manual_seed(third)
    if torch.cuda.is_initialized():
        torch.cuda.manual_seed_all(third)
