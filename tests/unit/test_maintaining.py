"""MAINTAINING.md agrees with the code."""

import ast
import re
import tomllib

from workplace import REPOSITORY


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
        assert len(list(package.parent.glob("*.py"))) <= 14, package.parent


def test_classes_are_short():
    for path in (REPOSITORY / "src" / "synthdiv").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.ClassDef):
                assert node.end_lineno - node.lineno < 250, f"{path}: {node.name}"


def test_rules_functions_and_scripts_have_matching_names():
    rules = REPOSITORY / "workflow" / "rules"
    topics = {path.stem for path in rules.glob("*.smk")}
    assert {path.stem for path in (rules / "common").glob("*.smk")} <= topics
    scripts = {path.stem for path in (REPOSITORY / "workflow" / "scripts").glob("*.py")}
    named = {name for path in rules.glob("*.smk") for name in re.findall(r'"\.\./scripts/(\w+)\.py"', path.read_text())}
    assert scripts == named
