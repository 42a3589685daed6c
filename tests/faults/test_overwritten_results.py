"""Two configs with the same study name must not overwrite each other's results; edits of a config are normal."""

import json

import pytest
import small_study
from edits import edit

from synthdiv.core.files import read_json

PROMPTS = "results/small/prompts/synset.csv"


@pytest.fixture(scope="module")
def ran(tmp_path_factory):
    """Return a place in which a study has written one table of prompts."""
    place = small_study.make_place(tmp_path_factory.mktemp("ran") / "place")
    assert not (place.results / "study.json").exists()
    place.run(PROMPTS)
    return place


def write_classes(place, text):
    (place.folder / "other_classes.csv").write_text(text)
    return edit(place.config, {"classes": "other_classes.csv"})


def refusal(place, config):
    done = place.plan(PROMPTS, check=False, config=config)
    assert done.returncode == 1
    assert "Traceback" not in done.stdout
    return done.stdout


def test_a_study_remembers_its_config_seed_and_classes(ran):
    record = read_json(ran.results / "study.json", "record", "")
    assert record == {"config": ["study.yaml"], "seed": 3, "class_keys": small_study.KEYS}


def test_a_dry_run_remembers_nothing(tmp_path):
    place = small_study.make_place(tmp_path / "place")
    place.plan(PROMPTS)
    assert not place.results.exists()


def test_another_seed_is_refused(ran):
    output = refusal(ran, edit(ran.config, {"seed": 4}))
    assert "results/small holds results of study small with seed 3" in output
    assert "the config of this run has seed 4" in output
    assert "another `study:` name" in output
    assert "delete results/small/study.json" in output


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (("3,bag,bag,", "3,sack,bag,"), "it has the class keys sack, and lacks bag"),
        (("3,bag,bag,", "3,bag,bag,bag\n4,boot,boot,"), "it has the class keys boot in addition"),
        (('3,bag,bag,"bag, handbag"\n', ""), "it lacks the class keys bag"),
        (("0,tshirt,t-shirt,jersey\n1,trouser", "1,tshirt,t-shirt,jersey\n0,trouser"), "in another order"),
    ],
    ids=["renamed", "more", "fewer", "order"],
)
def test_other_class_keys_are_refused(ran, change, sentence):
    assert sentence in refusal(ran, write_classes(ran, small_study.CLASSES.replace(*change)))


def test_other_edits_are_normal(ran):
    assert "Nothing to be done" in ran.plan(PROMPTS).stdout
    config = edit(write_classes(ran, small_study.CLASSES.replace("jersey", "shirt")), {"images_per_class/train": 5})
    assert "Write the prompts" in ran.plan(PROMPTS, config=config).stdout


def test_a_config_at_another_path_is_warned_of_until_it_has_run(ran, tmp_path):
    place = ran.copy_to(tmp_path / "place")
    assert "is from" not in place.plan(PROMPTS).stdout  # the folder may move
    (place.folder / "renamed.yaml").write_bytes((place.folder / "study.yaml").read_bytes())
    warning = "results/small is from study.yaml, and this run's config is renamed.yaml"
    assert warning in place.plan(PROMPTS, configfile="renamed.yaml").stdout
    assert warning in place.run(PROMPTS, "--force", configfile="renamed.yaml").stdout
    assert "is from" not in place.plan(PROMPTS, configfile="renamed.yaml").stdout


def test_a_change_on_purpose_goes_on_without_the_record(ran, tmp_path):
    place = ran.copy_to(tmp_path / "place")
    (place.results / "study.json").unlink()
    place.config["seed"] = 4
    place.write_config()
    place.run(PROMPTS, "--force")
    assert json.loads((place.results / "study.json").read_text())["seed"] == 4


def test_a_study_without_results_may_change(ran, tmp_path):
    """Logs, a calibration and the records are no results."""
    place = ran.copy_to(tmp_path / "place")
    (place.folder / PROMPTS).unlink()
    (place.results / "prompts").rmdir()
    (place.results / "calibration.json").write_text("{}")
    assert place.plan(PROMPTS, config=edit(place.config, {"seed": 4})).returncode == 0


@pytest.mark.parametrize("content", [b"", b"\xff\xfe", b'{"seed": 3}', None], ids=["empty", "binary", "other", "folder"])
def test_a_damaged_record_is_named(ran, tmp_path, content):
    place = ran.copy_to(tmp_path / "place")
    path = place.results / "study.json"
    path.unlink()
    path.mkdir() if content is None else path.write_bytes(content)
    assert "results/small/study.json" in refusal(place, place.config)


def test_another_digit_of_the_seed_is_a_damaged_record_and_not_another_study(ran, tmp_path):
    place = ran.copy_to(tmp_path / "place")
    path = place.results / "study.json"
    seed = json.loads(path.read_text())["seed"]
    path.write_text(path.read_text().replace(f'"seed": {seed}', f'"seed": {seed + 1}'))
    message = refusal(place, place.config)
    assert "the record of the study results/small/study.json is damaged: it is unknown of which seed and classes" in message
