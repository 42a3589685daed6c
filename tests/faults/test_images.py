"""Test broken, malicious and unusual images and archives."""

import base64
import io
import os
import struct
import tarfile
import zlib

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from conftest import make_image_set
from PIL import Image, PngImagePlugin
from traps import CALL, untouched

from synthdiv.core.errors import StudyError
from synthdiv.images.archive import read_block, read_bytes, read_image, write_block
from synthdiv.images.flags import decode_image
from synthdiv.images.image_source import ImageFiles
from synthdiv.images.index import locate_images, read_index
from synthdiv.images.natural_index import choose_images, index_images
from synthdiv.images.readers.sources import find_images, read_rows
from synthdiv.images.torch_dataset import ImageDataset
from synthdiv.plan.user_sources import describe_images, find_embeddings
from synthdiv.prompts.class_tables import ClassRow
from synthdiv.report.figures.images import read_tile
from synthdiv.report.review_page import make_data_uri

CLASSES = [ClassRow(0, "boot", "boot", "", "", ""), ClassRow(1, "shirt", "shirt", "", "", "")]
PIXELS = np.random.default_rng(0).integers(0, 256, (6, 9, 3), dtype=np.uint8)
PICTURE = Image.fromarray(PIXELS)


def encode(image, kind, **options):
    data = io.BytesIO()
    image.save(data, kind, **options)
    return data.getvalue()


PNG, JPEG = encode(PICTURE, "PNG"), encode(PICTURE, "JPEG")


def make_header(width, height):
    """Return a PNG whose header claims the given size, with almost no data."""

    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(bytes(1000))) + chunk(b"IEND", b"")


def make_text_bomb():
    info = PngImagePlugin.PngInfo()
    info.add_text("a", "x" * 2**21, zip=True)
    return encode(PICTURE, "PNG", pnginfo=info)


