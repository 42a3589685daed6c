"""Test natural images: the same images in every form, seeded subsets, and invalid input."""

import gzip
import io
import json
import os
import random
import struct
import tarfile
from collections import Counter

import numpy as np
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image
from scipy.io import savemat

from synthdiv.core.errors import StudyError
from synthdiv.images.archive import digest_bytes, read_bytes, read_image
from synthdiv.images.flags import decode_image
from synthdiv.images.image_source import ImageFiles
from synthdiv.images.natural_index import choose_images, count_images, index_images
from synthdiv.images.readers.sources import find_images, read_rows
from synthdiv.prompts.class_tables import ClassRow

CLASSES = [ClassRow(0, "boot", "ankle boot", "", "", ""), ClassRow(1, "shirt", "shirt", "", "", "")]
PIXELS = np.random.default_rng(0).integers(0, 256, (6, 5, 4), dtype=np.uint8)  # (images, rows, columns)
LABELS = [1, 0, 0, 1, 1, 0]
EXPECTED = {  # the image of each (class_id, index)
    (0, 0): PIXELS[1],
    (0, 1): PIXELS[2],
    (0, 2): PIXELS[5],
    (1, 0): PIXELS[0],
    (1, 1): PIXELS[3],
    (1, 2): PIXELS[4],
}


def encode(pixels):
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, format="png")
    return buffer.getvalue()


ENCODED = [encode(pixels) for pixels in PIXELS]
RAW = [b"P5 4 5 255\n" + pixels.tobytes() for pixels in PIXELS]
"""The images in a format whose files all have the same size."""
PLACE = ("file", "offset", "size", "digest")


def replace_by_older(path, data):
    other = path.with_name(".other")
    other.write_bytes(data)
    os.utime(other, (1, 1))
    os.replace(other, path)


def overwrite_in_place(path, data):
    """With the size, the modification time and the inode of the former file."""
    metadata = path.stat()
    path.write_bytes(data)
    os.utime(path, ns=(metadata.st_atime_ns, metadata.st_mtime_ns))
    after = path.stat()
    assert (after.st_size, after.st_mtime_ns, after.st_ino) == (metadata.st_size, metadata.st_mtime_ns, metadata.st_ino)


def write_folders(folder, images=ENCODED, labels=LABELS):
    paths = [folder / row.key for row in CLASSES]
    for path in paths:
        path.mkdir(parents=True)
    for number in reversed(range(len(images))):
        (paths[labels[number]] / f"{number:02d}.PNG").write_bytes(images[number])
    (paths[0] / "notes.txt").write_text("not an image")
    return ImageFiles(form="folder", paths=tuple(map(str, paths)), keys=tuple(path.name for path in paths))


def write_tar(path, members, mode="w"):
    with tarfile.open(path, mode) as tar:
        for name, data in members:
            info = tarfile.TarInfo(name)
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))
    return ImageFiles(form="tar", paths=(str(path),))


def write_tar_with_cls(folder, images=ENCODED, labels=LABELS):
    samples = [((f"{n:02d}.png", image), (f"{n:02d}.cls", b"%d\n" % labels[n])) for n, image in enumerate(images)]
    return write_tar(folder / "images.tar", [member for sample in samples for member in sample])


def write_tar_with_json(folder, images=ENCODED, labels=LABELS):
    samples = [
        ((f"a/{n:02d}.json", json.dumps({"key": CLASSES[labels[n]].key, "by": "me"}).encode()), (f"a/{n:02d}.png", image))
        for n, image in enumerate(images)
    ]
    return write_tar(folder / "images.tar", [member for sample in samples for member in sample])


def write_tar_with_folders(folder, images=ENCODED, labels=LABELS):
    names = [f"{CLASSES[label].key}/{n:02d}.png" for n, label in enumerate(labels)]
    return write_tar(folder / "images.tar", zip(names, images, strict=True))


