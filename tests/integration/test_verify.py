"""Target verify finds what is damaged in a study's results, in the archive and in natural images."""

from pathlib import Path

import numpy as np
import pytest

from synthdiv.operations.verification import list_written, verify_study

RESULTS = Path("results/small")
ROUNDS = 5


def list_stored():
    """List the files that jobs wrote and the natural images, those with bytes."""
    images = [*Path("natural").rglob("*.png"), *Path("archive").rglob("*.tar")]
    files = [*sorted({Path(file) for file, _ in list_written(RESULTS)}), *sorted(images)]
    return [path for path in files if path.stat().st_size]


def flip(path, generator):
    data = path.read_bytes()
    place = int(generator.integers(len(data)))
    path.write_bytes(data[:place] + bytes([data[place] ^ (1 << int(generator.integers(8)))]) + data[place + 1 :])
    return data


def test_verify_finds_every_flipped_byte(place, monkeypatch):
    monkeypatch.chdir(place.folder)
    whole = verify_study(RESULTS, threads=2)
    assert (whole.problems, whole.unknown) == ([], [])
    stored, generator = list_stored(), np.random.default_rng(0)
    assert {path.suffix for path in stored} >= {".csv", ".json", ".parquet", ".npz", ".png", ".safetensors", ".tar", ".html"}
    assert len(stored) * ROUNDS >= 1000
    # the images that a damaged index names are unknown
    indices = [path for path in stored if path.suffix == ".parquet" and path.parts[2] == "images"]
    others = [path for path in stored if path not in indices]
    for chosen in (indices, others) * ROUNDS:
        kept = {path: flip(path, generator) for path in chosen}
        problems = verify_study(RESULTS, threads=2).problems
        for path, data in kept.items():
            path.write_bytes(data)
        assert [path for path in chosen if not any(str(path) in problem for problem in problems)] == []


def test_verify_finds_exchanged_and_missing_files(place):
    blocks = sorted((place.folder / "archive").rglob("*.tar"))
    same = {}
    pairs = [(same.setdefault(path.stat().st_size, path), path) for path in blocks]
    first, second = next((one, two) for one, two in pairs if one != two)
    one, two = first.read_bytes(), second.read_bytes()
    first.write_bytes(two)
    second.write_bytes(one)
    table = place.results / "tables" / "experiments.csv"
    table.unlink()
    done = place.run("verify", check=False)
    assert done.returncode == 1
    for path in (first, second):
        assert f"{path.relative_to(place.folder)} is damaged (it has other images than its name says)" in done.stdout
    assert f"{table.relative_to(place.folder)} is missing" in done.stdout
    assert "files or images are damaged or missing" in (place.results / "logs" / "verify.log").read_text()
    first.write_bytes(one)
    second.write_bytes(two)


@pytest.mark.parametrize("target", ["verify"])
def test_verify_says_that_all_is_well(finished, target):
    assert "All are as they were written." in finished.run(target).stdout