POSTSCRIPT = f"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n%%EndComments\n(%pipe%{CALL}) (w) file closefile\n%%EOF\n"
BROKEN = {
    "no bytes": (b"", "cannot identify"),
    "a text": (b"hello, world", "cannot identify"),
    "a Git LFS pointer": (b"version https://git-lfs.github.com/spec/v1\n", "cannot identify"),
    "the first half of a JPEG": (JPEG[: len(JPEG) // 2], "Truncated"),
    "a JPEG without the last two bytes": (JPEG[:-2], "truncated"),
    "a truncated PNG": (PNG[:-30], "truncated"),
    "a PNG with a flipped byte": (PNG[:60] + bytes([PNG[60] ^ 1]) + PNG[61:], "broken data stream"),
    "a decompression bomb of pixels": (make_header(60_000, 60_000), "3600000000 pixels"),
    "a decompression bomb of text": (make_text_bomb(), "too large"),
    "a program for Ghostscript": (POSTSCRIPT.encode(), "cannot identify"),
    "an SVG with a script": (b"<svg xmlns='http://www.w3.org/2000/svg'><script>1</script></svg>", "cannot identify"),
    "a PDF": (b"%PDF-1.7\n", "cannot identify"),
}


def write_folders(folder, data, *, name="1.png"):
    """Write one folder per class with one image each, the first from the given data."""
    for row, content in zip(CLASSES, (data, PNG), strict=True):
        (folder / "natural" / row.key).mkdir(parents=True)
        (folder / "natural" / row.key / name).write_bytes(content)
    return describe(folder)


def describe(folder):
    paths = tuple(str(folder / "natural" / row.key) for row in CLASSES)
    return ImageFiles(form="folder", paths=paths, keys=tuple(row.key for row in CLASSES))


def index(source, folder, *, on_undecodable="error"):
    found = find_images(source, CLASSES)
    chosen = choose_images(found, CLASSES, set_name="n", split="train", counts=None, seed=0)
    rows = index_images(
        chosen,
        CLASSES,
        split="train",
        archive=folder / "archive",
        checked=folder / "results" / "checked",
        on_undecodable=on_undecodable,
        threads=2,
    )
    return list(rows)


@pytest.mark.parametrize(("data", "reason"), BROKEN.values(), ids=BROKEN)
def test_a_broken_image_is_named_or_flagged_and_never_executed(tmp_path, monkeypatch, data, reason):
    monkeypatch.chdir(tmp_path)
    source = write_folders(tmp_path, data)
    with untouched(tmp_path):
        with pytest.raises(StudyError, match="1 of 2 images do not decode") as caught:
            index(source, tmp_path)
        assert "boot/1.png" in str(caught.value)
        assert reason in str(caught.value)
        rows = index(source, tmp_path, on_undecodable="flag")
    assert [row["flags"] for row in rows] == [["undecodable"], []]


def rotate(kind):
    exif = Image.Exif()
    exif[0x0112] = 6
    return encode(PICTURE, kind, exif=exif, **({"quality": 100, "subsampling": 0} if kind == "JPEG" else {}))


def palette(transparent):
    image = Image.new("P", (9, 6), 1)
    image.putpalette([0, 0, 0, 10, 200, 30])
    return encode(image, "PNG", **({"transparency": 1} if transparent else {}))


def animate(kind):
    first, second = Image.new("RGB", (9, 6), (0, 0, 255)), Image.new("RGB", (9, 6), (255, 0, 0))
    return encode(first, kind, save_all=True, append_images=[second], **({"lossless": True} if kind == "WEBP" else {}))


WHITE, BLUE = (255, 255, 255), (0, 0, 255)
UNUSUAL = {  # data, and the decoded image's size and colour of the corner
    "one pixel": (encode(Image.new("RGB", (1, 1), BLUE), "PNG"), (1, 1), BLUE),
    "30,000 pixels wide": (encode(Image.new("RGB", (30_000, 2), BLUE), "PNG"), (30_000, 2), BLUE),
    "a CMYK JPEG": (encode(Image.new("CMYK", (9, 6), (0, 255, 255, 0)), "JPEG"), (9, 6), (254, 0, 0)),
    "16 bits": (encode(Image.fromarray(np.full((6, 9), 128 * 257, np.uint16)), "PNG"), (9, 6), (128, 128, 128)),
    "one bit": (encode(Image.new("1", (9, 6), 1), "PNG"), (9, 6), WHITE),
    "transparent": (encode(Image.new("RGBA", (9, 6), (255, 0, 0, 0)), "PNG"), (9, 6), WHITE),
    "half transparent": (encode(Image.new("RGBA", (9, 6), (0, 0, 0, 128)), "PNG"), (9, 6), (127, 127, 127)),
    "a palette": (palette(False), (9, 6), (10, 200, 30)),
    "a transparent palette": (palette(True), (9, 6), WHITE),
    "an animated GIF": (animate("GIF"), (9, 6), BLUE),
    "an animated WebP": (animate("WEBP"), (9, 6), BLUE),
    "truncated EXIF": (encode(PICTURE, "JPEG", exif=b"Exif\0\0II*\0\xff\xff\xff\xff"), (9, 6), None),
    "a PNG called .jpg": (PNG, (9, 6), tuple(PIXELS[0, 0])),
}


@pytest.mark.filterwarnings("ignore:Corrupt EXIF data")
@pytest.mark.parametrize(("data", "size", "corner"), UNUSUAL.values(), ids=UNUSUAL)
def test_an_unusual_image_is_read(tmp_path, data, size, corner):
    (first, _) = index(write_folders(tmp_path, data, name="1.jpg"), tmp_path)
    assert "undecodable" not in first["flags"]
    image = decode_image(read_image(*(first[key] for key in ("file", "offset", "size", "digest"))))
    assert (image.mode, image.size) == ("RGB", size)
    assert corner is None or max(abs(a - int(b)) for a, b in zip(image.getpixel((0, 0)), corner, strict=True)) <= 1


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
def test_the_exif_orientation_is_applied_everywhere(tmp_path, kind):
    """In the index, in embedding and training (torch datasets), on contact sheets and on the review's page."""
    (first, _) = index(write_folders(tmp_path, rotate(kind)), tmp_path)
    location = {key: first[key] for key in ("file", "offset", "size", "digest")}
    data = read_image(**location)
    rotated = np.asarray(decode_image(data))
    assert rotated.shape == (9, 6, 3)
    if kind == "PNG":
        assert (rotated == np.rot90(PIXELS, -1)).all()
    from_dataset, _ = ImageDataset({key: [value] for key, value in location.items()} | {"class_id": [0]}, np.asarray)[0]
    assert (from_dataset == rotated).all()
    tile = np.asarray(read_tile(first))
    assert (tile[::21, ::14][0, 0] == rotated[0, 0]).all()
    page = np.asarray(Image.open(io.BytesIO(base64.b64decode(make_data_uri(data).partition(",")[2]))))
    assert page.shape[0] > page.shape[1]


NAMES = [
    "line\nbreak.png",
    "'single' \"double\".png",
    "-rf.png",
    "صورة.png",
    "図 😀.png",
    f"$({CALL}).png",
    "{shard} <results>.png",
]


def test_image_files_may_have_any_name(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    source = write_folders(tmp_path, PNG)
    for name in NAMES:
        (tmp_path / "natural" / "boot" / name).write_bytes(PNG)
    with untouched(tmp_path):
        rows = index(source, tmp_path)
        assert {os.path.basename(row["file"]) for row in rows} == {"1.png", *NAMES}
        assert all(read_bytes(row["file"], row["offset"], row["size"]) == PNG for row in rows)


def put_link_to_the_folder(folder):
    (folder / "again").symlink_to(folder)
    return f"{folder}/again links to {folder}, whose images would be counted twice: remove the link"


def put_dead_link(folder):
    (folder / "2.png").symlink_to("nowhere.png")
    return f"'{folder}/2.png' is named like an image, but is a broken link: remove it"


def put_pipe(folder):
    os.mkfifo(folder / "2.png")
    return f"'{folder}/2.png' is named like an image, but is not a regular file: remove it"


def put_device(folder):
    (folder / "2.png").symlink_to("/dev/zero")
    return f"'{folder}/2.png' is named like an image, but is "


def put_latin_name(folder):
    (folder / os.fsdecode(b"caf\xe9.png")).write_bytes(PNG)
    return "caf\\xe9.png' is not UTF-8: rename it"


@pytest.mark.parametrize("put", [put_link_to_the_folder, put_dead_link, put_pipe, put_device, put_latin_name])
def test_a_file_that_is_not_an_image_file_is_named(tmp_path, put):
    source = write_folders(tmp_path, PNG)
    message = put(tmp_path / "natural" / "boot")
    with pytest.raises(StudyError) as caught:
        index(source, tmp_path)
    assert message in str(caught.value)


def test_links_to_images_and_folders_of_images_are_followed(tmp_path):
    source = write_folders(tmp_path, PNG)
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "a.png").write_bytes(PNG)
    (tmp_path / "natural" / "boot" / "b.png").symlink_to(tmp_path / "elsewhere" / "a.png")
    (tmp_path / "natural" / "boot" / "more").symlink_to(tmp_path / "elsewhere")
    assert [row["class_id"] for row in index(source, tmp_path)] == [0, 0, 0, 1]


# User-provided tars and Parquet files


def write_tar(folder, members):
    path = folder / "images.tar"
    with tarfile.open(path, "w") as tar:
        for name, content in members:
            member = tarfile.TarInfo(name)
            if isinstance(content, bytes):
                member.size = len(content)
                tar.addfile(member, io.BytesIO(content))
            else:
                member.type, member.linkname = content
                tar.addfile(member)
    return ImageFiles(form="tar", paths=(str(path),))


def test_members_with_paths_outside_a_tar_are_read_in_place(tmp_path, monkeypatch):
    """A tar is never unpacked, so names have no effect."""
    monkeypatch.chdir(tmp_path)
    source = write_tar(tmp_path, [("../../../boot/1.png", PNG), ("/etc/shirt/2.png", PNG)])
    with untouched(tmp_path):
        rows = index(source, tmp_path)
    assert [(row["class_id"], row["file"]) for row in rows] == [(n, str(tmp_path / "images.tar")) for n in (0, 1)]


LINKS = {
    "a symbolic link": (tarfile.SYMTYPE, "/etc/passwd"),
    "a hard link": (tarfile.LNKTYPE, "boot/1.png"),
    "a device": (tarfile.CHRTYPE, ""),
    "a pipe": (tarfile.FIFOTYPE, ""),
}


@pytest.mark.parametrize("link", LINKS.values(), ids=LINKS)
def test_a_link_in_a_tar_is_refused_and_not_followed(tmp_path, link):
    source = write_tar(tmp_path, [("boot/1.png", PNG), ("shirt/2.png", link)])
    with pytest.raises(StudyError, match=r"images\.tar, shirt/2\.png: this is a link or a device, not an image"):
        index(source, tmp_path)


def test_two_images_of_one_sample_are_refused(tmp_path):
    source = write_tar(tmp_path, [("boot/1.a.png", PNG), ("boot/1.b.png", PNG)])
    with pytest.raises(
        StudyError, match=r"holds boot/1\.a\.png and boot/1\.b\.png: members with the same name up to the first dot"
    ):
        index(source, tmp_path)


def test_an_image_with_dots_in_its_name_is_found_in_a_tar(tmp_path):
    source = write_tar(tmp_path, [("boot/1.2020.png", PNG), ("shirt/2.copy.png", PNG)])
    assert [row["class_id"] for row in index(source, tmp_path)] == [0, 1]


LABELS = {
    "nested deeply": (("1.json", b"[" * 100_000), "the label cannot be read"),
    "a list": (("1.json", b'{"key": ["boot"]}'), "the label \"['boot']\" is neither a class key"),
    "long": (("1.cls", b"0" * (2**20 + 1)), "a label of 1,048,577 bytes is too large"),
}


@pytest.mark.parametrize(("member", "message"), LABELS.values(), ids=LABELS)
def test_an_invalid_label_in_a_tar_is_refused(tmp_path, member, message):
    with pytest.raises(StudyError) as caught:
        index(write_tar(tmp_path, [("1.png", PNG), member]), tmp_path)
    assert message in str(caught.value)


def test_a_tar_that_claims_a_terabyte_is_refused_before_it_is_read(tmp_path):
    member = tarfile.TarInfo("1.cls")
    member.size = 10**12
    (tmp_path / "images.tar").write_bytes(member.tobuf() + bytes(1024))
    with pytest.raises(StudyError, match="a label of 1,000,000,000,000 bytes is too large"):
        index(ImageFiles(form="tar", paths=(str(tmp_path / "images.tar"),)), tmp_path)


def test_a_parquet_with_a_damaged_page_is_refused(tmp_path):
    path = tmp_path / "images.parquet"
    pq.write_table(pa.table({"image": [PNG, PNG], "label": [0, 1]}), path, compression="none", use_dictionary=False)
    data = path.read_bytes()
    path.write_bytes(data[:4] + bytes(40) + data[44:])
    with pytest.raises(StudyError, match=r"images\.parquet is damaged, near row 0: "):
        list(read_rows(str(path)))


IDX = {
    "of another type": (b"\0\0\x09\x03" + bytes(12), "is not an IDX file of unsigned bytes"),
    "with sizes below 0": (struct.pack(">HBB3i", 0, 8, 3, -1, -1, 4) + bytes(4), "its header says -1 x -1 x 4"),
    "with huge sizes": (struct.pack(">HBB3i", 0, 8, 3, 2**31 - 1, 2**31 - 1, 4) + bytes(4), "its header says 2147483647"),
    "in a truncated gzip": (b"\x1f\x8b\x08\0\0", "is not a complete gzip file"),
}


@pytest.mark.parametrize(("data", "message"), IDX.values(), ids=IDX)
def test_an_invalid_idx_file_is_refused(tmp_path, data, message):
    (tmp_path / "images-ubyte").write_bytes(data)
    (tmp_path / "labels-ubyte").write_bytes(struct.pack(">HBBi", 0, 8, 1, 2) + b"\0\1")
    source = ImageFiles(form="idx", paths=(str(tmp_path / "images-ubyte"),), labels=str(tmp_path / "labels-ubyte"))
    with pytest.raises(StudyError) as caught:
        index(source, tmp_path)
    assert message in str(caught.value)


@pytest.mark.parametrize("content", [b"", b"MATLAB 5.0 MAT-file" + bytes(200)], ids=["empty", "zeros"])
def test_an_invalid_development_kit_is_refused(tmp_path, content):
    (tmp_path / "flat").mkdir()
    (tmp_path / "flat" / "1.png").write_bytes(PNG)
    (tmp_path / "labels.txt").write_text("1\n")
    (tmp_path / "meta.mat").write_bytes(content)
    source = ImageFiles(form="flat", paths=(str(tmp_path / "flat"),), labels=str(tmp_path / "labels.txt"))
    with pytest.raises(StudyError, match=r"meta\.mat is not the development kit's meta\.mat: "):
        index(source, tmp_path)


# The archive


def test_a_flipped_bit_in_a_generated_image_is_detected_when_it_is_read(tmp_path):
    table = read_index(make_image_set(tmp_path, "s"))
    rows = locate_images(table)
    images = ImageDataset(rows, np.asarray)
    assert images[0][0].shape == (32, 32, 3)
    file, offset, size = str(rows["file"][0]), int(rows["offset"][0]), int(rows["size"][0])
    with open(file, "r+b") as block:
        block.seek(offset + size // 2)
        (byte,) = block.read(1)
        block.seek(offset + size // 2)
        block.write(bytes([byte ^ 1]))
    with pytest.raises(StudyError) as caught:
        images[0]
    assert f"{file}: the image at byte {offset} is not the one that was indexed. " in str(caught.value)
    assert images[1][0].shape == (32, 32, 3)


@pytest.mark.parametrize("link", LINKS.values(), ids=LINKS)
def test_a_block_with_a_link_in_it_is_refused(tmp_path, link):
    block = tmp_path / "block.tar"
    write_block(block, [("a", "png", PNG, {"maximum": 1})])
    with tarfile.open(block) as tar:
        stored = [(member.name, tar.extractfile(member).read()) for member in tar]
    source = write_tar(tmp_path, [*stored, ("b.png", link)])
    with pytest.raises(StudyError, match=r"the archive's block .* is damaged \(b\.png is not a file\): delete it"):
        read_block(source.paths[0])


def test_a_class_key_of_shell_characters_gives_a_plain_member_name(tmp_path):
    from synthdiv.images.archive import name_member

    path = tmp_path / "archive" / "b.tar"
    write_block(path, [(name_member(f"../$({CALL})\n", "train", 0), "png", PNG, {"maximum": 1.0})])
    with tarfile.open(path) as tar:
        assert tar.getnames() == ["_____touch_executed__-train-000000.png", "_____touch_executed__-train-000000.json"]


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read all files")
def test_an_image_without_read_permission_is_named(tmp_path):
    source = write_folders(tmp_path, PNG)
    (tmp_path / "natural" / "boot" / "1.png").chmod(0)
    with pytest.raises(StudyError, match=r"boot/1\.png cannot be read: Permission denied"):
        index(source, tmp_path)


@pytest.mark.parametrize("name", ["{x}", "<x>", "a}"])
def test_a_folder_whose_name_snakemake_would_expand_is_refused(tmp_path, name):
    folder = tmp_path / "train" / name
    folder.mkdir(parents=True)
    with pytest.raises(StudyError, match=r"contains '[{}<>]', which Snakemake reads as part of a placeholder: rename it"):
        describe_images(str(tmp_path / "train"), [name])
    for path in (str(folder), f"{folder}/*.tar"):
        (folder / "a.tar").touch()
        with pytest.raises(StudyError, match="reads as part of a placeholder"):
            describe_images(path, ["boot"])
    with pytest.raises(StudyError, match="reads as part of a placeholder"):
        find_embeddings(f"{folder}/a.tar")
