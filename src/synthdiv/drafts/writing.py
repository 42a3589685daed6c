"""Write a draft: a config and, if the user has none, a class table. What does not make a study is not left behind."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

import yaml

from synthdiv.config.problems import ConfigError
from synthdiv.core.errors import StudyError
from synthdiv.drafts.draft import Given, draft_config, draft_sets
from synthdiv.operations.inputs import Inputs, read_inputs
from synthdiv.plan.loading import load_study
from synthdiv.prompts.class_tables import ClassRow, format_classes


@dataclass(frozen=True)
class Draft:
    """What was written, and what it says.

    Attributes
    ----------
    paths : list of Path
        The files that were written, the config first.
    inputs : Inputs
        The user's own images and vectors.
    rows : list of ClassRow
        The classes.
    """

    paths: list[Path]
    inputs: Inputs
    rows: list[ClassRow]


ADVICE = "choose another name, or move it away"


def write_draft(path: Path, given: Given, *, writes_classes: bool, schema: str) -> Draft:
    """Write a config, and its class table if asked to; check both as Snakemake does, and remove them if they are wrong.

    Raises
    ------
    StudyError
        If a file exists already, or the user's images, embeddings or prompts cannot make a study.
    """
    written: list[Path] = []
    if path.exists():
        raise _refuse_existing(path, ADVICE)
    try:
        if writes_classes:
            _write_new(Path(given.classes), format_classes(given.rows), "name it with --classes to use it, or move it away")
            written.append(Path(given.classes))
        inputs = _read_sets(given)
        _write_new(path, draft_config(given, inputs, schema), ADVICE)
        written.insert(0, path)
        load_study(yaml.safe_load(path.read_text(encoding="utf-8")))
    except BaseException as error:
        for one in written:
            one.unlink()
        if isinstance(error, ConfigError):  # of a config that is gone
            raise StudyError(f"this makes no study: {str(error).removeprefix('config: ')}") from None
        raise
    return Draft(written, inputs, given.rows)


def _read_sets(given: Given) -> Inputs:
    """Read the user's own images and embeddings.

    Raises
    ------
    StudyError
        If they are not as they must be; of several reasons, the first.
    """
    sets = draft_sets(given)
    if not sets:
        return Inputs()
    encoders = {"any": {"model": "ViT-B-32", "pretrained": "openai"}}
    inputs = read_inputs(load_study({"study": "draft", "classes": given.classes, "encoders": encoders, "sets": sets}))
    if inputs.problems:
        raise StudyError(inputs.problems[0].removeprefix("config: "))
    return inputs


def _refuse_existing(path: Path, advice: str) -> StudyError:
    return StudyError(f"{path} exists already, and is left as it is: {advice}")


def _write_new(path: Path, text: str, advice: str) -> None:
    try:
        with open(path, "x", encoding="utf-8") as file:
            file.write(text)
    except FileExistsError:
        raise _refuse_existing(path, advice) from None
    except FileNotFoundError:
        raise StudyError(f"{path} cannot be written: there is no folder {os.path.dirname(path)}") from None
