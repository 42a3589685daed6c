"""Test broken, malicious and unusual configs, recipes and grammars."""

import copy
import datetime
import json
import math

import pytest
import yaml
from snakemake.common.configfile import load_configfile
from snakemake.exceptions import WorkflowError
from traps import CALL, accept, make_study, refusal, untouched
from workplace import Workplace

from synthdiv.config.loading import check_files
from synthdiv.config.problems import name_path, show
from synthdiv.core.errors import StudyError
from synthdiv.prompts.grammar import Grammar


@pytest.fixture
def config(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return make_study(tmp_path)


def change(config, path, value):
    """Return the config with another value at a path of keys."""
    changed = copy.deepcopy(config)
    *parents, last = path
    part = changed
    for key in parents:
        part = part[key]
    part[last] = value
    return changed


SNAKEMAKE_ERRORS = {  # Snakemake reads the config first
    "a syntax error": (b"study: [unclosed\nclasses: x\n", "not valid JSON or YAML"),
    "an empty file": (b"", "must be given as JSON or YAML with keys at top level"),
    "a list": (b"- a\n- b\n", "must be given as JSON or YAML with keys at top level"),
    "a word": (b"hello\n", "must be given as JSON or YAML with keys at top level"),
    "a call": (f"study: !!python/object/apply:os.system ['{CALL}']\n".encode(), "not valid JSON or YAML"),
    "a new object": (f"study: !!python/object/new:os.system ['{CALL}']\n".encode(), "not valid JSON or YAML"),
}


@pytest.mark.parametrize(("content", "message"), SNAKEMAKE_ERRORS.values(), ids=SNAKEMAKE_ERRORS)
def test_snakemake_rejects_a_file_that_is_not_a_config(tmp_path, monkeypatch, content, message):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "study.yaml").write_bytes(content)
    with untouched(tmp_path), pytest.raises(WorkflowError) as caught:
        load_configfile("study.yaml")
    assert message in str(caught.value)


@pytest.mark.parametrize(
    ("name", "text", "where"),
    [
        (
            "study.yaml",
            "study: x\nseed: 1\nclasses: nowhere.csv\nseed: 2\n",
            "is not valid YAML: the key 'seed' appears twice, on lines 2 and 4",
        ),
        (
            "study.yaml",
            "study: x\nimages_per_class: {train: 5, train: 9}\n",
            "is not valid YAML: the key 'train' appears twice, both on line 2",
        ),
        ("study.json", '{"study": "x", "seed": 1,\n "seed": 2}\n', "has the key 'seed' twice in one mapping"),
    ],
)
def test_a_duplicate_key_is_rejected_instead_of_using_the_last(tmp_path, name, text, where):
    (tmp_path / name).write_text(text)
    with pytest.raises(StudyError, match=f"{name} {where}"):
        check_files([tmp_path / name])


def test_snakemake_stops_at_a_duplicate_key(tmp_path):
    place = Workplace.make(tmp_path, {"study": "x"})
    (tmp_path / "study.yaml").write_text("study: x\nseed: 1\nclasses: nowhere.csv\nseed: 2\n")
    with untouched(tmp_path):
        done = place.run("-n", check=False)
    assert done.returncode != 0
    assert "study.yaml is not valid YAML: the key 'seed' appears twice, on lines 2 and 4" in done.stdout
    assert "Traceback" not in done.stdout


def test_a_key_may_override_a_merged_one(tmp_path):
    text = "a: &a {x: 1, y: 2}\nb: {c: &c {<<: *a, y: 3}}\nd: {<<: *c, y: 4}\n"
    (tmp_path / "study.yaml").write_text(text)
    check_files([tmp_path / "study.yaml"])
    assert yaml.safe_load(text)["d"] == {"x": 1, "y": 4}


NAMES = [
    "a b",
    "a/b",
    "..",
    ".",
    "/abs",
    "a\nb",
    "a\n",
    "nul\0",
    "-x",
    "",
    "ü",
    "a" * 101,
    "$(touch executed)",
    "{wildcards}",
]


