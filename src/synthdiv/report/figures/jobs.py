"""Plot the time and resources of jobs."""

from __future__ import annotations

from typing import Any

import numpy as np
import polars as pl
from matplotlib.figure import Figure
from matplotlib.ticker import NullFormatter

from synthdiv.core.tables import read_table
from synthdiv.report.figures.style import spread_evenly
from synthdiv.report.job_table import SCHEMA


def plot_jobs(jobs: pl.DataFrame) -> Figure:
    """Plot a row per rule: the total time of its jobs, and each job's time, memory and images per second.

    Parameters
    ----------
    jobs : polars.DataFrame
        From :func:`synthdiv.report.job_table.tabulate_jobs`.
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
