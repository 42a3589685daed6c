"""Write images in the layouts that other software reads. Files are written whole or not at all; those that exist stay."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from tqdm import tqdm

from synthdiv.core.files import replace_atomically
from synthdiv.export.images import Export, ExportedImage, find_suffix
from synthdiv.images.archive import digest_bytes, write_block

IMAGES_PER_FILE = 1000
"""Images of a tar or a Parquet file."""
THREADS = 8
"""Threads that write files of single images: most of their time, they wait for the disk."""
METADATA = pa.schema(
    [
        ("label", pa.int64()),
        ("class_key", pa.string()),
        ("class_name", pa.string()),
        ("set", pa.string()),
        ("index", pa.int64()),
        ("prompt", pa.string()),
        ("seed", pa.int64()),
        ("guidance_scale", pa.float64()),
        ("flags", pa.list_(pa.string())),
    ]
)
"""What is known of each image."""
IMAGE = pa.struct([("bytes", pa.binary()), ("path", pa.string())])
"""An encoded image, as Hugging Face's datasets store it."""

Write = Callable[[Export, Path, tqdm], None]


def write_imagefolder(export: Export, folder: Path, progress: tqdm) -> None:
    """Write <split>/<class>/<image>, as torchvision's ImageFolder reads it, with <split>/metadata.csv for Hugging Face."""
    for split in export.sizes:
        folders = name_folders(export)
        (folder / split).mkdir(parents=True, exist_ok=True)
        images = export.list_images(split)
        with (
            replace_atomically(folder / split / "metadata.csv") as temporary,
            open(temporary, "w", encoding="utf-8", newline="") as file,
            ThreadPoolExecutor(THREADS) as pool,
        ):
            writer = csv.writer(file, lineterminator="\n")
            writer.writerow(["file_name", *METADATA.names])
            while batch := list(islice(images, IMAGES_PER_FILE)):
                for image, name in zip(batch, pool.map(partial(_write_image, folder / split, folders), batch), strict=True):
                    values = image.metadata | {"flags": " ".join(image.metadata["flags"])}
                    writer.writerow([name, *("" if value is None else value for value in values.values())])
                    progress.update()


def name_folders(export: Export) -> list[str]:
    """Return the name of each class's folder: its key, or its number as well if the key is no name of a single folder."""
    names = [row.key.replace("/", "_") for row in export.classes]
    unique = len({name.casefold() for name in names}) == len(names)
    return [name if unique and not name.startswith(".") else f"{n}-{name}" for n, name in enumerate(names)]


def _write_image(folder: Path, folders: list[str], image: ExportedImage) -> str:
    """Write an image, unless its file is there and whole; return its path from the folder of the split."""
    data = image.read()
    name = f"{folders[image.metadata['label']]}/{image.name}.{find_suffix(data)}"
    path = folder / name
    if not path.exists() or digest_bytes(path.read_bytes()) != image.place[-1]:
        with replace_atomically(path) as temporary:
            temporary.write_bytes(data)
    return name


def write_webdataset(export: Export, folder: Path, progress: tqdm) -> None:
    """Write <split>-<number>.tar: of each image, its file and a JSON. Classes are mixed, since tars are read in order."""
    for split in export.sizes:
        for number, batch in enumerate(_group(export.list_images(split, shuffled=True))):
            path = folder / f"{split}-{number:06d}.tar"
            if not path.exists():
                write_block(path, map(_describe_member, batch))
            progress.update(len(batch))


def _describe_member(image: ExportedImage) -> tuple[str, str, bytes, dict[str, Any]]:
    data = image.read()
    return image.name, find_suffix(data), data, image.metadata


def write_datasets(export: Export, folder: Path, progress: tqdm) -> None:
    """Write data/<split>-<number>-of-<count>.parquet, as load_dataset of Hugging Face's datasets reads it."""
    features: dict[str, Any] = {
        "image": {"_type": "Image"},
        "label": {"names": [row.name for row in export.classes], "_type": "ClassLabel"},
        "flags": {"feature": {"dtype": "string", "_type": "Value"}, "_type": "List"},
    }
    for one in METADATA:
        dtype = str(one.type).replace("double", "float64")
        features.setdefault(one.name, {"dtype": dtype, "_type": "Value"})
    columns = ["image", *METADATA.names]
    info = {"info": {"features": {name: features[name] for name in columns}}}
    schema = pa.schema([("image", IMAGE), *METADATA], metadata={"huggingface": json.dumps(info)})
    for split, size in export.sizes.items():
        count = -(-size // IMAGES_PER_FILE)
        for number, batch in enumerate(_group(export.list_images(split, shuffled=True))):
            path = folder / "data" / f"{split}-{number:05d}-of-{count:05d}.parquet"
            if not path.exists():
                table = pa.Table.from_pylist([_describe_row(image) for image in batch], schema=schema)
                with replace_atomically(path) as temporary:
                    pq.write_table(table, temporary, row_group_size=ROWS_PER_GROUP, write_page_checksum=True)
            progress.update(len(batch))


ROWS_PER_GROUP = 100
"""Rows of a Parquet file that are read together: images are large."""


def _describe_row(image: ExportedImage) -> dict[str, Any]:
    data = image.read()
    return {"image": {"bytes": data, "path": f"{image.name}.{find_suffix(data)}"}} | image.metadata


def _group(images: Iterator[ExportedImage]) -> Iterator[list[ExportedImage]]:
    while batch := list(islice(images, IMAGES_PER_FILE)):
        yield batch


FORMATS: dict[str, Write] = {
    "imagefolder": write_imagefolder,
    "webdataset": write_webdataset,
    "datasets": write_datasets,
}
