"""Embed images with a timm model such as Inception-v3 or DINOv2, which has no text encoder."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import timm
import torch
from timm.data import create_transform, resolve_model_data_config
from timm.models import load_checkpoint

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
            loaded = timm.create_model(name_model(model), pretrained=weights is None, num_classes=0)
            if weights is not None:
                load_checkpoint(loaded, weights, filter_fn=_drop_classifier, weights_only=True)
        except Exception as error:
            raise StudyError(
                f"the encoder {model!r} ({weights or 'its own weights'}) could not be loaded by timm: "
                f"{advise(error, model, weights)}"
            ) from error
        loaded.to(device, DTYPES[spec["precision"]])
        preprocess = create_transform(**resolve_model_data_config(loaded), is_training=False)
        super().__init__(spec, device, model=loaded, preprocess=preprocess, encode=loaded)


def _drop_classifier(weights: dict[str, Any], model: Any) -> dict[str, Any]:
    """Leave out the weights of the classifier, which the model lacks; all others must fit."""
    given = model.pretrained_cfg.get("classifier") or ()
    names = (given,) if isinstance(given, str) else tuple(given)
    own = model.state_dict()
    return {key: value for key, value in weights.items() if key in own or not key.startswith(tuple(f"{n}." for n in names))}
