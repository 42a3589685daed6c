"""The same 60 images in every layout have the same index; an edited or damaged source is seen, refused, or harmless."""

import gzip
import json
import os
import random

import numpy as np
import pytest
from test_readers import encode, idx_bytes, write_idx, write_parquet, write_tar

from synthdiv.core.errors import StudyError
from synthdiv.images.archive import read_image
from synthdiv.images.flags import decode_image
from synthdiv.images.image_source import ImageFiles
from synthdiv.images.natural_index import choose_images, index_images
from synthdiv.images.readers.sources import find_images
from synthdiv.prompts.class_tables import ClassRow

KEYS = ("fox", "fox squirrel", "red, fox")
CLASSES = [ClassRow(n, key, key, "", "", "") for n, key in enumerate(KEYS)]
COUNT = 60
PIXELS = np.random.default_rng(1).integers(0, 256, (COUNT, 5, 4), dtype=np.uint8)
LABELS = np.random.default_rng(2).permutation(np.arange(COUNT) % len(KEYS)).tolist()
ENCODED = [encode(pixels) for pixels in PIXELS]
NAMES = [f"{n:03d}.png" for n in range(COUNT)]
PLACE = ("file", "offset", "size", "digest")


def write_files(paths):
    for n in random.Random(0).sample(range(COUNT), COUNT):
        paths[n].parent.mkdir(parents=True, exist_ok=True)
        paths[n].write_bytes(ENCODED[n])


