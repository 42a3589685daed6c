"""Embed images with a timm model such as Inception-v3 or DINOv2, which has no text encoder."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import timm
import torch
from timm.data import create_transform, resolve_model_data_config

from synthdiv.core.errors import StudyError
from synthdiv.core.hub import advise
from synthdiv.embeddings.encoder import DTYPES, Encoder, name_model


class TimmEncoder(Encoder):
    """A loaded timm model without its classifier; images are preprocessed as in the evaluation of the weights.

    Parameters
    ----------
    spec : mapping
        An entry of the config's ``encoders``.
    device : torch.device
        The device to compute on.

    Raises
    ------
    StudyError
        If the weights are not available.
    """

    version = timm.__version__

    def __init__(self, spec: Mapping[str, Any], device: torch.device) -> None:
        model, weights = spec["model"], spec["pretrained"]
        try:
            self.model = timm.create_model(
                name_model(model), pretrained=weights is None, checkpoint_path=weights, num_classes=0
            )
        except Exception as error:
            raise StudyError(
                f"the encoder {model!r} ({weights or 'its own weights'}) could not be loaded by timm: "
                f"{advise(error, model, weights)}"
            ) from error
        self.model.to(device, DTYPES[spec["precision"]]).eval()
        preprocess = create_transform(**resolve_model_data_config(self.model), is_training=False)
        super().__init__(spec, device, preprocess=preprocess, encode=self.model)
