"""Test transfer sets of torchvision and scikit-learn, with tiny ones in the layout of the downloads."""

import io
import json

import numpy as np
import pytest
from PIL import Image
from scipy.io import savemat
from sklearn.datasets import load_digits

from synthdiv.core.errors import StudyError
from synthdiv.images.readers.sources import read_rows
from synthdiv.images.transfer_sets import TORCHVISION, find_root, list_torchvision, split_evenly, write_digits


def save(path, colour=0):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (4, 4), (colour, 0, 0)).save(path)


def write(path, lines):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(lines) + "\n")


def make_aircraft(root):
    data = root / "fgvc-aircraft-2013b" / "data"
    write(data / "variants.txt", ["707-320", "A300 B4"])
    for n, split in enumerate(("train", "val", "test")):
        write(data / f"images_variant_{split}.txt", [f"10{n} 707-320", f"20{n} A300 B4"])


def make_cars(root):
    folder = root / "stanford_cars"
    (folder / "devkit").mkdir(parents=True)
    savemat(folder / "devkit" / "cars_meta.mat", {"class_names": np.array(["Audi", "BMW"], dtype=object)})
    kind = [("fname", object), ("class", object)]
    for path, names in (("devkit/cars_train_annos.mat", ("1", "2")), ("cars_test_annos_withlabels.mat", ("3", "4"))):
        rows = np.array([(f"{name}.jpg", n + 1) for n, name in enumerate(names)], dtype=kind)
        savemat(folder / path, {"annotations": rows})
    for name in ("cars_train", "cars_test"):
        (folder / name).mkdir()


def make_dtd(root):
    folder = root / "dtd" / "dtd"
    for split in ("train", "val", "test"):
        write(folder / "labels" / f"{split}1.txt", [f"banded/{split}.jpg", f"dotted/{split}.jpg"])


def make_eurosat(root):
    for name in ("Forest", "River"):
        for n in range(10):
            save(root / "eurosat" / "2750" / name / f"{name}_{n}.jpg")


def make_flowers(root):
    folder = root / "flowers-102"
    (folder / "jpg").mkdir(parents=True)
    savemat(folder / "imagelabels.mat", {"labels": np.array([1, 2, 1, 2, 1, 2])})
    savemat(folder / "setid.mat", {"trnid": np.array([1, 2]), "valid": np.array([3, 4]), "tstid": np.array([5, 6])})


def make_pets(root):
    folder = root / "oxford-iiit-pet"
    (folder / "images").mkdir(parents=True)
    for split in ("trainval", "test"):
        write(folder / "annotations" / f"{split}.txt", [f"Abyssinian_{split} 1 1 1", f"beagle_{split} 2 2 1"])


def make_food(root):
    folder = root / "food-101"
    (folder / "images").mkdir(parents=True)
    for split in ("train", "test"):
        write(folder / "meta" / f"{split}.json", [json.dumps({"pie": [f"pie/{split}"], "pho": [f"pho/{split}"]})])


def make_sun(root):
    write(root / "SUN397" / "ClassName.txt", ["/a/abbey", "/b/bar/indoor"])
    for n in range(10):
        save(root / "SUN397" / "a" / "abbey" / f"sun_{n}.jpg")
        save(root / "SUN397" / "b" / "bar" / "indoor" / f"sun_{n}.jpg")


def make_inaturalist(version):
    def make(root):
        for n in range(10):
            save(root / version / "Birds" / "0" / f"{n}.jpg")
            save(root / version / "Plants" / "1" / f"{n}.jpg")

    return make


MAKERS = {
    "FGVCAircraft": make_aircraft,
    "StanfordCars": make_cars,
    "DTD": make_dtd,
    "EuroSAT": make_eurosat,
    "Flowers102": make_flowers,
    "OxfordIIITPet": make_pets,
    "Food101": make_food,
    "SUN397": make_sun,
    "INaturalist2018": make_inaturalist("2018"),
    "INaturalist2019": make_inaturalist("2019"),
}


