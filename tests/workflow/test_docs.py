"""The pages for people: links that lead somewhere, commands and targets that exist, and configs that are accepted."""

import os
import re
import subprocess

import pytest
import yaml
from workplace import REPOSITORY

from synthdiv.config.expected import read_schema
from synthdiv.config.loading import read_config
from synthdiv.config.study_config import StudyConfig
from synthdiv.plan.loading import load_study

FOLDERS = ("", "docs", "config", "envs", "profiles", "benchmarks", "resources")
PAGES = sorted(
    path
    for folder in FOLDERS
    for path in ((REPOSITORY / folder).rglob("*.md") if folder else REPOSITORY.glob("*.md"))
    if "models" not in path.parts or path.name == "README.md"
)
NAMES = [str(path.relative_to(REPOSITORY)) for path in PAGES]
FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", flags=re.MULTILINE | re.DOTALL)


def make_anchor(title):
    """A heading's anchor, as GitHub makes it."""
    words = re.sub(r"[`*]|\[([^]]*)\]\([^)]*\)", r"\1", title).strip().lower()
    return re.sub(r"[^\w\- ]", "", words).replace(" ", "-")


def list_anchors(page):
    text = FENCE.sub("", page.read_text())
    return {make_anchor(title) for title in re.findall(r"^#+ (.*)$", text, flags=re.MULTILINE)}


@pytest.mark.parametrize("page", PAGES, ids=NAMES)
def test_every_link_leads_somewhere(page):
    for target in re.findall(r"\]\(([^)\s]+)\)", FENCE.sub("", page.read_text())):
        if re.match(r"https?:", target):
            continue
        path, _, anchor = target.partition("#")
        linked = (page.parent / path).resolve() if path else page
        assert linked.exists(), f"{page}: {target}"
        assert linked.is_relative_to(REPOSITORY), f"{page}: {target}"
        if anchor:
            assert anchor in list_anchors(linked), f"{page}: {target}"


def test_every_page_is_in_the_list_of_pages():
    """From which the site takes its navigation."""
    page = REPOSITORY / "docs" / "README.md"
    listed = {(page.parent / path).resolve() for path in re.findall(r"\]\(([^)]*\.md)\)", page.read_text())}
    assert set(PAGES) == listed | {page, REPOSITORY / "README.md"}


def list_commands(page):
    """The commands of the blocks, continued lines joined, without their comments."""
    text = "\n".join(body for kind, body in FENCE.findall(page.read_text()) if kind != "yaml")
    lines = text.replace("\\\n", " ").splitlines()
    return [re.sub(r"\s+#.*", "", line).strip() for line in lines]


def list_rules():
    text = "".join(path.read_text() for path in (REPOSITORY / "workflow" / "rules").glob("*.smk"))
    return set(re.findall(r"^rule (\w+):", text + (REPOSITORY / "Snakefile").read_text(), flags=re.MULTILINE))


@pytest.mark.parametrize("page", PAGES, ids=NAMES)
def test_every_command_names_what_exists(page):
    made = set(re.findall(r"^([a-z-]+):", (REPOSITORY / "Makefile").read_text(), flags=re.MULTILINE))
    rules = list_rules()
    for command in list_commands(page):
        words = command.split()
        if words[:1] == ["make"]:
            asked = {word for word in words[1:] if "=" not in word and re.fullmatch(r"[a-z-]+", word)}
            assert asked <= made, f"{page}: {command}"
        if words[:1] == ["snakemake"]:
            options = words[1:]
            profile = options[options.index("--profile") + 1] if "--profile" in options else "local"
            assert profile in ("local", "slurm", "my-site"), f"{page}: {command}"
            for option in options:
                if option.startswith("--configfile="):
                    name = option.partition("=")[2]
                    assert name.startswith("my_") or (REPOSITORY / name).exists(), f"{page}: {command}"
                assert option != "--configfile", f"{page}: {command}: write --configfile=, with its equals sign"
            targets = [
                word
                for before, word in zip(["", *options], options, strict=False)
                if re.fullmatch(r"[a-z_]+", word) and not before.startswith("-")
            ]
            assert set(targets) <= rules, f"{page}: {command}"


def make_files(value, folder):
    """Make up every file and folder that a config names, so that only its keys and values are checked."""
    if isinstance(value, dict):
        for one in value.values():
            make_files(one, folder)
    elif isinstance(value, list):
        for one in value:
            make_files(one, folder)
    elif isinstance(value, str) and "/" in value and not os.path.isabs(value) and not (folder / value).exists():
        path = folder / value
        if path.suffix in (".csv", ".parquet", ".txt", ".yaml", ".npy", ".safetensors"):
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text("key,prompt\n" if path.suffix == ".csv" else "")
        elif value.count("/") != 1 or not re.match(r"[\w-]+/[\w.-]+$", value) or value.startswith("photos"):
            for key in ("one", "two"):
                (path / key).mkdir(parents=True, exist_ok=True)


def list_yaml(pattern=""):
    """Every YAML block in the pages that holds a pattern."""
    return [
        pytest.param(body, id=f"{name} {n}")
        for page, name in zip(PAGES, NAMES, strict=True)
        for n, (kind, body) in enumerate(FENCE.findall(page.read_text()))
        if kind == "yaml" and re.search(pattern, body, flags=re.MULTILINE)
    ]


@pytest.mark.parametrize("text", list_yaml("^study:"))
def test_every_whole_config_is_accepted(text, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "resources").symlink_to(REPOSITORY / "resources")
    config = yaml.safe_load(text)
    make_files(config, tmp_path)
    load_study(config)


@pytest.mark.parametrize("text", list_yaml())
def test_every_key_of_a_config_is_known(text):
    """Also of parts of one, whose values have the right types."""
    part = yaml.safe_load(text) or {}
    known = read_schema(StudyConfig)["properties"]
    profile = yaml.safe_load((REPOSITORY / "profiles" / "slurm" / "config.yaml").read_text())
    assert set(part) <= set(known) | set(profile) | {"partitions", "set-threads"}, "no config and no profile has these keys"
    if "study" not in part and set(part) <= set(known):
        whole = {"study": "x", "classes": "x", "sets": {"A": {"kind": "image", "images": {"evaluation": "x"}}}} | part
        read_config(whole)


def test_the_readme_is_one_screen():
    assert (REPOSITORY / "README.md").stat().st_size <= 5000


def test_no_page_speaks_the_old_dialect():
    pattern = r"\btaken.for|\btried on|foretell|came trained|\bbrought|drawing of|what draws"
    others = ["CHANGELOG.md", "tests/workflow/test_docs.py", "tests/unit/test_compare_results.py"]  # name the older words
    others += ["src/synthdiv/prompts/class_texts.py"]  # whose prompts say "a drawing of a"
    command = ["git", "grep", "--untracked", "-niE", pattern, "--", *(f":!{name}" for name in others)]
    done = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, check=False)
    assert done.stdout == ""
