"""Test manifests: they keep the tables' order, and change when a table does."""

import pytest

from synthdiv.core.errors import StudyError
from synthdiv.core.manifests import read_checked, read_manifest, write_manifest


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


@pytest.mark.parametrize("read", [read_manifest, lambda path: read_checked([path])], ids=["as it is", "checked"])
@pytest.mark.parametrize(
    ("before", "after"), [(b'"sha256"', b'"sha25v"'), (b'"file"', b'"fild"'), (b'"', b"'"), (b"c5-9", b"\xe35-9")]
)
def test_a_damaged_manifest_is_refused(tables, tmp_path, read, before, after):
    path = tmp_path / "weights_0.json"
    write_manifest(tables, path)
    path.write_bytes(path.read_bytes().replace(before, after, 1))
    with pytest.raises(StudyError, match=r"^the manifest \S+/weights_0.json is damaged: delete it and run the study again$"):
        read(path)


def test_a_listed_file_that_is_missing_or_another_is_refused(tables, tmp_path):
    manifest = tmp_path / "weights_1.json"
    write_manifest(tables, manifest)
    assert read_checked([manifest, manifest]) == 2 * list(map(str, tables))
    tables[1].write_bytes(b"c0-5.parquet")
    with pytest.raises(
        StudyError, match=r"c0-4.parquet has changed since it was written, .*\n.* --force \S+/weights_1.json\n"
    ):
        read_checked([manifest])
    tables[1].unlink()
    with pytest.raises(StudyError, match=r"c0-4.parquet is missing, and \S+/weights_1.json names it"):
        read_checked([manifest])