@pytest.mark.parametrize("where", ["study", "sets", "datasets", "generators", "encoders"])
@pytest.mark.parametrize("name", NAMES, ids=[name[:10].encode().hex() for name in NAMES])
def test_a_name_that_is_unsafe_as_a_file_name_is_rejected(tmp_path, config, where, name):
    allowed = (
        "write a name of letters, digits, '_', '.' and '-', which starts with a letter or a digit and has at most 100 "
        "characters"
    )
    if where == "study":
        config = change(config, ["study"], name)
        place, reason = f"study is {show(name)}", ""
    else:
        config[where][name] = next(iter(config[where].values()))
        place, reason = name_path([where, name]), ", because files are named after it"
    message = refusal(config, tmp_path)
    assert message == f"config: {place}: {allowed}{reason}"
    assert message.isprintable()
    assert len(message) < 250


@pytest.mark.parametrize(
    ("key", "kind"),
    [
        (1, "a number"),
        (True, "true or false (as it does yes, no, on and off)"),
        (None, "null"),
        (2.5, "a number"),
        (datetime.date(2020, 1, 1), "a date"),
    ],
    ids=str,
)
def test_a_name_that_yaml_does_not_read_as_text_is_rejected(tmp_path, config, key, kind):
    config["sets"][key] = config["sets"]["Disamb-IM"]
    assert refusal(config, tmp_path) == f"config: sets.{key}: YAML reads this key as {kind}: put it in quotes"


SCALES = {
    "NaN": (math.nan, "nan: write a number from 0 to 1000"),
    "infinity": (math.inf, "inf: write a number from 0 to 1000"),
    "negative": (-1, "-1: write a number from 0 to 1000"),
    "huge": (1e300, "1e+300: write a number from 0 to 1000"),
    "a text": ("7.5", "'7.5': write a number from 0 to 1000, without quotes"),
    "yes": (True, "true: write a number from 0 to 1000"),
}


@pytest.mark.parametrize(("scale", "message"), SCALES.values(), ids=SCALES)
def test_a_guidance_scale_must_be_a_number(tmp_path, config, scale, message):
    error = refusal(change(config, ["datasets", "synset", "guidance_scales"], [scale]), tmp_path)
    assert error == f"config: datasets.synset.guidance_scales[0] is {message}"


def test_two_guidance_scales_with_the_same_text_form_are_rejected(tmp_path, config):
    """Their images would have the same name, and the second one's metrics would be the first one's."""
    message = refusal(change(config, ["datasets", "synset", "guidance_scales"], [7.5, 7.5000000000001]), tmp_path)
    assert "datasets.synset.guidance_scales: 7.5 and 7.5000000000001 are both written 7.5" in message


COUNT, SIDE = "write an integer from 1 to 10,000,000", "write an integer from 8 to 16384, a multiple of 8"
NUMBERS = {
    "no image": (["images_per_class"], {"train": 0}, f"images_per_class.train is 0: {COUNT}"),
    "too many": (["images_per_class"], {"train": 10**12}, f"images_per_class.train is 1000000000000: {COUNT}"),
    "1e12": (["images_per_class"], {"train": 1e12}, f"images_per_class.train is 1000000000000.0: {COUNT}"),
    "6.0": (["images_per_class"], {"train": 6.0}, f"images_per_class.train is 6.0: {COUNT}"),
    "a word": (["images_per_class"], {"train": "many"}, f"images_per_class.train is 'many': {COUNT}"),
    "a seed of NaN": (["seed"], math.nan, "seed is nan: write an integer from 0 to 4,294,967,295"),
    "a width of 33": (["generators", "tiny", "width"], 33, f"generators.tiny.width is 33: {SIDE}"),
    "a kilometre": (["generators", "tiny", "height"], 10**9, f"generators.tiny.height is 1000000000: {SIDE}"),
    "an argument of NaN": (
        ["generators", "tiny", "arguments"],
        {"eta": math.nan},
        "generators.tiny.arguments.eta: write a finite number instead of nan",
    ),
    "an argument in a list of infinity": (
        ["generators", "tiny", "arguments"],
        {"sigmas": [1.0, math.inf]},
        "generators.tiny.arguments.sigmas[1]: write a finite number instead of inf",
    ),
    "an argument that is text to YAML": (
        ["generators", "tiny", "arguments"],
        {"eta": "1e-4"},
        "generators.tiny.arguments.eta: YAML reads 1e-4 as text; write 1.0e-4",
    ),
}


