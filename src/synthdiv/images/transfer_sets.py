"""Locate and list the transfer sets of torchvision and scikit-learn, on which frozen features are evaluated.

The ten sets of the ImageNet-SD study are torchvision's. Nothing is ever downloaded: an error names a missing file, where to
get it and where to put it. The Snakefile imports this module in every job, so torchvision is imported only where needed.
"""

from __future__ import annotations

import hashlib
import io
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from synthdiv.core.errors import StudyError
from synthdiv.core.files import replace_atomically
from synthdiv.prompts.class_tables import ClassRow, name_classes

VALIDATION = "validation"
"""The split on which the regularisation is chosen, for sets that have one."""
EVALUATION_SHARE = 0.3
"""Share of each class's images to evaluate on, for sets without splits: EuroSAT's usual 8,100 of 27,000."""


@dataclass(frozen=True)
class TorchvisionSet:
    """A data set that torchvision reads.

    Attributes
    ----------
    name : str
        torchvision's class name.
    needs : tuple of str
        Required files and folders below the root.
    fetch : str
        Where to get the set, and where to put it below the root: the end of a sentence.
    splits : mapping of our split to torchvision's
        Empty if torchvision defines none.
    options : mapping
        Further arguments of the class.
    """

    name: str
    needs: tuple[str, ...]
    fetch: str
    splits: Mapping[str, str] = field(default_factory=dict)
    options: Mapping[str, str] = field(default_factory=dict)


WITH_VALIDATION = {"train": "train", VALIDATION: "val", "evaluation": "test"}
INATURALIST = "https://github.com/visipedia/inat_comp/tree/master"
TORCHVISION = {
    "FGVCAircraft": TorchvisionSet(
        "FGVCAircraft",
        ("fgvc-aircraft-2013b",),
        "unpack https://www.robots.ox.ac.uk/~vgg/data/fgvc-aircraft/ (fgvc-aircraft-2013b.tar.gz) there",
        WITH_VALIDATION,
    ),
    "StanfordCars": TorchvisionSet(
        "StanfordCars",
        tuple(f"stanford_cars/{name}" for name in ("devkit", "cars_train", "cars_test", "cars_test_annos_withlabels.mat")),
        "its authors no longer offer it: from a copy, put cars_train, cars_test, devkit and cars_test_annos_withlabels.mat "
        "into stanford_cars there",
        {"train": "train", "evaluation": "test"},
    ),
    "DTD": TorchvisionSet(
        "DTD",
        ("dtd/dtd",),
        "unpack dtd-r1.0.1.tar.gz of https://www.robots.ox.ac.uk/~vgg/data/dtd/ into dtd there",
        WITH_VALIDATION,
    ),
    "EuroSAT": TorchvisionSet(
        "EuroSAT",
        ("eurosat/2750",),
        "unpack EuroSAT.zip of https://github.com/phelber/EuroSAT into eurosat there",
    ),
    "Flowers102": TorchvisionSet(
        "Flowers102",
        ("flowers-102/jpg", "flowers-102/imagelabels.mat", "flowers-102/setid.mat"),
        "unpack 102flowers.tgz of https://www.robots.ox.ac.uk/~vgg/data/flowers/102/ into flowers-102 there, and put "
        "imagelabels.mat and setid.mat in the same folder",
        WITH_VALIDATION,
    ),
    "OxfordIIITPet": TorchvisionSet(
        "OxfordIIITPet",
        ("oxford-iiit-pet/images", "oxford-iiit-pet/annotations"),
        "unpack images.tar.gz and annotations.tar.gz of https://www.robots.ox.ac.uk/~vgg/data/pets/ into "
        "oxford-iiit-pet there",
        {"train": "trainval", "evaluation": "test"},
    ),
    "Food101": TorchvisionSet(
        "Food101",
        ("food-101/meta", "food-101/images"),
        "unpack food-101.tar.gz of https://data.vision.ee.ethz.ch/cvl/datasets_extra/food-101/ there",
        {"train": "train", "evaluation": "test"},
    ),
    "SUN397": TorchvisionSet(
        "SUN397", ("SUN397",), "unpack SUN397.tar.gz of https://vision.princeton.edu/projects/2010/SUN/ there"
    ),
    "INaturalist2018": TorchvisionSet(
        "INaturalist",
        ("2018",),
        f"unpack train_val2018.tar.gz of {INATURALIST}/2018 there and call its folder 2018",
        options={"version": "2018"},
    ),
    "INaturalist2019": TorchvisionSet(
        "INaturalist",
        ("2019",),
        f"unpack train_val2019.tar.gz of {INATURALIST}/2019 there and call its folder 2019",
        options={"version": "2019"},
    ),
}
"""The ten sets, by their names in the config."""


