"""Update a classifier's weights by batches of images."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import nullcontext
from typing import Any

import torch
from timm.layers import convert_sync_batchnorm
from timm.utils import ModelEmaV3
from torch import nn
from torch.nn.parallel import DistributedDataParallel

from synthdiv.classifiers.checkpoint import load_weights
from synthdiv.classifiers.recipes import (
    Recipe,
    build_erasing,
    build_loss,
    build_mixup,
    build_model,
    build_multi_crop,
    build_optimizer,
    build_schedule,
    choose_layout,
    choose_precision,
    resolve_data,
)
from synthdiv.classifiers.training.processes import Process
from synthdiv.core.errors import StudyError
from synthdiv.images.torch_dataset import seed_randomness


class Learner:
    """A classifier in training: a model, and what updates its weights.

    Parameters
    ----------
    recipe : mapping
        The classifier's recipe.
    n_classes : int
    steps : int
        How many updates there will be.
    seed : int
        Seed of the initial weights and of all randomness in the updates.
    initial : str or None
        Weights to start from.
    process : Process
        This process, and its device.

    Attributes
    ----------
    step : int
        How many updates have been made.
    device_batch, n_crops : int
        Images in a batch on the device, and crops of an image.
    """

    def __init__(
        self, recipe: Recipe, n_classes: int, steps: int, *, seed: int, initial: str | None, process: Process
    ) -> None:
        self.recipe, self.steps, self.seed, self.process = recipe, steps, seed, process
        device, world = process.device, process.world
        self.device_batch = recipe["device_batch_size"] or recipe["batch_size"] // world
        self.rounds = recipe["batch_size"] // (world * self.device_batch)

        seed_randomness(seed)
        model = build_model(recipe, n_classes)
        self.data = resolve_data(recipe, model, is_training=True)
        if initial is not None:
            load_weights(model, initial)
        self.layout = choose_layout(recipe)
        model.to(device).to(memory_format=self.layout)
        if world > 1 and recipe["sync_batch_norm"] and device.type == "cuda":
            model = convert_sync_batchnorm(model)
        self.model = model
        self.ema = ModelEmaV3(model, decay=recipe["ema_decay"]) if recipe["ema_decay"] else None
        self.optimizer = build_optimizer(recipe, model)
        self.schedule = build_schedule(recipe, self.optimizer, steps)
        self.scaler = torch.amp.GradScaler(device.type, enabled=recipe["precision"] == "fp16" and device.type == "cuda")
        self.loss = build_loss(recipe).to(device)
        self.multi_crop = build_multi_crop(recipe, model)
        self.n_crops = self.multi_crop.number if self.multi_crop is not None else 1
        self.mixup = build_mixup(recipe, n_classes)
        self.erasing = build_erasing(recipe, device)
        self.wrapped: nn.Module = model
        if world > 1:
            self.wrapped = DistributedDataParallel(model, device_ids=[device] if device.type == "cuda" else None)

        self.step = 0
        # on the device: sums of losses and hits since they were last taken; the first step with a non-finite loss
        self.sums = torch.zeros(2, device=device)
        self.bad_step = torch.full((), steps, device=device)

    @property
    def final(self) -> nn.Module:
        """The model to evaluate: the moving average if there is one."""
        return self.ema.module if self.ema is not None else self.model

    def update(self, batches: Any) -> None:
        """Update the weights once, from as many device batches as make up the batch size."""
        if self.schedule is not None:
            self.schedule.step(self.step)
        crops = left = self.rounds * self.device_batch * self.n_crops
        for images, labels in self._iterate_passes(batches):
            left -= len(labels)
            images = images.contiguous(memory_format=self.layout)
            images = self.erasing(images) if self.erasing is not None else images
            images, targets = self.mixup(images, labels) if self.mixup is not None else (images, labels)
            synchronise = left == 0 or self.process.world == 1
            with nullcontext() if synchronise else self.wrapped.no_sync():  # type: ignore[operator]
                with choose_precision(self.recipe, self.process.device):
                    logits = self.wrapped(images)
                loss = self.loss(logits.float(), targets)
                # the mean over all crops, although passes may differ in their number
                self.scaler.scale(loss / (crops / len(labels))).backward()
            with torch.no_grad():
                hits = (logits.argmax(dim=1) == labels).sum()
                self.sums += torch.stack([loss.detach() * len(labels), hits.float()])
                step = torch.where(torch.isfinite(loss), self.steps, self.step)
                self.bad_step = torch.minimum(self.bad_step, step)
        if self.recipe["clip_grad"] is not None:
            self.scaler.unscale_(self.optimizer)
            nn.utils.clip_grad_norm_(self.model.parameters(), self.recipe["clip_grad"])
        self.scaler.step(self.optimizer)
        self.scaler.update()
        self.optimizer.zero_grad(set_to_none=True)
        self.step += 1
        if self.ema is not None:
            self.ema.update(self.model, step=self.step)

    def _iterate_passes(self, batches: Any) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
        """Yield the input of each forward pass of an update: a device batch, or its crops of one size."""
        for number in range(self.rounds):
            images, labels = next(batches)
            # after the loader, which seeds the same generators if it has no workers
            seed_randomness(self.seed, self.step, number * self.process.world + self.process.rank)
            if self.multi_crop is None:
                yield images, labels
            else:
                yield from self.multi_crop.separate(images, labels)

    def take_sums(self) -> tuple[float, float]:
        """Return the sums of the losses and hits of all processes' crops since the last call."""
        loss, hits = self.process.sum(self.sums).tolist()
        self.sums.zero_()
        return loss, hits

    def check_loss(self) -> None:
        """Check that the loss of every update was finite.

        Raises
        ------
        StudyError
            If it was not.
        """
        bad_step = int(self.process.find_least(self.bad_step))
        if bad_step < self.steps:
            raise StudyError(
                f"the loss is no longer finite at step {bad_step + 1} of {self.steps}: lower the recipe's optimizer.lr, "
                f"raise warmup, set clip_grad, or choose another precision than {self.recipe['precision']}."
            )

    def copy_state(self) -> dict[str, Any]:
        """Return all that changes from update to update."""
        return {
            "step": self.step,
            "sums": self.sums,
            "model": self.model.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "scaler": self.scaler.state_dict(),
            "ema": self.ema.module.state_dict() if self.ema is not None else None,
        }

    def restore_state(self, state: dict[str, Any]) -> None:
        """Continue from what :meth:`copy_state` returned."""
        self.step = state["step"]
        self.sums.copy_(state["sums"])
        self.model.load_state_dict(state["model"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.scaler.load_state_dict(state["scaler"])
        if self.ema is not None:
            self.ema.module.load_state_dict(state["ema"])
