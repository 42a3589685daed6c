"""Try a generator before images are planned for hours: generate one image, and see whether every setting changes it."""

from __future__ import annotations

import inspect
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import torch
from PIL import Image

from synthdiv.core.errors import StudyError
from synthdiv.core.fingerprints import format_scale
from synthdiv.core.hub import fetch_pipeline
from synthdiv.generation.generator import Generator, SafetyChecker, make_scheduler

PROMPT, OTHER_PROMPT, SEED = "a photo", "mountains at night", 0
GUIDED, UNGUIDED = 7.5, 1.0


def try_generator(spec: Mapping[str, Any], device: torch.device, *, guided: bool) -> dict[str, Any]:
    """Generate an image with all settings, one of another prompt, and one without each setting.

    A pipeline ignores some settings in silence: most schedulers, for example, have no use for the argument ``eta``. The
    images are generated one by one, by a model that is not compiled.

    Parameters
    ----------
    spec : mapping
        An entry of the config's ``generators``.
    device : torch.device
        The device to compute on.
    guided : bool
        Whether to generate at guidance scale 7.5; otherwise at 1, which is without guidance.

    Returns
    -------
    dict
        ``guidance_scale``; ``changes``: for each setting by its name, the mean absolute difference that it makes to the
        image's values of 0 to 255; and with a safety checker ``unsafe``: whether it flags the image.

    Raises
    ------
    StudyError
        If the model or its safety checker cannot be loaded, if the model cannot generate with these settings, if its image
        has one colour, or if the prompt or a setting changes nothing.
    """
    spec, scale = {**spec, "batch_size": 1, "compile": False}, GUIDED if guided else UNGUIDED
    generator = Generator(spec, device)
    kind, scheduler = type(generator.pipeline), type(generator.pipeline.scheduler)
    image, other = (_generate(generator, prompt, scale) for prompt in (PROMPT, OTHER_PROMPT))
    del generator  # its memory is needed for the next one
    if image.getcolors(maxcolors=1):
        raise StudyError(
            f"the generator {spec['model']}: the image of a trial has one colour; are its weights damaged, or is the range "
            f"of {spec['dtype']} too small for it?"
        )
    if not _measure_change(image, other):
        raise StudyError(
            f"the generator {spec['model']}: the images of two prompts are the same; are the files of its tokenizer "
            "complete?"
        )
    changes = {}
    for name, reduced in list_reduced_settings(spec, kind):
        changes[name] = _measure_change(image, _generate(Generator(reduced, device), PROMPT, scale))
    idle = [name for name, change in changes.items() if change == 0]
    if idle:
        raise StudyError(
            f"the generator {spec['model']}: {' and '.join(idle)} had no effect: at guidance scale {format_scale(scale)}, "
            f"the image of a trial is the same without. {kind.__name__} with {scheduler.__name__} and {spec['steps']} steps "
            "does not use it; remove it"
        )
    trial = {"guidance_scale": scale, "changes": changes}
    if spec["safety_checker"] is not None:
        (trial["unsafe"],) = SafetyChecker(spec["safety_checker"], device).check_images([image])
    return trial


def list_reduced_settings(spec: Mapping[str, Any], pipeline: type) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield the name of each setting that a kind of pipeline could ignore, and the generator's entry without it.

    A setting with the value that it would have anyway is left out.
    """
    defaults = inspect.signature(pipeline.__call__).parameters
    for name, value in spec["arguments"].items():
        if value != defaults[name].default:
            yield f"arguments.{name}", {**spec, "arguments": _leave_out(spec["arguments"], name)}
    folder = fetch_pipeline(spec["model"], revision=spec["revision"], variant=spec["variant"])
    for name, value in spec["scheduler_options"].items():
        reduced = {**spec, "scheduler_options": _leave_out(spec["scheduler_options"], name)}
        if make_scheduler(folder, reduced).config.get(name) != value:
            yield f"scheduler_options.{name}", reduced
    if spec["negative_prompt"]:
        yield "negative_prompt", {**spec, "negative_prompt": ""}
    if spec["lora"] is not None:
        yield "lora", {**spec, "lora": None}


def _leave_out(settings: Mapping[str, Any], left_out: str) -> dict[str, Any]:
    return {name: value for name, value in settings.items() if name != left_out}


def _generate(generator: Generator, prompt: str, guidance_scale: float) -> Image.Image:
    (image,) = generator.generate_images([prompt], [SEED], guidance_scale)
    return image


def _measure_change(one: Image.Image, other: Image.Image) -> float:
    """Return the mean absolute difference of two images' values."""
    return float(np.abs(np.asarray(one, dtype=float) - np.asarray(other, dtype=float)).mean())
