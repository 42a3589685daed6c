"""The smallest differences that target grid prints: from measured or assumed noise, or why they cannot be judged."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import polars as pl
import pytest
import yaml
from standin import make_config
from workplace import REPOSITORY

from synthdiv.core.errors import StudyError
from synthdiv.operations.detectable import ASSUMED, ASSUMED_OF_CLASS, describe_detectable
from synthdiv.plan.loading import load_study
from synthdiv.stats.power import Design, find_detectable, find_median_detectable, measure_noise

SETS = ("Synset-IM", "Disamb-IM")
SIZES = (10, 10, 10)
"""Evaluation images of each class of the stand-in study."""


@pytest.fixture
def config(tmp_path, classes_csv, monkeypatch):
    """A classifier on two generated sets, evaluated on the first."""
    monkeypatch.chdir(tmp_path)
    sets = {f"{name.title()}-IM": {"kind": "image", "dataset": name, "guidance_scale": 7.5} for name in ("synset", "disamb")}
    made = make_config(tmp_path, classes_csv, images_per_class={"train": 60, "evaluation": 10}, sets=sets)
    training = {"train": list(SETS), "evaluate": ["Synset-IM", "Disamb-IM"], "seeds": [1, 2, 3]}
    return made | {"classifiers": {"small": {"recipe": {"model": "resnet18", "epochs": 1}} | training}}


@pytest.fixture
def demo(monkeypatch):
    monkeypatch.chdir(REPOSITORY)
    return yaml.safe_load(Path("config/config.yaml").read_text())


def describe(config, planned=(), results="results"):
    return describe_detectable(load_study(config), Path(results), planned)


def write_evaluation(training, seeds=3, images=10, correct=0.5):
    """Write random predictions of one training set's classifiers, and return whether those of its first set are correct."""
    rng, tables = np.random.default_rng(len(training)), []
    for evaluated in ("Synset-IM", "Disamb-IM"):
        for seed in range(1, seeds + 1):
            rows = {"class_id": np.repeat(np.arange(3), images), "index": np.tile(np.arange(images), 3)}
            rows["correct_top1"] = rng.random(3 * images) < correct
            tables.append(pl.DataFrame(rows).with_columns(seed=pl.lit(seed), evaluation_set=pl.lit(evaluated)))
    path = Path(f"results/evaluations/small/{training}.parquet")
    path.parent.mkdir(parents=True, exist_ok=True)
    pl.concat(tables).sample(fraction=1, shuffle=True, seed=0).write_parquet(path)  # in any order
    return np.array([table["correct_top1"].to_numpy() for table in tables[:seeds]])


def points(value):
    return f"{100 * value:.1f} points"


def test_before_any_training_the_noise_is_assumed(config):
    size, top1, recall, noise = describe(config)
    assert size == "small: 2 training sets x 3 seeds, 30 evaluation images of Synset-IM"
    found = points(find_detectable(ASSUMED, Design(2, 3, SIZES)))
    assert top1 == f"  top-1: {found}; to find 2.0 points, 20 times as many seeds and images are not enough"
    of_class = find_detectable(ASSUMED_OF_CLASS, Design(2, 3, (10,)))
    assert recall == f"  a class's recall: {points(of_class)} (median of the classes)"
    assert noise.startswith("  noise assumed: from the demo's classifier; it is measured once two training sets")


def test_finished_evaluations_show_the_noise(config):
    answers = [write_evaluation(name) for name in SETS]
    size, top1, recall, noise = describe(config)
    class_ids = np.repeat(np.arange(3), 10)
    assert size.startswith("small: 2 training sets x 3 seeds, 30 evaluation images")
    assert f"top-1: {points(find_detectable(measure_noise(answers, class_ids), Design(2, 3, SIZES)))}" in top1
    columns = [np.flatnonzero(class_ids == n) for n in range(3)]
    of_classes = [measure_noise([one[:, own] for one in answers], class_ids[own]) for own in columns]
    assert f"recall: {points(find_median_detectable(of_classes, [Design(2, 3, (10,))] * 3))} (median" in recall
    assert noise == "  noise measured on 2 training sets"
    planned = {"results/evaluations/small/Disamb-IM.parquet"}
    assert describe(config, planned)[-1] == "  noise measured on 2 training sets, before an edit"


def test_measured_noise_tells_what_more_seeds_would_do(config):
    for name in SETS:
        write_evaluation(name)
    three = describe(config)
    config["classifiers"]["small"]["seeds"] = list(range(1, 31))
    thirty = describe(config)
    assert thirty[-1] == three[-1] == "  noise measured on 2 training sets"
    found, larger = (float(lines[1].split()[1]) for lines in (thirty, three))
    assert found < larger


@pytest.mark.parametrize("written", [{"seeds": 1}, {"correct": 1.0}, {"images": 8}], ids=str)
def test_evaluations_that_show_no_noise_or_are_of_other_images_are_not_used(config, written):
    if "images" in written:
        write_evaluation("Synset-IM")
    else:
        write_evaluation("Synset-IM", **written)
    write_evaluation("Disamb-IM", **written)
    assert describe(config)[-1].startswith("  noise assumed")


