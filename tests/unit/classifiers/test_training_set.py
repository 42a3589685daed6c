import re

import numpy as np
import pytest
from conftest import make_image_set

from synthdiv.classifiers.training_set import Part, gather_training_set
from synthdiv.core.errors import StudyError
from synthdiv.images.index import read_index, write_index
from synthdiv.images.subsets import gather_images

KEYS = ["red", "green", "blue"]


def test_a_subset_has_equal_classes_and_a_smaller_one_is_part_of_a_larger(tmp_path):
    index = make_image_set(tmp_path, "one", train=20)
    chosen = {}
    for count in (5, 12, None):
        table = gather_images([index], "train", exclude_flags=[], images_per_class=count, seed=4)
        assert np.bincount(table["class_id"].to_numpy()).tolist() == [count or 20] * 3
        chosen[count] = set(zip(table["class_id"].to_pylist(), table["index"].to_pylist(), strict=True))
    assert chosen[5] < chosen[12] < chosen[None]
    other = gather_images([index], "train", exclude_flags=[], images_per_class=5, seed=5)
    assert set(zip(other["class_id"].to_pylist(), other["index"].to_pylist(), strict=True)) != chosen[5]


def test_samples_have_no_image_in_common(tmp_path):
    index = make_image_set(tmp_path, "one", train=20)
    taken = []
    for sample in (None, 0, 1, 2):
        found = gather_training_set([Part("one", [index], 6, sample=sample)], KEYS, exclude_flags=[], seed=4)
        assert np.bincount(found.rows["class_id"]).tolist() == [6] * 3
        taken.append(set(zip(found.rows["file"].to_pylist(), found.rows["offset"].tolist(), strict=True)))
    assert taken[0] == taken[1]
    assert len(set().union(*taken[1:])) == 3 * len(taken[1])


def test_error_names_a_class_with_too_few_images_for_its_sample(tmp_path):
    index = make_image_set(tmp_path, "one", train=20)
    with pytest.raises(
        StudyError,
        match=r"^one has too few images of the class 'red' and of 2 other classes for 3 samples of 7 ",
    ):
        gather_training_set([Part("one", [index], 7, sample=2)], KEYS, exclude_flags=[], seed=4)


def test_parts_are_concatenated(tmp_path):
    one, two = make_image_set(tmp_path, "one", train=6), make_image_set(tmp_path, "two", train=4)
    whole = gather_training_set([Part("one", [one], 2), Part("two", [two], None, 3.0)], KEYS, exclude_flags=[], seed=0)
    assert (whole.sizes, whole.weights) == ([6, 12], [6.0, 3.0])
    files = whole.rows["file"].to_pylist()
    assert all("one-" in name for name in files[:6])
    assert all("two-" in name for name in files[6:])
    assert whole.rows["class_id"].tolist() == [0, 0, 1, 1, 2, 2] + [0] * 4 + [1] * 4 + [2] * 4


def test_classes_can_come_from_different_sets(tmp_path):
    one, two = (make_image_set(tmp_path / name, name, train=4) for name in ("one", "two"))
    parts = [Part("one", [one], class_ids=[0, 2]), Part("two", [two], 2, class_ids=[1])]
    whole = gather_training_set(parts, KEYS, exclude_flags=[], seed=0)
    assert whole.sizes == [8, 2]
    assert whole.rows["class_id"].tolist() == [0] * 4 + [2] * 4 + [1] * 2


def test_error_names_a_class_without_images(tmp_path):
    index = make_image_set(tmp_path, "one", classes=2)
    with pytest.raises(StudyError, match=r"training split of one has no image of the class 'blue': a classifier cannot"):
        gather_training_set([Part("one", [index])], KEYS, exclude_flags=[], seed=0)


def test_error_names_a_class_whose_images_are_all_flagged(tmp_path):
    index = make_image_set(tmp_path, "one")
    rows = read_index(index).to_pylist()
    write_index(index, [row | {"flags": ["black"] if row["class_id"] == 1 else []} for row in rows], {})
    with pytest.raises(StudyError, match=r"no image of the class 'green' \(images flagged black are left out\)"):
        gather_training_set([Part("one", [index])], KEYS, exclude_flags=["black"], seed=0)


def test_error_names_a_part_whose_images_are_all_flagged(tmp_path):
    one, two = make_image_set(tmp_path, "one"), make_image_set(tmp_path, "two")
    write_index(two, [row | {"flags": ["black"]} for row in read_index(two).to_pylist()], {})
    with pytest.raises(StudyError, match=r"no image of two is left to train on \(images flagged black are left out\)"):
        gather_training_set([Part("one", [one]), Part("two", [two], None, 2.0)], KEYS, exclude_flags=["black"], seed=0)


def test_error_names_a_lost_block_and_the_command_that_restores_it(tmp_path):
    index = make_image_set(tmp_path, "one")
    lost = tmp_path / "archive" / "one-1-train.tar"
    lost.unlink()
    with pytest.raises(
        StudyError, match=rf"lacks the block {re.escape(str(lost))}, which .* names(.|\n)*--force {re.escape(str(index))}"
    ):
        gather_training_set([Part("one", [index])], KEYS, exclude_flags=[], seed=0)
    gather_images([index], "evaluation", exclude_flags=[])  # its blocks exist
