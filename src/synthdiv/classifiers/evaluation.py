"""Evaluate classifiers on image sets: map outputs to classes, restrict the candidate classes, and score predictions."""

from __future__ import annotations

import json
import pkgutil
import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import numpy as np
import polars as pl
import pyarrow as pa
import torch
from timm.data import ImageNetInfo
from torch import nn

from synthdiv.classifiers.checkpoint import load_weights, read_metadata
from synthdiv.classifiers.prediction import predict
from synthdiv.classifiers.prediction_table import SCHEMA
from synthdiv.classifiers.recipes import Recipe, build_model, build_transform, choose_layout, resolve_data
from synthdiv.core.errors import StudyError
from synthdiv.images.index import locate_images
from synthdiv.images.subsets import gather_images
from synthdiv.images.torch_dataset import ImageDataset
from synthdiv.jobs.classifiers import EvaluatedSet

BATCH_SIZE = 128
"""Images per batch if the recipe sets no device_batch_size."""


def classify_sets(
    sets: Iterable[tuple[EvaluatedSet, Sequence[Path | str]]],
    recipe: Recipe,
    class_keys: Sequence[str],
    *,
    weights: Mapping[int | None, str | None],
    exclude_flags: Sequence[str],
    device: torch.device,
    workers: int,
) -> list[pl.DataFrame]:
    """Evaluate a classifier, once per training seed, on a split of each set.

    Parameters
    ----------
    sets : iterable of (EvaluatedSet, indices)
        Each set with its indices.
    recipe : mapping
        The classifier's recipe.
    class_keys : sequence of str
        Keys of the study's classes.
    weights : mapping of seed to file
        The trained classifiers; {None: None} for the weights in the recipe's ``pretrained``.
    exclude_flags : sequence of str
        Images with any of these flags are left out.
    device : torch.device
    workers : int
        Processes that read, decode and transform.

    Returns
    -------
    list of polars.DataFrame
        For each set, one row per seed and image: seed, evaluation_set, class_id, index, predicted (the most probable
        classes, at most five), confidence (probability of the first), log_probability (of the image's own class),
        correct_top1 and correct_top5 (whether the first is correct, or any).

    Raises
    ------
    StudyError
        If the model is unavailable, its outputs do not match the study's classes, a set has no image, or an image is not
        where its index says.
    """
    models, outputs = load_classifiers(recipe, class_keys, weights.values(), device)
    data = resolve_data(recipe, models[0], is_training=False)
    transform = build_transform(recipe, models[0], is_training=False)
    tables = []
    for one, paths in sets:
        table = gather_images(paths, one.split, exclude_flags=exclude_flags)
        labels = find_real_labels(table, class_keys) if one.real_labels else None
        if labels is not None:
            table = table.filter(pa.array([bool(found) for found in labels]))
            labels = [found for found in labels if found]
        if not len(table):
            raise StudyError(
                f"no image of {one.set_name} is left to evaluate a classifier on: do all of them have an excluded flag, "
                "or are none of its real_labels classes of the study? (tables/flags.csv counts the flagged images)"
            )
        images = ImageDataset(locate_images(table), transform)
        predictions = predict(
            models,
            images,
            recipe,
            data,
            device,
            batch_size=recipe["device_batch_size"] or BATCH_SIZE,
            workers=workers,
            outputs=outputs,
            among=one.among,
        )
        class_ids: np.ndarray = np.asarray(images.rows["class_id"])
        of_seeds = []
        for seed, found in zip(weights, predictions, strict=True):
            if labels is None:
                correct = found.classes == class_ids[:, None]
            else:
                correct = np.array([np.isin(row, list(own)) for row, own in zip(found.classes, labels, strict=True)])
            columns = {
                "seed": [seed] * len(class_ids),
                "evaluation_set": [one.set_name] * len(class_ids),
                "class_id": class_ids,
                "index": images.rows["index"],
                "predicted": found.classes.tolist(),
                "confidence": found.confidences,
                "log_probability": found.log_probabilities,
                "correct_top1": correct[:, 0],
                "correct_top5": correct.any(axis=1),
            }
            of_seeds.append(pl.DataFrame(columns, schema=SCHEMA))
        tables.append(pl.concat(of_seeds))
    return tables


def load_classifiers(
    recipe: Recipe, class_keys: Sequence[str], weights: Iterable[str | None], device: torch.device
) -> tuple[list[nn.Module], list[int] | None]:
    """Load a classifier's models, one per training seed, ready for evaluation; see :func:`load_classifier`."""
    models = []
    for path in weights:
        model, outputs = load_classifier(recipe, class_keys, path)
        models.append(model.to(device).to(memory_format=choose_layout(recipe)).eval())
    return models, outputs


def load_classifier(recipe: Recipe, class_keys: Sequence[str], weights: str | None) -> tuple[nn.Module, list[int] | None]:
    """Load a classifier and return it with its output for each class, or None if they are in the study's order.

    Raises
    ------
    StudyError
        If it is unavailable, or has other classes than the study.
    """
    if weights is None:
        model = build_model(recipe, None)
        return model, map_outputs(model, class_keys, recipe["model"])
    trained = read_metadata(weights)["class_keys"]
    if trained != list(class_keys):
        raise StudyError(
            f"the classifier {weights} was trained on {len(trained)} classes ({trained[0]}, ...), not on this study's "
            f"{len(class_keys)} ({class_keys[0]}, ...): delete it and train it again"
        )
    model = build_model({**recipe, "pretrained": False}, len(class_keys))
    load_weights(model, weights)
    return model, None


def map_outputs(model: nn.Module, class_keys: Sequence[str], name: str) -> list[int] | None:
    """Return a pretrained model's output for each class of the study: by WordNet id if it has ImageNet's outputs.

    Raises
    ------
    StudyError
        If it has neither ImageNet's outputs nor as many as the study has classes.
    """
    count = int(model.num_classes)  # type: ignore[arg-type]
    positions = {synset: n for n, synset in enumerate(ImageNetInfo().label_names())}
    if count == len(positions) and all(key in positions for key in class_keys):
        return [positions[key] for key in class_keys]
    if count == len(class_keys):
        return None
    unknown = next((key for key in class_keys if key not in positions), None)
    hint = f"its key {unknown!r} is not an ImageNet class" if unknown else "their keys are ImageNet's"
    raise StudyError(
        f"the classifier {name!r} has {count} outputs, but the study has {len(class_keys)} classes ({hint}): its "
        "outputs must be ImageNet's 1,000, or the study's classes in their order"
    )


def find_real_labels(table: pa.Table, class_keys: Sequence[str]) -> list[set[int]]:
    """Return the reassessed labels of ImageNet's validation images as classes of the study; empty if there are none.

    Raises
    ------
    StudyError
        If a file name is not that of an ImageNet validation image.

    References
    ----------
    L. Beyer et al., "Are we done with ImageNet?" (2020), arXiv:2006.07159.
    """
    data = pkgutil.get_data("timm.data", "_info/imagenet_real_labels.json")
    assert data is not None
    labels = json.loads(data)
    classes = {key: n for n, key in enumerate(class_keys)}
    class_ids = [classes.get(synset) for synset in ImageNetInfo().label_names()]
    found = []
    for file in table["file"].to_pylist():
        number = re.search(r"ILSVRC2012_val_(\d{8})\.", file)
        if number is None or not 1 <= int(number[1]) <= len(labels):
            raise StudyError(
                f"real_labels needs ImageNet's validation images under their own names (ILSVRC2012_val_...), not {file}"
            )
        found.append({class_ids[n] for n in labels[int(number[1]) - 1]} - {None})
    return found
