"""MAINTAINING.md agrees with the code."""

import ast
import re
import tomllib

from rule_files import RULE_FILES, SCRIPTS, list_rules
from workplace import REPOSITORY

from synthdiv.jobs.rules import RULES


def test_the_package_table_lists_the_layers_in_order():
    page = (REPOSITORY / "MAINTAINING.md").read_text()
    table = page[page.index("| package | contents |") : page.index("## What must stay true")]
    listed = re.findall(r"^\| `([a-z_]+)` \|", table, flags=re.MULTILINE)
    settings = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())["tool"]["importlinter"]
    (layers,) = (one["layers"] for one in settings["contracts"] if one["type"] == "layers")
    assert listed == [package for layer in reversed(layers) for package in layer.split(" | ")]


def test_packages_are_small():
    source = REPOSITORY / "src" / "synthdiv"
    assert [path.name for path in source.glob("*.py")] == ["__init__.py"]
    for package in source.rglob("__init__.py"):
        assert len(list(package.parent.glob("*.py"))) <= 15, package.parent


def test_classes_are_short():
    """At most 150 lines."""
    for path in (REPOSITORY / "src" / "synthdiv").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.ClassDef):
                assert node.end_lineno - node.lineno < 150, f"{path}: {node.name}"


def test_rules_jobs_and_scripts_have_matching_names():
    jobs = {path.stem for path in (REPOSITORY / "src" / "synthdiv" / "jobs").glob("*.py")} - {"__init__"}
    assert jobs - {"files", "rules"} == {path.stem for path in RULE_FILES if "job_of(" in path.read_text()} - {"common"}
    scripts = {path.stem for path in SCRIPTS.glob("*.py")}
    named = {name for path in RULE_FILES for name in re.findall(r'"\.\./scripts/(\w+)\.py"', path.read_text())}
    assert scripts == named


def test_every_rule_that_runs_a_script_is_registered_with_its_job():
    """Except for the commands of planning.smk. The rule plot_geometry plots one of the figures of plot_figure."""
    rules = [(path.stem, rule) for path in RULE_FILES for rule in list_rules(path)]
    assert len({rule.name for _, rule in rules}) == len(rules) > 50
    assert {topic for topic, rule in rules if rule.make is None} == {"planning"}
    registered = set()
    for topic, rule in rules:
        if topic == "planning":
            assert rule.make is None, rule.name
            continue
        name = {"plot_geometry": "plot_figure"}.get(rule.name, rule.name)
        assert RULES[name].make is rule.make, rule.name
        assert rule.make.__name__ == name
        module = {"write_manifest": "files"}.get(rule.name, topic)
        assert rule.make.__module__ == f"synthdiv.jobs.{module}", rule.name
        registered.add(name)
    # other tests may register rules of their own
    assert {name for name, one in RULES.items() if one.make.__module__.startswith("synthdiv.jobs.")} == registered