def write_flat(folder, lines, images=ENCODED, name="labels.txt"):
    (folder / "flat").mkdir(parents=True)
    for number in reversed(range(len(images))):
        (folder / "flat" / f"val_{number:02d}.PNG").write_bytes(images[number])
    (folder / name).write_text("\n".join(lines) + "\n\n")
    return ImageFiles(form="flat", paths=(str(folder / "flat"),), labels=str(folder / name))


def write_flat_with_keys(folder, images=ENCODED):
    return write_flat(folder, [CLASSES[label].key for label in LABELS], images)


def write_flat_with_names(folder, images=ENCODED):
    lines = [f"val_{n:02d}.PNG {label}" for n, label in enumerate(LABELS)]
    return write_flat(folder, random.Random(0).sample(lines, len(lines)), images)


def write_flat_with_csv(folder, images=ENCODED):
    lines = [f"val_{n:02d},{CLASSES[label].key} 5 4 90 80" for n, label in enumerate(LABELS)]
    return write_flat(folder, ["ImageId,PredictionString", *reversed(lines)], images, "LOC_val_solution.csv")


def write_flat_with_development_kit(folder, images=ENCODED):
    """The kit's numbers start at 1, and are not in the order of the classes."""
    kinds = np.array([(1, "shirt"), (2, "boot")], dtype=[("ILSVRC2012_ID", int), ("WNID", object)])
    savemat(folder / "meta.mat", {"synsets": kinds})
    return write_flat(folder, [str({1: 1, 0: 2}[label]) for label in LABELS], images)


def write_two_tars(folder, images=ENCODED, labels=LABELS):
    names = [f"{CLASSES[label].key}/{n:02d}.png" for n, label in enumerate(labels)]
    members = list(zip(names, images, strict=True))
    first, second = write_tar(folder / "a.tar", members[:4]), write_tar(folder / "b.tar", members[4:])
    return ImageFiles(form="tar", paths=first.paths + second.paths)


def write_parquet(path, **columns):
    pq.write_table(pa.table(columns), path)
    return ImageFiles(form="parquet", paths=(str(path),))


def write_parquet_of_bytes(folder, images=ENCODED, labels=LABELS):
    return write_parquet(folder / "images.parquet", class_id=labels, image=images, other=[0.5] * len(images))


def write_parquet_of_structs(folder, images=ENCODED, labels=LABELS):
    structs = [{"bytes": image, "path": f"{n}.png"} for n, image in enumerate(images)]
    return write_parquet(folder / "images.parquet", key=[CLASSES[label].key for label in labels], image=structs)


def idx_bytes(values):
    values = np.asarray(values, np.uint8)
    return struct.pack(f">HBB{values.ndim}i", 0, 8, values.ndim, *values.shape) + values.tobytes()


def write_idx(folder, images, labels, pack=lambda data: data):
    for name, data in (("images", images), ("labels", labels)):
        (folder / f"{name}-ubyte").write_bytes(pack(data))
    return ImageFiles(form="idx", paths=(str(folder / "images-ubyte"),), labels=str(folder / "labels-ubyte"))


FORMS = {
    "folder": write_folders,
    "flat folder with keys": write_flat_with_keys,
    "flat folder with names": write_flat_with_names,
    "flat folder with a solution": write_flat_with_csv,
    "flat folder with the development kit": write_flat_with_development_kit,
    "tar with .cls": write_tar_with_cls,
    "tar with .json": write_tar_with_json,
    "tar with folders": write_tar_with_folders,
    "two tars": write_two_tars,
    "Parquet of bytes": write_parquet_of_bytes,
    "Parquet of structs": write_parquet_of_structs,
    "IDX": lambda folder: write_idx(folder, idx_bytes(PIXELS), idx_bytes(LABELS)),
    "gzipped IDX": lambda folder: write_idx(folder, idx_bytes(PIXELS), idx_bytes(LABELS), gzip.compress),
}
WITH_BYTES = {name: write for name, write in FORMS.items() if "IDX" not in name}


