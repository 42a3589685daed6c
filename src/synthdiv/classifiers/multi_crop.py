"""Train a classifier on several random crops of an image, large and small, each with the image's label.

The augmentation is DINO's, built from torchvision's transforms, which draw all random numbers from torch's global generator.
It differs in two ways. The blur is torchvision's; DINO uses Pillow's, which approximates a Gaussian. And all crops of a kind
get the same augmentation, as in the group's supervised training on ImageNet-SD: DINO, which compares the crops of an image
with each other, always blurs the first of two global crops and solarizes only the second.

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
"""Cut-off of the largest blur, in standard deviations."""


class CropKind(NamedTuple):
    """Crops of one size: their number, their side in pixels, and the transform from an RGB image."""

    number: int
    side: int
    transform: Callable[[Image.Image], Image.Image]


class MultiCrop:
    """Transform an RGB image into its crops.

    A loader's batch is one tensor, but crops have two sizes. So the crops of an image are packed into one row of pixels,
    and :meth:`separate` splits a batch of such rows into crops.

    Parameters
    ----------
    spec : mapping
        A recipe's ``multi_crop``.
    image_size : int
        Side of global crops in pixels, unless their ``size`` is set.

    Attributes
    ----------
    kinds : list of CropKind
        Global crops, and local crops if there are any.
    number : int
        Crops per image.
    shape : (int, int, int)
        Shape of an image's row: 3, 1, and the pixels of all its crops.
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
        """Return the crops: for each kind a uint8 array of shape (number, 3, side, side)."""
        return [
            np.stack([np.asarray(kind.transform(image)).transpose(2, 0, 1) for _ in range(kind.number)])
            for kind in self.kinds
        ]

    def __call__(self, image: Image.Image) -> np.ndarray:
        """Return the crops as a row: uint8 array of shape (3, 1, pixels)."""
        rows = [crops.transpose(1, 0, 2, 3).reshape(3, 1, -1) for crops in self.crop(image)]
        return np.concatenate(rows, axis=2)

    def separate(self, images: torch.Tensor, labels: torch.Tensor) -> list[tuple[torch.Tensor, torch.Tensor]]:
        """Return one batch of crops and their labels per kind; the crops of an image are consecutive.

        Parameters
        ----------
        images : tensor of shape (n, 3, 1, pixels)
            Rows of crops.
        labels : tensor of shape (n, ...)
            Labels of the images.

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
    """Return the transform from an RGB image to a crop of one kind.

    Parameters
    ----------
    spec : mapping
        A recipe's ``multi_crop``.
    kind : mapping
        Its ``global`` or ``local``.
    side : int
        In pixels.
    """
    # edges are padded by reflection, so the kernel must not be wider than the crop allows
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
