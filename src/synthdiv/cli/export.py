"""The command ``export``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from synthdiv.cli.common import Config, read_study, suggest_run


def export(
    config: Config,
    name: Annotated[str, typer.Argument(metavar="SET", help="A set of images, or a mixture (its training images).")],
    folder: Annotated[Path, typer.Argument(help="The folder to write: new, or one of an interrupted export.")],
    to: Annotated[
        Literal["imagefolder", "webdataset", "datasets"],
        typer.Option(
            help="imagefolder: torchvision's ImageFolder, with metadata.csv. webdataset: tars. datasets: Parquet files of "
            "Hugging Face's datasets."
        ),
    ] = "imagefolder",
    exclude_flags: Annotated[
        str | None,
        typer.Option(help="Leave out images with these flags (black,uniform,nsfw); default is as in the config."),
    ] = None,
) -> None:
    """Export the images of a set or mixture as other software reads them.

    Each image has its class, prompt, seed, guidance scale and flags. The folder also has checksums, and a card that says
    how the set was made and what the study found. An interrupted export continues when it is started again.
    """
    from synthdiv.export.folder import write_export
    from synthdiv.export.images import plan_export
    from synthdiv.jobs.images import list_excluded
    from synthdiv.report.results import ResultsTables

    study = read_study(config)
    results = Path("results", study.name)
    tables = ResultsTables(study, results)
    flags = list_excluded(study) if exclude_flags is None else read_flags(exclude_flags)
    planned = plan_export(study, results, name, flags, f"run `{suggest_run(config)}`")
    write_export(study, results, planned, tables, folder, to=to)
    total = sum(planned.sizes.values())
    typer.echo(f"Exported {total:,} images of {name} to {folder}. {folder / 'README.md'} says how to read them.")


def read_flags(text: str) -> tuple[str, ...]:
    """Read flags from a text with commas.

    Raises
    ------
    StudyError
        If there is no such flag.
    """
    from synthdiv.config.problems import suggest_name
    from synthdiv.core.errors import StudyError
    from synthdiv.images.flags import FLAGS

    flags = tuple(flag.strip() for flag in text.split(",") if flag.strip())
    for flag in flags:
        unknown = suggest_name(flag, FLAGS, "flag")
        if unknown is not None:
            raise StudyError(unknown)
    return flags