def locate_parts(source: Mapping[str, Any]) -> list[str]:
    """Return the files and folders of a torchvision set (``torchvision``, its name, and ``root``), existing or not."""
    return [os.path.join(source["root"], part) for part in TORCHVISION[source["torchvision"]].needs]


def find_root(source: Mapping[str, Any]) -> list[str]:
    """Return the files and folders of a torchvision set, all of which must exist.

    Parameters
    ----------
    source : mapping
        ``torchvision``, its name, and ``root``.

    Raises
    ------
    StudyError
        If one is missing; the message says where to get it and where to put it.
    """
    paths = locate_parts(source)
    missing = next((path for path in paths if not os.path.exists(path)), None)
    if missing is not None:
        raise StudyError(
            f"{missing} does not exist; {source['torchvision']} is not downloaded automatically: "
            f"{TORCHVISION[source['torchvision']].fetch} ({source['root']})"
        )
    return paths


def list_torchvision(source: Mapping[str, Any]) -> tuple[list[ClassRow], dict[str, list[tuple[str, int]]]]:
    """List the classes of a torchvision set, and the file and class_id of every image in each of its splits.

    Parameters
    ----------
    source : mapping
        ``torchvision``, its name, and ``root``.

    Returns
    -------
    (list of ClassRow, dict of split to list of (str, int))
        If torchvision defines no splits, "train" is the only one.

    Raises
    ------
    StudyError
        If torchvision does not find the complete set.
    """
    from torchvision import datasets

    known = TORCHVISION[source["torchvision"]]
    listed: dict[str, list[tuple[str, int]]] = {}
    names: list[str] = []
    for split, theirs in (known.splits or {"train": ""}).items():
        options = dict(known.options) | ({"split": theirs} if theirs else {})
        try:
            # with loader=str, the set returns an image's path instead of its pixels
            if known.name == "OxfordIIITPet":
                images = datasets.OxfordIIITPet(source["root"], **options)
                rows = list(zip(images._images, images._labels, strict=True))
            else:
                images = getattr(datasets, known.name)(source["root"], loader=str, **options)
                rows = [images[n] for n in range(len(images))]
            listed[split] = [(str(path), int(label)) for path, label in rows]
        except (RuntimeError, OSError, ValueError, KeyError) as error:
            raise StudyError(
                f"torchvision cannot read {source['torchvision']} in {source['root']} ({error}): {known.fetch}"
            ) from error
        names = names or list(images.all_categories if known.name == "INaturalist" else images.classes)
    return name_classes(names), listed


def write_digits(path: Path | str) -> list[ClassRow]:
    """Write scikit-learn's digits as a Parquet file: 1,797 real images of 8 x 8 pixels, with 17 grey levels over 0 to 255.

    References
    ----------
    E. Alpaydin and C. Kaynak, "Optical recognition of handwritten digits" (1998), UCI Machine Learning Repository; the part
    that scikit-learn includes.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq
    from PIL import Image
    from sklearn.datasets import load_digits

    digits, encoded = load_digits(), []
    for pixels in digits.images:
        data = io.BytesIO()
        Image.fromarray((pixels * 255 / 16).round().astype("uint8")).save(data, format="png")
        encoded.append(data.getvalue())
    with replace_atomically(path) as temporary:
        pq.write_table(pa.table({"image": encoded, "class_id": digits.target.astype("int32")}), temporary)
    return name_classes(digits.target_names)


def split_evenly(class_ids: list[int], keys: list[str], seed: int, share: float = EVALUATION_SHARE) -> list[bool]:
    """Choose the evaluation images of a set without splits: the same share of each class independently at random.

    Parameters
    ----------
    class_ids : list of int
        The class of each image; the images of a class must be sorted by name.
    keys : list of str
        The class keys by class_id. A class's choice depends only on its key, its number of images and the seed.
    seed : int
        The study's seed.
    share : float
        Share of a class's images, rounded down, but at least one image; the only image of a class is for training.

    Returns
    -------
    list of bool
        Whether each image is for evaluation.
    """
    members: dict[int, list[int]] = {}
    for n, class_id in enumerate(class_ids):
        members.setdefault(class_id, []).append(n)
    chosen = [False] * len(class_ids)
    for class_id, own in members.items():
        key = f"transfer {seed} {keys[class_id]}"
        ranks = sorted(range(len(own)), key=lambda n: hashlib.sha256(f"{key} {n}".encode()).digest())
        count = min(len(own) - 1, max(1, int(len(own) * share)))
        for n in ranks[:count]:
            chosen[own[n]] = True
    return chosen