def write_folders(folder, nested=False):
    parts = ["", "more", "more/of these"] if nested else [""]
    # sorted by their whole path, so that a nested folder's names come after those beside it
    write_files([folder / KEYS[LABELS[n]] / parts[n * len(parts) // COUNT] / NAMES[n] for n in range(COUNT)])
    return ImageFiles(form="folder", paths=tuple(str(folder / key) for key in KEYS), keys=KEYS)


def write_flat(folder, lines, **options):
    write_files([folder / "flat" / name for name in NAMES])
    (folder / "labels.csv").write_text("\n".join(lines) + "\n")
    return ImageFiles(form="flat", paths=(str(folder / "flat"),), labels=str(folder / "labels.csv"), **options)


def write_quoted(folder):
    return write_flat(folder, [f'{name},"{KEYS[label]}"' for name, label in zip(NAMES, LABELS, strict=True)])


def write_header(folder):
    rows = [f"{KEYS[label]}\ttrain\t{name}" for name, label in zip(NAMES, LABELS, strict=True)]
    return write_flat(folder, ["species\tsplit\tfile_name", *rows], label="species")


def write_samples(folder, describe):
    samples = (describe(NAMES[n], ENCODED[n], LABELS[n]) for n in range(COUNT))
    return write_tar(folder / "images.tar", [member for sample in samples for member in sample])


def with_cls(name, image, label):
    return (name, image), (f"{name[:3]}.cls", KEYS[label].encode())


def with_json(name, image, label):
    return (f"{name[:3]}.json", json.dumps({"key": name[:3], "class_key": KEYS[label]}).encode()), (name, image)


def write_tar_of_folders(folder):
    order = sorted(range(COUNT), key=lambda n: NAMES[n])
    return write_tar(folder / "images.tar", [(f"{KEYS[LABELS[n]]}/{NAMES[n]}", ENCODED[n]) for n in order])


def write_rows(folder, **columns):
    return write_parquet(folder / "images.parquet", **columns)


LAYOUTS = {
    "folders": write_folders,
    "nested folders": lambda folder: write_folders(folder, nested=True),
    "a folder and quoted CSV": write_quoted,
    "a folder and a header": write_header,
    "a tar with .cls": lambda folder: write_samples(folder, with_cls),
    "a tar with .json": lambda folder: write_samples(folder, with_json),
    "a tar of folders": write_tar_of_folders,
    "Parquet of bytes": lambda folder: write_rows(folder, image=ENCODED, class_id=LABELS),
    "Parquet of structs": lambda folder: write_rows(
        folder, image=[{"bytes": image, "path": "x"} for image in ENCODED], key=[KEYS[label] for label in LABELS]
    ),
    "Parquet with ids": lambda folder: write_rows(folder, image=ENCODED, key=NAMES, label=[KEYS[label] for label in LABELS]),
    "IDX": lambda folder: write_idx(folder, idx_bytes(PIXELS), idx_bytes(LABELS)),
    "gzipped IDX": lambda folder: write_idx(folder, idx_bytes(PIXELS), idx_bytes(LABELS), gzip.compress),
}


def make(write, tmp_path):
    folder = tmp_path / "source"
    folder.mkdir()
    return write(folder), folder


def index(source, folder):
    found = find_images(source, CLASSES)
    chosen = choose_images(found, CLASSES, set_name="x", split="train", counts=None, seed=0)
    places = {"archive": folder.parent / "archive", "checked": folder.parent / "checked"}
    return list(index_images(chosen, CLASSES, split="train", on_undecodable="error", threads=2, **places))


def read(rows):
    """The pixels of each class's images in the order of their indices, or an error if one is not what was indexed."""
    rows = sorted(rows, key=lambda row: (row["class_id"], row["index"]))
    return [(row["class_id"], np.asarray(decode_image(read_image(*(row[name] for name in PLACE))))) for row in rows]


def are_the_images(images):
    numbers = sorted(range(COUNT), key=lambda n: (LABELS[n], n))
    return [label for label, _ in images] == [LABELS[n] for n in numbers] and all(
        (pixels == PIXELS[n][..., None]).all() for n, (_, pixels) in zip(numbers, images, strict=True)
    )


@pytest.mark.parametrize("write", LAYOUTS.values(), ids=LAYOUTS)
def test_every_layout_gives_the_same_images(tmp_path, write):
    rows = index(*make(write, tmp_path))
    assert sorted((row["class_id"], row["index"]) for row in rows) == [(c, n) for c in range(3) for n in range(20)]
    assert are_the_images(read(rows))


def exchange(paths, generator):
    first, second = generator.sample(paths, 2)
    other = first.with_name(".other")
    first.rename(other)
    second.rename(first)
    other.rename(second)


def rename(paths, generator):
    path = generator.choice(paths)
    path.rename(path.with_name(f"999{path.suffix}"))


def overwrite(paths, generator):
    """With the size and the modification time that the file had."""
    path = generator.choice(paths)
    data, metadata = bytearray(path.read_bytes()), path.stat()
    data[generator.randrange(len(data))] ^= 1 << generator.randrange(8)
    path.write_bytes(data)
    os.utime(path, ns=(metadata.st_atime_ns, metadata.st_mtime_ns))


def truncate(paths, generator):
    path = generator.choice(paths)
    path.write_bytes(path.read_bytes()[: -generator.randint(1, 9)])


MUTATIONS = {"exchanged": exchange, "renamed": rename, "overwritten": overwrite, "truncated": truncate}


@pytest.mark.parametrize("mutate", MUTATIONS.values(), ids=MUTATIONS)
@pytest.mark.parametrize("write", LAYOUTS.values(), ids=LAYOUTS)
def test_a_changed_source_is_seen_refused_or_harmless(tmp_path, write, mutate):
    source, folder = make(write, tmp_path)
    rows = index(source, folder)
    if len([path for path in folder.rglob("*") if path.is_file()]) < 3 and mutate in (exchange, rename):
        pytest.skip("the layout's files are named by the config")
    for seed in range(4):
        mutate(sorted(path for path in folder.rglob("*") if path.is_file()), random.Random(seed))
        try:
            after = index(source, folder)
        except StudyError:
            return  # refused
        if after == rows:
            assert are_the_images(read(after))  # harmless
        else:
            read(after)  # seen: the index is of the new images
        rows = after
