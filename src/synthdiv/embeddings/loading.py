"""Load an encoder of open_clip or timm."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch

from synthdiv.embeddings.encoder import Encoder


def load_encoder(spec: Mapping[str, Any], device: torch.device) -> Encoder:
    """Load the model of an entry of the config's ``encoders``.

    Raises
    ------
    StudyError
        If the weights are not available.
    """
    if spec["library"] == "timm":
        from synthdiv.embeddings.timm_encoder import TimmEncoder

        return TimmEncoder(spec, device)
    from synthdiv.embeddings.open_clip_encoder import OpenClipEncoder

    return OpenClipEncoder(spec, device)
