"""How `make docs` builds the site: Sphinx reads the repository's own pages, and writes the API's from the docstrings.

The repository is the source folder, so a relative link means the same here as on a code host. A linked file that is no page
is copied to the site.
"""

import re
import shutil
import tomllib
from pathlib import Path

from docutils import nodes
from sphinx import addnodes
from sphinx.application import Sphinx

REPOSITORY = Path(__file__).parents[2]
DEMO = REPOSITORY / "results" / "demo"
API = "docs/reference/api"  # written by write_api, ignored by git

project = "synthdiv"
release = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())["project"]["version"]
copyright = "the synthdiv maintainers"
extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon", "sphinx_copybutton"]

root_doc = "README"
include_patterns = ["**.md", f"{API}/*.rst"]
exclude_patterns = [".*", "archive", "build", "results", "src", "tests", "workflow"]
myst_heading_anchors = 6

default_role = "literal"  # `name` in a docstring
autodoc_default_options = {"members": True}
autodoc_member_order = "bysource"
autodoc_class_signature = "separated"  # a class's docstring lists its attributes
python_use_unqualified_type_names = True
python_maximum_signature_line_length = 100
napoleon_google_docstring = False
napoleon_use_ivar = True  # an attribute of a class is described once
nitpicky = True  # a docstring's reference to a function or module that does not exist is an error
nitpick_ignore_regex = [("py:(class|obj|data)", ".*")]  # types of other packages, and what has no docstring

html_theme = "pydata_sphinx_theme"
html_title = "synthdiv"
html_extra_path = ["index.html"]
html_static_path = ["site.css"]
html_css_files = ["site.css"]
html_show_sourcelink = False
templates_path = ["."]
html_sidebars = {"**": ["navigation.html"]}
html_context = {"default_mode": "auto"}  # light or dark, as the reader's system
html_theme_options = {"navbar_center": [], "search_as_you_type": True}


def write_api(app: Sphinx) -> None:
    """Write a page for each package, with a section for each module."""
    source, folder = REPOSITORY / "src", REPOSITORY / API
    folder.mkdir(exist_ok=True)
    packages = sorted(path.parent for path in source.glob("synthdiv/*/__init__.py"))
    for package in packages:
        modules = [".".join(path.relative_to(source).with_suffix("").parts) for path in sorted(package.rglob("*.py"))]
        names = [name.removesuffix(".__init__") for name in modules]
        titles = [f"{names[0]}\n{'=' * 99}", *(f"{name.removeprefix(names[0])[1:]}\n{'-' * 99}" for name in names[1:])]
        sections = [f"{title}\n\n.. automodule:: {name}\n" for title, name in zip(titles, names, strict=True)]
        (folder / f"{package.name}.rst").write_text("\n".join(sections))
    lines = ["API", "===", "", ".. automodule:: synthdiv", "", ".. toctree::", "   :maxdepth: 2", ""]
    (folder / "index.rst").write_text("\n".join([*lines, *(f"   {package.name}" for package in packages), ""]))


def add_navigation(app: Sphinx, page: str, text: list[str]) -> None:
    """Add the site's navigation to the first page: the parts of docs/README.md, and the pages that they link to."""
    if page != root_doc:
        return
    folder = REPOSITORY / "docs"
    text[0] += "\n```{toctree}\n:hidden:\n\ndocs/README.md\n```\n"
    for part in re.split(r"^## ", (folder / "README.md").read_text(), flags=re.MULTILINE)[1:]:
        linked = [(folder / path).resolve() for path in re.findall(r"\]\(([^)]*\.md)\)", part)]
        pages = [str(path.relative_to(REPOSITORY)) for path in linked]
        title = part.partition("\n")[0]
        pages += [f"{API}/index"] if title == "Reference" else []
        text[0] += "\n".join(["", "```{toctree}", ":hidden:", f":caption: {title}", "", *pages, "```", ""])


def link_demo(app: Sphinx, page: str, text: list[str]) -> None:
    """Link the demo's summary and report from the tutorial, if the demo was run in this clone."""
    if page == "docs/tutorial" and (DEMO / "report.html").exists():
        links = ", ".join(f'<a href="../demo/{name}.html">{name}</a>' for name in ("summary", "report"))
        heading = "## 2. Read the report\n"
        assert heading in text[0]
        text[0] = text[0].replace(heading, f"{heading}\nThe demo's, as this site's version wrote them: {links}.\n")


def copy_demo(app: Sphinx, error: Exception | None) -> None:
    """Copy the demo's summary, report and the tables that they link to."""
    if error is None and (DEMO / "report.html").exists():
        folder = Path(app.outdir, "demo")
        shutil.copytree(DEMO / "tables", folder / "tables", dirs_exist_ok=True)
        for name in ("summary.html", "report.html"):
            shutil.copy(DEMO / name, folder / name)


def mend_links(app: Sphinx, page: nodes.document) -> None:
    """Show a link to a folder as its text; and a type as its text unless it is the package's own.

    Sphinx would look for the word `set` of a signature among all attributes of that name.
    """
    for link in list(page.findall(addnodes.pending_xref)):
        if link["reftype"] == "myst" and Path(app.env.relfn2path(link["reftarget"], app.env.docname)[1]).is_dir():
            link.replace_self(nodes.literal("", link[0].astext()))
        elif link["refdomain"] == "py" and not isinstance(link[0], nodes.literal) and "synthdiv." not in link["reftarget"]:
            link.replace_self(nodes.Text(link[0].astext()))


def setup(app: Sphinx) -> None:
    """Connect these functions to the build."""
    app.connect("builder-inited", write_api)
    app.connect("source-read", add_navigation)
    app.connect("source-read", link_demo)
    app.connect("doctree-read", mend_links)
    app.connect("build-finished", copy_demo)
