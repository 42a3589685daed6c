"""Imports of the rules: only light modules of this clone's package."""

import re
import subprocess
import sys
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
IMPORT = re.compile(r"^from (synthdiv[.\w]*) import \(?([\w, \n]+)\)?$", flags=re.MULTILINE)


def list_imports():
    """List the imports of all rule files: modules of the package, and the names imported from each."""
    texts = [path.read_text() for path in (REPOSITORY / "workflow" / "rules").rglob("*.smk")]
    return [match.groups() for text in texts for match in IMPORT.finditer(text)]


def test_the_rules_import_nothing_heavy():
    lines = [f"from {module} import {', '.join(names.replace(',', ' ').split())}" for module, names in list_imports()]
    assert len(lines) > 10
    code = "\n".join(["import sys", *lines, f"print(sorted({HEAVY} & set(sys.modules)))"])
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert done.stdout == "[]\n"


def test_the_import_contract_covers_all_imports_of_the_rules():
    settings = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())["tool"]["importlinter"]
    (light,) = (one["source_modules"] for one in settings["contracts"] if one["type"] == "forbidden")
    for module, names in list_imports():
        imported = {module, *(f"{module}.{name.strip()}" for name in names.split(","))}
        assert any(one == listed or one.startswith(f"{listed}.") for one in imported for listed in light), module
