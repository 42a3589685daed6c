"""Read and write trained classifiers: safetensors weights with metadata in the file. Loading one never executes code."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from safetensors import SafetensorError, safe_open

from synthdiv.core.errors import StudyError
from synthdiv.core.files import replace_atomically

if TYPE_CHECKING:
    from torch import nn

METADATA_KEY = "synthdiv"


def write_classifier(path: Path | str, model: nn.Module, metadata: Mapping[str, Any]) -> None:
    """Write a classifier's weights and metadata."""
    from safetensors.torch import save_model

    with replace_atomically(path) as temporary:
        save_model(model, str(temporary), metadata={METADATA_KEY: json.dumps(metadata, sort_keys=True)})


def read_metadata(path: Path | str) -> dict[str, Any]:
    """Return the metadata of a classifier's file, without reading its weights.

    Raises
    ------
    StudyError
        If this workflow did not write the file.
    """
    try:
        with safe_open(path, framework="np") as file:
            return json.loads((file.metadata() or {})[METADATA_KEY])
    except (SafetensorError, KeyError, ValueError) as error:
        raise StudyError(
            f"{path} is not a classifier that this workflow trained ({error}): delete it and train it again"
        ) from None


def load_weights(model: nn.Module, path: Path | str) -> None:
    """Load a classifier's weights into a model.

    Raises
    ------
    StudyError
        If they belong to another model or another number of classes.
    """
    from safetensors.torch import load_model

    metadata = read_metadata(path)
    try:
        load_model(model, path)
    except RuntimeError as error:
        reason = str(error).splitlines()[-1].strip()
        raise StudyError(
            f"the weights {path} do not fit: they are for {metadata['model']} with {len(metadata['class_keys'])} classes "
            f"({reason})"
        ) from None
