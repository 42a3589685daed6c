"""The table of jobs, from benchmark files and logs as Snakemake and the jobs write them."""

import json

import polars as pl

from synthdiv.report.figures.jobs import plot_jobs
from synthdiv.report.job_table import SCHEMA, tabulate_jobs

MEASURED = {"s": 20.0, "max_rss": 900.25, "io_in": 3.5, "io_out": 1.5, "h:m:s": "0:00:20"}
LOG = """2026-01-01 10:00:00 INFO started on a, Slurm job 3
2026-01-01 10:00:10 WARNING stopped by SIGTERM; finished work is kept, and the next attempt resumes
2026-01-01 10:01:00 INFO started on b, Slurm job 4, GPUs 0
2026-01-01 10:01:19 INFO work: {"device": "NVIDIA H100", "gpu_peak_mb": 5000.5, "images": 50, "seconds": 10.0}
2026-01-01 10:01:20 INFO CPU time in s: 31.25
2026-01-01 10:01:20 INFO finished after 20.0 s
"""


def write_job(folder, place, measured, log=None):
    path = folder / "benchmarks" / f"{place}.jsonl"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("" if measured is None else json.dumps(measured) + "\n")
    if log is not None:
        path = folder / "logs" / f"{place}.log"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(log)


def test_one_row_per_job(tmp_path):
    write_job(tmp_path, "generate_images/a/g2.5/c0-9", MEASURED, LOG)
    write_job(tmp_path, "check_prompts", MEASURED | {"max_rss": "NA"}, "2026-01-01 10:00:00 INFO started on a\n")
    write_job(tmp_path, "generate_images/a/g7.5/c0-9", None)
    table = tabulate_jobs(tmp_path / "benchmarks", tmp_path / "logs")
    assert table.schema == SCHEMA
    first, second = table.to_dicts()
    assert first == dict.fromkeys(SCHEMA) | {
        "rule": "check_prompts",
        "job": "",
        "attempts": 1,
        "seconds": 20.0,
        "read_mb": 3.5,
        "written_mb": 1.5,
    }
    assert second == {
        "rule": "generate_images",
        "job": "a/g2.5/c0-9",
        "attempts": 2,
        "seconds": 20.0,
        "cpu_seconds": 31.25,
        "max_rss_mb": 900.25,
        "read_mb": 3.5,
        "written_mb": 1.5,
        "images": 50,
        "work_seconds": 10.0,
        "images_per_s": 5.0,
        "device": "NVIDIA H100",
        "gpu_peak_mb": 5000.5,
        "slurm_job": 4,
    }


def test_the_last_run_of_a_job_counts(tmp_path):
    write_job(tmp_path, "check_prompts", MEASURED)
    with open(tmp_path / "benchmarks" / "check_prompts.jsonl", "a") as file:
        file.write(json.dumps(MEASURED | {"s": 3.0}) + "\n")
    assert tabulate_jobs(tmp_path / "benchmarks", tmp_path / "logs")["seconds"].to_list() == [3.0]


def test_a_study_without_jobs_or_without_images_is_plotted(tmp_path):
    empty = tabulate_jobs(tmp_path / "benchmarks", tmp_path / "logs")
    assert empty.schema == pl.Schema(SCHEMA)
    write_job(tmp_path, "check_prompts", MEASURED)
    figure = plot_jobs(tabulate_jobs(tmp_path / "benchmarks", tmp_path / "logs"))
    assert [label.get_text() for label in figure.axes[0].get_yticklabels()] == ["check_prompts (1)"]
    plot_jobs(empty)


def test_powers_of_ten_are_labelled_as_plain_numbers(tmp_path):
    """Formulas are off, since a class may be called $1: matplotlib's default labels of such an axis would show as source."""
    for number, seconds in enumerate((0.5, 20.0, 4000.0)):
        write_job(tmp_path, f"rule{number}", MEASURED | {"s": seconds})
    figure = plot_jobs(tabulate_jobs(tmp_path / "benchmarks", tmp_path / "logs"))
    figure.draw_without_rendering()
    labels = [label.get_text() for label in figure.axes[1].get_xticklabels(which="both") if label.get_text()]
    assert {"1", "10", "100", "1,000"} <= set(labels)
    assert not [label for label in labels if "$" in label]
