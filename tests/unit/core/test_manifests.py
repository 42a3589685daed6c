"""Test manifests: they keep the tables' order, and change when a table does."""

import pytest

from synthdiv.core.manifests import read_manifest, write_manifest


@pytest.fixture
def tables(tmp_path):
    paths = [tmp_path / name for name in ("c5-9.parquet", "c0-4.parquet")]
    for path in paths:
        path.write_bytes(path.name.encode())
    return paths


def test_a_manifest_keeps_the_order_of_the_tables(tables, tmp_path):
    write_manifest(tables, tmp_path / "manifest.json")
    assert read_manifest(tmp_path / "manifest.json") == list(map(str, tables))


def test_a_tables_own_path_is_returned(tables):
    assert read_manifest(tables[0]) == [str(tables[0])]


def test_a_manifest_changes_with_a_tables_content_and_not_with_its_time(tables, tmp_path):
    manifest = tmp_path / "manifest.json"
    write_manifest(tables, manifest)
    before = manifest.read_bytes()
    tables[1].touch()
    write_manifest(tables, manifest)
    assert manifest.read_bytes() == before
    tables[1].write_bytes(b"other")
    write_manifest(tables, manifest)
    assert manifest.read_bytes() != before
