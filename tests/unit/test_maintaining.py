"""The maintainers' map is the code's."""

import re

from workplace import REPOSITORY


def test_every_module_stands_once_in_the_map():
    page = (REPOSITORY / "MAINTAINING.md").read_text()
    table = page[page.index("| topic | modules |") : page.index("## What must stay true")]
    listed = [name for row in table.splitlines() for name in re.findall(r"`([a-z_]+)`", row.rpartition(" | ")[2])]
    modules = {path.stem for path in (REPOSITORY / "workflow" / "scripts" / "synthdiv").glob("*.py")} - {"__init__"}
    assert sorted(listed) == sorted(modules)


def test_every_rule_has_its_functions_and_its_script_where_one_would_guess():
    rules = REPOSITORY / "workflow" / "rules"
    topics = {path.stem for path in rules.glob("*.smk")}
    assert {path.stem for path in (rules / "common").glob("*.smk")} <= topics
    scripts = {path.stem for path in (REPOSITORY / "workflow" / "scripts").glob("*.py")}
    named = {name for path in rules.glob("*.smk") for name in re.findall(r'"\.\./scripts/(\w+)\.py"', path.read_text())}
    assert scripts == named
