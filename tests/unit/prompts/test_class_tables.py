"""Test that class tables are read, and invalid ones rejected."""

import pytest

from synthdiv.core.errors import StudyError
from synthdiv.prompts.class_tables import ClassRow, read_classes

HEADER = "class_id,key,name,lemmas,definition,hypernym\n"


@pytest.fixture
def write(tmp_path):
    def write_table(text, encoding="utf-8"):
        path = tmp_path / "classes.csv"
        path.write_bytes(text.encode(encoding))
        return path

    return write_table


def test_rows_are_sorted_by_id_and_stripped(write):
    path = write(HEADER + '1, n02 ,crane,"crane, bird",a wading bird,bird\n0,n01, quail ,quail,,\n')
    assert read_classes(path) == [
        ClassRow(0, "n01", "quail", "quail", "", ""),
        ClassRow(1, "n02", "crane", "crane, bird", "a wading bird", "bird"),
    ]


def test_optional_columns_may_be_absent_and_extra_ones_present(write):
    path = write("note,name,key,class_id\nmine,quail,n01,0\n")
    assert read_classes(path) == [ClassRow(0, "n01", "quail", "", "", "")]


def test_a_byte_order_mark_is_not_part_of_the_first_column(write):
    path = write(HEADER + "0,n01,Rebhuhn – ähnlich,,,\n", encoding="utf-8-sig")
    assert read_classes(path)[0].name == "Rebhuhn – ähnlich"


BAD = {
    "a column is missing": ("class_id,name\n0,quail\n", ["no column key", "class_id, name"]),
    "a row is short": (HEADER + "0,n01,quail\n", ["line 2", "expected 6 values"]),
    "a comma is not quoted": (HEADER + "0,n01,quail,,,\n1,n02,crane,crane, bird,,\n", ["line 3", "6 values", "quote"]),
    "an id is a word": (HEADER + "0,n01,quail,,,\none,n02,crane,,,\n", ["line 3", "class_id 'one'", "integer"]),
    "an id is a fraction": (HEADER + "0.0,n01,quail,,,\n", ["line 2", "class_id '0.0'", "integer"]),
    "ids have a gap": (HEADER + "0,n01,quail,,,\n2,n02,crane,,,\n", ["from 0 to 1", "1 is missing"]),
    "ids start at 1": (HEADER + "1,n01,quail,,,\n", ["from 0 to 0", "0 is missing"]),
    "an id appears twice": (HEADER + "0,n01,quail,,,\n1,n02,crane,,,\n1,n03,jay,,,\n", ["from 0 to 2", "1 appears twice"]),
    "a key appears twice": (HEADER + "0,n01,quail,,,\n1,n01,crane,,,\n", ["key 'n01'", "class_id 0 and 1"]),
    "a key is empty": (HEADER + "0,n01,quail,,,\n1, ,crane,,,\n", ["line 3", "key is empty"]),
    "a name is empty": (HEADER + "0,n01,,,,\n", ["line 2", "name is empty"]),
    "there is no row": (HEADER, ["contains no class"]),
    "there is not even a header": ("", ["no column class_id, key, name"]),
    "lines are numbered as in an editor": (HEADER + "0,n01,quail,,,\n\n\none,n02,crane,,,\n", ["line 5", "class_id 'one'"]),
    "a line break is quoted": (HEADER + '0,n01,quail,,"a\nbird",\none,n02,crane,,,\n', ["line 4", "class_id 'one'"]),
}


@pytest.mark.parametrize(("text", "fragments"), BAD.values(), ids=BAD)
def test_an_invalid_table_is_rejected(write, text, fragments):
    path = write(text)
    with pytest.raises(StudyError) as caught:
        read_classes(path)
    for fragment in [str(path), *fragments]:
        assert fragment in str(caught.value)


def test_a_missing_file_is_named_with_the_working_directory(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(StudyError, match=r"clases\.csv does not exist") as caught:
        read_classes("clases.csv")
    assert str(tmp_path) in str(caught.value)


def test_another_encoding_is_rejected(write):
    path = write(HEADER + "0,n01,Käfer,,,\n", encoding="latin-1")
    with pytest.raises(StudyError, match=r"classes\.csv is not UTF-8"):
        read_classes(path)


def test_subfolders_are_classes(tmp_path):
    for name in ("running_shoe", "boot", ".cache"):
        (tmp_path / name).mkdir()
    (tmp_path / "note.txt").write_text("not a class")
    assert [(row.class_id, row.key, row.name) for row in read_classes(tmp_path)] == [
        (0, "boot", "boot"),
        (1, "running_shoe", "running shoe"),
    ]
