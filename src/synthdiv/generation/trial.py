"""Try a generator before images are planned for hours: generate one image, and see whether every setting changes it."""

from __future__ import annotations

import inspect
import logging
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from PIL import Image

from synthdiv.core.errors import StudyError
from synthdiv.core.fingerprints import format_scale
from synthdiv.core.hub import fetch_pipeline
from synthdiv.generation.generator import Generator, SafetyChecker, make_scheduler

logger = logging.getLogger(__name__)

PROMPT, SEED = "a photo", 0


def try_generator(spec: Mapping[str, Any], guidance_scales: Sequence[float], device: torch.device) -> dict[str, Any]:
    """Generate an image at each guidance scale, with all settings and without each of them.

    A pipeline ignores some settings in silence: most schedulers, for example, have no use for the argument ``eta``. The
    images are generated one by one, by a model that is not compiled.

    Parameters
    ----------
    spec : mapping
        An entry of the config's ``generators``.
    guidance_scales : sequence of float
        A setting must change the image at one of them.
    device : torch.device
        The device to compute on.

    Returns
    -------
    dict
        ``guidance_scales``; ``changes``: for each setting by its name, the mean absolute difference that it makes to the
        image's values of 0 to 255, at the guidance scale where that is largest; and ``unsafe``: whether the safety checker,
        if there is one, flags the image of each scale.

    Raises
    ------
    StudyError
        If the model or its safety checker cannot be loaded, if the model cannot generate with these settings, or if a
        setting changes nothing.
    """
    spec = {**spec, "batch_size": 1, "compile": False}
    generator = Generator(spec, device)
    kind, scheduler = type(generator.pipeline), type(generator.pipeline.scheduler)
    images = _generate(generator, guidance_scales)
    del generator  # its memory is needed for the next one
    changes = {}
    if all(image.getcolors(maxcolors=1) for image in images):
        logger.warning("the images of this trial have one colour, which hides whether a setting changes them")
    else:
        for name, reduced in list_reduced_settings(spec, kind):
            others = _generate(Generator(reduced, device), guidance_scales)
            changes[name] = max(map(_measure_change, images, others))
    idle = [name for name, change in changes.items() if change == 0]
    if idle:
        scales = " and ".join(map(format_scale, guidance_scales))
        raise StudyError(
            f"the generator {spec['model']}: {' and '.join(idle)} had no effect: at guidance scale {scales}, the image of a "
            f"trial is the same without. {kind.__name__} with {scheduler.__name__} does not use it; remove it"
        )
    tried = {"guidance_scales": list(guidance_scales), "changes": changes}
    if spec["safety_checker"] is not None:
        tried["unsafe"] = SafetyChecker(spec["safety_checker"], device).check_images(images)
    return tried


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


def _leave_out(settings: Mapping[str, Any], left_out: str) -> dict[str, Any]:
    return {name: value for name, value in settings.items() if name != left_out}


def _generate(generator: Generator, guidance_scales: Sequence[float]) -> list[Image.Image]:
    return [image for scale in guidance_scales for image in generator.generate_images([PROMPT], [SEED], scale)]


def _measure_change(one: Image.Image, other: Image.Image) -> float:
    """Return the mean absolute difference of two images' values."""
    return float(np.abs(np.asarray(one, dtype=float) - np.asarray(other, dtype=float)).mean())
