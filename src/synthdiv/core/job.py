"""What decides a job's result, as typed data: a rule's `params` hold it as one dict, and the rule's script gets it back.

The Snakefile imports this in every job, so it imports nothing heavy.
"""

from __future__ import annotations

import json
from typing import Any, Self

from pydantic import BaseModel, ConfigDict


class Part(BaseModel):
    """Typed data that is part of a job; equal parts are the same JSON."""

    model_config = ConfigDict(frozen=True, extra="forbid", defer_build=True, ser_json_inf_nan="constants")


class Job(Part):
    """What decides the result of one job of a rule, and nothing else.

    Files that are the rule's inputs decide it by their content. Devices, threads and numbers of processes do not decide it,
    so they are resources.
    """

    def to_params(self) -> dict[str, Any]:
        """Return the job as a dict of plain values with sorted keys.

        Snakemake records a rule's params with its outputs, and plans the job again when they change. It records anything but
        plain values as an empty list, whose change it does not see.
        """
        return json.loads(json.dumps(self.model_dump(mode="json"), sort_keys=True, allow_nan=False))

    @classmethod
    def from_params(cls, params: dict[str, Any]) -> Self:
        """Return the job that :meth:`to_params` made."""
        return cls.model_validate_json(json.dumps(params))
