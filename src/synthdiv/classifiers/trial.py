"""Try a recipe before images are generated for hours: update the weights once, classify once, and see what has no effect."""

from __future__ import annotations

import pickle
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from PIL import Image
from timm.data import Mixup
from torch import nn

from synthdiv.classifiers.evaluation import load_classifiers
from synthdiv.classifiers.prediction import load_batches, run_models
from synthdiv.classifiers.recipes import (
    Recipe,
    build_erasing,
    build_mixup,
    build_optimizer,
    build_schedule,
    build_transform,
    resolve_data,
)
from synthdiv.classifiers.training.learner import Learner
from synthdiv.classifiers.training.processes import Process
from synthdiv.config.problems import show
from synthdiv.core.errors import StudyError
from synthdiv.core.hub import explain_refusal
from synthdiv.images.torch_dataset import ImageDataset
from synthdiv.plan.parts import EVALUATION_KEYS

STEPS = 10**6
"""Updates of a recipe with epochs, whose number of images is not known yet; learning rates are compared over them."""
COMPARED_STEPS = 200
"""Rates that are compared, most of them early: an option may have an effect only during a short warm-up."""


def try_recipe(
    recipe: Recipe, class_keys: Sequence[str], *, trained: bool, processes: int, device: torch.device
) -> dict[str, int]:
    """Update a classifier once on a batch of noise, and classify two images.

    The batch is as large as that of one process, so that a lack of memory shows here.

    Parameters
    ----------
    recipe : mapping
        A classifier's recipe; without the evaluation's keys, images are classified at the size of training.
    class_keys : sequence of str
        Keys of the study's classes.
    trained : bool
        Whether it is trained; otherwise its pretrained weights are used as they are.
    processes : int
        How many processes train it.
    device : torch.device

    Returns
    -------
    dict
        ``parameters``, the model's number of parameters, and ``batch``, the images that were used.

    Raises
    ------
    StudyError
        If the model cannot be built, trained or used as the recipe says, or an option of its optimizer, schedule,
        augmentation or mixup has no effect.
    """
    unset: dict[str, Any] = dict.fromkeys(EVALUATION_KEYS)
    recipe = unset | dict(recipe)
    used = 2
    if trained:
        used = recipe["device_batch_size"] or recipe["batch_size"] // processes
        reduced = {**recipe, "batch_size": used, "device_batch_size": None}
        steps = recipe.get("steps", STEPS)
        try:
            with explain_refusal(f"the model {recipe['model']} cannot be trained with its recipe"):
                learner = Learner(reduced, len(class_keys), steps, seed=0, initial=None, process=Process(0, 1, device))
                learner.update(_load_noise(recipe, learner.model, used, device))
        except torch.OutOfMemoryError as error:
            raise StudyError(
                f"the model {recipe['model']} cannot be trained with {used} images at once: {device} has too little memory; "
                "set the recipe's device_batch_size to a smaller number"
            ) from error
        _check_effects(recipe, learner.model, len(class_keys), steps)
        model = learner.final.eval()
    else:
        (model,), _ = load_classifiers(recipe, class_keys, [None], device)
    with explain_refusal(f"the model {recipe['model']} cannot classify images as its recipe says"):
        noise, data = Noise(recipe, model, 2, is_training=False), resolve_data(recipe, model, is_training=False)
        list(run_models([model], noise, recipe, data, device, batch_size=2, workers=0, work="try"))
    return {"parameters": sum(one.numel() for one in model.parameters()), "batch": used}


class Noise(ImageDataset):
    """Images of noise with a recipe's transform; their class is 0."""

    def __init__(self, recipe: Recipe, model: nn.Module, count: int, *, is_training: bool) -> None:
        super().__init__({"file": [""] * count}, build_transform(recipe, model, is_training=is_training))
        self.size = resolve_data(recipe, model, is_training=is_training)["input_size"][-1]

    def __getitem__(self, n: int) -> tuple[Any, int]:
        pixels = np.random.default_rng(n).integers(0, 256, (self.size, self.size, 3), dtype=np.uint8)
        return self.transform(Image.fromarray(pixels)), 0