@pytest.fixture
def _no_checksums(monkeypatch):
    """Skip the comparison of the flowers' files with the checksums of the real ones."""
    monkeypatch.setattr("torchvision.datasets.Flowers102._check_integrity", lambda self: True)


def test_the_ten_sets_of_the_study_are_supported():
    assert list(MAKERS) == list(TORCHVISION)


@pytest.mark.usefixtures("_no_checksums")
@pytest.mark.parametrize("name", MAKERS)
def test_torchvision_lists_files_classes_and_its_own_splits(tmp_path, name):
    MAKERS[name](tmp_path)
    classes, listed = list_torchvision({"torchvision": name, "root": str(tmp_path)})
    assert len(classes) == (102 if name == "Flowers102" else 2)  # torchvision itself defines their names
    without, three = {"EuroSAT", "SUN397", "INaturalist2018", "INaturalist2019"}, {"FGVCAircraft", "DTD", "Flowers102"}
    expected = {"train"} | (set() if name in without else {"evaluation"}) | ({"validation"} if name in three else set())
    assert set(listed) == expected
    for rows in listed.values():
        assert {class_id for _, class_id in rows} == {0, 1}
        assert all(path.endswith(".jpg") for path, _ in rows)
    files = [path for rows in listed.values() for path, _ in rows]
    assert len(set(files)) == len(files)  # no image is in two splits
    words = {"DTD": ("train", "test"), "Food101": ("train", "test"), "OxfordIIITPet": ("trainval", "test")}
    if name in words:
        for split, word in zip(("train", "evaluation"), words[name], strict=True):
            assert all(word in path.rsplit("/", 1)[1] for path, _ in listed[split])


@pytest.mark.parametrize("name", MAKERS)
def test_the_message_about_a_missing_set_says_where_to_get_it_and_where_to_put_it(tmp_path, name):
    source = {"torchvision": name, "root": str(tmp_path)}
    with pytest.raises(StudyError) as caught:
        find_root(source)
    message = str(caught.value)
    assert message.startswith(f"{tmp_path}/")
    assert f"does not exist; {name} is not downloaded automatically: " in message
    assert "http" in message or "its authors no longer offer it" in message
    MAKERS[name](tmp_path)
    assert all(path.startswith(str(tmp_path)) for path in find_root(source))


def test_an_incomplete_set_gives_a_clear_error(tmp_path):
    make_aircraft(tmp_path)
    (tmp_path / "fgvc-aircraft-2013b" / "data" / "images_variant_val.txt").unlink()
    with pytest.raises(StudyError, match=r"torchvision cannot read FGVCAircraft in .*images_variant_val.txt.*: unpack http"):
        list_torchvision({"torchvision": "FGVCAircraft", "root": str(tmp_path)})


def test_the_split_of_a_class_does_not_depend_on_the_others():
    keys = ["a", "b", "c"]
    whole = split_evenly([0] * 10 + [1] * 7 + [2], keys, seed=1)
    assert [sum(whole[:10]), sum(whole[10:17]), whole[17]] == [3, 2, False]
    assert split_evenly([1] * 7, keys, seed=1) == whole[10:17]
    mixed = split_evenly([1, 0] * 7 + [0] * 3 + [2], keys, seed=1)
    assert [chosen for n, chosen in enumerate(mixed) if n % 2 == 0 and n < 14] == whole[10:17]
    assert sum(split_evenly([0, 0], keys, seed=1)) == 1


def test_the_digits_equal_those_of_scikit_learn(tmp_path):
    path = tmp_path / "digits.parquet"
    classes = write_digits(path)
    assert [row.key for row in classes] == [str(n) for n in range(10)]
    digits = load_digits()
    images = list(read_rows(str(path)))
    assert len(images) == 1797
    pixels = np.asarray(Image.open(io.BytesIO(images[5])))
    np.testing.assert_array_equal(pixels, np.round(digits.images[5] * 255 / 16))
