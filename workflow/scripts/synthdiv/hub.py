"""Models from the hub: their files, and what to say when they can't be had."""

from __future__ import annotations

import os
import re
from pathlib import Path

from synthdiv.errors import StudyError

CONFIGURATIONS = (".json", ".txt", ".model")
NOT_THE_MODEL = {"safety_checker", "feature_extractor"}
"""Parts of a pipeline that decide no image."""


def advise(error: Exception) -> str:
    """Why weights could not be had, in a line, and the command that fetches them."""
    reason = (str(error).strip() or type(error).__name__).splitlines()[0]
    command = "snakemake --profile local fetch_models"
    if os.environ.get("HF_HUB_OFFLINE", "0").upper() in ("1", "ON", "YES", "TRUE"):
        command = f"HF_HUB_OFFLINE=0 {command}"
    return (
        f"{reason}\nFetch all models of a config beforehand, on a machine that has a network (with your --configfile):\n"
        f"  {command}"
    )


def fetch_pipeline(name: str, *, revision: str | None, variant: str | None) -> Path:
    """The folder of a pipeline: the folder itself, or the hub model's snapshot, downloaded if need be.

    Raises
    ------
    StudyError
        If it is neither a folder nor to be had from the hub or its cache.
    """
    if Path(name).is_dir():
        return Path(name)
    from diffusers import DiffusionPipeline

    try:
        return Path(DiffusionPipeline.download(name, revision=revision, variant=variant, use_safetensors=True))
    except Exception as error:
        raise StudyError(
            f"the generator {name!r} (revision {revision or 'main'}) is no folder and could not be had from the hub: "
            f"{advise(error)}"
        ) from error


def fetch_weights(name: str, what: str) -> Path:
    """The folder or file of further weights (LoRA, a safety checker): itself, or the hub model's snapshot.

    Raises
    ------
    StudyError
        If it is neither there nor to be had from the hub.
    """
    if Path(name).exists():
        return Path(name)
    from huggingface_hub import snapshot_download

    try:
        return Path(snapshot_download(name, allow_patterns=["*.safetensors", "*.json"]))
    except Exception as error:
        raise StudyError(
            f"the {what} {name!r} is no file or folder and could not be had from the hub: {advise(error)}"
        ) from error


def list_model_files(folder: Path, parts: list[str], variant: str | None) -> list[Path]:
    """The files of a pipeline's folder that are loaded, sorted: its parts' configurations and one variant of their weights.

    A hub's snapshot may hold other variants beside it, which another program fetched.

    Parameters
    ----------
    folder : Path
        The pipeline's.
    parts : list of str
        Its components' folders.
    variant : str or None
        The weights' variant; a part that lacks it has its plain weights loaded.
    """
    files = []
    for part in set(parts) - NOT_THE_MODEL:
        present = [path for path in (folder / part).rglob("*") if path.is_file()]
        files += [path for path in present if path.suffix in CONFIGURATIONS and ".index." not in path.name]
        weights = [path for path in present if path.suffix == ".safetensors"]
        own = [path for path in weights if variant and re.search(rf"\.{re.escape(variant)}[.-]", path.name)]
        files += own or [path for path in weights if re.fullmatch(r"[a-z_]+(-\d+-of-\d+)?\.safetensors", path.name)]
    return sorted(files)
