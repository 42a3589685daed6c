"""Write the demo's two natural sets from images on which no model of the demo is trained: `make demo-natural`.

The source is Fashion-MNIST's test images: of each class, the first 300 are training images, the next 100 evaluation images.
``studio`` holds them unaltered (IDX files, as in Fashion-MNIST), ``fashion`` the same items under the simulated capture of
:mod:`world` (Parquet with PNG images), on which the demo's generator was trained. ``fashion-train-captions.csv`` says what
the training images show, in the words of the generator's captions.
"""

from __future__ import annotations

import argparse
import csv
import gzip
import io
import struct
from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from build_models import DEBIAN
from PIL import Image
from world import NEUTRAL, Items, Scenes, caption_scenes, draw_scenes, read_items, render_scenes

from synthdiv.prompts.class_tables import read_classes

COUNTS = {"train": 300, "evaluation": 100}
NATURAL = Path(__file__).parents[1] / "natural"
CLASSES = Path(__file__).parents[2] / "prompts" / "fashion" / "classes.csv"


def write_idx(path: Path, values: np.ndarray) -> None:
    """Write an IDX file of unsigned bytes, gzipped without a timestamp."""
    header = struct.pack(">BBBB", 0, 0, 8, values.ndim) + struct.pack(f">{values.ndim}i", *values.shape)
    with open(path, "wb") as file, gzip.GzipFile(fileobj=file, mode="wb", mtime=0, filename="") as zipped:
        zipped.write(header + values.tobytes())


def write_captions(path: Path, items: Items, scenes: Scenes, rng: np.random.Generator) -> None:
    """Write a caption of each scene; an image is named by its class and its number there.

    No caption says how typical an item is: these items were not chosen by it.
    """
    keys = [row.key for row in read_classes(CLASSES)]
    shown = replace(scenes, typical=np.full(len(scenes), NEUTRAL))
    counts: Counter[str] = Counter()
    with open(path, "w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["key", "index", "caption"])
        for label, caption in zip(items.labels[scenes.item], caption_scenes(items, shown, rng), strict=True):
            writer.writerow([keys[label], counts[keys[label]], caption])
            counts[keys[label]] += 1


def main() -> None:
    """Write both sets, both splits."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--fashion-mnist", type=Path, default=DEBIAN, help="folder of the IDX files (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=20230801)
    args = parser.parse_args()
    items = read_items(args.fashion_mnist, "t10k")
    rng = np.random.default_rng([args.seed, 4])
    NATURAL.mkdir(parents=True, exist_ok=True)
    start = 0
    for split, count in COUNTS.items():
        rows = np.concatenate([np.flatnonzero(items.labels == c)[start : start + count] for c in range(10)])
        start += count
        labels = items.labels[rows]
        write_idx(NATURAL / f"studio-{split}-images-idx3-ubyte.gz", items.images[rows])
        write_idx(NATURAL / f"studio-{split}-labels-idx1-ubyte.gz", labels.astype(np.uint8))
        scenes = draw_scenes(items, len(rows), rng)
        scenes.item = rows
        if split == "train":
            rng_of_captions = np.random.default_rng([args.seed, 5])
            write_captions(NATURAL / f"fashion-{split}-captions.csv", items, scenes, rng_of_captions)
        images = []
        for pixels in render_scenes(items, scenes, rng):
            buffer = io.BytesIO()
            Image.fromarray(pixels).save(buffer, format="png", optimize=True)
            images.append(buffer.getvalue())
        table = pa.table({"class_id": pa.array(labels, pa.int32()), "image": pa.array(images, pa.binary())})
        pq.write_table(table, NATURAL / f"fashion-{split}.parquet", compression="none", use_dictionary=False)


if __name__ == "__main__":
    main()
