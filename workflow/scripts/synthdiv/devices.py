"""Which device a job computes on."""

from __future__ import annotations

import fcntl
import logging
import os
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager

import torch

from synthdiv.errors import StudyError

logger = logging.getLogger(__name__)


@contextmanager
def claim_device(device: str) -> Iterator[torch.device]:
    """Give the job its device: on a machine with several GPUs, one that no other job of this machine has claimed.

    A local machine assigns no devices to jobs, as a cluster does, so each job takes one by a file lock in the temporary
    folder and waits while all are taken. The lock goes with the process, however that ends.

    Parameters
    ----------
    device : {"auto", "cpu", "cuda"}
        "auto" is a GPU where there is one. On a Mac it is the CPU.

    Raises
    ------
    StudyError
        If "cuda" is asked for and there is none.
    """
    if device == "cuda" and not torch.cuda.is_available():
        raise StudyError("the config says `device: cuda`, but this job sees no GPU: check the profile's GPU resources")
    if device == "cpu" or not torch.cuda.is_available():
        yield torch.device("cpu")
        return
    if torch.cuda.device_count() == 1:
        yield torch.device("cuda", 0)
        return
    folder = os.path.join(tempfile.gettempdir(), f"synthdiv-devices-{os.getuid()}")
    os.makedirs(folder, exist_ok=True)
    waiting = False
    while True:
        for number in range(torch.cuda.device_count()):
            identifier = torch.cuda.get_device_properties(number).uuid
            with open(os.path.join(folder, str(identifier)), "w") as file:
                try:
                    fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                except BlockingIOError:
                    continue
                logger.info("using GPU %d (%s)", number, torch.cuda.get_device_name(number))
                yield torch.device("cuda", number)
            return
        if not waiting:
            logger.info("all %d GPUs are taken by other jobs; waiting for one", torch.cuda.device_count())
            waiting = True
        time.sleep(1.0)
