"""Models from the hub: fetch them, list their files, and explain errors.

The Snakefile imports this in every job, so it imports nothing heavy.
"""

from __future__ import annotations

import json
import logging
import os
import pickle
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from synthdiv.core.errors import StudyError

logger = logging.getLogger(__name__)

CONFIGURATIONS = (".json", ".txt", ".model")
UNUSED_PARTS = {"safety_checker", "feature_extractor"}
"""Parts of a pipeline that do not affect its images."""
WEIGHT_SUFFIXES = (".safetensors", ".ckpt", ".bin", ".pt", ".pth")
MAX_REASON_LENGTH = 500


def is_path(name: str) -> bool:
    """Return whether a model's name can only be a path: a hub's names are <owner>/<name>, after a scheme such as hf-hub:."""
    looks_local = name.startswith(("/", ".", "~", "resources/")) or name.count("/") > 1 or name.endswith(WEIGHT_SUFFIXES)
    return looks_local and ":" not in name


def check_path(name: str) -> None:
    """Check that there is something where a model's name is a path.

    Raises
    ------
    StudyError
        If there is nothing.
    """
    if is_path(name) and not Path(name).exists():
        raise StudyError(f"{name} does not exist (relative paths start at the working directory, {Path.cwd()})")


def check_pipeline(name: str) -> None:
    """Check that a pipeline's name is a folder or may be the name of a model of the hub.

    Raises
    ------
    StudyError
        If it is a file, or a path where there is nothing.
    """
    check_path(name)
    if Path(name).is_file():
        raise StudyError(
            f"{name} is one file, and the pipeline must be a folder: convert it with diffusers, as in "
            f"StableDiffusionPipeline.from_single_file({name!r}).save_pretrained('<folder>'), and name the folder"
        )


def explain(error: BaseException) -> str:
    """Return, in one line, why a model could not be fetched or loaded."""
    if _is_pickle(error):
        return "its weights are a pickle that could run code, and were not loaded: use weights in a .safetensors file"
    lines = [line.strip() for line in str(error).strip().splitlines()] or [type(error).__name__]
    return " ".join(lines[: 2 if lines[0].endswith(":") else 1])[:MAX_REASON_LENGTH]


@contextmanager
def explain_refusal(what: str) -> Iterator[None]:
    """Turn what a library says of settings that it refuses only when it runs into a sentence; the log has the traceback.

    Parameters
    ----------
    what : str
        The beginning of the sentence.

    Raises
    ------
    StudyError
        If the block raises any exception, except for a lack of memory.
    """
    try:
        yield
    except StudyError:
        raise
    except Exception as error:  # libraries raise many kinds of exception
        if isinstance(error, MemoryError) or type(error).__name__ == "OutOfMemoryError":
            raise
        logger.exception("%s", what)
        raise StudyError(f"{what}: {explain(error)}") from error


class _Messages(logging.Handler):
    def __init__(self) -> None:
        super().__init__()
        self.texts: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.texts.append(record.getMessage())


@contextmanager
def refuse_missing_weights() -> Iterator[None]:
    """Refuse a model with weights that are in no file: transformers and diffusers draw them at random, and only warn.

    Raises
    ------
    ValueError
        If one of the libraries gives that warning in the block.
    """
    heard = _Messages()
    libraries = [logging.getLogger(name) for name in ("transformers", "diffusers")]
    for library in libraries:
        library.addHandler(heard)
    try:
        yield
    finally:
        for library in libraries:
            library.removeHandler(heard)
    for text in heard.texts:
        if "newly initialized" in text:
            names = re.findall(r"^(\S+) +\| MISSING", text, flags=re.MULTILINE) or re.findall(r"'([^']+)'", text)
            raise ValueError(f"{' and '.join(names[:2]) or 'weights'} are in none of its files, and would be random")


