"""Time the metrics against their peers, and measure how the time and memory of exact neighbours grow."""

from __future__ import annotations

import argparse
import contextlib
import io
import os
import subprocess
import sys
import tempfile
import threading
import time
import warnings
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from itertools import chain
from pathlib import Path
from typing import Any

import faiss
import numpy as np
import polars as pl
import prdc
import torch
from data import SyntheticEmbeddings, write_tables
from matplotlib.figure import Figure
from sklearn.neighbors import NearestNeighbors
from timing import Comparison, run_comparisons, show, time_task, widen_tables
from torchmetrics.image.fid import _compute_fid
from torchmetrics.image.kid import poly_mmd
from vendi_score import vendi

from synthdiv.core.jobs import limit_threads
from synthdiv.embeddings.table import EmbeddingTables
from synthdiv.metrics.frechet import compute_frechet_distance, measure_moments
from synthdiv.metrics.kernel_distance import compute_kernel_distance, sum_kernels
from synthdiv.metrics.neighbours import find_nearest
from synthdiv.metrics.precision_recall import measure_manifold
from synthdiv.metrics.vendi import compute_vendi_score, measure_similarity

QUERIES, K = 1000, 5
FULL = {"references": 1_200_000, "queries": 50_000, "experiments": 30, "width": 768}
"""The paper's matrix: its 30 experiments with k-NN, as if every reference were an image set."""


def compare_neighbours(source: SyntheticEmbeddings) -> Iterator[Comparison]:
    """Compare exact neighbours with faiss (fp32, not exact) and scikit-learn."""
    queries = source.sample(0, QUERIES, QUERIES, seed=2)
    bound = 0.8 if torch.cpu._is_avx512_bf16_supported() else 1.25
    for count in (100_000, 300_000):
        blocks = list(source.sample_blocks(count, seed=1))
        center = np.mean([block.vectors.astype(np.float64).mean(axis=0) for block in blocks], axis=0)
        wide = np.concatenate([block.vectors for block in blocks]).astype(np.float32)
        wide_queries = queries.vectors.astype(np.float32)

        ours = partial(find_nearest, queries, blocks, K, center=center)
        by_faiss = partial(faiss.knn, wide_queries, wide, K, metric=faiss.METRIC_INNER_PRODUCT)
        yield Comparison(f"neighbours, {count} references", "faiss.knn (fp32)", ours, by_faiss, bound)
        # in fp64, in which its neighbours are exact, like ours
        search = NearestNeighbors(n_neighbors=K, metric="cosine", algorithm="brute").fit(wide.astype(np.float64))
        by_sklearn = partial(search.kneighbors, wide_queries.astype(np.float64))
        yield Comparison(f"neighbours, {count} references", "scikit-learn brute force (fp64)", ours, by_sklearn, 0.2)


def compare_set_metrics(source: SyntheticEmbeddings) -> Iterator[Comparison]:
    """Compare the set metrics with their peers, on the same fp64 features."""
    real, fake = (source.sample(0, 4000, 4000, seed=s).vectors.astype(np.float64) for s in (1, 2))

    def by_prdc() -> Any:
        with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):  # prdc prints
            warnings.simplefilter("ignore")
            return prdc.compute_prdc(real, fake, nearest_k=5)

    yield Comparison("precision, recall, density, coverage", "prdc", lambda: measure_manifold(real, fake), by_prdc, 0.6)
    moments = [measure_moments(one) for one in (real, fake)]
    tensors = [torch.from_numpy(x) for one in moments for x in (one.mean, one.covariance)]
    yield Comparison(
        "Frechet distance from moments",
        "torchmetrics",
        lambda: compute_frechet_distance(*map(replace, moments)),  # copies, because moments cache their roots
        lambda: _compute_fid(*tensors),
        None,
    )
    pair = [torch.from_numpy(one) for one in (real, fake)]
    yield Comparison(
        "kernel distance over all pairs",
        "torchmetrics poly_mmd",
        lambda: compute_kernel_distance(*sum_kernels(real, [fake])),
        lambda: poly_mmd(*pair),
        None,
    )
    yield Comparison(
        "Vendi score",
        "vendi_score.score_dual",
        lambda: compute_vendi_score(measure_similarity(real)),
        lambda: vendi.score_dual(real, normalize=True),
        None,
    )


def measure_growth(source: SyntheticEmbeddings) -> pl.DataFrame:
    """Measure the seconds of exact neighbours by the number of references, and of queries."""
    rows = []
    for count, n_queries in ((30_000, 1000), (100_000, 1000), (300_000, 1000), (100_000, 8000), (100_000, 20_000)):
        queries = source.sample(0, n_queries, n_queries, seed=2)
        blocks = list(source.sample_blocks(count, seed=1))
        center = np.mean([block.vectors.astype(np.float64).mean(axis=0) for block in blocks], axis=0)
        find_nearest(queries[:10], blocks[:1], K, center=center)
        wall = time.perf_counter()
        cpu = time_task(partial(find_nearest, queries, blocks, K, center=center))
        wall = time.perf_counter() - wall
        rows.append(
            {"references": count, "queries": n_queries, "cpu_seconds": round(cpu, 3), "wall_seconds": round(wall, 3)}
        )
    return pl.DataFrame(rows)