@pytest.mark.parametrize(("path", "value", "message"), NUMBERS.values(), ids=NUMBERS)
def test_an_invalid_number_is_rejected(tmp_path, config, path, value, message):
    assert refusal(change(config, path, value), tmp_path) == f"config: {message}"


def test_the_first_of_many_unknown_keys_are_named(tmp_path, config):
    lines = refusal(config | {f"key{n:04d}": n for n in range(1000)}, tmp_path).splitlines()
    assert lines[0] == "the config has 1000 mistakes:"
    assert lines[1] == "  config: key0000: there is no such key; config/README.md lists the keys"
    assert lines[-1] == "  ... and 970 more"
    assert len(lines) == 32


def test_a_config_that_contains_itself_is_rejected(tmp_path, config):
    config["sets"]["Disamb-IM"]["images"] = config["sets"]
    assert refusal(config, tmp_path) == "config: sets.Disamb-IM.images: it contains itself"


def test_a_deeply_nested_config_is_rejected(tmp_path, config):
    deep = {}
    for _ in range(500):
        deep = {"a": deep}
    config["generators"]["tiny"]["arguments"] = deep
    assert refusal(config, tmp_path) == "config: generators.tiny: it is nested too deeply"


FILES = {  # used in place of a recipe and of a grammar
    "a call": (f"model: !!python/object/apply:os.system ['{CALL}']", "not valid YAML: could not determine a constructor"),
    "not UTF-8": ("model: café".encode("latin-1"), "is not UTF-8 text"),
    "a NUL": (b"model: a\0b", "is not valid YAML"),
    "a key twice": (b"model: a\nsteps: 1\nmodel: b\n", "is not valid YAML: the key 'model' appears twice, on lines 1 and 3"),
    "nested deeply": (b"[" * 5000, "is not valid YAML: it is nested too deeply"),
    "no date": (b"model: 2020-13-45", "is not valid YAML: month must be in 1..12"),
    "a folder": (None, "cannot be read: Is a directory"),
}


@pytest.fixture(params=FILES.values(), ids=FILES)
def broken_file(request, tmp_path):
    content, message = request.param
    path = tmp_path / "broken.yaml"
    path.mkdir() if content is None else path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path, message


def test_a_broken_recipe_is_rejected(tmp_path, config, broken_file):
    path, message = broken_file
    config["classifiers"] = {"one": {"recipe": str(path), "train": ["Disamb-IM"], "evaluate": ["Disamb-IM"]}}
    error = refusal(config, tmp_path)
    assert message in error
    assert f"config: classifiers.one.recipe: the recipe {path}" in error


def test_a_broken_grammar_is_rejected(tmp_path, monkeypatch, broken_file):
    path, message = broken_file
    monkeypatch.chdir(tmp_path)
    with untouched(tmp_path), pytest.raises(StudyError) as caught:
        Grammar(path)
    assert f"the grammar {path}" in str(caught.value)
    assert message in str(caught.value)


@pytest.mark.parametrize("content", ["- resnet18\n", "resnet18\n", ""], ids=["a list", "a word", "nothing"])
def test_a_recipe_that_is_not_a_mapping_is_rejected(tmp_path, config, content):
    (tmp_path / "recipe.yaml").write_text(content)
    config["classifiers"] = {"one": {"recipe": "recipe.yaml", "train": ["Disamb-IM"], "evaluate": ["Disamb-IM"]}}
    assert "recipe.yaml must be a mapping, such as `model: resnet50`; it is " in refusal(config, tmp_path)


def test_a_config_may_be_json(tmp_path, config):
    (tmp_path / "study.json").write_text(json.dumps(config, indent="\t"))
    check_files([tmp_path / "study.json"])
    assert accept(load_configfile(str(tmp_path / "study.json")), tmp_path).name == "small"
