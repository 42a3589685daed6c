"""Find the function that draws a figure."""

from __future__ import annotations

import importlib
from collections.abc import Callable

from matplotlib.figure import Figure

from synthdiv.jobs.figures import FIGURES


def find_draw(figure: str) -> Callable[..., Figure]:
    """Return the function that draws a figure from the rule's inputs and the figure's options."""
    module, _, function = FIGURES[figure].draw.partition(":")
    return getattr(importlib.import_module(f"synthdiv.report.figures.{module}"), function)
