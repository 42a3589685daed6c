"""The pages for people: links that lead somewhere, commands that run, and configs that are accepted."""

import re
import subprocess

import pytest
from pages import NOT_RUN, Page, list_commands, name_language, read_blocks
from workplace import REPOSITORY

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


def list_pages_with_blocks():
    """Those whose plans take long are for `make full-test`; tests/workflow/test_imagenet_plan.py plans the same study."""
    slow = {"docs/how-to/imagenet.md": pytest.mark.full}
    pages = [(page, name) for page, name in zip(PAGES, NAMES, strict=True) if "```" in page.read_text()]
    return [pytest.param(page, id=name, marks=slow.get(name, ())) for page, name in pages]


@pytest.mark.parametrize("page", list_pages_with_blocks())
def test_every_block_of_a_page_runs(page, tmp_path, monkeypatch, request):
    """Its commands and configs, in order. The few commands that are not run are in pages.NOT_RUN, with the reason."""
    monkeypatch.chdir(tmp_path)
    for example in Page(page, tmp_path, lambda: request.getfixturevalue("finished_study")).document:
        try:
            example.evaluate()
        except Exception as error:
            raise AssertionError(f"{page}, line {example.line}: {error}") from error


def test_the_commands_that_are_not_run_are_in_the_pages():
    blocks = [example for page in PAGES for example in read_blocks(page) if name_language(example) == "bash"]
    assert set(NOT_RUN) <= {command for block in blocks for command in list_commands(block.parsed)}


def test_the_readme_is_one_screen():
    assert (REPOSITORY / "README.md").stat().st_size <= 5000


def test_no_page_speaks_the_old_dialect():
    pattern = r"\btaken.for|\btried on|foretell|came trained|\bbrought|drawing of|what draws"
    others = ["CHANGELOG.md", "tests/workflow/test_docs.py", "tests/unit/test_compare_results.py"]  # name the older words
    others += ["src/synthdiv/prompts/class_texts.py"]  # whose prompts say "a drawing of a"
    command = ["git", "grep", "--untracked", "-niE", pattern, "--", *(f":!{name}" for name in others)]
    done = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, check=False)
    assert done.stdout == ""
