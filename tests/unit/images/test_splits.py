"""The images of natural and transfer sets by split, and the choice of those that are used."""

from collections import Counter, defaultdict

import numpy as np
import pytest
from PIL import Image
from sklearn.datasets import load_digits

from synthdiv.core.errors import StudyError
from synthdiv.images.image_source import ImageFiles, ImageSource
from synthdiv.images.splits import find_splits, list_images
from synthdiv.prompts.class_columns import ClassColumns
from synthdiv.prompts.class_tables import read_classes


def make_folders(folder, counts):
    """Write the images of a split in one folder per class, and describe it."""
    for key, count in counts.items():
        (folder / key).mkdir(parents=True)
        for n in range(count):
            Image.new("RGB", (4, 4), (n, 0, 0)).save(folder / key / f"{key}_{n}.jpg")
    return ImageFiles(form="folder", paths=tuple(str(folder / key) for key in counts), keys=tuple(counts))


def describe_classes(folder, names):
    """Write a class table of keys and names, and describe it."""
    path = folder / "classes.csv"
    path.write_text("class_id,key,name\n" + "".join(f"{n},{key},{name}\n" for n, (key, name) in enumerate(names.items())))
    return ClassColumns.describe(str(path), read_classes(path), "key", "name")


def make_transfer_set(folder, counts, **splits):
    files, classes = {"train": make_folders(folder / "train", counts)} | splits, {key: key for key in counts}
    return ImageSource(files=tuple(files.items()), classes=describe_classes(folder, classes), makes_evaluation=True)


def find(source, tmp_path, *, function=list_images, seed=1):
    options = {"left_out": defaultdict(Counter)} if function is list_images else {}
    digits = tmp_path / "digits.parquet"
    return function(source, name="x", class_table="unused.csv", digits=digits, seed=seed, threads=1, **options)


def count(splits):
    return {split: np.bincount([image.class_id for image in images]).tolist() for split, images in splits.items()}


def test_a_transfer_set_of_one_class_is_refused(tmp_path):
    source = make_transfer_set(tmp_path, {"only": 1})
    with pytest.raises(StudyError, match=r"transfer.sets.x has one class, 'only': a classifier needs two or more"):
        find(source, tmp_path)


def test_a_transfer_set_without_splits_gets_a_seeded_stratified_one(tmp_path):
    make_folders(tmp_path / "eurosat" / "2750", {"Forest": 10, "River": 10})
    source = ImageSource(library={"torchvision": "EuroSAT", "root": str(tmp_path)}, makes_evaluation=True)
    classes, listed = find(source, tmp_path)
    assert [row.key for row in classes] == ["Forest", "River"]
    assert {split: len(images) for split, images in listed.items()} == {"train": 14, "evaluation": 6}
    assert [image.class_id for image in listed["evaluation"]] == [0] * 3 + [1] * 3
    assert not {image.file for image in listed["train"]} & {image.file for image in listed["evaluation"]}
    again, other = find(source, tmp_path)[1], find(source, tmp_path, seed=2)[1]
    assert again == listed
    assert other != listed


def test_the_digits_of_scikit_learn_are_split(tmp_path):
    digits = load_digits()
    _, listed = find(ImageSource(library={"sklearn": "digits"}, makes_evaluation=True), tmp_path)
    assert len(listed["train"]) + len(listed["evaluation"]) == 1797
    for one in listed["evaluation"][:20]:
        assert digits.target[one.row] == one.class_id
    assert count(listed)["evaluation"] == [int(0.3 * n) for n in np.bincount(digits.target)]


def test_a_class_of_one_image_is_only_in_the_training_split_of_a_transfer_set(tmp_path):
    source = make_transfer_set(tmp_path, {"cat": 10, "eel": 1})
    _, splits = find(source, tmp_path, function=find_splits)
    assert count({split: found for split, (found, *_) in splits.items()}) == {"train": [7, 1], "evaluation": [3]}
    assert {split: len(chosen) for split, (_, chosen, _) in splits.items()} == {"train": 8, "evaluation": 3}


def test_an_existing_evaluation_split_is_kept_whole(tmp_path):
    own = make_folders(tmp_path / "test", {"cat": 5, "eel": 1})
    _, listed = find(make_transfer_set(tmp_path, {"cat": 10, "eel": 1}, evaluation=own), tmp_path)
    assert count(listed) == {"train": [10, 1], "evaluation": [5, 1]}


