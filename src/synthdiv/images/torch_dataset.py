"""Index rows as a torch dataset: any image by its place in a file, decoded and transformed; what a loader's workers run."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch.utils.data import Dataset

from synthdiv.core.errors import StudyError
from synthdiv.images.archive import read_bytes
from synthdiv.images.flags import decode_image


class ImageDataset(Dataset):
    """The images of index rows.

    Parameters
    ----------
    rows : mapping of column name to sequence
        ``file``, ``offset`` and ``size``, and for labelled images ``class_id``: a list, a numpy array or a pyarrow column
        each. A column of a million numbers is one piece of memory that the loader's workers share.
    transform : callable
        From an RGB image to what the model's loader wants.
    """

    def __init__(self, rows: Mapping[str, Sequence], transform: Callable[..., Any]) -> None:
        self.rows = rows
        self.transform = transform

    def __len__(self) -> int:
        return len(self.rows["file"])

    def __getitem__(self, n: int) -> tuple[Any, int]:
        rows = self.rows
        file, offset = str(rows["file"][n]), int(rows["offset"][n])
        try:
            image = decode_image(read_bytes(file, offset, int(rows["size"][n])))
        except ValueError as error:
            raise StudyError(
                f"the image at byte {offset} of {file} decoded when it was indexed, and does not any more ({error}). If the "
                "file is the archive's, delete it: the next run says how it is made again"
            ) from None
        return self.transform(image), int(rows["class_id"][n])


class SampledImages(Dataset):
    """Images as a training draws them: what the augmentation does to one is a function of the seed and the draw's number.

    timm's and torchvision's transforms take their random numbers from the global generators, so these are seeded for each
    image: neither the number of workers nor a training that was stopped and resumed makes a difference.

    Parameters
    ----------
    images : ImageDataset
        What is drawn from.
    seed : int
        The training's.
    """

    def __init__(self, images: ImageDataset, seed: int) -> None:
        self.images = images
        self.seed = seed

    def __getitem__(self, drawn: tuple[int, int]) -> tuple[Any, int]:
        draw, n = drawn
        seed_randomness(self.seed, draw)
        return self.images[n]


def seed_randomness(*numbers: int) -> None:
    """Seed the global generators (of Python, numpy and torch) that timm's transforms and torch's dropout draw from."""
    first, second, third = (int(word) for word in np.random.SeedSequence(numbers).generate_state(3))
    random.seed(first)
    np.random.seed(second)  # noqa: NPY002 - timm draws from the legacy generator
    torch.random.default_generator.manual_seed(third)
    if torch.cuda.is_initialized():
        torch.cuda.manual_seed_all(third)
