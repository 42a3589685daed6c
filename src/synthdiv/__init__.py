"""synthdiv: why a synthetic training set falls short of a natural one.

The library behind the workflow's scripts. It does not depend on Snakemake: its inputs and outputs are files and plain
values. Its packages are layers that follow the data flow; a package imports only from lower layers (pyproject.toml lists
them). For notebooks, it exports :func:`synthdiv.api.comparison.compare_sets`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from synthdiv.api.comparison import compare_sets

__all__ = ["compare_sets"]


def __getattr__(name: str) -> Any:
    """Import what notebooks use when it is first used: every job imports this package."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from synthdiv.api import comparison

    return getattr(comparison, name)


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
