"""Folders like ImageNet's and those of the sets that evaluate on it, with an empty file for each class."""

import csv

import yaml
from workplace import REPOSITORY

from synthdiv.images.transfer_sets import locate_parts
from synthdiv.plan.user_sources import find_timm_subset


def read_keys():
    """Read ImageNet's class keys."""
    with open(REPOSITORY / "resources" / "prompts" / "imagenet" / "classes.csv", newline="") as file:
        return [row["key"] for row in csv.DictReader(file)]


def make_class_folders(folder, classes):
    for one in classes:
        (folder / one).mkdir(parents=True)
        (folder / one / "1.JPEG").touch()


def make_imagenet(folder):
    """Make the training and validation images."""
    for split in ("train", "val"):
        make_class_folders(folder / "imagenet" / split, read_keys())


def make_variants(folder):
    """Make ImageNet, its distribution-shifted variants and the transfer sets, as config/imagenet_sd.yaml names them."""
    make_imagenet(folder)
    make_class_folders(folder / "imagenet-sketch", read_keys())
    make_class_folders(folder / "imagenet-v2", map(str, range(1000)))
    for name in ("imagenet-a", "imagenet-r"):
        make_class_folders(folder / name, find_timm_subset(name).read_text().split())
    config = yaml.safe_load((REPOSITORY / "config" / "imagenet_sd.yaml").read_text())
    for entry in config["transfer"]["sets"].values():
        for part in locate_parts(entry):
            (folder / part).mkdir(parents=True, exist_ok=True)
