"""Test atomic writing of files: after errors, on a full disk and after a kill."""

import errno
import os
import signal
import subprocess
import sys

import numpy as np
import pytest

from synthdiv.core.errors import StudyError
from synthdiv.core.files import create_atomically, find_files, read_json, replace_atomically, write_json
from synthdiv.embeddings.table import write_embeddings
from synthdiv.images.archive import write_block
from synthdiv.images.index import write_index

needs_dev_full = pytest.mark.skipif(not os.path.exists("/dev/full"), reason="needs /dev/full, a disk that is always full")


@pytest.fixture
def old(tmp_path):
    path = tmp_path / "table.csv"
    path.write_text("old")
    return path


def test_a_file_is_replaced_and_no_temporary_file_remains(old):
    with replace_atomically(old) as temporary:
        temporary.write_text("new")
        assert old.read_text() == "old"
        assert temporary.parent == old.parent
        assert temporary.name.startswith(".")
        assert temporary.name.endswith(".tmp")
    assert old.read_text() == "new"
    assert list(old.parent.iterdir()) == [old]


def test_missing_folders_are_created(tmp_path):
    path = tmp_path / "results" / "images" / "index.csv"
    with replace_atomically(str(path)) as temporary:
        temporary.write_text("new")
    assert path.read_text() == "new"


@pytest.mark.parametrize("error", [RuntimeError("no"), OSError(5, "Input/output error"), KeyboardInterrupt()], ids=repr)
def test_an_error_keeps_the_previous_file_and_no_temporary_file(old, error):
    def fail():
        with replace_atomically(old) as temporary:
            temporary.write_text("half")
            raise error

    with pytest.raises(type(error)) as caught:
        fail()
    assert caught.value is error
    assert old.read_text() == "old"
    assert list(old.parent.iterdir()) == [old]


def test_a_killed_process_keeps_the_previous_file(old):
    code = (
        "import os, signal, sys\n"
        "from synthdiv.core.files import replace_atomically\n"
        "with replace_atomically(sys.argv[1]) as temporary:\n"
        "    temporary.write_text('half')\n"
        "    os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    ended = subprocess.run([sys.executable, "-c", code, str(old)], check=False)
    assert ended.returncode == -signal.SIGKILL
    assert old.read_text() == "old"


@needs_dev_full
def test_a_full_disk_is_reported(old):
    def write():
        with replace_atomically(old) as temporary:
            temporary.symlink_to("/dev/full")
            temporary.write_text("more than there is room for")

    with pytest.raises(StudyError, match="disk is full") as caught:
        write()
    assert str(old) in str(caught.value)
    assert "run the same command again" in str(caught.value)
    assert old.read_text() == "old"
    assert list(old.parent.iterdir()) == [old]


ROW = {
    "class_id": 0,
    "split": "train",
    "index": 0,
    "prompt": None,
    "seed": None,
    "file": "a",
    "offset": 0,
    "size": 1,
    "flags": [],
}
WRITERS = {
    "block": lambda path: write_block(path, [("key", "png", b"image", {"maximum": 1.0})]),
    "index": lambda path: write_index(path, [ROW], {}),
    "embeddings": lambda path: write_embeddings(path, [0], ["train"], [0], np.ones((1, 1)), [1.0], {}),
}


@needs_dev_full
@pytest.mark.parametrize("write", WRITERS.values(), ids=WRITERS)
def test_every_writer_reports_a_full_disk(old, write):
    """The temporary file already exists, as a link to a full disk: tarfile and pyarrow write through it."""
    with replace_atomically(old) as temporary:
        temporary.write_text("old")
    temporary.symlink_to("/dev/full")
    with pytest.raises(StudyError, match="disk is full"):
        write(old)
    assert old.read_text() == "old"
    assert list(old.parent.iterdir()) == [old]


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_that_is_not_writable_is_named(old):
    old.parent.chmod(0o555)
    try:
        with pytest.raises(StudyError, match=r"table\.csv could not be written: .*Permission denied"):
            WRITERS["index"](old)
    finally:
        old.parent.chmod(0o755)
    assert old.read_text() == "old"


def test_brackets_in_a_path_that_exists_are_no_pattern(tmp_path):
    folder = tmp_path / "run[1]"
    folder.mkdir()
    for name in ("a.parquet", "b.parquet", "c[2].parquet"):
        (folder / name).touch()

    def find(name):
        return [path.removeprefix(f"{folder}/") for path in find_files(f"{folder}/{name}")]

    assert find("a.parquet") == ["a.parquet"]
    assert find("c[2].parquet") == ["c[2].parquet"]
    assert find("?.parquet") == find("[ab].parquet") == ["a.parquet", "b.parquet"]
    assert find("*.npy") == []
    assert find("d.parquet") == ["d.parquet"]


@pytest.mark.parametrize("links", [True, False], ids=["hard links", "no hard links"])
def test_a_file_that_another_job_has_written_meanwhile_is_kept(tmp_path, monkeypatch, links):
    def refuse(*paths):
        raise OSError(errno.EPERM, "Operation not permitted")

    if not links:
        monkeypatch.setattr(os, "link", refuse)
    path = tmp_path / "new" / "block.tar"
    with create_atomically(path) as temporary:
        temporary.write_text("ours")
    assert path.read_text() == "ours"
    with create_atomically(path) as temporary:
        temporary.write_text("theirs")
    assert path.read_text() == "ours"
    assert list(path.parent.iterdir()) == [path]


VALUE = {"device": "a GPU", "rates": [{"batch_size": 8, "images_per_s": 2.5}, {}], "names": ["é", None, True], "least": 1e-9}


def test_a_flipped_bit_of_a_json_file_changes_nothing_that_is_read(tmp_path):
    path = tmp_path / "value.json"
    write_json(VALUE, path)
    content, refused = path.read_bytes(), 0
    assert read_json(path, "value", "delete it") == VALUE
    for bit in range(8 * len(content)):
        damaged = bytearray(content)
        damaged[bit // 8] ^= 1 << bit % 8
        path.write_bytes(damaged)
        try:
            found = read_json(path, "value", "delete it")
        except StudyError as error:
            message, refused = str(error), refused + 1
            assert message == f"the value {path} is damaged: delete it"
        else:
            assert found == VALUE
    assert refused > 7 * len(content)


@pytest.mark.parametrize("content", ["", "[]", '{"device": "a GPU"}', "\x00", '{"checksum": null}'])
def test_a_json_file_without_a_checksum_is_damaged(tmp_path, content):
    path = tmp_path / "value.json"
    path.write_text(content)
    with pytest.raises(StudyError, match=r"value\.json is damaged: delete it"):
        read_json(path, "value", "delete it")


def test_a_json_file_that_cannot_be_read_is_named(tmp_path):
    with pytest.raises(StudyError, match=f"^the value {tmp_path} cannot be read: Is a directory$"):
        read_json(tmp_path, "value", "delete it")
