"""Extract a classifier's features: the input of its last layer."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import torch
from torch import nn

from synthdiv.classifiers.evaluation import BATCH_SIZE, load_classifiers
from synthdiv.classifiers.prediction import run_models
from synthdiv.classifiers.recipes import Recipe, build_transform, resolve_data
from synthdiv.embeddings.encoder import Features, join_features, measure_lengths
from synthdiv.images.index import locate_images
from synthdiv.images.subsets import gather_images
from synthdiv.images.torch_dataset import ImageDataset


def gather_splits(
    paths: Sequence[Path | str],
    splits: Sequence[str],
    *,
    exclude_flags: Sequence[str],
    images_per_class: int | None,
    seed: int,
) -> pa.Table:
    """Return the index rows of some splits of a set, concatenated.

    The parameters are those of :func:`synthdiv.images.subsets.gather_images`.
    """
    return pa.concat_tables(
        gather_images(paths, split, exclude_flags=exclude_flags, images_per_class=images_per_class, seed=seed)
        for split in splits
    )


def extract_features(
    table: pa.Table,
    recipe: Recipe,
    class_keys: Sequence[str],
    *,
    weights: Mapping[int | None, str | None],
    device: torch.device,
    workers: int,
) -> list[Features]:
    """Return features of images, preprocessed as for evaluation, from a classifier's model of each training seed.

    They are timm's pre-logits: pooled, after all layers but the last.

    Parameters
    ----------
    table : pyarrow.Table
        Index rows.
    recipe : mapping
        The classifier's recipe.
    class_keys : sequence of str
        Keys of the study's classes.
    weights : mapping of seed to file
        As for :func:`synthdiv.classifiers.evaluation.classify_sets`.
    device : torch.device
    workers : int
        Processes that read, decode and transform.

    Returns
    -------
    list of Features
        One per seed, in the order of the rows.

    Raises
    ------
    StudyError
        If the model is unavailable, or has other classes than the study.
    """
    models, _ = load_classifiers(recipe, class_keys, weights.values(), device)
    images = ImageDataset(locate_images(table), build_transform(recipe, models[0], is_training=False))
    run = run_models(
        [_cut_head(model) for model in models],
        images,
        recipe,
        resolve_data(recipe, models[0], is_training=False),
        device,
        batch_size=recipe["device_batch_size"] or BATCH_SIZE,
        workers=workers,
        work="extract",
    )
    parts = [[measure_lengths(output) for output in batch] for batch in run]
    return [join_features(own) for own in zip(*parts, strict=True)]


def _cut_head(model: Any) -> Callable[[torch.Tensor], torch.Tensor]:
    def compute(batch: torch.Tensor) -> torch.Tensor:
        return model.forward_head(model.forward_features(batch), pre_logits=True).flatten(1)

    assert isinstance(model, nn.Module)
    return compute
