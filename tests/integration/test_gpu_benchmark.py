"""The code of the GPU benchmark runs, on the CPU and with small models."""

import subprocess
import sys

import polars as pl
import pytest
from workplace import REPOSITORY


@pytest.mark.full
def test_the_gpu_benchmark_can_be_rehearsed(tmp_path):
    command = [sys.executable, "benchmarks/gpu.py", "--rehearse", "--output", str(tmp_path)]
    done = subprocess.run(command, cwd=REPOSITORY, text=True, capture_output=True)
    assert done.returncode == 0, done.stderr[-3000:]
    table = pl.read_csv(tmp_path / "rehearsal.csv")
    assert len(table) == 7
    assert (table["ratio"].is_not_null() | table["images_per_s"].is_not_null()).all()
