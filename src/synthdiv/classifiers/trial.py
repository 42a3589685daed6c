"""Try a recipe before images are generated for hours: update the weights once, classify once, and see what has no effect."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from PIL import Image
from timm.optim import create_optimizer_v2
from timm.scheduler import create_scheduler_v2
from torch import nn

from synthdiv.classifiers.evaluation import load_classifiers
from synthdiv.classifiers.prediction import load_batches, run_models
from synthdiv.classifiers.recipes import Recipe, build_optimizer, build_schedule, build_transform, resolve_data
from synthdiv.classifiers.training.learner import Learner
from synthdiv.classifiers.training.processes import Process
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
        If the model cannot be built, trained or used as the recipe says, or an option of its optimizer or its schedule has
        no effect.
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
        _check_effects(recipe, learner.model, steps)
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


def _check_effects(recipe: Recipe, model: nn.Module, steps: int) -> None:
    """Refuse options of the optimizer and the schedule that differ from timm's defaults and yet change nothing.

    timm does not pass on options for which an optimizer or a schedule has no use.
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

    compared = sorted({0, steps - 1, *np.geomspace(1, steps, COMPARED_STEPS, dtype=int).tolist()})

    groups = build_optimizer(recipe, model).param_groups
    idle = _list_idle(recipe, "optimizer", "opt", describe_optimizer, inspect.signature(create_optimizer_v2).parameters)
    # an option may have an optimizer's own default, which the signature of timm's function does not show
    idle = [name for name in idle if not any(_same(group.get(name), recipe["optimizer"][name]) for group in groups)]
    idle_of_schedule = _list_idle(recipe, "schedule", "sched", list_rates, inspect.signature(create_scheduler_v2).parameters)
    found = [f"optimizer.{name}" for name in idle] + [f"schedule.{name}" for name in idle_of_schedule]
    if found:
        raise StudyError(
            f"the recipe of the model {recipe['model']}: {' and '.join(found)} had no effect with the optimizer "
            f"{recipe['optimizer'].get('opt')} and the schedule {recipe['schedule'].get('sched')}; remove it"
        )


def _list_idle(
    recipe: Recipe, key: str, kind: str, describe: Callable[[Recipe], Any], defaults: Mapping[str, inspect.Parameter]
) -> list[str]:
    """List the options of one of the recipe's keys, other than defaults, without which it is described just the same."""
    described = describe(recipe)
    others = {name: value for name, value in recipe[key].items() if name != kind}
    given = [name for name in others if name not in defaults or not _same(defaults[name].default, others[name])]
    return [
        name
        for name in given
        if describe({**recipe, key: {other: recipe[key][other] for other in recipe[key] if other != name}}) == described
    ]


def _same(one: Any, other: Any) -> bool:
    """Return whether two values are equal, whether they are lists or tuples."""
    return (tuple(one) if isinstance(one, list) else one) == (tuple(other) if isinstance(other, list) else other)
