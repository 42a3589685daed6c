"""Sample the images of a training: an endless stream determined by the seed alone.

Sample n is the same for any number of processes, and after a training was interrupted and resumed.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np


class TrainingSampler:
    """Stream of images from one or more parts.

    An epoch has as many samples as there are images. Each part contributes in proportion to its weight; its images come in
    random order, all of them once before any is repeated. Then the epoch's samples are shuffled.

    Parameters
    ----------
    sizes : sequence of int
        Number of images in each part.
    weights : sequence of float
        Relative shares of the parts in the samples. With the sizes as weights, every image is seen equally often.
    seed : int
        Seed of the order.
    """

    def __init__(self, sizes: Sequence[int], weights: Sequence[float], seed: int) -> None:
        self.sizes = list(sizes)
        self.length = sum(sizes)
        self.seed = seed
        self.counts = apportion(self.length, weights)
        self._epoch: tuple[int, np.ndarray] = (-1, np.empty(0, dtype=np.int64))

    def epoch(self, number: int) -> np.ndarray:
        """Return the samples of an epoch: int64 array of shape (length,), positions in the concatenated parts."""
        if self._epoch[0] != number:
            chosen = [self._take(part, number * count, count) for part, count in enumerate(self.counts)]
            order = np.random.default_rng([self.seed, 0, number]).permutation(self.length)
            self._epoch = (number, np.concatenate(chosen)[order])
        return self._epoch[1]

    def _take(self, part: int, start: int, count: int) -> np.ndarray:
        """Return a slice of a part's stream, which concatenates random permutations of its images."""
        size, offset = self.sizes[part], sum(self.sizes[:part])
        passes = range(start // size, -(-(start + count) // size)) if count else range(0)
        orders = [np.random.default_rng([self.seed, 1 + part, number]).permutation(size) for number in passes]
        skipped = start - passes.start * size if orders else 0
        return offset + np.concatenate([np.empty(0, dtype=np.int64), *orders])[skipped : skipped + count]

    def iterate_batches(self, start: int, stop: int, size: int, *, first: int = 0, every: int = 1) -> Iterator[list]:
        """Yield one process's batches of (sample number, position) for samples ``start`` to ``stop``.

        Parameters
        ----------
        start, stop : int
            Sample numbers, a whole number of batches apart.
        size : int
            Samples per batch.
        first, every : int
            Rank of this process, and number of processes, which take turns.
        """
        for batch in range(start + first * size, stop, every * size):
            numbers = np.arange(batch, batch + size)
            epochs, offsets = np.divmod(numbers, self.length)
            images = np.concatenate([self.epoch(int(epoch))[offsets[epochs == epoch]] for epoch in np.unique(epochs)])
            yield list(zip(numbers.tolist(), images.tolist(), strict=True))


def apportion(total: int, weights: Sequence[float]) -> list[int]:
    """Divide a number in proportion to weights, by largest remainders."""
    exact = np.asarray(weights, dtype=np.float64) / sum(weights) * total
    counts = np.floor(exact).astype(np.int64)
    for n in np.argsort(counts - exact, kind="stable")[: total - int(counts.sum())]:
        counts[n] += 1
    return [int(count) for count in counts]
