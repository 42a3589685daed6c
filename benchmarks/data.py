"""Synthetic embeddings that resemble CLIP's, and tables of them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from synthdiv.embeddings.table import ROW_GROUP, Embeddings, write_embeddings

WIDTH, CLASSES = 768, 1000


class SyntheticEmbeddings:
    """Embeddings with a common mean, class centres, and a spectrum that decays as the square root of the rank."""

    def __init__(self, seed: int = 0) -> None:
        rng = np.random.default_rng(seed)
        self.scale = ((1 + np.arange(WIDTH)) ** -0.5).astype(np.float32)
        self.scale /= np.sqrt((self.scale**2).mean())
        self.base = 1.2 * rng.normal(size=WIDTH).astype(np.float32)
        self.centres = (0.5 * rng.normal(size=(CLASSES, WIDTH))).astype(np.float32) * self.scale

    def sample(self, first: int, count: int, total: int, seed: int) -> Embeddings:
        """Sample rows ``first`` to ``first + count`` of a set of ``total``, sorted by class."""
        rng = np.random.default_rng([seed, first])
        ids = np.arange(first, first + count) * CLASSES // total
        rows = 0.9 * rng.standard_normal((count, WIDTH), dtype=np.float32) * self.scale + self.base + self.centres[ids]
        rows /= np.linalg.norm(rows, axis=1, keepdims=True)
        return Embeddings(ids, np.arange(first, first + count), rows.astype(np.float16), np.ones(count, np.float32))

    def sample_blocks(self, count: int, seed: int) -> Iterator[Embeddings]:
        """Sample a set of ``count`` rows in blocks."""
        for first in range(0, count, ROW_GROUP):
            yield self.sample(first, min(ROW_GROUP, count - first), count, seed)


def write_tables(folder: Path, source: SyntheticEmbeddings, count: int, seed: int) -> list[Path]:
    """Write a set as Parquet shards of the training split, about 100,000 rows each."""
    paths, waiting = [], []
    for block in source.sample_blocks(count, seed):
        waiting.append(block)
        if len(waiting) == 12:
            paths.append(_write(folder / f"{count}-{len(paths):03}.parquet", waiting))
            waiting = []
    if waiting:
        paths.append(_write(folder / f"{count}-{len(paths):03}.parquet", waiting))
    return paths


def _write(path: Path, blocks: list[Embeddings]) -> Path:
    ids, indices, vectors, lengths = (
        np.concatenate([getattr(block, name) for block in blocks]) for name in ("class_ids", "indices", "vectors", "lengths")
    )
    write_embeddings(path, ids, ["train"] * len(ids), indices, vectors, lengths, {})
    return path
