"""Killed jobs keep their finished work, and a rerun gives the same result as an undisturbed run.

Smaller tests: test_shards.py, test_files.py and test_training.py in tests/unit, tests/faults/test_machine.py, and the
checkpoint in test_edited_study.py; on Slurm, tests/slurm.
"""

import os
import signal
import subprocess
import time

import psutil
import pytest
from safetensors.torch import load_file
from small_study import RECIPE, count_generated, make_place, read_images

from synthdiv.core.manifests import read_manifest

pytestmark = pytest.mark.full


def test_a_killed_generation_job_resumes_with_the_same_result(tmp_path, monkeypatch):
    target = "results/small/images/disamb/g2.5/c0-1.parquet"
    counts = {"images_per_class": {"train": 240, "evaluation": 10}}
    killed = tmp_path / "killed"
    killed.mkdir()
    place = make_place(killed, **counts)
    process = subprocess.Popen(place.command(target), cwd=killed, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    deadline = time.time() + 180
    while len(list((killed / "archive").rglob("*.tar"))) < 3:
        assert time.time() < deadline, "no block was generated in three minutes"
        assert process.poll() is None, "the job ended before it could be killed"
        time.sleep(0.01)
    for victim in [*psutil.Process(process.pid).children(recursive=True), psutil.Process(process.pid)]:
        victim.send_signal(signal.SIGKILL)
    process.wait()
    blocks = {path: path.stat().st_mtime_ns for path in (killed / "archive").rglob("*.tar")}
    assert 3 <= len(blocks) < 12
    assert not (killed / target).exists()
    place.run("--unlock")
    place.run(target)
    assert all(path.stat().st_mtime_ns == time for path, time in blocks.items())
    new, copied, found = count_generated(place)["disamb/g2.5/c0-1"]
    assert (copied, new + found) == (0, 500)
    assert found >= 110
    undisturbed = tmp_path / "undisturbed"
    undisturbed.mkdir()
    make_place(undisturbed, **counts).run(target)
    results = []
    for folder in (killed, undisturbed):
        monkeypatch.chdir(folder)
        results.append(read_images(target))
    assert results[0] == results[1]


def test_a_killed_training_job_repeats_no_finished_run_and_resumes_the_interrupted_one(place):
    """Snakemake deletes a killed job's outputs, but not the finished runs that they would name."""
    folder = place.results / "classifiers" / "tiny" / "Natural-IM"
    first, second, model = (folder / f"seed{seed}" / "model.safetensors" for seed in (5, 6, 7))
    target = "results/small/classifiers/tiny/Natural-IM/weights_5-6-7.json"
    keys = {"recipe": RECIPE | {"epochs": 100}, "checkpoint_minutes": 0, "seeds": [5, 6, 7], "seeds_per_job": 3}
    place.config["classifiers"]["tiny"] |= keys
    place.write_config()
    place.run(target)
    before = load_file(model)
    model.unlink()
    times = [path.stat().st_mtime_ns for path in (first, second)]
    running = subprocess.Popen(
        place.command(target, "--force"), cwd=place.folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    checkpoint = model.with_name("checkpoint.pt")
    deadline = time.monotonic() + 120
    while not checkpoint.exists():
        assert time.monotonic() < deadline
        assert running.poll() is None
        time.sleep(0.01)
    for process in psutil.Process(running.pid).children(recursive=True):
        if "train_classifier.py" in " ".join(process.cmdline()):
            os.kill(process.pid, signal.SIGKILL)
    output, _ = running.communicate(timeout=120)
    assert running.returncode != 0, output
    assert checkpoint.exists()
    assert not model.exists()
    assert not (place.folder / target).exists()
    place.run(target)
    log = (place.results / "logs" / "train_classifier" / "tiny" / "Natural-IM" / "5-6-7.log").read_text()
    assert "resuming from the checkpoint of step" in log
    assert [path.stat().st_mtime_ns for path in (first, second)] == times
    assert read_manifest(place.folder / target) == [str(path.relative_to(place.folder)) for path in (first, second, model)]
    after = load_file(model)
    assert max(float((before[name].float() - after[name].float()).abs().max()) for name in before) <= 1e-6
    assert not checkpoint.exists()
