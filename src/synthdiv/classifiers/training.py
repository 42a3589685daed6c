"""Train a classifier: every number in it is determined by the recipe, the images and the seed.

The number of the sample or batch seeds the order of the images, their augmentation and the randomness in the model
(dropout, mixup). So an interrupted training resumes exactly, and the number of workers or processes makes no difference,
except for the rounding of sums in another order (and for batch normalisation, which uses each process's own batch unless
it is synchronised).
"""

from __future__ import annotations

import hashlib
import logging
import math
import os
import signal
import time
from collections.abc import Iterator, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import polars as pl
import timm
import torch
import torch.distributed as dist
from timm.layers import convert_sync_batchnorm
from timm.utils import ModelEmaV3
from torch import nn
from torch.nn.parallel import DistributedDataParallel
from tqdm import tqdm

from synthdiv.classifiers.checkpoint import load_weights, write_classifier
from synthdiv.classifiers.prediction import load_batches, predict
from synthdiv.classifiers.recipes import (
    Recipe,
    build_erasing,
    build_loss,
    build_mixup,
    build_model,
    build_multi_crop,
    build_optimizer,
    build_schedule,
    build_transform,
    choose_layout,
    choose_precision,
    count_steps,
    resolve_data,
)
from synthdiv.classifiers.sampler import TrainingSampler
from synthdiv.classifiers.training_set import Part, TrainingSet, gather_images, gather_training_set
from synthdiv.core.devices import describe_use
from synthdiv.core.errors import StudyError
from synthdiv.core.files import replace_atomically
from synthdiv.core.fingerprints import make_digest
from synthdiv.core.jobs import report_work, start_job, stop_job
from synthdiv.core.tables import write_table
from synthdiv.images.index import locate_images
from synthdiv.images.torch_dataset import ImageDataset, SampledImages, seed_randomness
from synthdiv.plan.parts import EVALUATION_KEYS

logger = logging.getLogger(__name__)

LOG_ROWS = 100
"""Rows of a training's log."""
MONITOR_TIMES = 5
"""Evaluations on the monitored set during a training."""
AGREE_EVERY = 10
"""Steps after which several processes agree on whether to write a checkpoint."""
LOG_SCHEMA = {
    "step": pl.Int64,
    "epoch": pl.Float64,
    "learning_rate": pl.Float64,
    "loss": pl.Float64,
    "train_top1": pl.Float64,
    "monitored_top1": pl.Float64,
    "images_per_s": pl.Float64,
    "elapsed_s": pl.Float64,
}


@dataclass(frozen=True)
class Training:
    """All inputs of a training.

    Attributes
    ----------
    recipe : mapping
        From the config, with its defaults.
    class_keys : sequence of str
        Keys of the study's classes.
    parts : sequence of Part
        The training images.
    seed : int
        Seed of the training.
    study_seed : int
        Seed of the study, which selects the parts' subsets.
    exclude_flags : sequence of str
        Images with any of these flags are left out.
    initial : str or None
        Another classifier's weights to start from.
    monitored : sequence of str
        Indices of the set whose evaluation split is evaluated during training; empty for none.
    model, log, checkpoint : str
        Files of the weights, of the log, and of the checkpoint from which an interrupted training resumes.
    checkpoint_minutes : float
        Time between checkpoints.
    devices : sequence of torch.device
        One per process.
    workers : int
        Workers per process, which read and decode.
    """

    recipe: Recipe
    class_keys: Sequence[str]
    parts: Sequence[Part]
    seed: int
    study_seed: int
    exclude_flags: Sequence[str]
    initial: str | None
    monitored: Sequence[str]
    model: str
    log: str
    checkpoint: str
    checkpoint_minutes: float
    devices: Sequence[torch.device]
    workers: int


class _Interruption:
    """Record SIGTERM: the current step is finished and a checkpoint written before the process ends."""

    def __init__(self) -> None:
        self.requested = False

    def __enter__(self) -> _Interruption:
        self.before = signal.signal(signal.SIGTERM, self._note)
        return self

    def _note(self, number: int, frame: object) -> None:
        self.requested = True

    def __exit__(self, *exception: object) -> None:
        signal.signal(signal.SIGTERM, self.before)


