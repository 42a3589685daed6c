"""Options of Snakemake with which a run would never end, or not start, and where it was started."""

import pytest
import small_study


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    return small_study.make_place(tmp_path_factory.mktemp("options") / "place")


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (("--cores", "0"), "--cores is 0: give it at least 1, or all"),
        (("--cores", "-1"), "--cores is -1: give it at least 1, or all"),
        (("--jobs", "0"), "--jobs is 0: give it at least 1"),
        (("--executor", "slurm", "--jobs", "4", "--local-cores", "0"), "--local-cores is 0: give it at least 1"),
    ],
)
def test_no_job_could_start(place, options, sentence):
    """Snakemake would wait for ever for a free core."""
    done = place.plan("generate", *options, check=False)
    assert done.returncode == 1
    assert sentence in done.stdout
    assert "Traceback" not in done.stdout
