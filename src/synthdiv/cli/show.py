"""The command ``show``."""

from __future__ import annotations

import shutil
import textwrap
from pathlib import Path
from typing import Annotated

import typer

from synthdiv.cli.common import Config, read_study, suggest_run

WIDEST = 100
"""Columns of a line, at most."""


def show(
    config: Config,
    table: Annotated[str | None, typer.Argument(help="A results table, such as accounts; default is the summary.")] = None,
    latex: Annotated[bool, typer.Option("--latex", help="Write the table as LaTeX, with booktabs.")] = False,
    methods: Annotated[
        bool, typer.Option("--methods", help="Describe how the study was done, as LaTeX with BibTeX.")
    ] = False,
    columns: Annotated[str | None, typer.Option(help="Only these columns, with commas between them.")] = None,
) -> None:
    """Show what a study found: the summary in sentences, or one of its tables with intervals.

    Shows what is written so far, also of a study that has not finished.
    """
    from synthdiv.catalog.tables import TABLES
    from synthdiv.core.errors import StudyError
    from synthdiv.jobs.report import write_summary
    from synthdiv.report.findings import list_findings
    from synthdiv.report.methods import write_methods
    from synthdiv.report.results import ResultsTables
    from synthdiv.report.text_tables import show_table, write_latex

    study = read_study(config)
    if methods:
        if table is not None or latex or columns is not None:
            raise StudyError("--methods describes the whole study: give no table and no other option")
        typer.echo(write_methods(study, Path("results", study.name)))
        return
    tables = ResultsTables(study, Path("results", study.name))
    advice = f"run `{suggest_run(config)}`"
    if table is None and (latex or columns is not None):
        raise StudyError("name a table: --latex and --columns do not apply to the summary")
    if not tables:
        raise StudyError(f"study {study.name} has no results yet: {advice}")
    if table is not None:
        found, chosen = tables.find(table, advice), None if columns is None else columns.split(",")
        typer.echo(write_latex(found, TABLES[table].description, chosen) if latex else show_table(found, chosen))
        return
    width = min(shutil.get_terminal_size().columns, WIDEST)
    for heading, sentences in list_findings(write_summary(study), tables):
        typer.echo(f"{heading}")
        for sentence in sentences or ["Nothing beyond noise."]:
            typer.echo(textwrap.fill(sentence, width, initial_indent="  - ", subsequent_indent="    "))
        typer.echo()
    names = textwrap.fill(", ".join(tables), width, initial_indent="  ", subsequent_indent="  ")
    typer.echo(f"Tables, for `synthdiv show {config} TABLE`:\n{names}")
