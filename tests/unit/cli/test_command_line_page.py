"""The page of the command line and the commands' own help name the same commands and options."""

import re

import pytest
import typer
from workplace import REPOSITORY

from synthdiv.cli.main import app

PAGE = (REPOSITORY / "docs" / "reference" / "command-line.md").read_text()
SECTIONS = dict(re.findall(r"^## (\w+)\n(.*?)(?=^## |\Z)", PAGE, flags=re.MULTILINE | re.DOTALL))
COMMANDS = typer.main.get_command(app).commands


def test_each_command_has_a_section():
    assert list(SECTIONS) == list(COMMANDS)


@pytest.mark.parametrize("name", COMMANDS)
def test_each_option_has_a_row(name):
    options = {one for parameter in COMMANDS[name].params for one in parameter.opts if one.startswith("--")}
    assert set(re.findall(r"^\| `(--[a-z-]+)` \|", SECTIONS[name], flags=re.MULTILINE)) == options - {"--help"}
    given = [parameter for parameter in COMMANDS[name].params if parameter.param_type_name == "argument"]
    arguments = [parameter.metavar or parameter.name.upper() for parameter in given]
    assert f"`synthdiv {' '.join([name, *arguments])}`" in SECTIONS[name]


def test_each_example_is_a_command_with_its_options():
    examples = re.findall(r"^synthdiv (\w+) ([^#\n]*)", PAGE, flags=re.MULTILINE)
    assert {name for name, _ in examples} == set(COMMANDS)
    for name, arguments in examples:
        assert set(re.findall(r"--[a-z-]+", arguments)) <= {one for own in COMMANDS[name].params for one in own.opts}
