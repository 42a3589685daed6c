"""Which image each draw of a training takes: an endless stream that the seed alone determines.

Draw n is the same however many processes share the work, and after a training was stopped and resumed.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np


class TrainingSampler:
    """A stream of images from one or more parts.

    An epoch has as many draws as there are images. Each part has its share of them, by its weight; it gives its images in a
    random order, and each of them once before any a second time. Then the epoch's draws are shuffled.

    Parameters
    ----------
    sizes : sequence of int
        Images of each part.
    weights : sequence of float
        The parts' shares of the draws, relative to one another. The sizes themselves let every image be seen equally often.
    seed : int
        Of the order.
    """

    def __init__(self, sizes: Sequence[int], weights: Sequence[float], seed: int) -> None:
        self.sizes = list(sizes)
        self.length = sum(sizes)
        self.seed = seed
        self.counts = apportion(self.length, weights)
        self._epoch: tuple[int, np.ndarray] = (-1, np.empty(0, dtype=np.int64))

    def epoch(self, number: int) -> np.ndarray:
        """The draws of an epoch: int64 array of shape (length,), places in the parts laid one after the other."""
        if self._epoch[0] != number:
            chosen = [self._take(part, number * count, count) for part, count in enumerate(self.counts)]
            order = np.random.default_rng([self.seed, 0, number]).permutation(self.length)
            self._epoch = (number, np.concatenate(chosen)[order])
        return self._epoch[1]

    def _take(self, part: int, start: int, count: int) -> np.ndarray:
        """Some of the stream of a part, which is one random order of its images after the other."""
        size, offset = self.sizes[part], sum(self.sizes[:part])
        passes = range(start // size, -(-(start + count) // size)) if count else range(0)
        orders = [np.random.default_rng([self.seed, 1 + part, number]).permutation(size) for number in passes]
        skipped = start - passes.start * size if orders else 0
        return offset + np.concatenate([np.empty(0, dtype=np.int64), *orders])[skipped : skipped + count]

    def iterate_batches(self, start: int, stop: int, size: int, *, first: int = 0, every: int = 1) -> Iterator[list]:
        """Batches of (draw, place) for draws ``start`` to ``stop``: those of one process of several.

        Parameters
        ----------
        start, stop : int
            Draws; a whole number of batches lies between them.
        size : int
            Draws a batch.
        first, every : int
            This process's rank, and how many processes take turns.
        """
        for batch in range(start + first * size, stop, every * size):
            sampler = np.arange(batch, batch + size)
            epochs, places = np.divmod(sampler, self.length)
            images = np.concatenate([self.epoch(int(epoch))[places[epochs == epoch]] for epoch in np.unique(epochs)])
            yield list(zip(sampler.tolist(), images.tolist(), strict=True))


def apportion(total: int, weights: Sequence[float]) -> list[int]:
    """Divide a number in proportion to weights, by largest remainders."""
    exact = np.asarray(weights, dtype=np.float64) / sum(weights) * total
    counts = np.floor(exact).astype(np.int64)
    for n in np.argsort(counts - exact, kind="stable")[: total - int(counts.sum())]:
        counts[n] += 1
    return [int(count) for count in counts]
