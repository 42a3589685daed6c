"""How long a study's jobs take and how large its images are, as measured or guessed."""

from __future__ import annotations

import shutil
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

import polars as pl

from synthdiv.core.files import read_json
from synthdiv.plan.generation import find_generator, list_generation_runs
from synthdiv.plan.parts import GenerationRun
from synthdiv.plan.study import Study

GUESSED_BYTES = {"png": 1.6, "jpeg": 0.4, "webp": 0.3}
"""Bytes of an image file per pixel, while no image is generated yet."""
GUESSED_SECONDS = 0.75
"""To generate 512 x 512 pixels in 50 steps with a model of the size of Stable Diffusion v1.5 on an A100."""
GUESSED_RATES = {"encoders": 500.0, "classifiers": 600.0}
"""Images per second and GPU: embedding with CLIP ViT-L/14, training ResNet-RS-152."""


class Rates:
    """Rates measured by target ``calibrate`` on one device, and guesses where it was not run.

    Parameters
    ----------
    study : Study
        The study.
    results : Path or str
        Its folder of results.
    """

    def __init__(self, study: Study, results: Path | str) -> None:
        self.study = study
        self.results = Path(results)

    @cached_property
    def calibration(self) -> dict[str, Any]:
        """Measurements of target ``calibrate``; empty if it was not run.

        Raises
        ------
        StudyError
            If their file is damaged.
        """
        path = self.results / "calibration.json"
        advice = "delete it; target calibrate measures it again"
        return read_json(path, "calibration", advice) if path.exists() else {}

    def seconds_per_image(self, run: GenerationRun) -> float:
        """Return the time to generate an image on one GPU: without guidance a step has one prediction, not two."""
        generator, guided = find_generator(self.study, run.dataset, run.split), run.guidance_scale > 1
        measured = self.calibration.get("generators", {}).get(generator)
        if measured:
            return 1 / measured["images_per_s" if guided else "images_per_s_unguided"]
        spec = self.study.config.generators[generator]
        guessed = GUESSED_SECONDS if guided else GUESSED_SECONDS / 2
        return guessed * spec.width * spec.height / 512**2 * spec.steps / 50

    def images_per_second(self, kind: Literal["encoders", "classifiers"], name: str) -> float:
        """Return how many images an encoder embeds, or a classifier is trained on, in a second."""
        return self.calibration.get(kind, {}).get(name, {}).get("images_per_s", GUESSED_RATES[kind])

    def bytes_per_image(self, generator: str) -> float:
        """Return the size of an image file: the mean of generated ones, or a guess."""
        for run in list_generation_runs(self.study):
            if find_generator(self.study, run.dataset) == generator:
                paths = sorted((self.results / "images" / run.collection).glob("*.parquet"))[:1]
                for path in paths:
                    return pl.read_parquet(path, columns=["size"])["size"].mean()  # type: ignore[return-value]
        spec = self.study.config.generators[generator]
        return GUESSED_BYTES[self.study.config.image_format.format] * spec.width * spec.height

    def describe(self) -> str:
        """Return a sentence on the source of the hours."""
        if self.calibration:
            return f"Hours are for one device, as measured on {self.calibration['device']} (target calibrate)."
        has_gpu = self.study.config.device != "cpu" and shutil.which("nvidia-smi") is not None
        here = "" if has_gpu else "This machine's CPU takes far longer. "
        return (
            f"Hours are a GUESS, for one A100: measure your device with target calibrate. {here}Gigabytes are a guess until "
            "images are generated."
        )
