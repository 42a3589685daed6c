"""Check prompts with a text encoder's tokenizer: list truncated ones, and those that are identical for two classes."""

from __future__ import annotations

from array import array
from collections.abc import Callable, Mapping
from itertools import islice
from pathlib import Path
from typing import Any

import polars as pl

from synthdiv.core.errors import StudyError
from synthdiv.core.hub import explain
from synthdiv.prompts.datasets import Dataset

Tokenize = Callable[[list[str]], list[list[int]]]
PROMPTS_PER_BATCH = 10_000
"""Number of prompts to tokenize at once: a tokenizer's output for a million takes gigabytes."""
MAX_NAMED = 5
"""Number of identical prompts that the table names."""
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
    """Load the (first) tokenizer of a diffusers pipeline's folder, and return it with its token limit.

    Raises
    ------
    StudyError
        If it cannot be loaded.
    """
    from transformers import AutoTokenizer

    try:
        tokenizer = AutoTokenizer.from_pretrained(
            folder, subfolder="tokenizer", local_files_only=True, trust_remote_code=False
        )
    except Exception as error:  # transformers raises many kinds of exception
        raise StudyError(f"the tokenizer of {folder} could not be loaded: {explain(error)}") from error
    return lambda texts: tokenizer(texts).input_ids, tokenizer.model_max_length


def load_encoder_tokenizer(spec: Mapping[str, Any]) -> tuple[Tokenize, int]:
    """Load the tokenizer of an entry of the config's ``encoders``, and return it with its token limit."""
    from synthdiv.embeddings.open_clip_encoder import make_tokenizer

    tokenizer = make_tokenizer(spec)
    if hasattr(tokenizer, "tokenizer"):  # a Hugging Face tokenizer in open_clip's wrapper
        return (
            lambda texts: tokenizer.tokenizer([tokenizer.clean_fn(text) for text in texts]).input_ids,
            tokenizer.context_length,
        )
    ends = [tokenizer.sot_token_id], [tokenizer.eot_token_id]
    return lambda texts: [ends[0] + tokenizer.encode(text) + ends[1] for text in texts], tokenizer.context_length


def check_prompts(dataset: Dataset, text_encoder: str, tokenize: Tokenize, token_limit: int) -> pl.DataFrame:
    """List the prompts of a dataset that a text encoder truncates, and those that it cannot distinguish.

    Parameters
    ----------
    dataset : Dataset
        The dataset whose prompts are checked: one per class, or one per image.
    text_encoder : str
        The name of the text encoder, for the table.
    tokenize : callable
        From texts to token ids, including start and end tokens, without truncation.
    token_limit : int
        Number of token ids that the encoder keeps, including start and end tokens.

    Returns
    -------
    polars.DataFrame
        One row per problem. ``problem`` is "truncated" or "identical"; ``identical_to`` names at most five other classes (or
        images, if every image has its own prompt) whose truncated prompt is identical.
    """
    places = dataset.list_places()
    texts = [dataset.prompt(class_id, split or "train", index) for class_id, split, index in places]
    lengths: list[int] = []
    kept: list[bytes] = []
    for start in range(0, len(texts), PROMPTS_PER_BATCH):
        for ids in tokenize(texts[start : start + PROMPTS_PER_BATCH]):
            lengths.append(len(ids))
            kept.append(array("q", ids[: min(len(ids), token_limit) - 1]).tobytes())
    identical: dict[bytes, list[int]] = {}
    for n, tokens in enumerate(kept):
        identical.setdefault(tokens, []).append(n)
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
        others = list(islice((other for other in identical[kept[n]] if other != n), MAX_NAMED))
        if others:
            names = "; ".join(_name_place(dataset, places[other]) for other in others)
            rows.append(row | {"problem": "identical", "identical_to": names})
    return pl.DataFrame(rows, schema=COLUMNS)


def _name_place(dataset: Dataset, place: tuple[int, str, int]) -> str:
    class_id, split, index = place
    return dataset.classes[class_id].name + (f" ({split} {index})" if split else "")
