"""What a text encoder makes of prompts: which it cuts off, and which become the same for two classes."""

from __future__ import annotations

from array import array
from collections.abc import Callable, Mapping
from itertools import islice
from pathlib import Path
from typing import Any

import polars as pl

from synthdiv.core.errors import StudyError
from synthdiv.core.hub import explain, read_configuration
from synthdiv.prompts.datasets import Dataset

Tokenize = Callable[[list[str]], list[list[int]]]
TOGETHER = 10_000
"""Prompts that are tokenized at once: what a tokenizer notes of a million takes gigabytes."""
NAMED = 5
"""How many prompts that are the same are named."""
COLUMNS = {
    "dataset": pl.String,
    "text_encoder": pl.String,
    "class_id": pl.Int32,
    "name": pl.String,
    "split": pl.String,
    "index": pl.Int32,
    "prompt": pl.String,
    "problem": pl.String,
    "n_tokens": pl.Int32,
    "token_limit": pl.Int32,
    "identical_to": pl.String,
}


def load_generator_tokenizer(folder: Path) -> tuple[Tokenize, int]:
    """The (first) tokenizer of a diffusers pipeline's folder, and how many tokens it keeps.

    Raises
    ------
    StudyError
        If the pipeline names no tokenizer.
    """
    from transformers import AutoTokenizer

    if "tokenizer" not in read_configuration(folder / "model_index.json", str(folder)):
        raise StudyError(f"the pipeline {folder} has no tokenizer")
    try:
        tokenizer = AutoTokenizer.from_pretrained(
            folder, subfolder="tokenizer", local_files_only=True, trust_remote_code=False
        )
    except Exception as error:  # transformers raises many kinds
        raise StudyError(f"the tokenizer of {folder} could not be loaded: {explain(error)}") from error
    return lambda texts: tokenizer(texts).input_ids, tokenizer.model_max_length


def load_encoder_tokenizer(spec: Mapping[str, Any]) -> tuple[Tokenize, int]:
    """The tokenizer of an entry of the config's ``encoders``, and how many tokens it keeps."""
    from synthdiv.embeddings.open_clip_encoder import make_tokenizer

    tokenizer = make_tokenizer(spec)
    if hasattr(tokenizer, "tokenizer"):  # a Hugging Face tokenizer in open_clip's wrapping
        return (
            lambda texts: tokenizer.tokenizer([tokenizer.clean_fn(text) for text in texts]).input_ids,
            tokenizer.context_length,
        )
    ends = [tokenizer.sot_token_id], [tokenizer.eot_token_id]
    return lambda texts: [ends[0] + tokenizer.encode(text) + ends[1] for text in texts], tokenizer.context_length


def check_prompts(dataset: Dataset, text_encoder: str, tokenize: Tokenize, token_limit: int) -> pl.DataFrame:
    """List the prompts of a dataset that a text encoder truncates, and those that it cannot tell apart.

    Parameters
    ----------
    dataset : Dataset
        Its prompts are checked: one a class, or one an image.
    text_encoder : str
        Whose tokenizer it is, for the table.
    tokenize : callable
        From texts to token ids, start and end included, nothing cut off.
    token_limit : int
        How many of them the encoder keeps, start and end included.

    Returns
    -------
    polars.DataFrame
        A row a problem. ``problem`` is "truncated" or "identical"; ``identical_to`` names the other classes (or, where every
        image has a prompt, images) whose prompt is the same once truncated, five at most.
    """
    places = dataset.list_places()
    texts = [dataset.prompt(class_id, split or "train", index) for class_id, split, index in places]
    lengths: list[int] = []
    kept: list[bytes] = []
    for start in range(0, len(texts), TOGETHER):
        for ids in tokenize(texts[start : start + TOGETHER]):
            lengths.append(len(ids))
            kept.append(array("q", ids[: min(len(ids), token_limit) - 1]).tobytes())
    same: dict[bytes, list[int]] = {}
    for n, text in enumerate(kept):
        same.setdefault(text, []).append(n)
    rows = []
    for n, (class_id, split, index) in enumerate(places):
        row = {
            "dataset": dataset.name,
            "text_encoder": text_encoder,
            "class_id": class_id,
            "name": dataset.classes[class_id].name,
            "split": split or None,
            "index": index if split else None,
            "prompt": texts[n],
            "n_tokens": lengths[n],
            "token_limit": token_limit,
        }
        if lengths[n] > token_limit:
            rows.append(row | {"problem": "truncated"})
        others = list(islice((other for other in same[kept[n]] if other != n), NAMED))
        if others:
            named = "; ".join(_name_place(dataset, places[other]) for other in others)
            rows.append(row | {"problem": "identical", "identical_to": named})
    return pl.DataFrame(rows, schema=COLUMNS)


def _name_place(dataset: Dataset, place: tuple[int, str, int]) -> str:
    class_id, split, index = place
    return dataset.classes[class_id].name + (f" ({split} {index})" if split else "")