def _load_noise(recipe: Recipe, model: nn.Module, count: int, device: torch.device) -> Any:
    data = resolve_data(recipe, model, is_training=True)
    return load_batches(Noise(recipe, model, count, is_training=True), data, device, workers=0, batch_size=count)


def _check_effects(recipe: Recipe, model: nn.Module, n_classes: int, steps: int) -> None:
    """Refuse options of timm's functions that change nothing beside the others.

    timm does not pass on options for which an optimizer, a schedule, an augmentation or mixup has no use.
    """

    def describe_optimizer(given: Recipe) -> list[Any]:
        groups = build_optimizer(given, model).param_groups
        return [[len(group["params"]), {name: group[name] for name in group if name != "params"}] for group in groups]

    def list_rates(given: Recipe) -> list[float]:
        optimizer = build_optimizer(given, model)
        schedule = build_schedule(given, optimizer, steps)
        rates = []
        for step in compared:
            if schedule is not None:
                schedule.step(step)
            rates.append(optimizer.param_groups[0]["lr"])
        return rates

    def describe_augmentation(given: Recipe) -> bytes:
        return pickle.dumps((build_transform(given, model, is_training=True), build_erasing(given, torch.device("cpu"))))

    def describe_mixup(given: Recipe) -> Any:
        return _describe_mixup(build_mixup(given, n_classes))

    compared = sorted({0, steps - 1, *np.geomspace(1, steps, COMPARED_STEPS, dtype=int).tolist()})
    descriptions: dict[str, Callable[[Recipe], Any]] = {
        "optimizer": describe_optimizer,
        "schedule": list_rates,
        "augmentation": describe_augmentation,
        "mixup": describe_mixup,
    }
    found = []
    for key, describe in descriptions.items():
        idle = _list_idle(recipe, key, describe)
        if idle:
            names = " and ".join(f"{key}.{name}" for name in idle)
            others = ", ".join(f"{name}: {show(value)}" for name, value in recipe[key].items() if name not in idle)
            beside = f" with {others}" if others else ""
            found.append(f"{names} had no effect{beside}; remove {'it' if len(idle) == 1 else 'them'}")
    if found:
        raise StudyError(f"the recipe of the model {recipe['model']}: {'. '.join(found)}")


def _describe_mixup(mixup: Mixup | None) -> Any:
    """Return what mixup does, without the values that it does not use."""
    if mixup is None:
        return None
    mixes, cuts = mixup.mixup_alpha > 0, mixup.cutmix_alpha > 0
    share = mixup.switch_prob if mixes and cuts else float(cuts)
    kinds = {
        "mixup": mixup.mixup_alpha if share < 1 else None,
        "cutmix": (mixup.cutmix_minmax or (mixup.cutmix_alpha, mixup.correct_lam)) if share > 0 else None,
    }
    return kinds, share, mixup.mix_prob, mixup.mode, mixup.multi_label


def _list_idle(recipe: Recipe, key: str, describe: Callable[[Recipe], Any]) -> list[str]:
    """List the options of one of the recipe's keys that change nothing, whether they are left out or have another value.

    An option that has its default changes nothing if it is left out, and one that is used has an effect with another value.
    """
    given, described = recipe[key], describe(recipe)

    def has_effect(options: dict[str, Any]) -> bool:
        try:
            return describe({**recipe, key: options}) != described
        except Exception:  # an option that a library refuses is one that it uses; libraries raise many kinds
            return True

    return [
        name
        for name, value in given.items()
        if not has_effect({other: given[other] for other in given if other != name})
        and not has_effect({**given, name: _vary(value)})
    ]


def _vary(value: Any) -> Any:
    """Return another value of the same kind; one that is no text's, for a text."""
    if isinstance(value, bool):
        return not value
    if isinstance(value, int):
        return value + 1
    if isinstance(value, str):
        return f"{value}?"
    if isinstance(value, list | tuple):
        return [_vary(one) for one in value]
    return value / 2 if value else 0.5