def test_a_natural_set_is_reduced_in_the_splits_that_are_not_used_whole(tmp_path):
    train = make_folders(tmp_path / "train", {"boot": 6, "coat": 6})
    evaluation = make_folders(tmp_path / "evaluation", {"boot": 3, "coat": 4})
    source = ImageSource(
        files=(("train", train), ("evaluation", evaluation)),
        classes=describe_classes(tmp_path, {"boot": "ankle boot", "coat": "coat"}),
        images_per_class={"train": {"boot": 2}},
    )
    classes, splits = find(source, tmp_path, function=find_splits)
    assert [(row.class_id, row.key, row.name) for row in classes] == [(0, "boot", "ankle boot"), (1, "coat", "coat")]
    assert count({split: found for split, (found, *_) in splits.items()}) == {"train": [6, 6], "evaluation": [3, 4]}
    chosen = {split: [one.image for one in chosen] for split, (_, chosen, _) in splits.items()}
    assert count(chosen) == {"train": [2, 6], "evaluation": [3, 4]}


def test_a_natural_set_lacks_the_classes_that_it_does_not_have(tmp_path):
    files = make_folders(tmp_path, {"coat": 4})
    source = ImageSource(
        files=(("evaluation", files),), classes=describe_classes(tmp_path, {"boot": "boot", "coat": "coat"})
    )
    with pytest.raises(StudyError, match=r"'boot' \(boot\) has 0 images"):
        find(source, tmp_path, function=find_splits)
    _, splits = find(source.model_copy(update={"class_ids": (1,)}), tmp_path, function=find_splits)
    assert [one.image.class_id for one in splits["evaluation"][1]] == [1] * 4


def choose(tmp_path, counts, *, is_held_out, **options):
    """Choose the images of a natural set's training split, or those that are held out of it; by class, their numbers."""
    files = ImageFiles(form="folder", paths=tuple(str(tmp_path / "train" / key) for key in counts), keys=tuple(counts))
    source = ImageSource(
        files=(("train", files),),
        classes=describe_classes(tmp_path, dict.fromkeys(counts, "a")),
        is_held_out=is_held_out,
        **options,
    )
    _, splits = find(source, tmp_path, function=find_splits)
    ((split, (_, chosen, _)),) = splits.items()
    assert split == ("selection" if is_held_out else "train")
    numbers = {key: [one.index for one in chosen if one.image.class_id == n] for n, key in enumerate(counts)}
    return {key: set(found) for key, found in numbers.items()}


@pytest.mark.parametrize(
    ("train", "held_out", "expected"),
    [
        (None, "default", {"a": (36, 4), "b": (9, 1), "c": (1, 0)}),  # a tenth, rounded up, and never all
        (None, 3, None),
        (8, "default", None),
        ({"a": 39, "b": 9}, "default", {"a": (39, 1), "b": (9, 1), "c": (1, 0)}),
    ],
)
def test_images_are_held_out_of_the_training_split(tmp_path, train, held_out, expected):
    counts = {"a": 40, "b": 10, "c": 1}
    make_folders(tmp_path / "train", counts)
    options = {"images_per_class": {} if train is None else {"train": train}, "held_out": held_out}
    if expected is None:
        with pytest.raises(StudyError, match=r"the class 'c' \(a\) has 1 images; .* are needed"):
            choose(tmp_path, counts, is_held_out=True, **options)
        return
    rest, aside = (choose(tmp_path, counts, is_held_out=kind, **options) for kind in (False, True))
    assert {key: (len(rest[key]), len(aside[key])) for key in counts} == expected
    assert all(not rest[key] & aside[key] for key in counts)


def test_a_large_class_gives_fifty_images_and_a_subset_leaves_those_that_it_does_not_use(tmp_path):
    counts = {"a": 600, "b": 20}
    make_folders(tmp_path / "train", counts)
    rest, aside = (choose(tmp_path, counts, is_held_out=kind, held_out="default") for kind in (False, True))
    assert [(len(rest[key]), len(aside[key])) for key in counts] == [(550, 50), (18, 2)]
    alone = choose(tmp_path, counts, is_held_out=False, images_per_class={"train": 10})
    given = {"images_per_class": {"train": 10}, "held_out": 10}
    rest, aside = (choose(tmp_path, counts, is_held_out=kind, **given) for kind in (False, True))
    assert rest == alone
    assert [len(aside[key]) for key in counts] == [10, 10]
    assert all(not rest[key] & aside[key] for key in counts)


def test_a_training_split_without_a_further_image_has_none_to_choose_by(tmp_path):
    make_folders(tmp_path / "train", {"a": 5, "b": 5})
    with pytest.raises(StudyError, match="'x': its training split has no image left to choose a training set by"):
        choose(tmp_path, {"a": 5, "b": 5}, is_held_out=True, held_out="default", images_per_class={"train": 5})
