"""What commands share: the argument that names a study, errors, and the command that runs a study."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NoReturn

import typer

if TYPE_CHECKING:
    from synthdiv.plan.study import Study

Config = Annotated[Path, typer.Argument(help="The study's config, such as my_study.yaml.")]


def fail(message: str) -> NoReturn:
    """Show an error and end with exit status 1."""
    typer.echo(f"error: {message}", err=True)
    raise typer.Exit(1)


def read_study(config: Path) -> Study:
    """Read a study from its config.

    Raises
    ------
    StudyError
        About all that is wrong in it.
    """
    from synthdiv.config.loading import read_config_file
    from synthdiv.plan.loading import load_study

    return load_study(read_config_file(config), [str(config)])


def suggest_run(config: Path) -> str:
    """Return the command that runs a study."""
    return f"snakemake --profile local --configfile={shlex.quote(str(config))}"


def name_command(*words: str) -> str:
    """Return a command of this command line, as it is typed."""
    return " ".join(["synthdiv", *words])
