"""A study that runs stays locked while other runs in its folder start and end."""

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
