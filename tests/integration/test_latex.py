"""LaTeX of the finished small study: every table and the methods section compile."""

import re
import shutil
import subprocess

import pytest
from typer.testing import CliRunner

from synthdiv.catalog.tables import TABLES
from synthdiv.cli.main import app

ARTICLE = r"""\documentclass{article}
\usepackage[T1]{fontenc}
\usepackage[paperwidth=200cm,paperheight=200cm]{geometry}
\usepackage{booktabs}
\begin{document}
%s
\bibliographystyle{plain}
\bibliography{methods}
\end{document}
"""


def show(*options):
    done = CliRunner().invoke(app, ["show", "study.yaml", *options])
    assert done.exit_code == 0, done.output
    return done.stdout


def typeset(study, folder):
    """Write and compile an article with everything that `synthdiv show` writes as LaTeX; return its log."""
    written = [name for name in TABLES if any((study / "tables" / f"{name}.{kind}").exists() for kind in TABLES[name].files)]
    tables = [f"\\section*{{{name.replace('_', ' ')}}}\n{show(name, '--latex')}" for name in written]
    text, _, entries = show("--methods").partition("\n@")
    (folder / "methods.bib").write_text(f"@{entries}")
    (folder / "article.tex").write_text(ARTICLE % "\n\n".join([text, *tables]))
    latex = ["pdflatex", "-interaction=nonstopmode", "-halt-on-error", "article"]
    for command in (latex, ["bibtex", "article"], latex, latex):
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, errors="replace", check=False)
        assert done.returncode == 0, done.stdout[-3000:]
    assert len(tables) > 20
    return (folder / "article.log").read_text(errors="replace")


@pytest.mark.full
@pytest.mark.skipif(shutil.which("pdflatex") is None, reason="needs pdflatex (on Debian: texlive-latex-recommended)")
def test_every_table_and_the_methods_compile(finished, tmp_path):
    log = typeset(finished.results, tmp_path)
    assert not re.search(r"Missing character|undefined", log)
    assert (tmp_path / "article.pdf").read_bytes().startswith(b"%PDF")
