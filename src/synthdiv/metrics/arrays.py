"""The few operations that arrays of numpy and tensors of torch name differently, so that one text serves both."""

from __future__ import annotations

from typing import Any

import numpy as np


class NumpyArrays:
    """Arrays on the CPU, without the import of torch."""

    def load(self, array: np.ndarray) -> Any:
        """Put an array on the device."""
        return array

    def fetch(self, array: Any) -> np.ndarray:
        """Return an array of the device as one of numpy."""
        return array

    def find_true(self, mask: Any) -> tuple[np.ndarray, np.ndarray]:
        """Return the rows and columns where a matrix is true, in their order."""
        return np.divmod(np.flatnonzero(mask), mask.shape[1])

    def keep_smallest(self, parts: list[Any], k: int) -> Any:
        """Return the k smallest values of each row of matrices side by side; the largest of them is the last."""
        joined = np.concatenate(parts, axis=1)
        return np.partition(joined, k - 1, axis=1)[:, :k]


NUMPY = NumpyArrays()


class TorchArrays(NumpyArrays):
    """Tensors on a device.

    Parameters
    ----------
    device : str
        A torch device.
    """

    def __init__(self, device: str) -> None:
        import torch

        torch.set_float32_matmul_precision("highest")  # error bounds assume fp32 products
        self.torch, self.device = torch, torch.device(device)

    def load(self, array: np.ndarray) -> Any:
        """Put an array on the device."""
        return self.torch.from_numpy(np.ascontiguousarray(array)).to(self.device)

    def fetch(self, array: Any) -> np.ndarray:
        """Return a tensor as an array of numpy."""
        return array.cpu().numpy()

    def find_true(self, mask: Any) -> tuple[np.ndarray, np.ndarray]:
        """Return the rows and columns where a matrix is true, in their order."""
        return np.divmod(self.fetch(mask.reshape(-1).nonzero().reshape(-1)), mask.shape[1])

    def keep_smallest(self, parts: list[Any], k: int) -> Any:
        """Return the k smallest values of each row of matrices side by side; the largest of them is the last."""
        return self.torch.cat(parts, dim=1).topk(k, dim=1, largest=False, sorted=True).values


def choose_arrays(device: str) -> NumpyArrays:
    """Return the arrays of a device: numpy's for "cpu"."""
    return NUMPY if device == "cpu" else TorchArrays(device)
