"""The device on which neighbours are searched: torch, which takes a second to import, is only needed for a GPU."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def claim_scoring_device(device: str) -> Iterator[str]:
    """Claim the device that ``scoring_device`` in the config names, as :func:`synthdiv.core.devices.claim_devices` does.

    Yields
    ------
    str
        A torch device.
    """
    if device == "cpu":
        yield device
        return
    from synthdiv.core.devices import claim_device

    with claim_device(device) as claimed:
        yield str(claimed)
