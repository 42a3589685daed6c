"""An open_clip model: embeddings of images and prompts in one space."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import open_clip
import torch
from tqdm import tqdm

from synthdiv.core.errors import StudyError
from synthdiv.core.hub import advise
from synthdiv.embeddings.encoder import Encoder, Features, join_features, name_model


def make_tokenizer(spec: Mapping[str, Any]) -> Any:
    """The open_clip tokenizer of an entry of the config's ``encoders``.

    Raises
    ------
    StudyError
        If it can't be loaded, or the model's configuration wants code to be run that comes with it.
    """
    model = name_model(spec["model"])
    try:
        text = (open_clip.get_model_config(model) or {}).get("text_cfg") or {}
        if (text.get("tokenizer_kwargs") or {}).get("trust_remote_code"):
            raise StudyError(
                "its open_clip_config.json wants code of its own to be run (trust_remote_code), which is not done"
            )
        return open_clip.get_tokenizer(model)
    except Exception as error:  # open_clip and transformers raise many kinds
        raise StudyError(
            f"the tokenizer of the encoder {spec['model']!r} could not be loaded: {advise(error, spec['model'])}"
        ) from error


class OpenClipEncoder(Encoder):
    """A loaded open_clip model.

    Parameters
    ----------
    spec : mapping
        An entry of the config's ``encoders``.
    device : torch.device
        Where it computes.

    Raises
    ------
    StudyError
        If the weights can't be had, or an OpenAI model is named without -quickgelu.
    """

    version = open_clip.__version__

    def __init__(self, spec: Mapping[str, Any], device: torch.device) -> None:
        model, pretrained = spec["model"], spec["pretrained"]
        if pretrained == "openai" and not model.endswith("-quickgelu") and f"{model}-quickgelu" in open_clip.list_models():
            raise StudyError(
                f"encoder {model!r} with OpenAI's weights gives wrong values: use {model + '-quickgelu'!r}, "
                "which has their activation"
            )
        try:
            self.model, _, preprocess = open_clip.create_model_and_transforms(
                name_model(model),
                pretrained=pretrained,
                precision=spec["precision"],
                device=device,
                require_pretrained=True,
                weights_only=True,
            )
        except Exception as error:
            raise StudyError(
                f"the encoder {model!r} ({pretrained or 'its own weights'}) could not be loaded: "
                f"{advise(error, model, pretrained)}"
            ) from error
        self.model.eval()
        super().__init__(spec, device, preprocess=preprocess, encode=self.model.encode_image)
        self.tokenize = make_tokenizer(spec)

    @torch.inference_mode()
    def embed_prompts(self, texts: Sequence[str]) -> Features:
        """Embed prompts; a text that stands several times is encoded once.

        Returns
        -------
        Features
            In the order of the texts.
        """
        unique = {text: n for n, text in enumerate(dict.fromkeys(texts))}
        listed = list(unique)
        parts = []
        for start in tqdm(range(0, len(listed), self.batch_size), unit="batch", desc="embed", mininterval=2):
            tokens = self.tokenize(listed[start : start + self.batch_size])
            parts.append(self.run(tokens, self.model.encode_text))
        found, rows = join_features(parts), [unique[text] for text in texts]
        return Features(found.vectors[rows], found.lengths[rows])
