"""Present index rows as a torch dataset: read an image from its place in a file, decode it and transform it."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch.utils.data import Dataset, get_worker_info

from synthdiv.images.archive import read_image
from synthdiv.images.flags import decode_image

KEPT_PIXELS = 32 * 2**20
"""Maximum number of pixels that a process and its data loader's workers keep, at four bytes each."""


class DecodedImages:
    """Decoded images of this process, by the digest of their bytes: the first ones that fit.

    A training samples its images in random order, so replacing kept images by newer ones would gain nothing.
    """

    def __init__(self) -> None:
        self.images: dict[bytes, Image.Image] = {}
        self.pixels = 0

    def decode(self, file: str, offset: int, size: int, digest: bytes) -> Image.Image:
        """Return the image at a place in a file, decoded now or earlier."""
        kept = self.images.get(digest)
        if kept is not None:
            return kept.copy()  # a transform may change its image
        image = decode_image(read_image(file, offset, size, digest))
        worker = get_worker_info()
        if self.pixels + image.width * image.height <= KEPT_PIXELS // (worker.num_workers if worker is not None else 1):
            self.images[digest] = image.copy()
            self.pixels += image.width * image.height
        return image


_decoded = DecodedImages()


class ImageDataset(Dataset):
    """The decoded, transformed images of index rows.

    Parameters
    ----------
    rows : mapping of column name to sequence
        From :func:`synthdiv.images.index.locate_images`: ``file``, ``offset``, ``size``, ``digest`` and ``class_id``. A
        column of a million numbers is one buffer that the loader's workers share.
    transform : callable
        From an RGB image to a value that the loader can collate.
    keep : bool
        Whether to keep decoded images in memory, up to a limit, for whoever reads images several times.
    """

    def __init__(self, rows: Mapping[str, Sequence], transform: Callable[..., Any], *, keep: bool = False) -> None:
        self.rows = rows
        self.transform = transform
        self.keep = keep

    def __len__(self) -> int:
        return len(self.rows["file"])

    def __getitem__(self, n: int) -> tuple[Any, int]:
        rows = self.rows
        place = str(rows["file"][n]), int(rows["offset"][n]), int(rows["size"][n]), bytes(rows["digest"][n])
        image = _decoded.decode(*place) if self.keep else decode_image(read_image(*place))
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
