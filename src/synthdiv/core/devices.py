"""Choose the devices that a job computes on.

Importing torch takes a second, so it is only imported by what needs it.
"""

from __future__ import annotations

import fcntl
import logging
import os
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from itertools import islice
from typing import TYPE_CHECKING

from synthdiv.core.errors import StudyError

if TYPE_CHECKING:
    import torch

logger = logging.getLogger(__name__)

CPU_PIXELS = 8 * 224 * 224
"""Pixels that a CPU should compute at once: with more, what a model's layers hand on does not fit into its caches. Of images
of 224 x 224 pixels, EfficientNet-Lite0 embeds twice as many in a second in batches of 8 as in batches of 256."""


def limit_batch(batch_size: int, height: int, width: int, device: torch.device) -> int:
    """Return how many images of a batch a device should compute at once: on a CPU, no more than is fast.

    Parameters
    ----------
    batch_size : int
        Images of a batch.
    height, width : int
        Their size in pixels.
    device : torch.device
        The device to compute on.
    """
    return batch_size if device.type != "cpu" else min(batch_size, max(1, CPU_PIXELS // (height * width)))


@contextmanager
def claim_scoring_device(device: str) -> Iterator[str]:
    """Claim the device that ``scoring_device`` in the config names, as :func:`claim_devices` does.

    Yields
    ------
    str
        The name of a torch device.
    """
    if device == "cpu":
        yield device
        return
    with claim_device(device) as claimed:
        yield str(claimed)


@contextmanager
def claim_device(device: str) -> Iterator[torch.device]:
    """Claim one device for the job, as :func:`claim_devices` does."""
    with claim_devices(device, 1) as devices:
        yield devices[0]


@contextmanager
def claim_devices(device: str, count: int) -> Iterator[list[torch.device]]:
    """Claim the job's devices: on a machine with more GPUs than it needs, GPUs that no other local job has claimed.

    Unlike a cluster, a local machine assigns no devices to jobs. Each job therefore claims its own with file locks in the
    temporary folder, and waits while too few are free. The locks end with the process, however it ends.

    Parameters
    ----------
    device : {"auto", "cpu", "cuda"}
        "auto" uses a GPU if there is one. On a Mac it uses the CPU.
    count : int
        Number of devices; the CPU is repeated this many times.

    Raises
    ------
    StudyError
        If "cuda" is requested and there is no GPU, or if there are fewer GPUs than requested.
    """
    import torch

    if device == "cuda" and not torch.cuda.is_available():
        raise StudyError("the config says `device: cuda`, but this job sees no GPU: check the profile's GPU resources")
    if device == "cpu" or not torch.cuda.is_available():
        yield [torch.device("cpu")] * count
        return
    present = torch.cuda.device_count()
    if present < count:
        raise StudyError(f"the job needs {count} GPUs, but it sees {present}: check the profile's GPU resources")
    if present == 1:
        yield [torch.device("cuda", 0)]
        return
    folder = os.path.join(tempfile.gettempdir(), f"synthdiv-devices-{os.getuid()}")
    os.makedirs(folder, exist_ok=True)
    waiting = False
    while True:
        with ExitStack() as locks:
            claimed = list(islice((number for number in range(present) if _lock(number, folder, locks)), count))
            if len(claimed) == count:
                logger.info("using GPU %s", ", ".join(f"{n} ({torch.cuda.get_device_name(n)})" for n in claimed))
                yield [torch.device("cuda", number) for number in claimed]
                return
        if not waiting:
            logger.info("waiting: other jobs leave fewer than %d of %d GPUs free", count, present)
            waiting = True
        time.sleep(1.0)


@contextmanager
def one_thread() -> Iterator[None]:
    """Limit torch to one CPU thread: a convolution's result depends on the number of threads."""
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def describe_use(device: torch.device) -> dict[str, str | float]:
    """Return the device that a job used and, for a GPU, its peak memory in MB."""
    if device.type != "cuda":
        return {"device": device.type}
    import torch

    peak = torch.cuda.max_memory_allocated(device) / 1e6
    return {"device": torch.cuda.get_device_name(device), "gpu_peak_mb": round(peak, 1)}


def _lock(number: int, folder: str, locks: ExitStack) -> bool:
    """Lock a GPU until ``locks`` closes; return whether it was free."""
    import torch

    file = open(os.path.join(folder, str(torch.cuda.get_device_properties(number).uuid)), "w")  # noqa: SIM115
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        file.close()
        return False
    locks.enter_context(file)
    return True
