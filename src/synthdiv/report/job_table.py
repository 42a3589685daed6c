"""Tabulate the time and resources of a study's jobs, from Snakemake's benchmark files and the jobs' logs."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import polars as pl

from synthdiv.core.jobs import CPU_SECONDS, STARTED, WORK

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
    if seconds := re.findall(rf"{CPU_SECONDS}([\d.]+)$", text, flags=re.MULTILINE):
        metadata["cpu_seconds"] = float(seconds[-1])
    works = [json.loads(line) for line in re.findall(rf"{re.escape(WORK)}(.*)$", text, flags=re.MULTILINE)]
    if works:  # several if the job trained a classifier with several seeds
        images, worked = sum(work["images"] for work in works), sum(work["seconds"] for work in works)
        metadata |= {"images": images, "work_seconds": worked, "images_per_s": images / worked if worked else None}
    for work in works:
        metadata |= {key: work[key] for key in ("device", "gpu_peak_mb") if key in work}
    return metadata