def choose(found, *, count=None, seed=0, split="train"):
    return choose_images(found, CLASSES, set_name="natural", split=split, counts=count, seed=seed)


def index(found, tmp_path, *, split="train", on_undecodable="error", **choice):
    rows = index_images(
        choose(found, split=split, **choice),
        CLASSES,
        split=split,
        archive=tmp_path / "archive",
        checked=tmp_path / "checked",
        on_undecodable=on_undecodable,
        threads=2,
    )
    return sorted(rows, key=lambda row: (row["class_id"], row["index"]))


@pytest.mark.parametrize("write", FORMS.values(), ids=FORMS)
def test_every_form_gives_the_same_index_and_pixels(tmp_path, write):
    rows = index(find_images(write(tmp_path), CLASSES), tmp_path)
    assert [(row["class_id"], row["index"]) for row in rows] == list(EXPECTED)
    for row in rows:
        pixels = np.asarray(decode_image(read_bytes(row["file"], row["offset"], row["size"])))
        assert (pixels == EXPECTED[row["class_id"], row["index"]][..., None]).all()
        assert (row["split"], row["prompt"], row["seed"], row["flags"]) == ("train", None, None, [])


@pytest.mark.parametrize("write", [write_parquet_of_bytes, FORMS["IDX"]], ids=["Parquet", "IDX"])
def test_images_are_copied_once(tmp_path, write):
    source = write(tmp_path)
    first = index(find_images(source, CLASSES), tmp_path)
    times = {path: path.stat().st_mtime_ns for path in (tmp_path / "archive").rglob("*.tar")}
    assert len(times) == 1
    assert index(find_images(source, CLASSES), tmp_path) == first
    assert {path: path.stat().st_mtime_ns for path in (tmp_path / "archive").rglob("*.tar")} == times


def test_the_order_of_files_and_classes_changes_neither_rows_nor_blocks(tmp_path):
    """Each of two files with images of both classes becomes one block."""
    parts = [write_parquet(tmp_path / f"{n}.parquet", class_id=[1, 0] * 2, image=ENCODED[n : n + 4]) for n in (0, 2)]
    source = ImageFiles(form="parquet", paths=[part.paths[0] for part in parts])
    first = index(find_images(source, CLASSES), tmp_path)
    assert len(first) == 8
    assert index(find_images(source.model_copy(update={"paths": source.paths[::-1]}), CLASSES), tmp_path) == first
    assert len(list((tmp_path / "archive").rglob("*.tar"))) == 2


def test_hidden_files_and_folders_are_left_out(tmp_path):
    source = write_folders(tmp_path)
    (tmp_path / "boot" / ".ipynb_checkpoints").mkdir()
    (tmp_path / "boot" / ".ipynb_checkpoints" / "01-checkpoint.png").write_bytes(ENCODED[1])
    (tmp_path / "boot" / "._01.PNG").write_bytes(b"macOS metadata")
    assert len(find_images(source, CLASSES)) == 6
    flat = ImageFiles(form="flat", paths=(str(tmp_path / "boot"),), labels=str(tmp_path / "labels.txt"))
    (tmp_path / "labels.txt").write_text("boot\n" * 3)
    assert len(find_images(flat, CLASSES)) == 3
    names = ["./boot/a.png", "./boot/._a.png", "./boot/.trash/b.png", "boot/../shirt/c.png", ".d.png"]
    tar = write_tar(tmp_path / "mac.tar", [(name, ENCODED[0]) for name in names])
    assert [image.name for image in find_images(tar, CLASSES)] == [f"{tmp_path}/mac.tar/{names[n]}" for n in (0, 3)]


def test_images_are_found_in_subfolders_of_a_class(tmp_path):
    source = write_folders(tmp_path)
    inner = tmp_path / "boot" / "0-first"
    inner.mkdir()
    (inner / "99.jpeg").write_bytes(ENCODED[0])
    rows = index(find_images(source, CLASSES), tmp_path)
    assert next(row["file"] for row in rows if row["class_id"] == 0) == str(inner / "99.jpeg")
    assert len(rows) == 7


