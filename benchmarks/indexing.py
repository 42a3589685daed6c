"""Time the listing, decoding and indexing of natural images: a made-up ImageNet of 50,000 files, `make bench`.

1,000 folders of 50 JPEG files, and the same files in one folder with a file of labels; each twice, the second time with the
results of decoding kept. The peer opens and loads each file with Pillow, in a plain loop.
"""

from __future__ import annotations

import io
import os
import resource
import sys
import tempfile
import time
from pathlib import Path

import polars as pl
import pyarrow.parquet as pq
from PIL import Image
from timing import show, widen_tables

from synthdiv.images.image_source import ImageFiles
from synthdiv.images.index import write_index
from synthdiv.images.natural_index import choose_images, index_images
from synthdiv.images.readers.sources import find_images
from synthdiv.prompts.class_tables import read_classes

FILES = 50  # per class
SIZE = (500, 375)  # common in ImageNet


def write_trees(folder: Path, keys: list[str]) -> None:
    """Write real photographs as JPEG: those of the demo, enlarged."""
    table = pq.read_table("resources/demo/natural/fashion-train.parquet")
    photographs = []
    (folder / "photographs").mkdir()
    for data in table["image"].to_pylist()[: 2 * FILES]:
        photographs.append(folder / "photographs" / f"{len(photographs)}.jpg")
        Image.open(io.BytesIO(data)).convert("RGB").resize(SIZE).save(photographs[-1], quality=90)
    (folder / "flat").mkdir()
    with open(folder / "labels.txt", "w") as labels:
        for number, key in enumerate(keys):
            (folder / "tree" / key).mkdir(parents=True)
            for n in range(FILES):
                name = f"val_{number * FILES + n:08d}.JPEG"
                for place in (folder / "tree" / key, folder / "flat"):
                    os.link(photographs[(number + n) % len(photographs)], place / name)
                labels.write(f"{key}\n")


def main() -> None:
    """Index both forms twice."""
    widen_tables()
    classes = read_classes("resources/prompts/imagenet/classes.csv")
    keys, rows, threads = [row.key for row in classes], [], os.cpu_count() or 1
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_trees(folder, keys)
        forms = {
            "folders": ImageFiles(form="folder", paths=tuple(str(folder / "tree" / key) for key in keys), keys=tuple(keys)),
            "flat": ImageFiles(form="flat", paths=(str(folder / "flat"),), labels=str(folder / "labels.txt")),
        }
        paths = sorted((folder / "tree").rglob("*.JPEG"))
        start = time.monotonic()
        for path in paths:
            with Image.open(path) as image:
                image.load()
        rows.append(("Pillow in a loop", len(paths), round(len(paths) / (time.monotonic() - start)), None))
        for form, source in forms.items():
            for again in ("", ", again"):
                start = time.monotonic()
                found = find_images(source, classes, threads=threads)
                chosen = choose_images(found, classes, set_name=form, split="evaluation", counts=None, seed=0)
                images = index_images(
                    chosen,
                    classes,
                    split="evaluation",
                    archive=folder / "archive",
                    checked=folder / f"{form}.checked",
                    on_undecodable="error",
                    threads=threads,
                )
                number = write_index(folder / "index.parquet", images, {})
                peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
                rows.append((form + again, number, round(number / (time.monotonic() - start)), round(peak)))
    print(f"{threads} threads", file=sys.stderr)
    output = Path("results/benchmarks")
    output.mkdir(parents=True, exist_ok=True)
    table = pl.DataFrame(rows, schema=["task", "files", "files_per_s", "peak_mb"], orient="row")
    show(table, output / "indexing.csv")


if __name__ == "__main__":
    main()
