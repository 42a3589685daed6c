"""One flipped bit in a stored table: found when the table is read, or without an effect on what is read."""

import random

import numpy as np
import pytest

from synthdiv.core.errors import StudyError
from synthdiv.embeddings.table import EmbeddingTables, write_embeddings
from synthdiv.images.index import read_index, write_index

FLIPS = 600


def write_table(path):
    vectors = np.random.default_rng(0).normal(size=(60, 16))
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    splits = ["train"] * 40 + ["evaluation"] * 20
    write_embeddings(
        path, [n % 3 for n in range(60)], splits, list(range(60)), vectors.astype(np.float16), np.ones(60), {"by": "me"}
    )


def read_table(path):
    parts = [EmbeddingTables([path], split).read() for split in ("train", "evaluation")]
    return [[array.tobytes() for array in (one.class_ids, one.indices, one.vectors, one.lengths)] for one in parts]


def write_images(path):
    rows = [
        {"class_id": n % 3, "split": "train", "index": n, "prompt": f"image {n}", "seed": n, "file": f"{n // 20}.tar"}
        | {"offset": 512 * n, "size": 100 + n, "digest": bytes([n] * 16), "flags": ["black"] if n % 7 == 0 else []}
        for n in range(60)
    ]
    write_index(path, rows, {"set": "a"})


def read_images(path):
    return read_index(path).to_pylist()


@pytest.mark.parametrize(
    ("write", "read"), [(write_table, read_table), (write_images, read_images)], ids=["embeddings", "index"]
)
def test_a_flipped_bit_changes_nothing_that_is_read(tmp_path, write, read):
    path = tmp_path / "table.parquet"
    write(path)
    content, expected = path.read_bytes(), read(path)
    generator, refused = random.Random(0), 0
    for _ in range(FLIPS):
        damaged = bytearray(content)
        damaged[generator.randrange(len(content))] ^= 1 << generator.randrange(8)
        path.write_bytes(damaged)
        try:
            found = read(path)
        except StudyError as error:
            message, refused = str(error), refused + 1
            assert message.startswith(f"{path} is damaged (")
        else:
            assert found == expected
    assert refused > FLIPS / 4
