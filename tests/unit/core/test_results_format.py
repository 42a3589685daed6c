"""Test which results folders are rejected."""

import pytest

from synthdiv.core.errors import StudyError
from synthdiv.core.results_format import RESULTS_FORMAT, check_results_format, write_results_format


def test_a_new_or_empty_folder_is_accepted_and_its_format_is_written(tmp_path):
    folder = tmp_path / "results" / "mine"
    check_results_format(folder)
    (folder / "logs").mkdir(parents=True)
    (folder / "logs" / "grid.log").touch()
    check_results_format(folder)
    write_results_format(folder)
    assert (folder / "format").read_text() == f"{RESULTS_FORMAT}\n"
    check_results_format(folder)


def test_results_without_a_format_have_the_first(tmp_path):
    (tmp_path / "tables").mkdir()
    (tmp_path / "tables" / "causes.csv").touch()
    with pytest.raises(
        StudyError, match=f"holds results of format 1, and this version writes format {RESULTS_FORMAT}: move the folder"
    ):
        check_results_format(tmp_path)


@pytest.mark.parametrize(
    ("content", "reason"), [(None, "cannot be read: Is a directory"), (b"\xff", "is not UTF-8")], ids=["folder", "bytes"]
)
def test_a_damaged_format_is_rejected_with_what_to_do(tmp_path, content, reason):
    path = tmp_path / "format"
    path.mkdir() if content is None else path.write_bytes(content)
    with pytest.raises(StudyError, match=f"the record of the results' format {path} {reason}") as caught:
        check_results_format(tmp_path)
    assert "move the folder away or delete it" in str(caught.value)


def test_another_format_is_rejected_and_not_overwritten(tmp_path):
    (tmp_path / "format").write_text("99\n")
    write_results_format(tmp_path)
    with pytest.raises(StudyError, match="format 99"):
        check_results_format(tmp_path)
