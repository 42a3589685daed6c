"""An open_clip model: unit embeddings of images and prompts in one space."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import open_clip
import torch
import torch.nn.functional as F
from torch.utils.data import DataLoader, Dataset
from tqdm import tqdm

from synthdiv.archive import read_bytes
from synthdiv.errors import StudyError
from synthdiv.flags import decode_image

logger = logging.getLogger(__name__)


def name_model(model: str) -> str:
    """How open_clip is asked for a model: a folder as "local-dir:<folder>", anything else as it is."""
    return f"local-dir:{model}" if Path(model).is_dir() else model


def make_tokenizer(spec: Mapping[str, Any]) -> Any:
    """The open_clip tokenizer of an entry of the config's ``encoders``."""
    return open_clip.get_tokenizer(name_model(spec["model"]))


class _Images(Dataset):
    """The images of index rows, decoded and preprocessed; what a loader's workers run."""

    def __init__(self, rows: Sequence[Mapping[str, Any]], preprocess: Any) -> None:
        self.rows = rows
        self.preprocess = preprocess

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, n: int) -> torch.Tensor:
        row = self.rows[n]
        return self.preprocess(decode_image(read_bytes(row["file"], row["offset"], row["size"])))


class Encoder:
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

    def __init__(self, spec: Mapping[str, Any], device: torch.device) -> None:
        model, pretrained = spec["model"], spec["pretrained"]
        if pretrained == "openai" and not model.endswith("-quickgelu") and f"{model}-quickgelu" in open_clip.list_models():
            raise StudyError(
                f"encoder {model!r} with OpenAI's weights gives wrong values: use {model + '-quickgelu'!r}, "
                "which has their activation"
            )
        try:
            self.model, _, self.preprocess = open_clip.create_model_and_transforms(
                name_model(model), pretrained=pretrained, precision=spec["precision"], device=device
            )
        except Exception as error:
            raise StudyError(
                f"the encoder {model!r} ({pretrained or 'its own weights'}) could not be loaded: {error}"
            ) from error
        self.model.eval()
        self.tokenize = make_tokenizer(spec)
        self.batch_size = spec["batch_size"]
        self.dtype = {"fp32": torch.float32, "fp16": torch.float16, "bf16": torch.bfloat16}[spec["precision"]]
        self.device = device

    def _run(self, batch: torch.Tensor, encode: Any) -> np.ndarray:
        """Encode a batch filled up to the batch size, so that a row's result does not depend on how many there were."""
        count = len(batch)
        if count < self.batch_size:
            batch = torch.cat([batch, batch[-1:].expand(self.batch_size - count, *batch.shape[1:])])
        features = encode(batch.to(self.device, non_blocking=True))[:count]
        return F.normalize(features.float(), dim=-1).half().cpu().numpy()

    @torch.inference_mode()
    def embed_images(self, rows: Sequence[Mapping[str, Any]], *, workers: int) -> np.ndarray:
        """Embed the images of index rows.

        Parameters
        ----------
        rows : sequence of mappings
            Rows of an index table (file, offset, size).
        workers : int
            Processes that read and decode while the model computes; 0 does it in this one.

        Returns
        -------
        float16 array of shape (n, d)
            Unit vectors, in the order of the rows.
        """
        loader = DataLoader(
            _Images(rows, self.preprocess),
            batch_size=self.batch_size,
            num_workers=workers,
            pin_memory=self.device.type == "cuda",
            prefetch_factor=4 if workers else None,
        )
        with tqdm(total=len(rows), unit="image", desc="embed", mininterval=2) as progress:
            parts = []
            for batch in loader:
                parts.append(self._run(batch.to(self.dtype), self.model.encode_image))
                progress.update(len(batch))
        return np.concatenate(parts)

    @torch.inference_mode()
    def embed_prompts(self, texts: Sequence[str]) -> np.ndarray:
        """Embed prompts; a text that stands several times is encoded once.

        Returns
        -------
        float16 array of shape (n, d)
            Unit vectors, in the order of the texts.
        """
        unique = {text: n for n, text in enumerate(dict.fromkeys(texts))}
        listed = list(unique)
        parts = []
        for start in tqdm(range(0, len(listed), self.batch_size), unit="batch", desc="embed", mininterval=2):
            tokens = self.tokenize(listed[start : start + self.batch_size])
            parts.append(self._run(tokens, self.model.encode_text))
        return np.concatenate(parts)[[unique[text] for text in texts]]