def extrapolate(growth: pl.DataFrame, threads: int) -> pl.DataFrame:
    """Extrapolate to the full matrix from the largest measurement, and compare with the hardware's peak."""
    last = growth.row(-1, named=True)
    products = 2 * FULL["width"] * FULL["references"] * FULL["queries"] * FULL["experiments"]
    measured = 2 * FULL["width"] * last["references"] * last["queries"]
    size = 4096
    a, b = (torch.randn(size, size).bfloat16() for _ in range(2))
    torch.mm(a, b)
    start = time.perf_counter()
    for _ in range(4):
        torch.mm(a, b)
    peak = 4 * 2 * size**3 / (time.perf_counter() - start)
    return pl.DataFrame(
        [
            {"what": "FLOP of the matrix's k-NN", "value": float(products), "how": "computed: 2 d n m, 30 experiments"},
            {
                "what": f"hours on this CPU with {threads} threads",
                "value": last["wall_seconds"] * products / measured / 3600,
                "how": f"extrapolated from {last['references']} x {last['queries']}, measured",
            },
            {
                "what": "hours at this CPU's matrix product alone",
                "value": products / peak / 3600,
                "how": f"computed from {peak / 1e12:.2f} TFLOP/s of torch.mm in bf16, measured",
            },
            {
                "what": "hours at the peak of one H100 or H200 in bf16",
                "value": products / 989e12 / 3600,
                "how": "computed from the manufacturer's 989 TFLOP/s, dense; not measured",
            },
        ]
    )


def plot_growth(growth: pl.DataFrame, path: Path) -> None:
    """Plot CPU seconds against query-reference pairs, on logarithmic axes."""
    figure = Figure(figsize=(5, 3.5), layout="constrained")
    axes = figure.subplots()
    for label, part in (
        ("1,000 queries", growth.filter(queries=1000)),
        ("100,000 references", growth.filter(references=100_000)),
    ):
        axes.loglog(part["references"] * part["queries"], part["cpu_seconds"], marker="o", label=label)
    axes.set_xlabel("query-reference pairs")
    axes.set_ylabel("CPU seconds")
    axes.legend(frameon=False)
    axes.spines[["top", "right"]].set_visible(False)
    figure.savefig(path, dpi=150)


def read_anonymous_memory() -> float:
    """Return the megabytes of anonymous memory of this process."""
    status = Path("/proc/self/status").read_text()
    return int(status.split("RssAnon:")[1].split()[0]) / 1024


def measure_memory(paths: list[str], queries: int) -> None:
    """Print the peak of anonymous memory above that after the imports, while finding neighbours (run as a process)."""
    limit_threads(2)
    source = SyntheticEmbeddings()
    find_nearest(source.sample(0, 10, 10, seed=2), source.sample_blocks(8192, seed=1), K, engine="torch")  # loads libraries
    query_set = source.sample(0, queries, queries, seed=2)
    before = read_anonymous_memory()
    peak = [before]
    done = threading.Event()

    def watch() -> None:
        while not done.wait(0.01):
            peak[0] = max(peak[0], read_anonymous_memory())

    watcher = threading.Thread(target=watch)
    watcher.start()
    center = query_set.vectors[:1000].astype(np.float64).mean(axis=0)
    find_nearest(query_set, EmbeddingTables(paths, "train"), K, center=center, engine="torch")
    done.set()
    watcher.join()
    print(f"{peak[0] - before:.1f}")


RETURN_MEMORY = {
    "ARROW_DEFAULT_MEMORY_POOL": "system",
    "MALLOC_ARENA_MAX": "1",
    "MALLOC_MMAP_THRESHOLD_": "65536",
    "MALLOC_TRIM_THRESHOLD_": "65536",
}
"""Settings with which the allocators return freed memory at once: what they keep for later varies between runs."""


def run_memory(source: SyntheticEmbeddings, queries: int) -> pl.DataFrame:
    """Measure the peak at 300,000 and at 1,200,000 references, streamed from Parquet."""
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        for count in (300_000, 1_200_000):
            paths = write_tables(Path(folder), source, count, seed=1)
            command = [sys.executable, __file__, "--memory-of", *map(str, paths), "--queries", str(queries)]
            done = subprocess.run(command, capture_output=True, text=True, check=True, env=os.environ | RETURN_MEMORY)
            rows.append({"references": count, "queries": queries, "peak_anonymous_mb": float(done.stdout.split()[-1])})
            for path in paths:
                path.unlink()
    return pl.DataFrame(rows)


def main() -> None:
    """Run the requested parts and write the tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--output", type=Path, default=Path("results/benchmarks"))
    parser.add_argument("--only", nargs="*", choices=["ratios", "growth", "memory"], default=["ratios", "growth", "memory"])
    parser.add_argument("--queries", type=int, default=50_000, help="number of queries of the memory measurement")
    parser.add_argument("--memory-of", nargs="*", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.memory_of:
        measure_memory(options.memory_of, options.queries)
        return
    limit_threads(options.threads)
    torch.set_num_threads(options.threads)
    faiss.omp_set_num_threads(options.threads)
    options.output.mkdir(parents=True, exist_ok=True)
    source = SyntheticEmbeddings()
    widen_tables()
    if "ratios" in options.only:
        run_comparisons(chain(compare_neighbours(source), compare_set_metrics(source)), options.output / "ratios.csv")
    if "growth" in options.only:
        growth = measure_growth(source)
        show(growth, options.output / "growth.csv")
        plot_growth(growth, options.output / "growth.png")
        show(extrapolate(growth, options.threads), options.output / "full_scale.csv")
    if "memory" in options.only:
        show(run_memory(source, options.queries), options.output / "memory.csv")


if __name__ == "__main__":
    main()
