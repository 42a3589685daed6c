"""Several random crops of an image, large and small, each of which a classifier is trained on with the image's label.

The augmentation is DINO's, made of torchvision's transforms: they draw every random number from torch's global generator. It
differs in two things. The blur is torchvision's; DINO's is Pillow's, which approximates a Gaussian. And all crops of a kind
are augmented alike, as by the group that trained on ImageNet-SD with labels: DINO, which compares the crops of an image with
one another, always blurs the first of two global crops and solarizes the second alone.

References
----------
M. Caron et al., "Emerging Properties in Self-Supervised Vision Transformers" (2021), arXiv:2104.14294.
M. B. Sariyildiz et al., "No Reason for No Supervision" (2023), arXiv:2206.15369, and its code, github.com/naver/trex.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import numpy as np
import torch
from PIL import Image
from torchvision import transforms

SOLARIZED_FROM = 128
"""Brighter values are inverted."""
BLUR_REACH = 3
"""Standard deviations after which the largest blur is cut off."""


class CropKind(NamedTuple):
    """Crops of one size: how many, their side in pixels, and what makes one from an RGB image."""

    number: int
    side: int
    transform: Callable[[Image.Image], Image.Image]


class MultiCrop:
    """From an RGB image to its crops.

    A loader's batch is one tensor, and crops come in two sizes. So the crops of an image travel as one row of pixels, and
    :meth:`separate` takes a batch of such rows apart.

    Parameters
    ----------
    spec : mapping
        A recipe's ``multi_crop``.
    image_size : int
        Pixels of the side of global crops, where their ``size`` says nothing else.

    Attributes
    ----------
    kinds : list of CropKind
        Global and local crops; without the latter where there are none.
    number : int
        Crops of an image.
    shape : (int, int, int)
        Of an image's row: 3, 1, and the pixels of all its crops.
    """

    def __init__(self, spec: Mapping[str, Any], image_size: int) -> None:
        self.kinds = []
        for kind in (spec["global"], spec["local"]):
            side = kind["size"] or image_size
            if kind["number"]:
                self.kinds.append(CropKind(kind["number"], side, build_crop(spec, kind, side)))
        self.number = sum(kind.number for kind in self.kinds)
        self._pixels = [kind.number * kind.side**2 for kind in self.kinds]
        self.shape = (3, 1, sum(self._pixels))

    def crop(self, image: Image.Image) -> list[np.ndarray]:
        """The crops: for each kind a uint8 array of shape (number, 3, side, side)."""
        return [
            np.stack([np.asarray(kind.transform(image)).transpose(2, 0, 1) for _ in range(kind.number)])
            for kind in self.kinds
        ]

    def __call__(self, image: Image.Image) -> np.ndarray:
        """The crops as a row: uint8 array of shape (3, 1, pixels)."""
        rows = [crops.transpose(1, 0, 2, 3).reshape(3, 1, -1) for crops in self.crop(image)]
        return np.concatenate(rows, axis=2)

    def separate(self, images: torch.Tensor, labels: torch.Tensor) -> list[tuple[torch.Tensor, torch.Tensor]]:
        """Crops and their labels: for each kind a batch of its own, the crops of an image one after the other.

        Parameters
        ----------
        images : tensor of shape (n, 3, 1, pixels)
            Rows.
        labels : tensor of shape (n, ...)
            Of the images.

        Returns
        -------
        list of (tensor of shape (n * number, 3, side, side), tensor of shape (n * number, ...))
        """
        groups = []
        for row, kind in zip(images.flatten(2).split(self._pixels, dim=2), self.kinds, strict=True):
            crops = row.unflatten(2, (kind.number, kind.side, kind.side)).transpose(1, 2).flatten(0, 1)
            groups.append((crops, labels.repeat_interleave(kind.number, dim=0)))
        return groups


def build_crop(spec: Mapping[str, Any], kind: Mapping[str, Any], side: int) -> transforms.Compose:
    """What makes a crop of one kind from an RGB image.

    Parameters
    ----------
    spec : mapping
        A recipe's ``multi_crop``.
    kind : mapping
        Its ``global`` or its ``local``.
    side : int
        Pixels.
    """
    # a kernel is mirrored at the edges, so it must not reach beyond the crop
    reach = min(math.ceil(BLUR_REACH * spec["blur_sigma"][1]), side - 1)
    jitter = transforms.ColorJitter(*spec["color_jitter"])
    blur = transforms.GaussianBlur(2 * reach + 1, sigma=spec["blur_sigma"])
    interpolation = transforms.InterpolationMode(spec["interpolation"])
    return transforms.Compose(
        [
            transforms.RandomResizedCrop(side, scale=kind["scale"], interpolation=interpolation),
            transforms.RandomHorizontalFlip(spec["flip"]),
            transforms.RandomApply([jitter], p=spec["color_jitter_probability"]),
            transforms.RandomGrayscale(spec["grayscale"]),
            transforms.RandomApply([blur], p=kind["blur"]),
            transforms.RandomSolarize(SOLARIZED_FROM, p=kind["solarize"]),
        ]
    )
