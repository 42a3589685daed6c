"""The commands, and how they end."""

from __future__ import annotations

from typing import Any

import typer
from typer.core import TyperGroup

from synthdiv.cli.check import check
from synthdiv.cli.common import fail
from synthdiv.cli.compare import compare
from synthdiv.cli.export import export
from synthdiv.cli.init import init
from synthdiv.cli.show import show
from synthdiv.core.errors import StudyError


class Commands(TyperGroup):
    """Commands whose errors for people are a sentence, and exit status 1."""

    def invoke(self, ctx: Any) -> Any:
        """Run the chosen command."""
        try:
            return super().invoke(ctx)
        except StudyError as error:
            fail(str(error))
        except PermissionError as error:
            fail(f"{error.filename or error}: Permission denied")


app = typer.Typer(
    cls=Commands,
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)


@app.callback()
def describe() -> None:
    """Prepare studies of synthetic image sets, and read their results. Snakemake runs them.

    Relative paths start at the working directory, as in a config.
    """


app.command()(init)
app.command()(check)
app.command()(show)
app.command()(export)
app.command()(compare)
