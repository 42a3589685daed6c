"""Names of exported files: unique, whatever the class keys are, and nothing that a reader would split."""

import pyarrow as pa
import pytest

from synthdiv.export.formats import name_folders
from synthdiv.export.images import Export, ImageList
from synthdiv.images.index import SCHEMA
from synthdiv.prompts.class_tables import name_classes


def make_export(keys, *, parts=("",)):
    row = {"split": "train", "index": 0, "prompt": None, "seed": None, "file": "f", "offset": 0, "size": 1, "flags": []}
    rows = [row | {"class_id": n, "digest": bytes(16)} for n in range(len(keys))]
    lists = [ImageList(part, "A", "train", None, pa.Table.from_pylist(rows, schema=SCHEMA)) for part in parts]
    return Export("A", name_classes(keys), lists)


@pytest.mark.parametrize(
    ("keys", "folders", "names"),
    [
        (["cat", "dog"], ["cat", "dog"], ["cat", "dog"]),
        (["a b", "a_b"], ["a b", "a_b"], ["0-a_b", "1-a_b"]),
        (["x/y", "x_y"], ["0-x_y", "1-x_y"], ["0-x_y", "1-x_y"]),
        (["Cat", "cat"], ["0-Cat", "1-cat"], ["Cat", "cat"]),
        ([".hidden", "v2.5"], ["0-.hidden", "v2.5"], ["_hidden", "v2_5"]),
    ],
)
def test_each_class_has_a_folder_and_names_of_its_own(keys, folders, names):
    export = make_export(keys)
    assert name_folders(export) == folders
    assert [image.name for image in export.list_images("train")] == [f"{name}-train-000000" for name in names]


def test_the_same_image_in_two_parts_of_a_mixture_has_two_names():
    export = make_export(["cat"], parts=("part1-", "part2-"))
    assert export.sizes == {"train": 2}
    names = [image.name for image in export.list_images("train", shuffled=True)]
    assert names == ["part1-cat-train-000000", "part2-cat-train-000000"]


def test_the_order_of_a_shuffle_is_always_the_same():
    keys = [f"k{n}" for n in range(50)]
    first, second = ([one.name for one in make_export(keys).list_images("train", shuffled=True)] for _ in range(2))
    assert first == second != sorted(first)