def test_one_evaluated_training_set_is_not_enough(config):
    write_evaluation("Synset-IM")
    assert describe(config)[-1].startswith("  noise assumed")


def test_damaged_predictions_are_named(config):
    path = Path("results/evaluations/small/Synset-IM.parquet")
    path.parent.mkdir(parents=True)
    path.write_text("no table")
    with pytest.raises(StudyError, match=rf"{path} is damaged .*: delete it and run the study again"):
        describe(config)


def test_one_seed_cannot_be_judged_and_three_are_proposed(config):
    three = describe(config)
    config["classifiers"]["small"]["seeds"] = [7]
    size, advice, *differences = describe(config)
    assert size.startswith("small: 2 training sets x 1 seed, ")
    assert advice == (
        "  cannot be judged: one training seed says nothing about how much training runs vary; use `seeds: [1, 2, 3]`, "
        "for which these are:"
    )
    assert differences == three[1:]


def test_classes_with_one_evaluation_image_cannot_be_judged(config):
    config["images_per_class"] = {"train": 60, "evaluation": 1}
    _, top1, recall, _ = describe(config)
    assert recall == "  a class's recall: cannot be judged: fewer than two evaluation images; use two or more, and rather 50"
    assert top1.startswith("  top-1: ")
    assert "cannot" not in top1  # the test takes them for one class


def write_index(config, sizes):
    """Write the counted columns of an index of the demo's natural set."""
    del config["sets"]["Fashion-IM"]["images_per_class"]
    rows = {"class_id": np.repeat(np.arange(len(sizes)), sizes).astype(np.int32), "split": ["evaluation"] * sum(sizes)}
    others = {"class_id": np.arange(len(sizes), dtype=np.int32), "split": ["train"] * len(sizes)}
    return pl.concat([pl.DataFrame(rows), pl.DataFrame(others)])


def test_natural_images_are_counted_by_class_in_their_index(demo, tmp_path):
    index = write_index(demo, [1, *[20] * 5, *[50] * 4])
    (tmp_path / "images" / "natural").mkdir(parents=True)
    index.write_parquet(tmp_path / "images" / "natural" / "Fashion-IM.parquet")
    size, top1, recall, _ = describe(demo, results=tmp_path)
    assert size == "small: 7 training sets x 3 seeds, 301 evaluation images of Fashion-IM"
    assert top1.startswith(f"  top-1: {points(find_detectable(ASSUMED, Design(7, 3, (1, *[20] * 5, *[50] * 4))))}")
    of_class = find_detectable(ASSUMED_OF_CLASS, Design(7, 3, (20,)))
    assert recall.startswith(
        f"  a class's recall: {points(of_class)} (median of the classes); 1 of 10 classes cannot be judged"
    )


def test_before_natural_images_are_indexed_their_number_is_that_of_the_config_or_assumed(demo, tmp_path):
    size, *_ = describe(demo, results=tmp_path)
    assert size.endswith("1,000 evaluation images of Fashion-IM (at most; known once they are indexed)")
    del demo["sets"]["Fashion-IM"]["images_per_class"]
    size, *_ = describe(demo, results=tmp_path)
    assert size.endswith(
        "500 evaluation images of Fashion-IM (assumed, 50 a class: their number is unknown until they are indexed)"
    )


def test_an_index_that_will_be_written_again_yields_to_the_config(demo, tmp_path):
    path = tmp_path / "images" / "natural" / "Fashion-IM.parquet"
    path.parent.mkdir(parents=True)
    write_index(demo, [20] * 10).write_parquet(path)
    assert "200 evaluation images" in describe(demo, {str(path)}, tmp_path)[0]
    demo["sets"]["Fashion-IM"]["images_per_class"] = {"evaluation": 30}
    assert "200 evaluation images" in describe(demo, (), tmp_path)[0]
    assert "300 evaluation images" in describe(demo, {str(path)}, tmp_path)[0]


def test_a_larger_study_that_finds_2_points_is_named(demo, tmp_path):
    top1 = describe(demo, results=tmp_path)[1]
    assert top1.endswith("; to find 2.0 points, take for example 12 seeds with 4,000 evaluation images")
    assert find_detectable(ASSUMED, Design(7, 12, (400,) * 10)) <= 0.02 < find_detectable(ASSUMED, Design(7, 9, (300,) * 10))


def test_a_large_study_names_no_larger_one(demo, tmp_path):
    demo["sets"]["Fashion-IM"]["images_per_class"] = {"evaluation": 1000}
    demo["classifiers"]["small"]["seeds"] = list(range(20))
    assert "to find" not in describe(demo, results=tmp_path)[1]


def test_classifiers_with_one_training_set_have_no_differences(config):
    config["classifiers"]["small"]["train"] = ["Synset-IM"]
    assert describe(config) == []


def test_the_grid_starts_without_heavy_modules():
    code = "import sys, grid; print(sorted({'torch', 'sklearn', 'scipy', 'matplotlib'} & set(sys.modules)))"
    done = subprocess.run(
        [sys.executable, "-c", code], check=True, capture_output=True, text=True, cwd=REPOSITORY / "workflow" / "scripts"
    )
    assert done.stdout == "[]\n"
