"""Versions of the installed packages, without importing them.

The Snakefile imports this in every job, so it imports nothing heavy.
"""

from __future__ import annotations

from collections.abc import Iterable
from importlib.metadata import PackageNotFoundError, version

DECISIVE = ("torch", "diffusers", "open_clip_torch", "timm")
"""Packages whose versions may change images, embeddings or classifiers."""
GENERATION = ("diffusers", "torch")
"""Packages whose versions are stored with each generated image."""
RECORDED = (
    *DECISIVE,
    "torchvision",
    "transformers",
    "accelerate",
    "peft",
    "numpy",
    "scipy",
    "scikit-learn",
    "polars",
    "pyarrow",
    "pillow",
    "matplotlib",
    "snakemake",
)
"""Packages whose versions are recorded in a study's results."""


def read_versions(packages: Iterable[str]) -> dict[str, str]:
    """Return the versions of those packages that are installed."""
    found = {}
    for package in packages:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return found
