"""Tests of tests/compare_results.py: every kind of difference is found, except declared renames."""

import json
import subprocess
import sys

import numpy as np
import polars as pl
import pytest
from workplace import REPOSITORY

RENAMED = {"columns": {"taken_for": "predicted_class"}, "values": {"brought": "user-provided"}}


@pytest.fixture
def folders(tmp_path):
    """Make two folders with equal results."""
    for name in ("old", "new"):
        folder = tmp_path / name
        (folder / "tables").mkdir(parents=True)
        table = pl.DataFrame(
            {"taken_for": ["coat", None], "share": [0.25, float("nan")], "lists": [[1.0], []], "kind": "brought"}
        )
        table.drop("lists").write_csv(folder / "tables" / "causes.csv")
        table.write_parquet(folder / "tables" / "causes.parquet")
        np.savez(folder / "probe.npz", strength=np.array([1.0]), weights=np.eye(2))
        (folder / "model.safetensors").write_bytes(b"weights")
        (folder / "facts.json").write_text(json.dumps({"taken_for": [0.5, {"n": 1}], "seconds": 3.0}))
        (folder / "figure.png").write_bytes(name.encode())
    return tmp_path / "old", tmp_path / "new"


def compare(old, new, *options):
    command = [sys.executable, str(REPOSITORY / "tests" / "compare_results.py"), str(old), str(new), *options]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert not done.stderr
    return done.returncode, done.stdout.splitlines()


def edit_table(path, **columns):
    pl.read_parquet(path).with_columns(**columns).write_parquet(path)


def test_equal_results_are_equal(folders):
    assert compare(*folders) == (0, ["5 files compared, 0 differences"])


@pytest.mark.parametrize(
    ("columns", "text"),
    [
        ({"share": pl.Series([0.25 + 1e-8, float("nan")])}, "share: 1 of 2 rows, first 0.25 became 0.25000001"),
        ({"share": pl.Series([0.25, 0.0])}, "share: 1 of 2 rows, first nan became 0.0"),
        ({"taken_for": pl.Series(["coat", "bag"])}, "taken_for: 1 of 2 rows, first None became 'bag'"),
        ({"lists": pl.Series([[1.0], [2.0]])}, "lists: 1 of 2 rows, first [] became [2.0]"),
        ({"share": pl.Series([1, 2])}, "share: 2 of 2 rows, first 0.25 became 1"),
    ],
)
def test_a_changed_value_is_found(folders, columns, text):
    edit_table(folders[1] / "tables" / "causes.parquet", **columns)
    assert compare(*folders) == (1, [f"tables/causes.parquet: {text}", "5 files compared, 1 differences"])


def test_within_the_tolerance_values_are_equal(folders):
    edit_table(folders[1] / "tables" / "causes.parquet", share=pl.Series([0.25 + 1e-12, float("nan")]))
    assert compare(*folders)[0] == 0
    assert compare(*folders, "--tolerance", "1e-14")[0] == 1


def test_arrays_are_compared_by_value(folders):
    np.savez(folders[1] / "probe.npz", C=np.array([1.0]), weights=np.eye(2) * (1 + 1e-12))
    assert compare(*folders) == (1, ["probe.npz: arrays", "5 files compared, 1 differences"])
    (folders[0].parent / "renamed.yaml").write_text("columns: {strength: C}")
    assert compare(*folders, "--renamed", str(folders[0].parent / "renamed.yaml"))[0] == 0


def test_rows_columns_bytes_and_files_are_compared(folders):
    old, new = folders
    table = pl.read_parquet(new / "tables" / "causes.parquet")
    table[:1].write_parquet(new / "tables" / "causes.parquet")
    table.drop("lists", "kind").write_csv(new / "tables" / "causes.csv")
    (new / "model.safetensors").write_bytes(b"heights")
    (new / "facts.json").rename(new / "metadata.json")
    code, lines = compare(old, new)
    assert code == 1
    assert lines == [
        "facts.json is gone",
        "metadata.json is new",
        "model.safetensors: bytes",
        "tables/causes.csv: columns ['taken_for', 'share', 'kind'] became ['taken_for', 'share']",
        "tables/causes.parquet: 2 rows became 1",
        "4 files compared, 5 differences",
    ]


def test_only_declared_renames_are_accepted(folders, tmp_path):
    old, new = folders
    for read, write, name in (
        (pl.read_csv, "write_csv", "causes.csv"),
        (pl.read_parquet, "write_parquet", "causes.parquet"),
    ):
        table = read(new / "tables" / name).rename({"taken_for": "predicted_class"})
        table = table.with_columns(kind=pl.lit("user-provided"), added=1)
        (new / "tables" / name).unlink()
        getattr(table, write)(new / "tables" / name.replace("causes", "suspected_causes"))
    (new / "facts.json").write_text(json.dumps({"predicted_class": [0.5, {"n": 1}], "seconds": 4.0}))
    (new / "format.json").write_text("1")
    whole = RENAMED | {"files": {"tables/causes": "tables/suspected_causes"}, "new_columns": ["added"]}
    whole["new_files"] = [r"format\.json"]
    (tmp_path / "renamed.yaml").write_text(json.dumps(whole))
    assert compare(old, new, "--renamed", str(tmp_path / "renamed.yaml"))[0] == 0
    own = whole | {"columns": {"taken_for": "other", "suspected_causes.taken_for": "predicted_class"}}
    (tmp_path / "renamed.yaml").write_text(json.dumps(own))
    assert all("causes" not in line for line in compare(old, new, "--renamed", str(tmp_path / "renamed.yaml"))[1])
    for key, text in (("columns", "became"), ("values", "kind: 2 of 2"), ("files", "is gone"), ("new_files", "is new")):
        (tmp_path / "renamed.yaml").write_text(json.dumps({name: one for name, one in whole.items() if name != key}))
        code, lines = compare(old, new, "--renamed", str(tmp_path / "renamed.yaml"))
        assert code == 1
        assert any(text in line for line in lines)


def test_empty_folders_do_not_agree(tmp_path):
    (tmp_path / "a").mkdir()
    assert compare(tmp_path / "a", tmp_path / "a")[0] == 1
