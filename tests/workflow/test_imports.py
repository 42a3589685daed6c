"""Imports of the rules: only light modules of this clone's package."""

import ast
import io
import re
import subprocess
import sys
import tokenize
import tomllib

from workplace import REPOSITORY

HEAVY = {
    "torch",
    "torchvision",
    "diffusers",
    "transformers",
    "polars",
    "matplotlib",
    "scipy",
    "sklearn",
    "pyarrow",
    "PIL",
    "numpy",
}
LAZY = {"synthdiv.operations"}
"""What only the main process imports, and only on a cluster."""


def list_lines(text):
    """List the logical lines of a rule file that are Python's: their columns and their code."""
    tokens, line = [], []
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if token.type == tokenize.NEWLINE:
            tokens, line = [*tokens, line], []
        elif token.type not in (tokenize.INDENT, tokenize.DEDENT, tokenize.COMMENT, tokenize.NL):
            line.append(token)
    return [(line[0].start[1], " ".join(token.string for token in line)) for line in tokens]


def list_imports():
    """List the imports of the package by all rule files: module, imported names, and whether a function imports it."""
    found = []
    for path in [REPOSITORY / "Snakefile", *(REPOSITORY / "workflow" / "rules").rglob("*.smk")]:
        function = None  # the column of the function that a line is in
        for column, code in list_lines(path.read_text()):
            if function is not None and column <= function:
                function = None
            if function is None and code.startswith("def "):
                function = column
            if not code.startswith(("from ", "import ")):
                continue
            (node,) = ast.parse(code).body
            names = [alias.name for alias in node.names]
            modules = {node.module: names} if isinstance(node, ast.ImportFrom) else {name: [] for name in names}
            found += [(one, own, function is not None) for one, own in modules.items() if one.split(".")[0] == "synthdiv"]
    return found


def test_the_imports_are_found():
    """At the start of a line, in a condition, in a function, and over several lines."""
    found = list_imports()
    assert ("synthdiv.core.errors", ["StudyError"], False) in found
    assert ("synthdiv.core.installation", ["check_installation"], False) in found
    assert ("synthdiv.operations", ["cluster"], True) in found
    (names,) = [names for module, names, _ in found if module == "synthdiv.jobs" and len(names) > 1]
    assert {"audit", "images", "transfer"} <= set(names)
    text = "".join(path.read_text() for path in (REPOSITORY / "workflow" / "rules").rglob("*.smk"))
    assert len(found) == len(re.findall(r"^ *(?:from|import) synthdiv\b", text, flags=re.MULTILINE))


def test_the_rules_import_nothing_heavy():
    lines = [
        f"from {module} import {', '.join(names)}" if names else f"import {module}"
        for module, names, is_lazy in list_imports()
        if not is_lazy
    ]
    assert len(lines) > 10
    # beyond what Snakemake itself imports
    start = ["import sys", "import snakemake.cli", "before = set(sys.modules)"]
    code = "\n".join([*start, *lines, f"print(sorted({HEAVY} & (set(sys.modules) - before)))"])
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert done.stdout == "[]\n"


def test_the_import_contract_covers_all_imports_of_the_rules():
    settings = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())["tool"]["importlinter"]
    (light,) = (one["source_modules"] for one in settings["contracts"] if one["type"] == "forbidden")
    for module, names, is_lazy in list_imports():
        if not is_lazy:
            imported = {module, *(f"{module}.{name}" for name in names)}
            assert any(one == listed or one.startswith(f"{listed}.") for one in imported for listed in light), module
    assert {module for module, _, is_lazy in list_imports() if is_lazy} == LAZY
