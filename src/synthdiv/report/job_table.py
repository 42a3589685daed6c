"""Tabulate and plot the time and resources of a study's jobs, from Snakemake's benchmark files and the jobs' logs."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from matplotlib.figure import Figure
from matplotlib.ticker import NullFormatter

from synthdiv.core.jobs import STARTED, WORK
from synthdiv.core.tables import read_table
from synthdiv.report.figures import spread_evenly

SCHEMA = {
    "rule": pl.String,
    "job": pl.String,
    "attempts": pl.Int32,
    "seconds": pl.Float64,
    "cpu_seconds": pl.Float64,
    "max_rss_mb": pl.Float64,
    "read_mb": pl.Float64,
    "written_mb": pl.Float64,
    "images": pl.Int64,
    "work_seconds": pl.Float64,
    "images_per_s": pl.Float64,
    "device": pl.String,
    "gpu_peak_mb": pl.Float64,
    "slurm_job": pl.Int64,
}
"""Null where unknown: only jobs that process images report how many, in how many seconds (without loading models), and on
which device."""


def tabulate_jobs(benchmarks: Path | str, logs: Path | str) -> pl.DataFrame:
    """Tabulate the last run of every finished job, with one row per job.

    Parameters
    ----------
    benchmarks, logs : Path or str
        The study's folders, in which a job has the same path: ``<rule>/<wildcards>`` or ``<rule>``.

    Returns
    -------
    polars.DataFrame
        The columns of :data:`SCHEMA`, sorted by rule and job. ``attempts`` counts those since the job last finished: more
        than one if it failed, was interrupted or was requeued.
    """
    rows = []
    for path in sorted(Path(benchmarks).rglob("*.jsonl")):
        place = path.relative_to(benchmarks).with_suffix("")
        lines = path.read_text().splitlines()
        if not lines:  # the job is running
            continue
        measured = json.loads(lines[-1])
        row: dict[str, Any] = {
            "rule": place.parts[0],
            "job": "/".join(place.parts[1:]),
            "seconds": _read_number(measured["s"]),
            "cpu_seconds": _read_number(measured["cpu_time"]),
            "max_rss_mb": _read_number(measured["max_rss"]),
            "read_mb": _read_number(measured["io_in"]),
            "written_mb": _read_number(measured["io_out"]),
        }
        rows.append(row | _read_log(Path(logs) / f"{place}.log"))
    return pl.DataFrame(rows, schema=SCHEMA).sort("rule", "job")


def _read_number(value: Any) -> float | None:
    """Return a number, or None for the "NA" that Snakemake writes if a job was too short to measure."""
    return float(value) if isinstance(value, (int, float)) else None


def _read_log(path: Path) -> dict[str, Any]:
    if not path.exists():
        return {}
    text = path.read_text(errors="replace")
    metadata: dict[str, Any] = {"attempts": text.count(STARTED)}
    if numbers := re.findall(rf"{STARTED}.*, Slurm job (\d+)", text):
        metadata["slurm_job"] = int(numbers[-1])
    works = [json.loads(line) for line in re.findall(rf"{re.escape(WORK)}(.*)$", text, flags=re.MULTILINE)]
    if works:  # several if the job trained a classifier with several seeds
        images, seconds = sum(work["images"] for work in works), sum(work["seconds"] for work in works)
        metadata |= {"images": images, "work_seconds": seconds, "images_per_s": images / seconds if seconds else None}
    for work in works:
        metadata |= {key: work[key] for key in ("device", "gpu_peak_mb") if key in work}
    return metadata


def plot_jobs(jobs: pl.DataFrame) -> Figure:
    """Plot a row per rule: the total time of its jobs, and each job's time, memory and images per second.

    Parameters
    ----------
    jobs : polars.DataFrame
        From :func:`tabulate_jobs`.
    """
    sums = jobs.group_by("rule").agg(pl.col("seconds").sum(), n=pl.len()).sort("seconds", "rule")
    rules = sums["rule"].to_list()
    figure = Figure(figsize=(11, 0.9 + 0.24 * len(rules)), layout="constrained")
    axes = figure.subplots(1, 4, sharey=True)
    places = np.arange(len(rules))
    hours = float(sums["seconds"].sum()) >= 2 * 3600
    axes[0].barh(places, sums["seconds"].to_numpy() / (3600 if hours else 60), color="0.6")
    axes[0].set_xlabel(f"total over jobs, {'hours' if hours else 'minutes'}")
    axes[0].set_ylim(-1, len(rules))
    axes[0].set_yticks(places, [f"{rule} ({n})" for rule, n in sums.select("rule", "n").iter_rows()])
    panels = (
        ("seconds", "seconds per job"),
        ("max_rss_mb", "peak memory per job, MB"),
        ("images_per_s", "images per second"),
    )
    for ax, (column, label) in zip(axes[1:], panels, strict=True):
        for place, rule in zip(places, rules, strict=True):
            values = jobs.filter(rule=rule)[column].drop_nulls().sort()
            shown = values[spread_evenly(len(values), 500)] if len(values) else values
            ax.plot(shown, np.full(len(shown), place), "o", markersize=3, alpha=0.5, color="C0")
        if jobs[column].drop_nulls().len():
            ax.set_xscale("log")
            ax.xaxis.set_major_formatter("{x:,g}")  # the default formats powers of ten as formulas
            ax.xaxis.set_minor_formatter(NullFormatter())
        ax.set_xlabel(label)
        ax.grid(axis="x", linewidth=0.4, color="0.85")
    return figure


def draw_jobs(files: Any) -> Figure:
    """Draw the time and resources of jobs."""
    return plot_jobs(read_table(files.table, SCHEMA))
