"""Embed images and prompts in one space with an open_clip model."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import open_clip
import torch
from tqdm import tqdm

from synthdiv.core.errors import StudyError
from synthdiv.core.hub import advise
from synthdiv.embeddings.encoder import Encoder, Features, join_features, name_model, run_batch


def make_tokenizer(spec: Mapping[str, Any]) -> Any:
    """Load the open_clip tokenizer of an entry of the config's ``encoders``.

    Raises
    ------
    StudyError
        If it cannot be loaded, or the model's configuration requires code of its own to be run.
    """
    model = name_model(spec["model"])
    try:
        text = (open_clip.get_model_config(model) or {}).get("text_cfg") or {}
        if (text.get("tokenizer_kwargs") or {}).get("trust_remote_code"):
            raise StudyError(
                "its open_clip_config.json requires code of its own to be run (trust_remote_code), which is not allowed"
            )
        # of Hugging Face's tokenizers only; otherwise transformers asks on the terminal whether to run a model's own code
        options = {"trust_remote_code": False} if text.get("hf_tokenizer_name") else {}
        return open_clip.get_tokenizer(model, **options)
    except Exception as error:  # open_clip and transformers raise many kinds of exception
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
        The device to compute on.

    Raises
    ------
    StudyError
        If the weights are not available, or an OpenAI model is named without -quickgelu.
    """

    version = open_clip.__version__

    def __init__(self, spec: Mapping[str, Any], device: torch.device) -> None:
        model, pretrained = spec["model"], spec["pretrained"]
        if pretrained == "openai" and not model.endswith("-quickgelu") and f"{model}-quickgelu" in open_clip.list_models():
            raise StudyError(
                f"encoder {model!r} with OpenAI's weights gives wrong embeddings: use {model + '-quickgelu'!r}, "
                "which has their activation function"
            )
        try:
            loaded, _, preprocess = open_clip.create_model_and_transforms(
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
        super().__init__(spec, device, model=loaded, preprocess=preprocess, encode=loaded.encode_image)
        self.tokenize = make_tokenizer(spec)

    @torch.inference_mode()
    def embed_prompts(self, texts: Sequence[str]) -> Features:
        """Embed prompts; a text that occurs several times is encoded once.

        Returns
        -------
        Features
            In the order of the texts.
        """
        unique = {text: n for n, text in enumerate(dict.fromkeys(texts))}
        to_encode = list(unique)
        parts = []
        for start in tqdm(range(0, len(to_encode), self.batch_size), unit="batch", desc="embed", mininterval=2):
            tokens = self.tokenize(to_encode[start : start + self.batch_size])
            parts.append(run_batch(tokens, self.model.encode_text, self.batch_size, self.device))
        encoded, rows = join_features(parts), [unique[text] for text in texts]
        return Features(encoded.vectors[rows], encoded.lengths[rows])
