"""The pages that are generated from the config's types: they are up to date, and say something of every key."""

import json
import re

import jsonschema
import pytest
import yaml
from workplace import REPOSITORY

from synthdiv.config.expected import list_choices, read_schema, resolve
from synthdiv.config.reference_docs import write_page, write_schema
from synthdiv.config.study_config import StudyConfig

SCHEMA = read_schema(StudyConfig)
FOLDER = REPOSITORY / "config"
CONFIGS = sorted(FOLDER.glob("*.yaml"))


def test_the_page_is_up_to_date():
    assert (FOLDER / "README.md").read_text() == write_page(), "run `make reference`"


def test_the_schema_for_editors_is_up_to_date():
    assert (FOLDER / "study.schema.json").read_text() == write_schema(), "run `make reference`"


def test_every_key_is_described_and_every_level_rejects_unknown_keys():
    def walk(schema, where):
        for choice in list_choices(schema, SCHEMA):
            for key, part in choice.get("properties", {}).items():
                assert resolve(part, SCHEMA).get("description"), f"{where}.{key} has no description"
                walk(part, f"{where}.{key}")
            if "properties" in choice:
                assert choice.get("additionalProperties") is False, f"{where} admits unknown keys"
            for part in choice.get("patternProperties", {}).values():
                walk(part, f"{where}.<name>")
            if "items" in choice:
                walk(choice["items"], f"{where}[]")

    walk(SCHEMA, "config")


def test_the_page_has_a_row_of_every_key():
    rows = re.findall(r"^\| `([^`]+)` \| (.+?) \| (.*?) \| (.+) \|$", write_page(), flags=re.MULTILINE)
    keys = {key: (value, default) for key, value, default, _ in rows}
    assert len(keys) == len(rows)
    assert keys["study"] == ("a name", "**required**")
    assert keys["seed"] == ("an integer from 0 to 4,294,967,295", "`0`")
    assert keys["sets.<name>.images.evaluation"] == ("text or a mapping", "**required**")
    assert keys["classifiers.<name>.seeds"] == ("a list of one or more integers from 0 to 4,294,967,295", "`[0]`")
    assert keys["multi_crop.global.size"] == ("an integer from 8", "")


@pytest.mark.parametrize("path", CONFIGS, ids=[path.stem for path in CONFIGS])
def test_editors_accept_the_configs(path):
    config = yaml.safe_load(path.read_text())
    schema = json.loads((FOLDER / "study.schema.json").read_text())
    validator = jsonschema.Draft202012Validator(schema)
    assert not list(validator.iter_errors(config))
    name, entry = next(iter(config["sets"].items()))
    for mistake in ({"seeds": 3}, {"seed": "x"}, {"sets": {name: entry | {"kind": "picture"}}}):
        assert list(validator.iter_errors(config | mistake))
    assert path.read_text().startswith("# yaml-language-server: $schema=study.schema.json\n")
