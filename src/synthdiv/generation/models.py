"""The models of a generation job: each is loaded when it is first needed, on a device that the job claims then."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from functools import cache
from typing import Any

import torch
from PIL import Image

from synthdiv.core.devices import claim_device, describe_use
from synthdiv.core.jobs import report_work
from synthdiv.generation.generator import Generator, SafetyChecker
from synthdiv.generation.shards import GenerationCounts

Check = Callable[[list[Image.Image]], list[bool]]


class Models:
    """A generator and its safety checker.

    Parameters
    ----------
    spec : mapping
        An entry of the config's ``generators``.
    claim : callable
        Claims the device at its first call.
    """

    def __init__(self, spec: Mapping[str, Any], claim: Callable[[], torch.device]) -> None:
        self.spec, self.claim = spec, claim
        self.load_checker: Callable[[], Check] | None = self._load_checker if spec["safety_checker"] else None
        self._loaded: float | None = None

    def load_generator(self) -> Generator:
        """Load the generator."""
        generator = Generator(self.spec, self.claim())
        self._loaded = time.monotonic()
        return generator

    def _load_checker(self) -> Check:
        return SafetyChecker(self.spec["safety_checker"], self.claim()).check_images

    def report(self, counts: GenerationCounts) -> None:
        """Report how many images were generated since the generator was loaded, if it was."""
        if counts.generated and self._loaded is not None:
            report_work(counts.generated, time.monotonic() - self._loaded, **describe_use(self.claim()))


@contextmanager
def open_models(spec: Mapping[str, Any], device: str) -> Iterator[Models]:
    """Return the models of a job, and give their device back at the end.

    Parameters
    ----------
    spec : mapping
        An entry of the config's ``generators``.
    device : {"auto", "cpu", "cuda"}
        As in the config.
    """
    with ExitStack() as stack:

        @cache
        def claim() -> torch.device:
            return stack.enter_context(claim_device(device))

        yield Models(spec, claim)