def train(training: Training) -> None:
    """Train a classifier, or resume its training, and write its weights and its log.

    Called in each process of a distributed training, with the environment variables that torchrun sets.

    Raises
    ------
    StudyError
        If the images, the recipe or the initial weights are invalid, or the loss is no longer finite.
    """
    rank, world = int(os.environ.get("RANK", 0)), int(os.environ.get("WORLD_SIZE", 1))
    device = training.devices[int(os.environ.get("LOCAL_RANK", 0))]
    if device.type == "cuda":
        torch.cuda.set_device(device)
    if world > 1:
        dist.init_process_group("nccl" if device.type == "cuda" else "gloo")
    try:
        with _Interruption() as interruption:
            _Trainer(training, rank, world, device).run(interruption)
    finally:
        if world > 1:
            dist.destroy_process_group()


def train_in_process(training: Training) -> None:
    """Run :func:`train` in one process of a distributed training, with a log and one-sentence errors."""
    start_job(None)
    try:
        train(training)
    except StudyError as error:
        logger.error("error: %s", error)
        raise SystemExit(1) from None


def _identify(training: Training, images: TrainingSet) -> str:
    """Return a digest of what determines the weights; a checkpoint with another digest is not resumed."""
    digest = hashlib.sha256()
    for name in ("class_id", "index", "offset", "size"):
        digest.update(images.rows[name].tobytes())
    digest.update("\n".join(images.rows["file"].unique().to_pylist()).encode())
    recipe = {key: value for key, value in training.recipe.items() if key not in EVALUATION_KEYS}
    starts = [path for path in (training.initial, recipe["pretrained"]) if isinstance(path, str)]
    initial = [hashlib.sha256(Path(path).read_bytes()).hexdigest() for path in starts]
    sizes = [list(pair) for pair in zip(images.sizes, images.weights, strict=True)]
    return make_digest([recipe, list(training.class_keys), sizes, training.seed, initial, digest.hexdigest()])


def _check_loss(training: Training, first_bad: torch.Tensor, steps: int, world: int) -> None:
    if world > 1:
        dist.all_reduce(first_bad, op=dist.ReduceOp.MIN)
    bad_step = int(first_bad)
    if bad_step < steps:
        kept = Path(training.checkpoint)
        hint = f" The last good checkpoint is kept: {kept}." if kept.exists() else ""
        raise StudyError(
            f"the loss is no longer finite at step {bad_step + 1} of {steps}: lower the recipe's optimizer.lr, "
            f"raise warmup, set clip_grad, or choose another precision than {training.recipe['precision']}.{hint}"
        )


