"""Load LoRA weights into a pipeline, and check that they change it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from safetensors import safe_open
from torch import nn

from synthdiv.core.errors import StudyError
from synthdiv.core.hub import fetch_weights

FACTORS = re.compile(r"lora[_.](A|B|down|up)\b")
"""What the names of a LoRA's matrices contain, in the formats of diffusers and of kohya's scripts."""
OTHERS = {"A": "B", "B": "A", "down": "up", "up": "down"}
"""The matrix that each is multiplied with."""


def find_lora(spec: Mapping[str, Any]) -> Path:
    """Return the file of an entry's LoRA weights.

    Raises
    ------
    StudyError
        If there is no safetensors file, since pickles are not loaded, or more than one.
    """
    lora = fetch_weights(spec["lora"], "LoRA")
    weights = sorted(lora.rglob("*.safetensors")) if lora.is_dir() else [lora]
    if not weights or any(path.suffix != ".safetensors" for path in weights):
        raise StudyError(
            f"the LoRA {spec['lora']!r} must be a .safetensors file, or a folder with one: other formats are not loaded"
        )
    if len(weights) > 1:
        names = " and ".join(path.name for path in weights[:2])
        raise StudyError(
            f"the LoRA {spec['lora']!r} is a folder with {len(weights)} files, such as {names}: name one of them"
        )
    return weights[0]


def load_lora(pipeline: Any, spec: Mapping[str, Any]) -> None:
    """Load an entry's LoRA weights into its pipeline, and add them to the model's own.

    Raises
    ------
    StudyError
        If a matrix lacks the one that it is multiplied with, the pipeline does not use all of them, or they change nothing:
        images would be those of the model alone, or of half a LoRA.
    """
    path = find_lora(spec)
    with safe_open(path, framework="pt") as file:
        given = [name for name in file.keys() if FACTORS.search(name)]  # noqa: SIM118
    for name in given:
        other = FACTORS.sub(lambda found: found[0].removesuffix(found[1]) + OTHERS[found[1]], name)
        if other not in given:
            raise StudyError(
                f"the LoRA {spec['lora']!r} has the matrix {name}, but not {other}: half of it is missing; save it again "
                "with both, or fetch its file again"
            )
    pipeline.load_lora_weights(str(path.parent), weight_name=path.name, use_safetensors=True, local_files_only=True)
    parts = [part for part in pipeline.components.values() if isinstance(part, nn.Module)]
    loaded = [(name, value) for part in parts for name, value in part.named_parameters() if FACTORS.search(name)]
    if len(loaded) < len(given) or not given:
        kind, count = type(pipeline).__name__, f"{len(loaded)} of the {len(given)}"
        raise StudyError(
            f"{kind} uses {count} matrices of the LoRA {spec['lora']!r}: it is of another model, or of another format than "
            "diffusers' and kohya's; convert it with the scripts of diffusers"
        )
    if not any(value.any() for name, value in loaded if ".lora_B." in name):
        raise StudyError(f"the LoRA {spec['lora']!r} changes nothing: its matrices B (lora_up) are zero")
    pipeline.fuse_lora(lora_scale=spec["lora_scale"])