@pytest.mark.parametrize("write", WITH_BYTES.values(), ids=WITH_BYTES)
def test_an_undecodable_image_is_named_or_flagged(tmp_path, write):
    images = [*ENCODED[:2], ENCODED[2][:40], *ENCODED[3:]]
    source = write(tmp_path, images)
    with pytest.raises(StudyError, match="1 of 6 images do not decode") as caught:
        index(find_images(source, CLASSES), tmp_path)
    place = {"parquet": "000000002", "tar": "02.png"}.get(source.form, "02.PNG")
    for text in (source.paths[0], place, "on_undecodable: flag"):
        assert text in str(caught.value)
    rows = index(find_images(source, CLASSES), tmp_path, on_undecodable="flag")
    assert {(row["class_id"], row["index"]): row["flags"] for row in rows} == {
        at: ["undecodable"] if at == (0, 1) else [] for at in EXPECTED
    }


def test_all_undecodable_images_are_reported_at_once(tmp_path, caplog):
    images = [ENCODED[n % 6] if n % 2 else b"" for n in range(20)]
    source = write_folders(tmp_path, images, [n // 2 % 2 for n in range(20)])
    with pytest.raises(StudyError, match="10 of 20 images do not decode") as caught:
        index(find_images(source, CLASSES), tmp_path)
    assert "and 5 more, in the log" in str(caught.value)
    assert len([line for line in caplog.messages if line.startswith("undecodable: ")]) == 10


def test_decoded_images_are_not_decoded_again(tmp_path, monkeypatch):
    source, decoded = write_folders(tmp_path), []
    monkeypatch.setattr(
        "synthdiv.images.natural_index.decode_image", lambda data: decoded.append(data) or decode_image(data)
    )
    broken = tmp_path / "shirt" / "03.PNG"
    broken.write_bytes(b"")
    with pytest.raises(StudyError, match="do not decode"):
        index(find_images(source, CLASSES), tmp_path)
    assert len(decoded) == 6
    broken.write_bytes(ENCODED[3])
    rows = index(find_images(source, CLASSES), tmp_path)
    assert decoded[6:] == [ENCODED[3]]
    assert index(find_images(source, CLASSES), tmp_path) == rows
    assert len(decoded) == 7
    assert len(list((tmp_path / "checked").iterdir())) == len(CLASSES)


@pytest.mark.parametrize("replace", [replace_by_older, overwrite_in_place])
def test_an_image_with_other_bytes_is_decoded_again(tmp_path, replace):
    source = write_folders(tmp_path, images=RAW)
    rows = index(find_images(source, CLASSES), tmp_path)
    path = tmp_path / "shirt" / "03.PNG"
    (before,) = (row for row in rows if row["file"] == str(path))
    assert read_image(*(before[name] for name in PLACE)) == RAW[3]
    replace(path, RAW[4])
    with pytest.raises(
        StudyError, match=r"03\.PNG: the image at byte 0 is not the one that was indexed. If .* `touch \S+/03\.PNG` and"
    ):
        read_image(*(before[name] for name in PLACE))
    after = index(find_images(source, CLASSES), tmp_path)
    assert [row for row in after if row not in rows] == [before | {"digest": digest_bytes(RAW[4])}]


def test_damaged_results_of_decoding_are_not_used(tmp_path):
    source = write_folders(tmp_path)
    rows = index(find_images(source, CLASSES), tmp_path)
    path = tmp_path / "checked" / "1.json"
    path.write_bytes(path.read_bytes().replace(b'"maximum": ', b'"maximum": -'))
    assert index(find_images(source, CLASSES), tmp_path) == rows


def test_an_interrupted_job_keeps_the_classes_that_it_decoded(tmp_path):
    found = find_images(write_folders(tmp_path), CLASSES)
    chosen = choose(found)
    rows = index_images(
        chosen,
        CLASSES,
        split="train",
        archive=tmp_path / "archive",
        checked=tmp_path / "checked",
        on_undecodable="error",
        threads=1,
    )
    os.remove(chosen[-1].image.file)
    with pytest.raises(StudyError, match="no longer exists"):
        list(rows)
    assert len(list((tmp_path / "checked").glob("*.json"))) == 1, "the first class is complete"


def test_closing_the_rows_stops_decoding(tmp_path):
    """Otherwise, all remaining classes would be decoded although the index can no longer be written."""
    classes = [ClassRow(n, f"c{n}", f"c{n}", "", "", "") for n in range(40)]
    for row in classes:
        (tmp_path / row.key).mkdir()
        for n in range(8):
            (tmp_path / row.key / f"{n}.png").write_bytes(ENCODED[n % len(ENCODED)])
    keys = [row.key for row in classes]
    source = ImageFiles(form="folder", paths=[str(tmp_path / key) for key in keys], keys=keys)
    chosen = choose_images(find_images(source, classes), classes, set_name="x", split="train", counts=None, seed=0)
    kept = tmp_path / "checked"
    rows = index_images(chosen, classes, split="train", archive=tmp_path, checked=kept, on_undecodable="error", threads=1)
    next(rows)
    rows.close()
    assert 1 <= len(list(kept.glob("*.json"))) < len(classes)


def test_found_chosen_and_undecodable_images_are_counted(tmp_path):
    source = write_folders(tmp_path, [*ENCODED[:2], b"", *ENCODED[3:]])
    left_out = Counter()
    found = find_images(source, CLASSES, left_out=left_out)
    rows = index(found, tmp_path, on_undecodable="flag", count={"shirt": 2})
    chosen = choose(found, count={"shirt": 2})
    counts = count_images(found, chosen, left_out, pl.DataFrame(rows), CLASSES, "train")
    assert counts.rows() == [
        ("train", 0, "boot", 3, 3, 1, str(tmp_path / "boot" / "02.PNG"), 1, "1 .txt"),
        ("train", 1, "shirt", 3, 2, 0, "", 0, ""),
    ]
    assert count_images(found, chosen[::-1], left_out, pl.DataFrame(rows), CLASSES, "train").equals(counts)


def test_black_and_uniform_images_are_flagged(tmp_path):
    images = [encode(np.full((4, 4), value, np.uint8)) for value in (0, 200)]
    source = write_tar_with_cls(tmp_path, [*images, *ENCODED[2:]])
    flags = {(row["class_id"], row["index"]): row["flags"] for row in index(find_images(source, CLASSES), tmp_path)}
    assert flags == {at: {(1, 0): ["black"], (0, 0): ["uniform"]}.get(at, []) for at in EXPECTED}


@pytest.mark.parametrize(("labels", "empty", "count"), [([1] * 6, "boot", None), ([0] * 6, "shirt", 2)])
def test_a_class_without_images_is_named(tmp_path, labels, empty, count):
    found = find_images(write_folders(tmp_path, labels=labels), CLASSES)
    with pytest.raises(StudyError, match="has 0 images") as caught:
        index(found, tmp_path, split="evaluation", count=count)
    assert all(text in str(caught.value) for text in ("'natural'", "evaluation", f"'{empty}'"))


def test_a_class_with_too_few_images_is_named(tmp_path):
    with pytest.raises(StudyError, match=r"'boot' \(ankle boot\) has 3 images; 4 are needed"):
        index(find_images(write_folders(tmp_path), CLASSES), tmp_path, count=4)


@pytest.fixture
def many(tmp_path):
    """Return the source of twenty images per class, in folders."""
    images = [encode(np.full((2, 2), n, np.uint8)) for n in range(40)]
    return write_folders(tmp_path / "many", images, [n % 2 for n in range(40)])


def numbers(rows):
    return [(row["class_id"], row["index"]) for row in rows]


def test_a_subset_does_not_depend_on_the_order_of_discovery(tmp_path, many):
    found = list(find_images(many, CLASSES))
    rows = index(found, tmp_path, count=7)
    assert [row["class_id"] for row in rows] == [0] * 7 + [1] * 7
    assert numbers(rows) == sorted(set(numbers(rows)))
    for seed in range(3):
        assert index(random.Random(seed).sample(found, len(found)), tmp_path, count=7) == rows


def test_chosen_images_are_sorted_by_class_and_index(many):
    found = random.Random(0).sample(find_images(many, CLASSES), 40)
    chosen = [(one.image.class_id, one.index) for one in choose(found, count=7)]
    assert chosen == sorted(set(chosen))


def test_an_image_of_a_subset_keeps_its_index_in_the_class(tmp_path, many):
    """Image i of class c is file 2i + c, since the files alternate between the classes."""
    for row in index(find_images(many, CLASSES), tmp_path, count=7):
        assert os.path.basename(row["file"]) == f"{2 * row['index'] + row['class_id']:02d}.PNG"


def test_moving_the_folder_does_not_change_a_subset(tmp_path, many):
    before = index(find_images(many, CLASSES), tmp_path, count=7)
    (tmp_path / "many").rename(tmp_path / "elsewhere")
    moved = many.model_copy(update={"paths": tuple(path.replace("/many/", "/elsewhere/") for path in many.paths)})
    after = index(find_images(moved, CLASSES), tmp_path, count=7)
    assert numbers(after) == numbers(before)
    assert [row["file"].replace("/elsewhere/", "/many/") for row in after] == [row["file"] for row in before]


def test_subsets_differ_by_seed_split_and_class(tmp_path, many):
    found = list(find_images(many, CLASSES))
    first = numbers(index(found, tmp_path, count=7))
    assert numbers(index(found, tmp_path, count=7, seed=1)) != first
    assert numbers(index(found, tmp_path, count=7, split="evaluation")) != first
    assert [n for class_id, n in first if class_id == 0] != [n for class_id, n in first if class_id == 1]
    assert numbers(index(found, tmp_path, count=20)) == [(class_id, n) for class_id in range(2) for n in range(20)]


@pytest.mark.parametrize("name", [b"class_id", ENCODED[1]], ids=["a column's name", "a page"])
def test_a_flipped_bit_in_a_parquet_is_refused(tmp_path, name):
    path = tmp_path / "a.parquet"
    table = pa.table({"class_id": [0, 1], "image": ENCODED[:2]})
    pq.write_table(table, path, compression="none", use_dictionary=False, write_page_checksum=True, write_statistics=False)
    path.write_bytes(path.read_bytes().replace(name, bytes([name[0] ^ 0x80]) + name[1:]))
    with pytest.raises(StudyError, match=r"a\.parquet is (not a readable Parquet file|damaged, near row 0): "):
        list(read_rows(str(path)))


def test_a_numeric_key_takes_precedence_over_a_class_id(tmp_path):
    classes = [ClassRow(0, "1", "one", "", "", ""), ClassRow(1, "0", "zero", "", "", "")]
    found = find_images(write_parquet(tmp_path / "a.parquet", image=ENCODED[:2], label=["1", "0"]), classes)
    assert [image.class_id for image in found] == [0, 1]


@pytest.mark.parametrize("note", [b"3", b"null", b'["key"]', b'"key"'])
def test_json_without_a_class_is_not_a_label(tmp_path, note):
    found = find_images(write_tar(tmp_path / "a.tar", [("shirt/7.json", note), ("shirt/7.png", ENCODED[0])]), CLASSES)
    assert [image.class_id for image in found] == [1]


def test_a_file_of_labels_may_begin_with_a_byte_order_mark(tmp_path):
    source = write_flat(tmp_path, [f"\ufeffval_{n:02d} boot" if n == 0 else f"val_{n:02d} boot" for n in range(6)])
    assert [image.class_id for image in find_images(source, CLASSES)] == [0] * 6


WRONG_LABELS = {
    "tar with .cls": (lambda t: write_tar(t / "a.tar", [("7.png", ENCODED[0]), ("7.cls", b"9")]), ["a.tar", "7.png", "'9'"]),
    "tar with .json": (
        lambda t: write_tar(t / "a.tar", [("7.json", b'{"key": "hat"}'), ("7.png", b"")]),
        ["7.png", "'hat'"],
    ),
    "tar with folders": (lambda t: write_tar(t / "a.tar", [("attic/7.png", b"")]), ["a.tar", "attic/7.png", "'attic'"]),
    "Parquet": (
        lambda t: write_parquet(t / "a.parquet", image=ENCODED[:2], key=["boot", "hat"]),
        ["a.parquet", "row 1", "'hat'"],
    ),
    "a negative id": (lambda t: write_parquet(t / "a.parquet", image=ENCODED[:1], label=[-1]), ["row 0", "'-1'"]),
    "IDX": (lambda t: write_idx(t, idx_bytes(PIXELS[:2]), idx_bytes([1, 2])), ["labels-ubyte", "row 1", "'2'"]),
}


@pytest.mark.parametrize(("write", "fragments"), WRONG_LABELS.values(), ids=WRONG_LABELS)
def test_a_label_that_names_no_class_is_refused(tmp_path, write, fragments):
    with pytest.raises(StudyError) as caught:
        list(find_images(write(tmp_path), CLASSES))
    for text in [str(tmp_path), "class_id from 0 to 1", *fragments]:
        assert text in str(caught.value)


def truncate_tar(folder):
    source = write_tar_with_folders(folder)
    with tarfile.open(source.paths[0]) as tar:
        inside = tar.getmembers()[3].offset_data + 10
    os.truncate(source.paths[0], inside)
    return source


def flip_header_in_tar(folder):
    source = write_tar_with_folders(folder)
    with tarfile.open(source.paths[0]) as tar:
        header = tar.getmembers()[3].offset
    with open(source.paths[0], "r+b") as file:
        file.seek(header)
        file.write(b"?")
    return source


def write_junk_parquet(folder):
    (folder / "a.parquet").write_bytes(b"version https://git-lfs.github.com/spec/v1")
    return ImageFiles(form="parquet", paths=(str(folder / "a.parquet"),))


IMAGES, IDS = idx_bytes(PIXELS), idx_bytes(LABELS)
WRONG_FILES = {
    "a compressed tar": (lambda t: write_tar(t / "a.tar", [("boot/1.png", b"")], "w:gz"), ["a.tar", "uncompressed"]),
    "a truncated tar": (truncate_tar, ["images.tar", "not a complete"]),
    "a tar with a flipped header": (flip_header_in_tar, ["images.tar", "not a complete"]),
    "a tar with broken JSON": (lambda t: write_tar(t / "a.tar", [("1.png", b""), ("1.json", b"{")]), ["a.tar", "1.json"]),
    "a tar with a binary .cls": (lambda t: write_tar(t / "a.tar", [("1.png", b""), ("1.cls", b"\xff")]), ["a.tar", "1.cls"]),
    "a Parquet without images": (
        lambda t: write_parquet(t / "a.parquet", url=["a"], label=[0]),
        ["a.parquet", "(image)", "url"],
    ),
    "a Parquet without labels": (lambda t: write_parquet(t / "a.parquet", image=[b"a"]), ["a.parquet", "class_id or key"]),
    "a Parquet with texts": (
        lambda t: write_parquet(t / "a.parquet", image=["a", "b"], label=[0, 1]),
        ["row 0", "no encoded image"],
    ),
    "a Parquet with a null": (
        lambda t: write_parquet(t / "a.parquet", image=[ENCODED[0], None], label=[0, 1]),
        ["row 1", "no encoded"],
    ),
    "not a Parquet": (write_junk_parquet, ["a.parquet"]),
    "IDX of another kind": (lambda t: write_idx(t, b"\0\0\x0d" + IMAGES[3:], IDS), ["images-ubyte", "unsigned bytes"]),
    "IDX that is too short": (lambda t: write_idx(t, IMAGES[:-1], IDS), ["images-ubyte", "119 values", "6 x 5 x 4"]),
    "IDX that is too long": (lambda t: write_idx(t, IMAGES, IDS + b"\0"), ["labels-ubyte", "7 values", "says 6"]),
    "IDX with a truncated header": (lambda t: write_idx(t, IMAGES[:9], IDS), ["images-ubyte"]),
    "IDX in a truncated gzip": (
        lambda t: write_idx(t, IMAGES, IDS, lambda data: gzip.compress(data)[:-9]),
        ["images-ubyte"],
    ),
    "fewer labels than images": (lambda t: write_flat(t, ["boot"] * 5), ["labels.txt", "5 labels", "6 images"]),
    "an image without a label": (lambda t: write_flat(t, ["val_00 boot", "val_03 shirt"]), ["labels.txt", "val_01.PNG"]),
    "an image with two labels": (
        lambda t: write_flat(t, [f"val_{n:02d} boot" for n in range(6)] + ["val_03 shirt"]),
        ["labels.txt", "'boot' on line 4", "'shirt' on line 7"],
    ),
    "a label of no class": (lambda t: write_flat(t, ["boot"] * 5 + ["hat"]), ["labels.txt, line 6", "'hat'"]),
    "numbers without their meaning": (lambda t: write_flat(t, ["1"] * 6), ["labels.txt", "meta.mat"]),
    "fewer labels": (lambda t: write_idx(t, IMAGES, idx_bytes(LABELS[:5])), ["6 images", "labels-ubyte", "5 labels"]),
    "labels for images": (lambda t: write_idx(t, IDS, IMAGES), ["images-ubyte"]),
}


@pytest.mark.parametrize(("write", "fragments"), WRONG_FILES.values(), ids=WRONG_FILES)
def test_an_invalid_file_is_refused(tmp_path, write, fragments):
    with pytest.raises(StudyError) as caught:
        index(find_images(write(tmp_path), CLASSES), tmp_path)
    for text in [str(tmp_path), *fragments]:
        assert text in str(caught.value)


@pytest.mark.parametrize("form", ["parquet", "flat"])
def test_images_of_other_classes_are_left_out_on_request(tmp_path, form):
    keys = ["n02", "n99", "n01", "n99"]
    if form == "parquet":
        source = write_parquet(tmp_path / "a.parquet", image=ENCODED[:4], key=keys)
    else:
        folder = tmp_path / "val"
        folder.mkdir()
        for n, data in enumerate(ENCODED[:4]):
            (folder / f"{n}.png").write_bytes(data)
        labels = tmp_path / "val.txt"
        labels.write_text("".join(f"{n}.png {key}\n" for n, key in enumerate(keys)))
        source = ImageFiles(form="flat", paths=(str(folder),), labels=str(labels))
    classes = [ClassRow(n, key, key, "", "", "") for n, key in enumerate(["n01", "n02"])]
    with pytest.raises(StudyError, match="the label 'n99' is neither a class key nor a class_id from 0 to 1"):
        find_images(source, classes)
    assert [image.class_id for image in find_images(source, classes, ignore_others=True)] == [1, 0]


def test_a_number_is_not_a_class_id_if_other_classes_are_ignored(tmp_path):
    source = write_parquet(tmp_path / "a.parquet", image=ENCODED[:1], label=["1"])
    classes = [ClassRow(n, key, key, "", "", "") for n, key in enumerate(["n01", "n02"])]
    with pytest.raises(StudyError, match="with ignore_other_classes, labels must be keys"):
        find_images(source, classes, ignore_others=True)
