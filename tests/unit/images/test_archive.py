"""Test that blocks of the archive are read back as written, and that damaged blocks are refused."""

import tarfile
import tracemalloc
from pathlib import Path

import pytest

from synthdiv.core.errors import StudyError
from synthdiv.images.archive import (
    StoredImage,
    check_padding,
    locate_block,
    name_member,
    read_block,
    read_bytes,
    write_block,
)

IMAGES = [
    ("quail-train-000000", "png", b"\x89PNG" + bytes(range(256)) * 3, {"prompt": "quail – Wachtel", "maximum": 255.0}),
    ("quail-train-000001", "png", b"\x89PNG" + b"\0" * 1024, {"prompt": "quail", "maximum": 0.0}),
    ("quail-train-000002", "png", b"\x89PNG1", {"prompt": "quail", "maximum": 8.0}),
]
NAMES = [f"{key}.{extension}" for key, kind, _, _ in IMAGES for extension in (kind, "json")]


@pytest.fixture
def block(tmp_path):
    path = tmp_path / "archive" / "ab" / "abcdef.tar"
    write_block(path, IMAGES)
    return path


def members(path):
    """Return the members of a complete tar with the offsets of headers and contents, as tarfile reads them."""
    with tarfile.open(path) as tar:
        return tar.getmembers()


def test_every_image_is_read_back_with_its_location_and_metadata(block):
    stored = read_block(block)
    assert [image.metadata for image in stored] == [metadata for *_, metadata in IMAGES]
    for image, (_, _, data, _) in zip(stored, IMAGES, strict=True):
        with open(image.file, "rb") as file:
            file.seek(image.offset)
            assert file.read(image.size) == data
        assert read_bytes(image.file, image.offset, image.size) == data


def test_a_block_is_a_webdataset_shard(block):
    """An image and its metadata are adjacent and share a key; keys contain no dot."""
    assert [member.name for member in members(block)] == NAMES
    assert all(member.name.count(".") == 1 for member in members(block))


def test_the_same_images_make_the_same_bytes(block, tmp_path):
    again = tmp_path / "again.tar"
    write_block(again, ((key, kind, data, dict(reversed(metadata.items()))) for key, kind, data, metadata in IMAGES))
    assert again.read_bytes() == block.read_bytes()


@pytest.mark.parametrize("key", [b'"checksum"', b'"digest"'])
def test_a_flipped_bit_in_the_name_of_a_key_is_found(block, key):
    """Without its key, the JSON would be that of an earlier version, which had no checksum."""
    data = block.read_bytes()
    assert key in data
    block.write_bytes(data.replace(key, key.replace(b"e", b"d"), 1))
    with pytest.raises(StudyError, match="damaged"):
        read_block(block)


def test_data_after_a_damaged_header_is_not_read_into_memory(block):
    with open(block, "r+b") as file:
        file.seek(members(block)[2].offset)
        file.write(b"?")
        file.seek(64 * 2**20)
        file.write(b"x")
    tracemalloc.start()
    try:
        with pytest.raises(StudyError, match="a header in it is damaged"):
            read_block(block)
        assert tracemalloc.get_traced_memory()[1] < 16 * 2**20
    finally:
        tracemalloc.stop()


def test_failed_generation_leaves_no_block(tmp_path):
    def generate():
        yield IMAGES[0]
        raise RuntimeError("out of memory")

    with pytest.raises(RuntimeError, match="out of memory"):
        write_block(tmp_path / "block.tar", generate())
    assert not list(tmp_path.iterdir())


def refuse(path):
    with pytest.raises(StudyError) as caught:
        read_block(path)
    assert str(path) in str(caught.value)
    assert "delete it" in str(caught.value)


@pytest.mark.parametrize(
    "place", ["at its start", "in a header", "in an image", "before metadata", "in metadata", "after an image"]
)
def test_a_truncated_block_is_refused(block, place):
    *_, image, metadata = members(block)
    cuts = {
        "at its start": 0,
        "in a header": image.offset + 100,
        "in an image": image.offset_data + 1,
        "before metadata": metadata.offset,
        "in metadata": metadata.offset_data + 1,
        "after an image": image.offset,
    }
    block.write_bytes(block.read_bytes()[: cuts[place]])
    refuse(block)


@pytest.mark.parametrize("number", range(len(NAMES)), ids=NAMES)
def test_a_block_with_a_flipped_bit_in_a_header_is_refused(block, number):
    data = bytearray(block.read_bytes())
    data[members(block)[number].offset] ^= 1
    block.write_bytes(data)
    refuse(block)


@pytest.mark.parametrize("bit", range(8))
def test_a_flipped_bit_of_a_headers_checksum_is_found(block, bit):
    """Several spellings of it are read as the same number."""
    data = block.read_bytes()
    for place in range(members(block)[0].offset + 148, members(block)[0].offset + 156):
        block.write_bytes(data[:place] + bytes([data[place] ^ (1 << bit)]) + data[place + 1 :])
        with pytest.raises(StudyError, match="damaged"):
            _read_all(block)
    block.write_bytes(data)
    _read_all(block)


def _read_all(block):
    read_block(block)
    check_padding(block)


def test_metadata_that_is_not_json_is_refused(block):
    data = bytearray(block.read_bytes())
    data[members(block)[1].offset_data] ^= 1
    block.write_bytes(data)
    refuse(block)


@pytest.mark.parametrize("data", [b"", b"not a tar at all" * 100, bytes(10240)], ids=["empty", "other", "zeros"])
def test_a_file_that_is_not_a_block_is_refused(tmp_path, data):
    path = tmp_path / "block.tar"
    path.write_bytes(data)
    refuse(path)


def test_a_missing_or_truncated_file_of_an_index_is_named(block):
    stored = read_block(block)[-1]
    with pytest.raises(StudyError, match=rf"{block}.*no longer exists: run the study again"):
        read_bytes(f"{block}.moved", stored.offset, stored.size)
    block.write_bytes(block.read_bytes()[: stored.offset + stored.size - 1])
    with pytest.raises(StudyError, match=rf"{block} is shorter than its index says"):
        read_bytes(str(block), stored.offset, stored.size)


@pytest.mark.parametrize(
    ("class_key", "index", "name"),
    [
        ("n01806567", 7, "n01806567-train-000007"),
        ("school bus", 0, "school_bus-train-000000"),
        ("a/b.c*d'é", 1234567, "a_b_c_d__-train-1234567"),
    ],
)
def test_the_name_of_a_member_has_plain_characters_only(class_key, index, name):
    assert name_member(class_key, "train", index) == name


def test_a_long_class_key_can_be_written(tmp_path):
    """Some data sets use a species' full taxonomy as its key; a USTAR name has at most 100 characters."""
    path = tmp_path / "block.tar"
    write_block(path, [(name_member("Animalia_" * 12, "train", 0), "png", b"image", {"maximum": 1.0})])
    assert read_bytes(*locate(read_block(path)[0])) == b"image"


def locate(image: StoredImage):
    return image.file, image.offset, image.size


def test_blocks_are_distributed_over_folders_by_the_start_of_their_names():
    assert locate_block("archive", "sd15", "0f" + "a" * 62) == Path("archive/sd15/0f") / ("0f" + "a" * 62 + ".tar")


def test_a_block_that_is_there_keeps_its_bytes(block):
    """Two types of processors may give the same images other bytes; an index may have the places in the first block."""
    before = block.read_bytes()
    write_block(block, [(key, kind, data + b"longer", metadata) for key, kind, data, metadata in IMAGES])
    assert block.read_bytes() == before
