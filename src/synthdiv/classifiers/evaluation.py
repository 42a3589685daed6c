"""A classifier tried on sets: which of the model's outputs is which class, which classes it chooses among, what is right."""

from __future__ import annotations

import json
import pkgutil
import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pyarrow as pa
import torch
from timm.data import ImageNetInfo
from torch import nn

from synthdiv.classifiers.checkpoint import load_weights, read_metadata
from synthdiv.classifiers.prediction import predict
from synthdiv.classifiers.recipes import Recipe, build_model, build_transform, choose_layout, resolve_data
from synthdiv.classifiers.training_set import gather_images
from synthdiv.core.errors import StudyError
from synthdiv.images.index import locate_images
from synthdiv.images.torch_dataset import ImageDataset

BATCH_SIZE = 128
"""Images at once where the recipe names no device_batch_size."""
SCHEMA: dict[str, Any] = {
    "seed": pl.Int64,
    "evaluation_set": pl.String,
    "class_id": pl.Int32,
    "index": pl.Int32,
    "predicted": pl.List(pl.Int32),
    "confidence": pl.Float32,
    "correct_top1": pl.Boolean,
    "correct_top5": pl.Boolean,
}


def classify_sets(
    sets: Mapping[str, tuple[Sequence[Path | str], Mapping[str, Any]]],
    recipe: Recipe,
    class_keys: Sequence[str],
    *,
    weights: Mapping[int | None, str | None],
    exclude_flags: Sequence[str],
    device: torch.device,
    workers: int,
) -> list[pl.DataFrame]:
    """Try a classifier, as each seed trained it, on a split of sets: the evaluation split, unless an entry says otherwise.

    Parameters
    ----------
    sets : mapping of set name to (indices, entry)
        An entry may name ``among``, the classes to choose among, ``real_labels``, and a ``split`` of its own.
    recipe : mapping
        The classifier's.
    class_keys : sequence of str
        Of the study's classes.
    weights : mapping of seed to file
        The trained classifiers; {None: None} for the weights that the recipe's ``pretrained`` names.
    exclude_flags : sequence of str
        Images that carry one are left out.
    device : torch.device
    workers : int
        Processes that read, decode and transform.

    Returns
    -------
    list of polars.DataFrame
        For each set and seed a row an image: seed, evaluation_set, class_id, index, predicted (the likeliest classes, at
        most five), confidence (the first one's probability), correct_top1 and correct_top5 (whether the first is right, or any).

    Raises
    ------
    StudyError
        If the model can't be had, its outputs are not the study's classes, a set has no image, or an image is not where its
        index says.
    """
    models, outputs = load_classifiers(recipe, class_keys, weights.values(), device)
    data = resolve_data(recipe, models[0], is_training=False)
    transform = build_transform(recipe, models[0], is_training=False)
    tables = []
    for name, (paths, entry) in sets.items():
        table = gather_images(paths, entry.get("split", "evaluation"), exclude_flags=exclude_flags)
        labels = find_real_labels(table, class_keys) if entry["real_labels"] else None
        if labels is not None:
            table = table.filter(pa.array([bool(found) for found in labels]))
            labels = [found for found in labels if found]
        if not len(table):
            raise StudyError(
                f"no image of {name} is left to try a classifier on: do all of them carry an excluded flag, or are its "
                "real_labels none of the study's classes? (tables/flags.csv counts the flagged ones)"
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
            among=entry["among"],
        )
        class_ids: np.ndarray = np.asarray(images.rows["class_id"])
        for seed, found in zip(weights, predictions, strict=True):
            if labels is None:
                right = found.classes == class_ids[:, None]
            else:
                right = np.array([np.isin(row, list(own)) for row, own in zip(found.classes, labels, strict=True)])
            columns = {
                "seed": [seed] * len(class_ids),
                "evaluation_set": [name] * len(class_ids),
                "class_id": class_ids,
                "index": images.rows["index"],
                "predicted": found.classes.tolist(),
                "confidence": found.confidences,
                "correct_top1": right[:, 0],
                "correct_top5": right.any(axis=1),
            }
            tables.append(pl.DataFrame(columns, schema=SCHEMA))
    return tables


def load_classifiers(
    recipe: Recipe, class_keys: Sequence[str], weights: Iterable[str | None], device: torch.device
) -> tuple[list[nn.Module], list[int] | None]:
    """Load a classifier as each of several seeds trained it, ready to be tried; for the rest see :func:`load_classifier`."""
    models = []
    for path in weights:
        model, outputs = load_classifier(recipe, class_keys, path)
        models.append(model.to(device).to(memory_format=choose_layout(recipe)).eval())
    return models, outputs


def load_classifier(recipe: Recipe, class_keys: Sequence[str], weights: str | None) -> tuple[nn.Module, list[int] | None]:
    """Load a classifier, and say which of its outputs is which class; None where they are in the study's order.

    Raises
    ------
    StudyError
        If it can't be had, or does not know the study's classes.
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
    """The outputs of a model that came trained, for each class of the study: by WordNet ids where it knows ImageNet's.

    Raises
    ------
    StudyError
        If it has neither ImageNet's outputs nor as many as the study has classes.
    """
    count = int(model.num_classes)  # type: ignore[arg-type]
    places = {synset: n for n, synset in enumerate(ImageNetInfo().label_names())}
    if count == len(places) and all(key in places for key in class_keys):
        return [places[key] for key in class_keys]
    if count == len(class_keys):
        return None
    unknown = next((key for key in class_keys if key not in places), None)
    hint = f"its key {unknown!r} is no ImageNet class" if unknown else "their keys are ImageNet's"
    raise StudyError(
        f"the classifier {name!r} has {count} outputs, but the study has {len(class_keys)} classes ({hint}): its "
        "outputs must be ImageNet's 1,000, or the study's classes in their order"
    )


def find_real_labels(table: pa.Table, class_keys: Sequence[str]) -> list[set[int]]:
    """The reassessed labels of ImageNet's validation images, as classes of the study; empty where an image has none.

    Raises
    ------
    StudyError
        If an image's file is not named as ImageNet's validation images are.

    References
    ----------
    L. Beyer et al., "Are we done with ImageNet?" (2020), arXiv:2006.07159.
    """
    data = pkgutil.get_data("timm.data", "_info/imagenet_real_labels.json")
    assert data is not None
    labels = json.loads(data)
    classes = {key: n for n, key in enumerate(class_keys)}
    own = [classes.get(synset) for synset in ImageNetInfo().label_names()]
    found = []
    for file in table["file"].to_pylist():
        number = re.search(r"ILSVRC2012_val_(\d{8})\.", file)
        if number is None or not 1 <= int(number[1]) <= len(labels):
            raise StudyError(
                f"real_labels needs ImageNet's validation images by their names (ILSVRC2012_val_...), not {file}"
            )
        found.append({own[n] for n in labels[int(number[1]) - 1]} - {None})
    return found
