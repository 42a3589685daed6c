"""The command ``compare``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from synthdiv.cli.common import read_study


def compare(
    first: Annotated[Path, typer.Argument(help="A study's config, or its folder of results.")],
    second: Annotated[Path, typer.Argument(help="Another one.")],
) -> None:
    """Compare what two studies measured under the same names, with differences and their intervals.

    Compares accuracies of classifiers and class centroids, gains, diversity, and distances between sets.
    """
    from synthdiv.report.comparison import NOTE, compare_studies, read_tables
    from synthdiv.report.text_tables import show_table

    folders = [one if one.is_dir() else Path("results", read_study(one).name) for one in (first, second)]
    compared = compare_studies(*map(read_tables, folders))
    typer.echo(f"first: {folders[0]}\nsecond: {folders[1]}\n{NOTE}")
    for name, table in compared.items():
        typer.echo(f"\n{name}\n{show_table(table)}")
