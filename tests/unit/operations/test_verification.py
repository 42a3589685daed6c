"""Which jobs of a study did not finish, by their logs, and which records of environments are damaged."""

import pytest

from synthdiv.core.jobs import FINISHED, STARTED, WRITES, WROTE
from synthdiv.operations.verification import verify_study

START = f"{STARTED} node7\n{WRITES}results/s/a.csv\n"
END = f"{WROTE}[]\n{FINISHED} 0.1 s\n"


@pytest.mark.parametrize("name", ["generate_images/synset/g7.5/c0-2.log", "tabulate_metrics.log"])
@pytest.mark.parametrize(
    "output", ["", "error: no such thing\n", "stopped by SIGTERM\n"], ids=["killed", "failed", "stopped"]
)
def test_a_job_without_an_end_is_named_by_its_log(tmp_path, name, output):
    log = tmp_path / "logs" / name
    log.parent.mkdir(parents=True)
    log.write_text(START + output)
    (tmp_path / "logs" / "count_flags.log").write_text(START + END)
    found = verify_study(tmp_path, threads=1)
    assert (found.unfinished, found.problems) == ([str(log)], [])
    log.write_text(log.read_text() + START + END)
    assert verify_study(tmp_path, threads=1).unfinished == []


@pytest.mark.parametrize("name", ["verify.log", "grid.log", "remove_unused.log"])
def test_a_target_without_results_misses_none(tmp_path, name):
    (tmp_path / "logs").mkdir()
    (tmp_path / "logs" / name).write_text(f"{STARTED} node7\n")
    assert verify_study(tmp_path, threads=1).unfinished == []


def test_a_damaged_record_of_an_environment_is_a_problem(tmp_path):
    path = tmp_path / "environments" / "0123456789ab.json"
    path.parent.mkdir()
    path.write_text("[]")
    assert verify_study(tmp_path, threads=1).problems == [f"the record of an environment {path} is damaged: delete it"]
