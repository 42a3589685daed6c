"""Test that index tables are sorted and complete, and that flagged images are left out on request."""

import random

import pyarrow as pa
import pytest

from synthdiv.core.tables import read_metadata
from synthdiv.images.index import digest_images, read_index, select_images, write_index

SPLITS = ("train", "evaluation", "probe")  # other splits follow in the order of their names


def make_row(class_id, split, index, *flags):
    return {
        "class_id": class_id,
        "split": split,
        "index": index,
        "prompt": f"class {class_id}" if class_id else None,
        "seed": 2**63 - 1 - index if class_id else None,
        "file": "archive/ab.tar",
        "offset": 2**40 + 512 * index,
        "size": 100 + index,
        "digest": bytes([class_id, SPLITS.index(split), index, *range(13)]),
        "flags": list(flags),
    }


SORTED = [make_row(n, split, index) for n in (0, 1, 10) for split in SPLITS for index in (0, 2, 10)]


def test_rows_are_sorted_numerically_with_the_training_split_first(tmp_path):
    path = tmp_path / "index.parquet"
    expected = sorted(SORTED, key=lambda row: (row["class_id"], SPLITS.index(row["split"]), row["index"]))
    write_index(path, random.Random(0).sample(SORTED, len(SORTED)), {})
    assert read_index(path).to_pylist() == expected


def test_shuffled_rows_give_the_same_file(tmp_path):
    paths = [tmp_path / "one.parquet", tmp_path / "two.parquet"]
    for seed, (path, metadata) in enumerate(zip(paths, ({"a": 2, "b": 1}, {"b": 1, "a": 2}), strict=True)):
        write_index(path, iter(random.Random(seed).sample(SORTED, len(SORTED))), metadata)
    assert paths[0].read_bytes() == paths[1].read_bytes()


def test_metadata_is_read_back(tmp_path):
    metadata = {"recipe": {"steps": 50, "prompt": "Rebhuhn – ähnlich"}, "guidance_scale": 2.5, "revision": None}
    write_index(tmp_path / "index.parquet", [make_row(0, "train", 0)], metadata)
    assert read_metadata(tmp_path / "index.parquet") == metadata


def test_an_index_without_rows_keeps_its_columns(tmp_path):
    write_index(tmp_path / "index.parquet", [], {})
    table = read_index(tmp_path / "index.parquet")
    assert table.schema.names == list(SORTED[0])
    assert table.schema.field("seed").type == pa.int64()
    assert table.to_pylist() == []


FLAGGED = [
    make_row(0, "train", 0),
    make_row(0, "train", 1, "black"),
    make_row(0, "evaluation", 0, "uniform", "nsfw"),
    make_row(1, "train", 0, "undecodable"),
    make_row(1, "train", 1, "nsfw"),
    make_row(2, "train", 0),
]


@pytest.mark.parametrize(
    ("class_ids", "exclude_flags", "kept"),
    [
        ([0, 1, 2], [], [0, 1, 2, 4, 5]),
        ([0, 1, 2], ["black"], [0, 2, 4, 5]),
        (range(3), ["black", "nsfw"], [0, 5]),
        ([1], ["uniform"], [4]),
        ([2, 0], ["uniform"], [0, 1, 5]),
        ([7], [], []),
    ],
)
def test_rows_are_selected_by_class_and_flag_and_never_if_undecodable(tmp_path, class_ids, exclude_flags, kept):
    write_index(tmp_path / "index.parquet", FLAGGED, {})
    table = read_index(tmp_path / "index.parquet")
    selected = select_images(table, class_ids=iter(class_ids), exclude_flags=iter(exclude_flags))
    assert selected.to_pylist() == [FLAGGED[n] for n in kept]


def test_rows_are_selected_by_split(tmp_path):
    write_index(tmp_path / "index.parquet", FLAGGED, {})
    table = read_index(tmp_path / "index.parquet")
    selected = select_images(table, split="evaluation", exclude_flags=[]).to_pylist()
    assert selected == [row for row in FLAGGED if row["split"] == "evaluation"]


def test_the_digest_says_which_images_and_labels_an_index_has(tmp_path):
    def digest(*edits):
        rows = [make_row(n, "train", index) for n in (0, 1) for index in (0, 1)]
        for n, edit in edits:
            rows[n] = rows[n] | edit
        write_index(tmp_path / "index.parquet", rows, {})
        return digest_images(read_index(tmp_path / "index.parquet"))

    others = [{"class_id": 3}, {"index": 7}, {"digest": bytes(16)}]
    assert len({digest(), *(digest((0, other)) for other in others)}) == len(others) + 1
    one, two = ({"digest": bytes([n] * 16)} for n in (1, 2))
    assert digest((0, one), (1, two)) != digest((0, two), (1, one))
    for moved in ({"file": "elsewhere.tar"}, {"offset": 1}, {"prompt": "another"}):
        assert digest((0, moved)) == digest()
