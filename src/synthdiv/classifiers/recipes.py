"""Build what a classifier's recipe describes, with timm: model, transforms, optimiser, schedule and loss."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from typing import Any

import timm
import torch
from timm.data import Mixup, create_transform, resolve_model_data_config
from timm.data.random_erasing import RandomErasing
from timm.loss import LabelSmoothingCrossEntropy, SoftTargetCrossEntropy
from timm.models import load_checkpoint
from timm.optim import create_optimizer_v2
from timm.scheduler import create_scheduler_v2
from timm.scheduler.scheduler import Scheduler
from torch import nn

from synthdiv.classifiers.multi_crop import MultiCrop
from synthdiv.core.errors import StudyError
from synthdiv.core.hub import advise, explain
from synthdiv.embeddings.encoder import DTYPES, name_model

logger = logging.getLogger(__name__)

Recipe = Mapping[str, Any]
ERASING = {"re_prob": "probability", "re_mode": "mode", "re_count": "max_count"}
"""Arguments of timm's transforms that apply to whole batches, and their names in RandomErasing."""


def build_model(recipe: Recipe, n_classes: int | None) -> nn.Module:
    """Build a classifier, with pretrained weights if the recipe names any.

    Parameters
    ----------
    recipe : mapping
        A classifier's recipe.
    n_classes : int or None
        Number of outputs; None keeps the pretrained model's.

    Raises
    ------
    StudyError
        If timm has no such model or refuses an option, or the weights are unavailable or do not fit.
    """
    pretrained, options = recipe["pretrained"], dict(recipe["model_options"])
    if n_classes is not None:
        options["num_classes"] = n_classes
    try:
        model = timm.create_model(name_model(recipe["model"]), pretrained=pretrained is True, **options)
        if isinstance(pretrained, str):
            load_checkpoint(model, pretrained, weights_only=True)
    except Exception as error:  # timm and the hub raise many kinds
        weights = {True: "its own weights", False: "no weights"}.get(pretrained, pretrained)
        reason = advise(error, recipe["model"]) if pretrained is True else explain(error)
        raise StudyError(f"timm could not build the classifier {recipe['model']!r} ({weights}): {reason}") from error
    return model


def resolve_data(recipe: Recipe, model: nn.Module, *, is_training: bool) -> dict[str, Any]:
    """Return timm's input settings of a model: input_size, interpolation, mean, std, crop_pct and crop_mode."""
    size = recipe["image_size"] if is_training else recipe["evaluation_size"] or recipe["image_size"]
    given = {"img_size": size, "interpolation": recipe["interpolation"]}
    if not is_training:
        given["crop_pct"] = recipe["crop_pct"]
        if recipe["interpolation"] == "random":  # an augmentation
            given["interpolation"] = None
    return resolve_model_data_config(model, args=given, use_test_size=not is_training)


def build_multi_crop(recipe: Recipe, model: nn.Module) -> MultiCrop | None:
    """Return the transform to several crops of an image, or None if the recipe uses one."""
    if recipe["multi_crop"] is None:
        return None
    return MultiCrop(recipe["multi_crop"], resolve_data(recipe, model, is_training=True)["input_size"][-1])


def build_transform(recipe: Recipe, model: nn.Module, *, is_training: bool) -> Callable:
    """Return the transform from an RGB image to a uint8 array of shape (3, height, width), or to a row of ``multi_crop``.

    Normalisation, and random erasing after it, apply to whole batches.

    Raises
    ------
    StudyError
        If timm refuses an argument of ``augmentation``.
    """
    multi_crop = build_multi_crop(recipe, model) if is_training else None
    if multi_crop is not None:
        return multi_crop
    augmentation = recipe["augmentation"] if is_training else {}
    given = {key: value for key, value in augmentation.items() if key not in ERASING}
    data = resolve_data(recipe, model, is_training=is_training)
    try:
        return create_transform(**data | given, is_training=is_training, use_prefetcher=True)
    except (TypeError, AssertionError, KeyError, ValueError) as error:
        raise StudyError(f"timm refuses the recipe's augmentation {dict(augmentation)}: {error}") from error


def build_erasing(recipe: Recipe, device: torch.device) -> Callable[[torch.Tensor], torch.Tensor] | None:
    """Return random erasing for normalised batches, or None."""
    given = {ERASING[key]: value for key, value in recipe["augmentation"].items() if key in ERASING}
    return RandomErasing(**given, device=device) if given.get("probability", 0) > 0 else None


def build_mixup(recipe: Recipe, n_classes: int) -> Mixup | None:
    """Return mixup and CutMix for batches, or None. It also smooths the labels."""
    if not recipe["mixup"]:
        return None
    return Mixup(**recipe["mixup"], label_smoothing=recipe["label_smoothing"], num_classes=n_classes)


def build_loss(recipe: Recipe) -> nn.Module:
    """Return the cross entropy, with the recipe's label smoothing."""
    if recipe["mixup"]:
        return SoftTargetCrossEntropy()
    return LabelSmoothingCrossEntropy(recipe["label_smoothing"]) if recipe["label_smoothing"] else nn.CrossEntropyLoss()


def build_optimizer(recipe: Recipe, model: nn.Module) -> torch.optim.Optimizer:
    """Return the optimiser, with timm's parameter groups (no weight decay on biases and normalisation).

    Raises
    ------
    StudyError
        If timm refuses an argument.
    """
    try:
        return create_optimizer_v2(model, **recipe["optimizer"])
    except Exception as error:
        raise StudyError(f"timm refuses the recipe's optimizer {dict(recipe['optimizer'])}: {error}") from error


def build_schedule(recipe: Recipe, optimizer: torch.optim.Optimizer, steps: int) -> Scheduler | None:
    """Return the learning-rate schedule over ``steps`` updates; ``step(n)`` sets the rate of update n.

    Raises
    ------
    StudyError
        If timm refuses an argument.
    """
    warmup = round(recipe["warmup"] * steps)
    try:
        schedule, _ = create_scheduler_v2(optimizer, num_epochs=steps, warmup_epochs=warmup, **recipe["schedule"])
    except Exception as error:
        raise StudyError(f"timm refuses the recipe's schedule {dict(recipe['schedule'])}: {error}") from error
    return schedule


def choose_layout(recipe: Recipe) -> torch.memory_format:
    """Return the memory format of images and weights."""
    return torch.channels_last if recipe["channels_last"] else torch.contiguous_format


def choose_precision(recipe: Recipe, device: torch.device) -> torch.autocast:
    """Return the autocast context of the recipe's precision."""
    return torch.autocast(device.type, DTYPES[recipe["precision"]], enabled=recipe["precision"] != "fp32")


def count_steps(recipe: Recipe, n_images: int) -> int:
    """Return the number of weight updates of a training on ``n_images`` images."""
    if "steps" in recipe:
        return int(recipe["steps"])
    return max(1, round(recipe["epochs"] * n_images / recipe["batch_size"]))
