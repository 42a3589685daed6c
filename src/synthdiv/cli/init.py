"""The command ``init``."""

from __future__ import annotations

import os
import shlex
from pathlib import Path
from typing import Annotated

import typer

from synthdiv.cli.common import name_command

Several = list[str] | None
SOURCE = "[SET:][SPLIT=]PATH"


def init(
    config: Annotated[Path, typer.Argument(help="The config to write, such as my_study.yaml.")],
    images: Annotated[
        Several,
        typer.Option(
            metavar=SOURCE,
            help="Images: a folder of class folders, or tars, Parquet or IDX files, for each split (train=PATH, "
            "evaluation=PATH), or a folder of all splits. Repeat it for more. The first set is the natural one.",
        ),
    ] = None,
    embeddings: Annotated[
        Several,
        typer.Option(metavar=SOURCE, help="Embedding tables: Parquet, or .npy with a .csv of the same name. Repeat it."),
    ] = None,
    prompts: Annotated[
        str | None, typer.Option(help="A CSV of prompts: key and prompt, and split and index if you like.")
    ] = None,
    generator: Annotated[
        str | None, typer.Option(help="A text-to-image model: its name on the Hugging Face hub, or a folder.")
    ] = None,
    encoder: Annotated[
        str | None, typer.Option(help="An open_clip model: MODEL:PRETRAINED, hf-hub:NAME or a folder.")
    ] = None,
    classes: Annotated[
        str | None, typer.Option(help="Your class table. Otherwise, one is written with the classes that are found.")
    ] = None,
    study: Annotated[str | None, typer.Option(help="The study's name; default is that of the file.")] = None,
) -> None:
    """Write the config of a new study, for the images, embeddings and prompts that you have.

    Looks at their formats, classes and numbers, and chooses usual values for the rest. With --generator or --prompts, the
    study generates images. Overwrites nothing.
    """
    from synthdiv.core.errors import StudyError
    from synthdiv.core.installation import find_clone
    from synthdiv.drafts.draft import ENCODER, Given
    from synthdiv.drafts.sources import find_classes, find_image_splits, group_sources
    from synthdiv.drafts.writing import write_draft
    from synthdiv.prompts.class_tables import read_classes

    of_images = {name: find_image_splits(own, name) for name, own in group_sources(images or [], "Natural-IM").items()}
    of_embeddings = group_sources(embeddings or [], "Mine-IM")
    rows = read_classes(classes) if classes is not None else find_classes(of_images, of_embeddings, prompts)
    table = classes or str(config.with_name(f"{config.stem}_classes.csv"))
    given = Given(
        study=study or config.stem,
        classes=table,
        rows=rows,
        images=of_images,
        embeddings=of_embeddings,
        prompts=prompts,
        generator=generator,
        encoder=encoder or ENCODER,
    )
    if not (of_images or of_embeddings or given.generates):
        raise StudyError("there is nothing to study: name images, embedding tables, prompts or a generator")
    schema = os.path.relpath(find_clone() / "config" / "study.schema.json", config.parent)
    draft = write_draft(config, given, writes_classes=classes is None, schema=schema)
    for line in draft.inputs.lines:
        typer.echo(line)
    typer.echo(f"Wrote {' and '.join(map(str, draft.paths))}: {len(rows):,} classes.")
    if all(row.name.isdecimal() for row in rows):
        typer.echo(f"The classes have only numbers: write their names into the column name of {table}.")
    typer.echo(f"Next, see what the study would do:\n  {name_command('check', shlex.quote(str(config)))}")
