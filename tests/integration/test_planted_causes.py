"""Deviations planted in images are found, and hardly any other class is suspected (more: `make calibrate-diagnosis`)."""

import os

import numpy as np
import planted_causes
import pytest
from planted_causes import PLANTS, SEED, run_plant, run_prompts
from workplace import REPOSITORY

REPEATS = 4
PLANTED = 3  # classes
LEAST = {
    "natural halves": None,
    "wrong class, 90 %": 0.9,
    "collapsed, 1 image": 0.9,
    "repeated, 5 times": 0.9,
    "domain, JPEG": 0.7,
}


@pytest.fixture(scope="module")
def world():
    before = os.getcwd()
    os.chdir(REPOSITORY)
    yield planted_causes.load_demo()
    os.chdir(before)


@pytest.mark.parametrize("name", LEAST)
def test_planted_deviations_are_found_and_natural_classes_are_not_accused(world, name):
    (number,) = (n for n, one in enumerate(PLANTS) if one.name == name)
    plant, rng = PLANTS[number], np.random.default_rng([SEED + 1, number])
    rows = [row for _ in range(REPEATS) for row in run_plant(world, plant, PLANTED, rng)]
    accused = [row for row in rows if not row["planted"] and row["causes"][0] not in ("none", "not tested")]
    assert len(accused) <= 2
    hits = [bool(set(row["causes"]) & set(plant.expected)) for row in rows if row["planted"]]
    assert len(hits) == REPEATS * PLANTED
    assert np.mean(hits) == 0 if LEAST[name] is None else np.mean(hits) >= LEAST[name]


def test_homonyms_and_wrong_prompts_are_told_apart(world):
    for plant, rows in run_prompts(world, 10, 40):
        hits = [bool(set(row["causes"]) & set(plant.expected)) for row in rows]
        assert len(hits) == 10
        assert np.mean(hits) >= 0.8, plant.name
