"""What the command check says of a study, and its exit status."""

import subprocess
import sys

import numpy as np
from pets_study import write_images


def test_the_help_lists_every_command_and_imports_nothing_heavy():
    code = (
        "import sys; from synthdiv.cli.main import app; app(['--help'], standalone_mode=False); "
        "print(sorted({'torch', 'polars', 'numpy', 'snakemake', 'matplotlib', 'pydantic'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "  check " in done.stdout
    assert done.stdout.endswith("[]\n")


def check(pets):
    pets.write()
    return pets.run("check", "study.yaml")


def test_a_study_that_can_run(pets):
    """Images are counted although no index exists, and hours are known; Snakemake can plan the study."""
    (pets.folder / "photos" / "val" / "fox").mkdir()
    (pets.folder / "photos" / "train" / "cat" / "notes.txt").touch()
    done = check(pets)
    assert done.exit_code == 0, done.output
    assert "  Pets, train: 8 images found, 8 used; left out: 1 .txt, 4 of each of 2 classes\n" in done.stdout
    assert (
        "  Pets, evaluation: 6 images found, 6 used, 3 of each of 2 classes; folders that are no class: fox" in done.stdout
    )
    assert "clip     natural/Pets       1     0      14    0.0" in done.stdout
    assert done.stdout.endswith("To run it:\n  snakemake --profile local --configfile=study.yaml\n")
    assert not (pets.folder / "results").exists()


def test_a_class_with_one_image_is_named(pets):
    for path in sorted((pets.folder / "photos" / "val" / "cat").iterdir())[1:]:
        path.unlink()
    assert "1 to 3 of each of 2 classes; TOO FEW, only 1: cat\n" in check(pets).stdout


def test_all_mistakes_of_a_config_are_listed_with_their_lines(pets):
    pets.config["sets"]["Pets"]["images"]["valuation"] = pets.config["sets"]["Pets"]["images"].pop("evaluation")
    pets.config["seed"] = "one"
    done = check(pets)
    assert done.exit_code == 1
    assert "error: the config has 3 mistakes:\n  study.yaml, line 26: sets.Pets.images: the key evaluation is" in done.stderr
    assert "study.yaml, line 33: seed is 'one': write an integer from 0" in done.stderr
    assert done.stdout == ""


def test_all_sets_whose_classes_do_not_match_are_named(pets):
    write_images(pets.folder / "drawings", ["cat", "fox"])
    pets.config["classes"] = "classes.csv"
    (pets.folder / "classes.csv").write_text("class_id,key,name\n0,cat,cat\n1,dog,dog\n")
    (pets.folder / "photos" / "val" / "dog" / "0.png").rename(pets.folder / "photos" / "0.png")
    pets.config["sets"]["Pets"]["images_per_class"] = {"evaluation": 3}
    pets.config["sets"]["Drawings"] = {"kind": "image", "images": {"train": "drawings", "evaluation": "drawings"}}
    vectors = np.ones((3, 4), dtype=np.float32)
    np.save("mine.npy", vectors)
    (pets.folder / "mine.csv").write_text("class_id,split\n0,train\n1,train\n2,evaluation\n")
    pets.config["sets"]["Mine"] = {"kind": "image", "embeddings": "mine.npy"}
    done = check(pets)
    assert done.exit_code == 1
    first, second, third, fourth = done.stderr.splitlines()
    assert first.startswith("error: study.yaml, line 24: sets.Pets: set 'Pets', evaluation: the class 'dog' (dog) has 2 im")
    assert second.endswith("sets.Drawings.images.train: there is no folder drawings/dog for the class with that key")
    assert second.startswith("study.yaml, line ")
    assert third.endswith("sets.Drawings.images.evaluation: there is no folder drawings/dog for the class with that key")
    assert fourth.endswith("mine.npy, row 2: class_id 2 is out of range; the class table has 0 to 1")
    assert "To run it" not in done.stdout


def test_results_of_another_study_are_a_problem(pets):
    (pets.folder / "results" / "pets" / "tables").mkdir(parents=True)
    (pets.folder / "results" / "pets" / "format").write_text("1\n")
    done = check(pets)
    assert done.exit_code == 1
    assert "error: results/pets holds results of format 1, and this version writes format" in done.stderr


def test_a_file_that_is_no_config(pets):
    (pets.folder / "study.yaml").write_text("- a list\n")
    done = pets.run("check", "study.yaml")
    assert done.exit_code == 1
    assert done.stderr == (
        "error: the config study.yaml has no keys, such as `study: mine`: is this the config of a study?\n"
    )
    assert pets.run("check", "missing.yaml").stderr.startswith("error: the config missing.yaml does not exist (relative")