class _Trainer:
    def __init__(self, training: Training, rank: int, world: int, device: torch.device) -> None:
        self.training, self.rank, self.world, self.device = training, rank, world, device
        self.recipe = recipe = training.recipe
        n_classes = len(training.class_keys)
        self.set = gather_training_set(
            training.parts, training.class_keys, exclude_flags=training.exclude_flags, seed=training.study_seed
        )
        self.sampler = TrainingSampler(self.set.sizes, self.set.weights, training.seed)
        self.steps = count_steps(recipe, self.sampler.length)
        self.device_batch = recipe["device_batch_size"] or recipe["batch_size"] // world
        self.rounds = recipe["batch_size"] // (world * self.device_batch)

        seed_randomness(training.seed)
        model = build_model(recipe, n_classes)
        self.data = resolve_data(recipe, model, is_training=True)
        if training.initial is not None:
            load_weights(model, training.initial)
        self.layout = choose_layout(recipe)
        model.to(device).to(memory_format=self.layout)
        if world > 1 and recipe["sync_batch_norm"] and device.type == "cuda":
            model = convert_sync_batchnorm(model)
        self.model = model
        self.ema = ModelEmaV3(model, decay=recipe["ema_decay"]) if recipe["ema_decay"] else None
        self.optimizer = build_optimizer(recipe, model)
        self.schedule = build_schedule(recipe, self.optimizer, self.steps)
        self.scaler = torch.amp.GradScaler(device.type, enabled=recipe["precision"] == "fp16" and device.type == "cuda")
        self.loss = build_loss(recipe).to(device)
        self.multi_crop = build_multi_crop(recipe, model)
        self.n_crops = self.multi_crop.number if self.multi_crop is not None else 1
        self.mixup = build_mixup(recipe, n_classes)
        self.erasing = build_erasing(recipe, device)
        self.wrapped: nn.Module = model
        if world > 1:
            self.wrapped = DistributedDataParallel(model, device_ids=[device] if device.type == "cuda" else None)

        self.step, self.elapsed = 0, 0.0
        self.rows: list[dict[str, float | None]] = []
        self.logged = (0, 0.0)
        self.identity = _identify(training, self.set)
        # on the device: sums of losses and hits since the log's last row; the first step with a non-finite loss
        self.sums = torch.zeros(2, device=device)
        self.bad_step = torch.full((), self.steps, device=device)

    def run(self, interruption: _Interruption) -> None:
        self._resume()
        size = self.recipe["batch_size"]
        rounds = self.sampler.iterate_batches(
            self.step * size, self.steps * size, self.device_batch, first=self.rank, every=self.world
        )
        images = ImageDataset(self.set.rows, build_transform(self.recipe, self.model, is_training=True))
        batches = load_batches(
            SampledImages(images, self.training.seed), self.data, self.device, workers=self.training.workers, batches=rounds
        )
        every = max(1, self.steps // LOG_ROWS)
        times = MONITOR_TIMES if self.training.monitored else 0
        monitor_steps = {math.ceil(self.steps * (n + 1) / times) for n in range(times)}
        self.model.train()
        start, saved = time.monotonic() - self.elapsed, time.monotonic()
        quiet = self.rank > 0
        with tqdm(total=self.steps, initial=self.step, unit="step", desc="train", mininterval=10, disable=quiet) as progress:
            while self.step < self.steps:
                self._update(batches)
                progress.update()
                self.elapsed = time.monotonic() - start
                last = self.step == self.steps
                if self.step % every == 0 or last or self.step in monitor_steps:
                    monitored = self._evaluate_monitored() if self.step in monitor_steps else None
                    self._log(monitored)
                due = time.monotonic() - saved >= 60 * self.training.checkpoint_minutes
                due, stopped = self._agree(due, interruption.requested)
                if (due or stopped) and not last:
                    _check_loss(self.training, self.bad_step, self.steps, self.world)
                    self._save_checkpoint()
                    saved = time.monotonic()
                if stopped and not last:
                    logger.info("stopped after step %d of %d", self.step, self.steps)
                    stop_job(signal.SIGTERM)
        _check_loss(self.training, self.bad_step, self.steps, self.world)
        if self.rank == 0:
            self._finish()

    def _agree(self, *flags: bool) -> list[bool]:
        """Return whether any process sets each flag; several processes agree every ``AGREE_EVERY`` steps."""
        if self.world == 1:
            return list(flags)
        if self.step % AGREE_EVERY and self.training.checkpoint_minutes > 0:
            return [False] * len(flags)
        combined = torch.tensor(flags, dtype=torch.int32, device=self.device)
        dist.all_reduce(combined, op=dist.ReduceOp.MAX)
        return [bool(flag) for flag in combined.tolist()]

    def _update(self, batches: Any) -> None:
        """Update the weights once, from as many device batches as make up the batch size."""
        if self.schedule is not None:
            self.schedule.step(self.step)
        crops = left = self.rounds * self.device_batch * self.n_crops
        for images, labels in self._iterate_passes(batches):
            left -= len(labels)
            images = images.contiguous(memory_format=self.layout)
            images = self.erasing(images) if self.erasing is not None else images
            images, targets = self.mixup(images, labels) if self.mixup is not None else (images, labels)
            synchronise = left == 0 or self.world == 1
            with nullcontext() if synchronise else self.wrapped.no_sync():  # type: ignore[operator]
                with choose_precision(self.recipe, self.device):
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
            seed_randomness(self.training.seed, self.step, number * self.world + self.rank)
            if self.multi_crop is None:
                yield images, labels
            else:
                yield from self.multi_crop.separate(images, labels)

    @property
    def final(self) -> nn.Module:
        """The model to evaluate: the moving average if there is one."""
        return self.ema.module if self.ema is not None else self.model

    @cached_property
    def monitored(self) -> ImageDataset:
        """The process's share of the monitored set."""
        table = gather_images(self.training.monitored, "evaluation", exclude_flags=self.training.exclude_flags)
        table = table.take(list(range(self.rank, len(table), self.world)))
        return ImageDataset(locate_images(table), build_transform(self.recipe, self.model, is_training=False))

    def _evaluate_monitored(self) -> float:
        """Return the top-1 accuracy on the monitored set; the processes share its images."""
        model, images = self.final.eval(), self.monitored
        data = resolve_data(self.recipe, model, is_training=False)
        (found,) = predict(
            [model], images, self.recipe, data, self.device, batch_size=2 * self.device_batch, workers=self.training.workers
        )
        self.model.train()
        correct = int((found.classes[:, 0] == images.rows["class_id"]).sum())
        counts = torch.tensor([correct, len(images)], device=self.device, dtype=torch.float64)
        if self.world > 1:
            dist.all_reduce(counts)
        return float(counts[0] / counts[1])

    def _log(self, monitored: float | None) -> None:
        if self.world > 1:
            dist.all_reduce(self.sums)
        loss, hits = self.sums.tolist()
        self.sums.zero_()
        step, elapsed = self.logged
        self.logged = (self.step, self.elapsed)
        images = (self.step - step) * self.recipe["batch_size"]
        crops = images * self.n_crops
        _check_loss(self.training, self.bad_step, self.steps, self.world)
        seen = self.step * self.recipe["batch_size"]
        self.rows.append(
            {
                "step": self.step,
                "epoch": seen / self.sampler.length,
                "learning_rate": self.optimizer.param_groups[0]["lr"],
                "loss": loss / crops,
                "train_top1": None if self.mixup is not None else hits / crops,
                "monitored_top1": monitored,
                "images_per_s": images / (self.elapsed - elapsed),
                "elapsed_s": self.elapsed,
            }
        )

    def _save_checkpoint(self) -> None:
        if self.rank > 0:
            return
        state = {
            "identity": self.identity,
            "step": self.step,
            "elapsed": self.elapsed,
            "rows": self.rows,
            "logged": self.logged,
            "sums": self.sums,
            "model": self.model.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "scaler": self.scaler.state_dict(),
            "ema": self.ema.module.state_dict() if self.ema is not None else None,
        }
        with replace_atomically(self.training.checkpoint) as temporary:
            torch.save(state, temporary)

    def _resume(self) -> None:
        path = Path(self.training.checkpoint)
        if not path.exists():
            return
        try:
            state = torch.load(path, map_location=self.device, weights_only=True)
            identity = state["identity"]
        except Exception as error:
            raise StudyError(f"the checkpoint {path} cannot be read ({error}): delete it to train from the start") from error
        if identity != self.identity:
            logger.info("the checkpoint is of another recipe or other images; training from the start")
            return
        self.model.load_state_dict(state["model"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.scaler.load_state_dict(state["scaler"])
        if self.ema is not None:
            self.ema.module.load_state_dict(state["ema"])
        self.step, self.elapsed, self.rows = state["step"], state["elapsed"], state["rows"]
        self.logged = state["logged"]
        self.sums.copy_(state["sums"])
        logger.info("resuming from the checkpoint of step %d of %d", self.step, self.steps)

    def _finish(self) -> None:
        training = self.training
        metadata = {
            "class_keys": list(training.class_keys),
            "model": self.recipe["model"],
            "model_options": dict(self.recipe["model_options"]),
            "n_train": self.sampler.length,
            "parts": [[part.set, size] for part, size in zip(training.parts, self.set.sizes, strict=True)],
            "seed": training.seed,
            "steps": self.steps,
            "epochs": self.steps * self.recipe["batch_size"] / self.sampler.length,
            "held_fixed": "steps" if "steps" in self.recipe else "epochs",
            "timm": timm.__version__,
            "torch": torch.__version__,
        }
        write_classifier(training.model, self.final, metadata)
        write_table(pl.DataFrame(self.rows, schema=LOG_SCHEMA), training.log)
        Path(training.checkpoint).unlink(missing_ok=True)
        report_work(self.steps * self.recipe["batch_size"], self.elapsed, **describe_use(self.device))
