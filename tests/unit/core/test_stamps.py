"""Test stamps of folders: what counts as a change of a user's files."""

import pytest

from synthdiv.core.stamps import stamp_paths


@pytest.mark.parametrize(("name", "changes"), [("more", True), (".trash", False), ("@eaDir", False), ("lost+found", False)])
def test_a_folder_that_is_not_read_changes_no_stamp(tmp_path, name, changes):
    (tmp_path / "1.png").write_bytes(b"image")
    before = stamp_paths([str(tmp_path)])
    (tmp_path / name).mkdir()
    (tmp_path / name / "2.png").write_bytes(b"image")
    assert (stamp_paths([str(tmp_path)]) != before) == changes
