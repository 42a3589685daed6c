"""Snakemake's faults, mended: a study that runs stays locked when other runs end, and the scheduler rests between jobs."""

import re
import subprocess
import sys

import pytest
import small_study

PROMPTS = "results/small/prompts/synset.csv"


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """Return a folder in which another study runs, by its locks, after this one has run."""
    place = small_study.make_place(tmp_path_factory.mktemp("locks") / "place")
    place.lock = place.folder / ".snakemake" / "locks" / "0.output.lock"
    place.lock.parent.mkdir(parents=True)
    place.lock.write_text("results/other/prompts/synset.csv\n")
    place.run(PROMPTS)
    return place


def test_the_end_of_a_run_keeps_the_locks_of_others(place):
    assert place.lock.exists()


@pytest.mark.parametrize("targets", [(PROMPTS,), ("grid",)], ids=["nothing to do", "grid"])
def test_so_does_a_run_without_locks_of_its_own(place, targets):
    place.lock.parent.mkdir(exist_ok=True)
    place.lock.write_text("results/other/prompts/synset.csv\n")
    place.run(*targets)
    assert place.lock.exists()
    assert list(place.lock.parent.iterdir()) == [place.lock]


def test_a_study_that_runs_is_still_refused_after_another_run_has_ended(place):
    place.lock.parent.mkdir(exist_ok=True)
    place.lock.write_text(f"{PROMPTS}\n")
    place.run("grid")
    done = place.run(PROMPTS, "--force", check=False)
    assert done.returncode != 0
    assert "Directory cannot be locked" in done.stdout
    assert place.lock.exists()


def test_unlock_removes_all_locks(place):
    place.run("--unlock")
    assert not place.lock.exists()
    place.run(PROMPTS, "--force")


COUNTED = """
import time
from snakemake.scheduling.job_scheduler import JobScheduler
from synthdiv.operations.snakemake_faults import mend_snakemake
MEND
start, looks, select = time.monotonic(), [], JobScheduler.job_selector
JobScheduler.job_selector = lambda scheduler, jobs: looks.append(1) or select(scheduler, jobs)
rule all:
    input: expand("{n}.txt", n=range(20))
rule write:
    output: "{n}.txt"
    shell: "sleep 0.3; touch {output}"
onsuccess:
    print("looks beyond one a job and second:", len(looks) - 20 - int(time.monotonic() - start))
"""


@pytest.mark.parametrize(("mend", "mended"), [("mend_snakemake()", True), ("", False)], ids=["mended", "as Snakemake is"])
def test_the_scheduler_looks_for_jobs_when_one_ends_and_once_a_second(tmp_path, mend, mended):
    """Twenty jobs run one after another. Snakemake itself looks ever more often; once it does not, nothing is to mend."""
    (tmp_path / "Snakefile").write_text(COUNTED.replace("MEND", mend))
    command = [sys.executable, "-m", "snakemake", "--cores", "1", "--scheduler", "greedy"]
    done = subprocess.run(command, cwd=tmp_path, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=True)
    (looks,) = re.findall(r"looks beyond one a job and second: (-?\d+)", done.stdout)
    assert (int(looks) <= 3) == mended
