"""Exact nearest neighbours by cosine, streamed over blocks of references, in one total order; and their vote.

References are ranked by cosine, largest first; equal cosines by a hash of query and class, then by a hash of query and
reference. So ties are broken at random, but identically for any order of the rows.

This is why the search is exact and fast: with a vector c near the references (of unit length) and a vector m near the
queries::

    q.r = p.x + m.x + q.c,    p = q - m, x = r - c,

where q.c is one number per query, m.x one number per reference, and p and x are shorter than q and r, so rounding them
matters less. A low-precision matrix product scores a block, and by the Cauchy-Schwarz inequality its error is at most::

    |p - p~| |x~| + |p| |x - x~| + g |p~| |x~|,    ~ for rounded, g for the rounding of the sum,

all of which are known. Pairs that this bound does not exclude are scored again in fp64, summed in one fixed order.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from synthdiv.embeddings.table import Embeddings
from synthdiv.images.subsets import mix_bits

ROWS = 1024
"""Rows converted, and pairs scored in fp64, at once: few, to fit the cache and to keep peak memory constant."""
SMALL = 2.5e9
"""Multiplications of a block up to which numpy costs less than importing torch."""
SLACK = 1e-6
"""Bound on the fp32 rounding error of centring a block: ``|x|`` is at most 2, and there are four operations."""


@dataclass(frozen=True)
class Neighbours:
    """The nearest references of each query, nearest first.

    Attributes
    ----------
    class_ids, indices : int64 arrays of shape (n, k)
        The references; -1 if there are fewer than k.
    cosines : float64 array of shape (n, k)
        NaN if there are fewer than k.
    """

    class_ids: np.ndarray
    indices: np.ndarray
    cosines: np.ndarray


def find_nearest(
    queries: Embeddings,
    references: Iterable[Embeddings],
    k: int,
    *,
    center: np.ndarray | None = None,
    device: str = "cpu",
    engine: str | None = None,
) -> Neighbours:
    """Return the k nearest references of each query.

    Parameters
    ----------
    queries : Embeddings
        n vectors of d values.
    references : iterable of Embeddings
        Blocks of the reference set, in any order; read once, one at a time.
    k : int
        Number of neighbours; fewer are found if there are fewer references.
    center : float64 array of shape (d,), optional
        Approximate mean of the references: the closer, the faster. It does not change the result.
    device : str
        A torch device.
    engine : {"numpy", "torch"}, optional
        Library of the matrix product; default: by size and device. It does not change the result.

    Returns
    -------
    Neighbours
    """
    best = _Best(queries, k)
    search: _Engine | None = None
    if center is None:
        center = np.zeros(queries.vectors.shape[1])
    for block in references:
        if search is None:
            large = queries.vectors.size * float(len(block)) > SMALL
            kind = engine or ("torch" if device != "cpu" or (large and _has_bf16()) else "numpy")
            search = (
                _TorchEngine(queries.vectors, center, device) if kind == "torch" else _NumpyEngine(queries.vectors, center)
            )
        for rows, columns, scores in search.find(block.vectors, best.worst, k):
            best.add(rows, scores, block.class_ids[columns], block.indices[columns])
    return best.finish()


def _has_bf16() -> bool:
    """Return whether the processor multiplies in bf16, by what Linux says: asking torch would take an import of seconds."""
    with suppress(OSError), open("/proc/cpuinfo") as file:
        flags = next((line.split() for line in file if line.startswith("flags")), [])
        return bool({"avx512_bf16", "amx_tile"} & {*flags})
    return False


def multiply_rows(a: Any, b: Any) -> Any:
    """Return dot products of rows in fp64, each summed in one fixed order: the same bits on any device, in any batch.

    Parameters
    ----------
    a, b : float64 arrays or tensors of shape (m, d)

    Returns
    -------
    float64 array or tensor of shape (m,)
    """
    width = a.shape[1]
    half = width // 2
    if not half:
        return (a * b)[:, 0]
    terms = a[:, :half] * b[:, :half]
    if width % 2:
        terms[:, 0] += a[:, width - 1] * b[:, width - 1]
    terms += a[:, half : 2 * half] * b[:, half : 2 * half]
    width = half
    while width > 1:
        half = width // 2
        if width % 2:
            terms[:, 0] += terms[:, width - 1]
        terms[:, :half] += terms[:, half : 2 * half]
        width = half
    return terms[:, 0]


class _Block(NamedTuple):
    """A block prepared for an engine: rounded, as stored, and with bounds on its rows' lengths and rounding errors.

    ``extra`` bounds the rounding error of m.x; ``squares`` are the exact squared lengths of the rows, NaN until needed.
    """

    rough: Any
    stored: Any
    length: float
    error: float
    extra: float
    squares: np.ndarray


class _Engine:
    """Scores blocks approximately, and pairs that may be among the k best exactly."""

    rounding = 0.0
    """Relative rounding error of a product, in addition to that of its terms and their sum."""
    tile = 2048
    """Queries scored against a block at once."""

    def __init__(self, queries: np.ndarray, center: np.ndarray) -> None:
        self.count, self.width = queries.shape
        self.center = center
        self.lengths, self.offsets = np.empty(self.count), np.empty(self.count)
        for part in split_rows(self.count, ROWS):
            wide = queries[part].astype(np.float64)
            self.lengths[part] = np.sqrt(np.einsum("nd,nd->n", wide, wide)) * (1 + 1e-12)
            self.offsets[part] = wide @ center
        self.errors = np.empty(self.count)

    def _prepare(self, vectors: np.ndarray) -> _Block:
        raise NotImplementedError

    def _multiply(self, part: slice, rough: Any) -> Any:
        """Return approximate products of a tile's queries with a block's references: (queries, references)."""
        raise NotImplementedError

    def _find_kth(self, products: Any, k: int) -> np.ndarray:
        raise NotImplementedError

    def _find_above(self, products: Any, low: np.ndarray, limit: int | None) -> tuple[np.ndarray, np.ndarray] | None:
        """Return where products are at least ``low`` (one value per row), or None if there are more than ``limit``."""
        raise NotImplementedError

    def _pick(self, products: Any, rows: np.ndarray, columns: np.ndarray) -> np.ndarray:
        raise NotImplementedError

    def _multiply_exactly(self, rows: np.ndarray, columns: np.ndarray, stored: Any) -> np.ndarray:
        raise NotImplementedError

    def _measure_exactly(self, columns: np.ndarray, stored: Any) -> np.ndarray:
        raise NotImplementedError

    def find(self, vectors: np.ndarray, worst: np.ndarray, k: int) -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray]]:
        """Yield pairs that may be among the k best, with their exact scores q.r / |r|.

        Parameters
        ----------
        vectors : array of shape (m, d)
            A block of references.
        worst : float64 array of shape (n,)
            The k-th best score of each query so far, or -inf; read again for every tile.
        k : int
            Number of neighbours.

        Yields
        ------
        rows, columns : int64 arrays
            The query and the reference of each pair.
        scores : float64 array
        """
        block = self._prepare(vectors)
        summing = 1.01 * self.width * 2.0**-24
        for part in split_rows(self.count, self.tile):
            products = self._multiply(part, block.rough)
            slack = self.errors[part] * block.length + self.lengths[part] * (block.error + summing * block.length * 1.01)
            slack += block.extra
            low = worst[part] - self.offsets[part] - slack
            pairs = self._find_above(products, low, 32 * k * len(slack)) if np.isfinite(low).all() else None
            if pairs is None:
                if k <= len(vectors):
                    low = np.maximum(low, self._lower(self._find_kth(products, k), slack))
                pairs = self._find_above(products, low, None)
                assert pairs is not None
            rows, columns = self._prune(products, *pairs, slack, k)
            for some in split_rows(len(rows), ROWS):
                yield (
                    rows[some] + part.start,
                    columns[some],
                    self._score(rows[some] + part.start, columns[some], block),
                )

    def _lower(self, kth: np.ndarray, slack: np.ndarray) -> np.ndarray:
        """Return the value that a product must reach, given the k-th largest of some."""
        return kth - self.rounding * np.abs(kth) - 2 * slack

    def _prune(
        self, products: Any, rows: np.ndarray, columns: np.ndarray, slack: np.ndarray, k: int
    ) -> tuple[np.ndarray, np.ndarray]:
        """Remove pairs that k others of the same block certainly beat."""
        values = self._pick(products, rows, columns)
        order = np.lexsort((-values, rows))
        rows, columns, values = rows[order], columns[order], values[order]
        present, starts, counts = np.unique(rows, return_index=True, return_counts=True)
        low = np.full(len(slack), -np.inf)
        full = counts >= k
        low[present[full]] = self._lower(values[starts[full] + k - 1], slack[present[full]])
        kept = values + self.rounding * np.abs(values) >= low[rows]
        return rows[kept], columns[kept]

    def _score(self, rows: np.ndarray, columns: np.ndarray, block: _Block) -> np.ndarray:
        needed = np.unique(columns[np.isnan(block.squares[columns])])
        if len(needed):
            block.squares[needed] = self._measure_exactly(needed, block.stored)
        return self._multiply_exactly(rows, columns, block.stored) / np.sqrt(block.squares[columns])


class _NumpyEngine(_Engine):
    """Products in fp32 by numpy."""

    def __init__(self, queries: np.ndarray, center: np.ndarray) -> None:
        super().__init__(queries, center)
        self.queries = queries
        self.rough = queries.astype(np.float32)
        self.errors[:] = self.lengths * 2.0**-24

    def _prepare(self, vectors: np.ndarray) -> _Block:
        wide = vectors.astype(np.float32)
        wide /= np.sqrt(np.einsum("nd,nd->n", wide, wide))[:, None]
        wide -= self.center.astype(np.float32)
        length = float(np.sqrt(np.einsum("nd,nd->n", wide, wide).max())) + SLACK
        return _Block(wide, vectors, length, SLACK, 0.0, np.full(len(vectors), np.nan))

    def _multiply(self, part: slice, rough: np.ndarray) -> np.ndarray:
        return self.rough[part] @ rough.T

    def _find_kth(self, products: np.ndarray, k: int) -> np.ndarray:
        place = products.shape[1] - k
        return np.partition(products, place, axis=1)[:, place].astype(np.float64)

    def _find_above(self, products: np.ndarray, low: np.ndarray, limit: int | None) -> tuple[np.ndarray, np.ndarray] | None:
        flat = np.flatnonzero(products >= low.astype(np.float32)[:, None])
        return None if limit is not None and len(flat) > limit else np.divmod(flat, products.shape[1])

    def _pick(self, products: np.ndarray, rows: np.ndarray, columns: np.ndarray) -> np.ndarray:
        return products[rows, columns].astype(np.float64)

    def _multiply_exactly(self, rows: np.ndarray, columns: np.ndarray, stored: np.ndarray) -> np.ndarray:
        return multiply_rows(self.queries[rows].astype(np.float64), stored[columns].astype(np.float64))

    def _measure_exactly(self, columns: np.ndarray, stored: np.ndarray) -> np.ndarray:
        wide = stored[columns].astype(np.float64)
        return multiply_rows(wide, wide)


class _TorchEngine(_Engine):
    """Products in bf16 by torch, on a GPU or on a processor with bf16 units."""

    rounding = 2.0**-9

    def __init__(self, queries: np.ndarray, center: np.ndarray, device: str) -> None:
        import torch

        super().__init__(queries, center)
        self.torch = torch
        self.device = torch.device(device)
        if self.device.type != "cpu":
            self.tile = 16384
            torch.backends.cuda.matmul.allow_bf16_reduced_precision_reduction = False  # the bound assumes fp32 sums
        self.queries = torch.from_numpy(np.ascontiguousarray(queries)).to(self.device)
        self.minus_center = -torch.from_numpy(center.astype(np.float32)).to(self.device)
        parts = list(split_rows(self.count, ROWS))
        mean = sum(self.queries[part].double().sum(dim=0) for part in parts) / self.count
        self.mean = mean.float()
        self.mean_length = float(torch.linalg.vector_norm(mean))
        # two further columns hold m.x, rounded, and its rounding error
        self.rough = torch.ones((self.count, self.width + 2), dtype=torch.bfloat16, device=self.device)
        for part in parts:
            wide = self.queries[part].double() - self.mean.double()
            self.rough[part, : self.width] = wide.to(torch.bfloat16)
            self.lengths[part] = torch.linalg.vector_norm(wide, dim=1).cpu().numpy() * (1 + 1e-12)
            wide -= self.rough[part, : self.width].double()
            self.errors[part] = torch.linalg.vector_norm(wide, dim=1).cpu().numpy() * (1 + 1e-12)
        self.spare: dict[str, Any] = {}

    def _reuse(self, name: str, shape: tuple[int, int], dtype: Any) -> Any:
        """Return memory for an intermediate result: fresh pages would cost more than the computation."""
        found = self.spare.get(name)
        if found is None or found.shape[0] < shape[0] or found.shape[1] != shape[1]:
            found = self.spare[name] = self.torch.empty(shape, dtype=dtype, device=self.device)
        return found[: shape[0]]

    def _prepare(self, vectors: np.ndarray) -> _Block:
        norm = self.torch.linalg.vector_norm
        stored = self.torch.from_numpy(np.ascontiguousarray(vectors)).to(self.device)
        rough = self._reuse("rough", (len(vectors), self.width + 2), self.torch.bfloat16)
        lengths, shifts = [], []
        for part in split_rows(len(vectors), ROWS):
            wide = self._reuse("wide", (part.stop - part.start, self.width), self.torch.float32).copy_(stored[part])
            self.torch.addcmul(self.minus_center, wide, 1 / norm(wide, dim=1, keepdim=True), out=wide)
            shift = wide @ self.mean
            rough[part, : self.width] = wide
            rough[part, self.width] = shift
            rough[part, self.width + 1] = shift - rough[part, self.width].float()
            lengths.append(norm(wide, dim=1).max())
            shifts.append(shift.abs().max())
        length = float(max(lengths)) * (1 + 1e-4) + SLACK
        error = self.rounding * length + SLACK
        length += error
        summing = 1.02 * (self.width + 2) * 2.0**-24  # of m.x by itself, and of its two parts in the product's sum
        extra = summing * self.mean_length * length + float(max(shifts)) * (summing + 2.0**-17) + SLACK
        return _Block(rough, stored, length, error, extra, np.full(len(vectors), np.nan))

    def _multiply(self, part: slice, rough: Any) -> Any:
        out = self._reuse("products", (part.stop - part.start, len(rough)), self.torch.bfloat16)
        return self.torch.mm(self.rough[part], rough.T, out=out)

    def _find_kth(self, products: Any, k: int) -> np.ndarray:
        return products.topk(k, dim=1).values[:, -1].double().cpu().numpy()

    def _find_above(self, products: Any, low: np.ndarray, limit: int | None) -> tuple[np.ndarray, np.ndarray] | None:
        # rounding keeps order: a value of at least `low` is at least `low` rounded
        bound = self._move(low).to(products.dtype)[:, None]
        if low.min() > 0:  # then the bits compare in the same order as integers, and faster
            products, bound = products.view(self.torch.int16), bound.view(self.torch.int16)
        mask = self.torch.ge(products, bound, out=self._reuse("mask", tuple(products.shape), self.torch.bool))
        on_cpu = self.device.type == "cpu"  # where numpy is faster
        flat = np.flatnonzero(mask.numpy()) if on_cpu else mask.view(-1).nonzero().view(-1).cpu().numpy()
        return None if limit is not None and len(flat) > limit else np.divmod(flat, products.shape[1])

    def _move(self, numbers: np.ndarray) -> Any:
        return self.torch.from_numpy(numbers).to(self.device)

    def _pick(self, products: Any, rows: np.ndarray, columns: np.ndarray) -> np.ndarray:
        return products[self._move(rows), self._move(columns)].double().cpu().numpy()

    def _multiply_exactly(self, rows: np.ndarray, columns: np.ndarray, stored: Any) -> np.ndarray:
        return multiply_rows(self.queries[self._move(rows)].double(), stored[self._move(columns)].double()).cpu().numpy()

    def _measure_exactly(self, columns: np.ndarray, stored: Any) -> np.ndarray:
        wide = stored[self._move(columns)].double()
        return multiply_rows(wide, wide).cpu().numpy()


class _Best:
    """The k best references of each query so far."""

    def __init__(self, queries: Embeddings, k: int) -> None:
        self.queries = queries
        self.keys = mix_bits(mix_bits(queries.class_ids.astype(np.uint64)) + queries.indices.astype(np.uint64))
        self.scores = np.full((len(queries), k), -np.inf)
        self.class_ids = np.full((len(queries), k), -1)
        self.indices = np.full((len(queries), k), -1)

    @property
    def worst(self) -> np.ndarray:
        """The k-th best score of each query, -inf if there are fewer."""
        return self.scores[:, -1]

    def add(self, rows: np.ndarray, scores: np.ndarray, class_ids: np.ndarray, indices: np.ndarray) -> None:
        """Add scored references: the row of the query, the score, and the reference."""
        better = scores >= self.worst[rows]
        touched = np.unique(rows[better])
        k = self.scores.shape[1]
        rows = np.concatenate([np.repeat(touched, k), rows[better]])
        scores = np.concatenate([self.scores[touched].ravel(), scores[better]])
        class_ids = np.concatenate([self.class_ids[touched].ravel(), class_ids[better]])
        indices = np.concatenate([self.indices[touched].ravel(), indices[better]])
        classes = mix_bits(class_ids.astype(np.uint64))
        by_class = mix_bits(self.keys[rows] ^ classes)
        by_reference = mix_bits(self.keys[rows] ^ mix_bits(classes + indices.astype(np.uint64)))
        order = np.lexsort((by_reference, by_class, -scores, rows))
        first = np.searchsorted(rows[order], touched)
        order = order[first[:, None] + np.arange(k)]  # (touched queries, k): each has at least its k old entries
        self.scores[touched] = scores[order]
        self.class_ids[touched] = class_ids[order]
        self.indices[touched] = indices[order]

    def finish(self) -> Neighbours:
        vectors = self.queries.vectors
        lengths = np.empty(len(vectors))
        for part in split_rows(len(vectors), ROWS):
            wide = vectors[part].astype(np.float64)
            lengths[part] = np.sqrt(multiply_rows(wide, wide))
        found = self.class_ids >= 0
        cosines = np.where(found, self.scores, np.nan) / lengths[:, None]
        return Neighbours(self.class_ids, np.where(found, self.indices, -1), cosines)


def split_rows(count: int, size: int) -> Iterator[slice]:
    """Return slices of ``size`` rows that cover ``count``; the last may be shorter."""
    return (slice(start, min(start + size, count)) for start in range(0, count, size))


def vote(class_ids: np.ndarray) -> np.ndarray:
    """Return the most frequent class among the neighbours; of equally frequent classes, that of the nearest neighbour.

    Parameters
    ----------
    class_ids : int array of shape (n, k)
        The neighbours' classes, nearest first; -1 if there is none.

    Returns
    -------
    int array of shape (n,)
    """
    winners = np.empty(len(class_ids), dtype=class_ids.dtype)
    for part in split_rows(len(class_ids), max(1, 10**7 // class_ids.shape[1] ** 2)):
        listed = class_ids[part]
        same = (listed[:, :, None] == listed[:, None, :]) & (listed >= 0)[:, :, None]
        counts = same.sum(axis=2)  # (n, k): neighbours of the same class
        winners[part] = np.take_along_axis(listed, counts.argmax(axis=1)[:, None], axis=1)[:, 0]
    return winners