def advise(error: BaseException, *places: str | None) -> str:
    """Return why a model could not be fetched or loaded, and the command that fetches it if it is not a local file.

    Parameters
    ----------
    error : Exception
        The library's exception.
    places : str or None
        The model and its weights as named in the config; a file or folder needs no fetching.
    """
    reason = explain(error)
    if any(place and (is_path(place) or Path(place).exists()) for place in places):
        return reason
    command = "snakemake --profile local fetch_models"
    if os.environ.get("HF_HUB_OFFLINE", "0").upper() in ("1", "ON", "YES", "TRUE"):
        command = f"HF_HUB_OFFLINE=0 {command}"
    return (
        f"{reason}\nFetch all models of a config beforehand, on a machine with network access (with your --configfile):\n"
        f"  {command}"
    )


def _is_pickle(error: BaseException | None) -> bool:
    """Return whether torch, or a library that called it, refused to load anything but tensors."""
    while error is not None:
        if isinstance(error, pickle.UnpicklingError) or "weights_only" in str(error):
            return True
        error = error.__cause__ or error.__context__
    return False


def read_configuration(path: Path, name: str) -> dict[str, Any]:
    """Read one of the JSON files of a model's folder.

    Parameters
    ----------
    path : Path
        The file.
    name : str
        The model as named in the config, for messages.

    Raises
    ------
    StudyError
        If it is missing or not a JSON object.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        reason = error.strerror if isinstance(error, OSError) else str(error)
        raise StudyError(f"the model {name}: {path} cannot be read: {reason}") from None
    if not isinstance(content, dict):
        raise StudyError(f"the model {name}: {path} is not a JSON object")
    return content


def fetch_pipeline(name: str, *, revision: str | None, variant: str | None) -> Path:
    """Return a pipeline's folder: the folder itself, or the hub model's snapshot, downloaded if necessary.

    Raises
    ------
    StudyError
        If it is neither a folder nor available from the hub or its cache.
    """
    check_pipeline(name)
    if Path(name).is_dir():
        return Path(name)
    from diffusers import DiffusionPipeline

    try:
        return Path(DiffusionPipeline.download(name, revision=revision, variant=variant, use_safetensors=True))
    except Exception as error:
        raise StudyError(
            f"the generator {name!r} (revision {revision or 'main'}) is not a folder and could not be fetched from the hub: "
            f"{advise(error)}"
        ) from error


def fetch_weights(name: str, what: str) -> Path:
    """Return the path of further weights (LoRA, a safety checker): the file or folder itself, or the hub model's snapshot.

    Raises
    ------
    StudyError
        If it neither exists nor is available from the hub.
    """
    check_path(name)
    if Path(name).exists():
        return Path(name)
    from huggingface_hub import snapshot_download

    try:
        return Path(snapshot_download(name, allow_patterns=["*.safetensors", "*.json"]))
    except Exception as error:
        raise StudyError(
            f"the {what} {name!r} is not a file or folder and could not be fetched from the hub: {advise(error)}"
        ) from error


def list_model_files(folder: Path, parts: list[str], variant: str | None) -> list[Path]:
    """List the files of a pipeline that are loaded, sorted: its parts' configurations and one variant of their weights.

    A hub snapshot may also contain other variants, which another program fetched.

    Parameters
    ----------
    folder : Path
        The pipeline's folder.
    parts : list of str
        Its components' folders.
    variant : str or None
        The weights' variant; for a part without it, the plain weights are loaded.
    """
    files = []
    for part in set(parts) - UNUSED_PARTS:
        present = [path for path in (folder / part).rglob("*") if path.is_file()]
        files += [path for path in present if path.suffix in CONFIGURATIONS and ".index." not in path.name]
        weights = [path for path in present if path.suffix == ".safetensors"]
        own = [path for path in weights if variant and re.search(rf"\.{re.escape(variant)}[.-]", path.name)]
        files += own or [path for path in weights if re.fullmatch(r"[a-z_]+(-\d+-of-\d+)?\.safetensors", path.name)]
    return sorted(files)
