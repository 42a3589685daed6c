"""Measure the time and memory in which Snakemake plans the ImageNet study, by the number of jobs: `make bench`.

For comparison, a workflow of two trivial rules with as many jobs: the time that Snakemake itself takes.
"""

from __future__ import annotations

import csv
import os
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import polars as pl
import yaml
from timing import show, widen_tables

REPOSITORY = Path(__file__).parents[1]
SNAKEMAKE = Path(sys.executable).with_name("snakemake")
SIZES = (10, 5, 2, 1, 0)
"""Classes per shard; 0 is one class and many more guidance scales."""
MANY_SCALES = [1 + 0.5 * n for n in range(32)]
"""Guidance scales that, with one class per shard, make more than 50,000 jobs."""
TRIVIAL = """
rule all:
    input: expand("second/{n}", n=range(%d))
rule first:
    output: "first/{n}"
    shell: "touch {output}"
rule second:
    input: "first/{n}"
    output: "second/{n}"
    shell: "touch {output}"
"""


def make_workspace(folder: Path) -> None:
    """Make up an ImageNet, and link the workflow's resources."""
    with open(REPOSITORY / "resources/prompts/imagenet/classes.csv", newline="", encoding="utf-8") as file:
        keys = [row["key"] for row in csv.DictReader(file)]
    for split in ("train", "val"):
        for key in keys:
            (folder / "imagenet" / split / key).mkdir(parents=True)
            (folder / "imagenet" / split / key / "1.JPEG").touch()
    (folder / "resources").symlink_to(REPOSITORY / "resources")


def plan(command: list[str], folder: Path) -> tuple[int, float, float]:
    """Return the jobs, seconds and megabytes of a dry-run."""
    start = time.monotonic()
    with subprocess.Popen(
        [str(SNAKEMAKE), *command, "-n", "--quiet", "rules"],
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        text = process.stdout.read()
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit(f"the dry-run failed: {text}")
    jobs = re.findall(r"^total\s+(\d+)$", text, flags=re.MULTILINE)
    return int(jobs[-1]), round(time.monotonic() - start, 1), round(usage.ru_maxrss / 1024, 1)


def main() -> None:
    """Plan each size with our workflow and the trivial one in turn."""
    widen_tables()
    config = yaml.safe_load((REPOSITORY / "config/imagenet.yaml").read_text())
    rows = []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        make_workspace(folder)
        for profile in ("local", "slurm"):
            for size in SIZES:
                config["classes_per_shard"] = size or 1
                config["datasets"]["sweep"]["guidance_scales"] = [1.5, 2.0, 3.5, 5.0, 10.0] if size else MANY_SCALES
                (folder / "study.yaml").write_text(yaml.safe_dump(config))
                ours = ["--snakefile", str(REPOSITORY / "Snakefile"), "--profile", str(REPOSITORY / "profiles" / profile)]
                jobs, seconds, megabytes = plan([*ours, "--configfile", "study.yaml"], folder)
                (folder / "Snakefile").write_text(TRIVIAL % (jobs // 2))
                _, least, _ = plan(["--cores", "1", "--scheduler", "greedy"], folder)
                rows.append((profile, jobs, seconds, megabytes, least))
                print(rows[-1], flush=True)
    table = pl.DataFrame(rows, schema=["profile", "jobs", "seconds", "mb", "seconds_of_two_trivial_rules"], orient="row")
    output = REPOSITORY / "results" / "benchmarks"
    output.mkdir(parents=True, exist_ok=True)
    show(table, output / "planning.csv")


if __name__ == "__main__":
    main()
