"""What the jobs of a study took, from Snakemake's benchmark files and from what the jobs say in their logs."""

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
"""Null where it is not known: only jobs that work on images say how many, in how many seconds (the loading of models apart),
and on which device."""


def tabulate_jobs(benchmarks: Path | str, logs: Path | str) -> pl.DataFrame:
    """A row a job that finished, as it was last done.

    Parameters
    ----------
    benchmarks, logs : Path or str
        The study's folders, in which a job has the same place: ``<rule>/<wildcards>`` or ``<rule>``.

    Returns
    -------
    polars.DataFrame
        Columns as :data:`SCHEMA` says, by rule and job. ``attempts`` counts those since the job last finished: more than one
        where it failed, was stopped or was put back into the queue.
    """
    rows = []
    for path in sorted(Path(benchmarks).rglob("*.jsonl")):
        place = path.relative_to(benchmarks).with_suffix("")
        lines = path.read_text().splitlines()
        if not lines:  # of a job that is running
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
    """Snakemake writes "NA" of a job that was too short to be measured."""
    return float(value) if isinstance(value, (int, float)) else None


def _read_log(path: Path) -> dict[str, Any]:
    if not path.exists():
        return {}
    text = path.read_text(errors="replace")
    metadata: dict[str, Any] = {"attempts": text.count(STARTED)}
    if numbers := re.findall(rf"{STARTED}.*, Slurm job (\d+)", text):
        metadata["slurm_job"] = int(numbers[-1])
    for line in re.findall(rf"{re.escape(WORK)}(.*)$", text, flags=re.MULTILINE):
        said = json.loads(line)
        metadata |= {"images": said["images"], "work_seconds": said["seconds"]}
        metadata |= {key: said[key] for key in ("device", "gpu_peak_mb") if key in said}
        metadata["images_per_s"] = said["images"] / said["seconds"] if said["seconds"] else None
    return metadata


def plot_jobs(jobs: pl.DataFrame) -> Figure:
    """A row a rule: its jobs' time together, and each job's time, memory and images a second.

    Parameters
    ----------
    jobs : polars.DataFrame
        As :func:`tabulate_jobs` gives it.
    """
    sums = jobs.group_by("rule").agg(pl.col("seconds").sum(), n=pl.len()).sort("seconds", "rule")
    rules = sums["rule"].to_list()
    figure = Figure(figsize=(11, 0.9 + 0.24 * len(rules)), layout="constrained")
    axes = figure.subplots(1, 4, sharey=True)
    places = np.arange(len(rules))
    hours = float(sums["seconds"].sum()) >= 2 * 3600
    axes[0].barh(places, sums["seconds"].to_numpy() / (3600 if hours else 60), color="0.6")
    axes[0].set_xlabel(f"all jobs of the rule, {'hours' if hours else 'minutes'}")
    axes[0].set_ylim(-1, len(rules))
    axes[0].set_yticks(places, [f"{rule} ({n})" for rule, n in sums.select("rule", "n").iter_rows()])
    panels = (("seconds", "a job, seconds"), ("max_rss_mb", "a job's peak memory, MB"), ("images_per_s", "images a second"))
    for ax, (column, label) in zip(axes[1:], panels, strict=True):
        for place, rule in zip(places, rules, strict=True):
            values = jobs.filter(rule=rule)[column].drop_nulls().sort()
            shown = values[spread_evenly(len(values), 500)] if len(values) else values
            ax.plot(shown, np.full(len(shown), place), "o", markersize=3, alpha=0.5, color="C0")
        if jobs[column].drop_nulls().len():
            ax.set_xscale("log")
            ax.xaxis.set_major_formatter("{x:,g}")  # powers of ten would be set as formulas
            ax.xaxis.set_minor_formatter(NullFormatter())
        ax.set_xlabel(label)
        ax.grid(axis="x", linewidth=0.4, color="0.85")
    return figure
