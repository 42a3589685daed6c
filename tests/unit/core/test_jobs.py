"""Test a job's log over several attempts, and its end by SIGTERM, each in a separate process as with Snakemake."""

import os
import re
import signal
import subprocess
import sys

import pytest


def run_job(log, body, **environment):
    """Run a job, after removing its log as Snakemake does."""
    log.unlink(missing_ok=True)
    code = f"from synthdiv.core.jobs import *\nfrom synthdiv.core.errors import StudyError\nstart_job({str(log)!r})\n{body}"
    known = {name: value for name, value in os.environ.items() if not name.startswith(("SLURM_", "CUDA_"))}
    return subprocess.run([sys.executable, "-c", code], env=known | environment).returncode


STOPPED = "import os, signal, time\nos.kill(os.getpid(), signal.SIGTERM)\ntime.sleep(60)"


@pytest.mark.parametrize(
    ("body", "status", "message"),
    [
        ("raise StudyError('no such thing')", 1, "error: no such thing"),
        ("1 / 0", 1, "ZeroDivisionError"),
        (STOPPED, 128 + signal.SIGTERM, "stopped by SIGTERM; finished work is kept"),
        ("import os, signal\nprint('begun', flush=True)\nos.kill(os.getpid(), signal.SIGKILL)", -signal.SIGKILL, "begun"),
    ],
)
def test_the_log_of_a_failed_attempt_is_kept(tmp_path, body, status, message):
    log = tmp_path / "logs" / "rule.log"
    assert run_job(log, body) == status
    assert message in log.read_text()
    assert "finished after" not in log.read_text()
    assert run_job(log, "print('second')") == 0
    assert message in log.read_text()
    assert log.read_text().count("started on") == 2
    assert run_job(log, "print('third')") == 0
    assert message not in log.read_text()
    assert "second" not in log.read_text()
    assert log.read_text().count("started on") == 1


def test_the_log_of_a_job_that_fails_again_has_only_its_last_attempt(tmp_path):
    """Snakemake shows the whole log of a failed job; the log of a finished one has all attempts."""
    log = tmp_path / "rule.log"
    for number in ("first", "second", "third"):
        assert run_job(log, f"raise StudyError('the {number} mistake')") == 1
        assert [line for line in log.read_text().splitlines() if "mistake" in line] == [f"error: the {number} mistake"]
        assert log.read_text().count("started on") == 1
    assert run_job(log, "print('done')") == 0
    words = [line.split()[-2] for line in log.read_text().splitlines() if "mistake" in line]
    assert words == ["first", "second", "third"]
    assert log.read_text().count("started on") == 4
    assert "done\n" in log.read_text().rpartition("started on")[2]
    assert list(tmp_path.iterdir()) == [log]


def test_the_log_names_the_slurm_job(tmp_path):
    log = tmp_path / "rule.log"
    run_job(log, "", SLURM_JOB_ID="12", CUDA_VISIBLE_DEVICES="0,1")
    assert ", Slurm job 12, GPUs 0,1\n" in log.read_text()
    run_job(log, "")
    assert "Slurm" not in log.read_text()


LOADER = """
import os, signal
import psutil
from torch.utils.data import DataLoader
def read(loader):
    seen = []
    for batch in loader:
        seen += batch.tolist()
        if len(seen) == 8:  # as with Slurm: all processes of a job at once
            workers = psutil.Process().children()
            for worker in workers:
                worker.send_signal(signal.SIGTERM)
            psutil.wait_procs(workers, timeout=PATIENCE)  # until they have died, if they do
    return seen
assert read(DataLoader(range(64), batch_size=4, num_workers=2, worker_init_fn=INIT)) == list(range(64))
"""


def test_a_data_loaders_workers_ignore_sigterm(tmp_path):
    assert run_job(tmp_path / "with.log", LOADER.replace("INIT", "ignore_sigterm").replace("PATIENCE", "1")) == 0
    # without it the parent fails before it can write its results
    assert run_job(tmp_path / "without.log", LOADER.replace("INIT", "None").replace("PATIENCE", "120")) == 1


def test_a_log_names_the_outputs_of_a_job_that_fails(tmp_path):
    log = tmp_path / "job.log"
    run_job(log, "raise StudyError('no')")
    assert "will write: " not in log.read_text()
    run_job(log, f"start_job({str(log)!r}, outputs=['a.csv', 'b.csv'])\nraise StudyError('no')")
    assert "will write: a.csv, b.csv\n" in log.read_text()
    assert "wrote: " not in log.read_text()


def test_a_job_has_no_input(tmp_path):
    """As in `yes | snakemake`."""
    code = f"from synthdiv.core.jobs import start_job\nstart_job({str(tmp_path / 'job.log')!r})\nprint('answer:', input())"
    done = subprocess.run([sys.executable, "-c", code], input="y\n", text=True)
    assert done.returncode == 1
    log = (tmp_path / "job.log").read_text()
    assert "EOFError" in log
    assert "answer" not in log.replace("print('answer:'", "")


def test_a_log_has_the_cpu_time_of_the_job_and_of_the_processes_that_it_started(tmp_path):
    log = tmp_path / "job.log"
    spin = "import time\nwhile time.process_time() < {}: pass"
    child = f"import subprocess, sys\nsubprocess.run([sys.executable, '-c', {spin.format(1)!r}])\n"
    assert run_job(log, child + spin.format(1.5)) == 0
    (seconds,) = re.findall(r"CPU time in s: ([\d.]+)$", log.read_text(), flags=re.MULTILINE)
    assert 2.5 <= float(seconds) < 4  # only the imports of the two processes come on top
