"""The processes that train a classifier together, each with its own device and the environment variables of torchrun."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import torch
import torch.distributed as dist


@dataclass(frozen=True)
class Process:
    """One of them: its number, how many there are, and its device."""

    rank: int
    world: int
    device: torch.device

    def sum(self, values: torch.Tensor) -> torch.Tensor:
        """Replace values by their sums over all processes."""
        if self.world > 1:
            dist.all_reduce(values)
        return values

    def find_least(self, values: torch.Tensor) -> torch.Tensor:
        """Replace values by the least ones of any process."""
        if self.world > 1:
            dist.all_reduce(values, op=dist.ReduceOp.MIN)
        return values

    def ask(self, *flags: bool) -> list[bool]:
        """Return whether any process sets each flag."""
        if self.world == 1:
            return list(flags)
        combined = torch.tensor(flags, dtype=torch.int32, device=self.device)
        dist.all_reduce(combined, op=dist.ReduceOp.MAX)
        return [bool(flag) for flag in combined.tolist()]


@contextmanager
def join_processes(devices: Sequence[torch.device]) -> Iterator[Process]:
    """Yield this process, after all processes have started.

    Parameters
    ----------
    devices : sequence of torch.device
        One per process.
    """
    rank, world = int(os.environ.get("RANK", 0)), int(os.environ.get("WORLD_SIZE", 1))
    device = devices[int(os.environ.get("LOCAL_RANK", 0))]
    if device.type == "cuda":
        torch.cuda.set_device(device)
    if world > 1:
        dist.init_process_group("nccl" if device.type == "cuda" else "gloo")
    try:
        yield Process(rank, world, device)
    finally:
        if world > 1:
            dist.destroy_process_group()
