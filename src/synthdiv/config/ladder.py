"""The config of a ladder: training sets that lead from natural to generated images, a step of the generator at a time.

The Snakefile imports this in every job, so it imports nothing heavy.
"""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from synthdiv.config.base import ConfigPart, Distinct, Given

Strength = Annotated[float, Field(gt=0, lt=1)]
"""The part of the denoising steps that image-to-image generation takes."""


class Ladder(ConfigPart):
    """A ladder from natural to generated images."""

    set: str
    """The generated set where it ends: a training set of the classifier."""
    natural: Given[str] = None
    """Where it starts: a training set of the classifier with natural images of one set, as many of each class as the
    generated set has; default is the first."""
    classifier: Given[str] = None
    """The classifier that is trained on each rung, with all its seeds (six or more are advised: the steps are small);
    default is the first."""
    captions: Given[str] = None
    """What the natural training images show: a CSV with the columns key (the image's class), caption, and file (the
    image's file name) or index (its number in its class, from 0, in the order of file names or of rows). Without it, the
    rungs that need captions use the prompts of the generated set."""
    strengths: Distinct[Strength] = Field([0.25, 0.5, 0.75])
    """The strengths of the rungs that are generated from natural images (image-to-image): how much noise is added to the
    image before it is denoised, above 0 and below 1."""
