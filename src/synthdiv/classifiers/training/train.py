"""Train a classifier: every number in it is determined by the recipe, the images and the seed.

The number of the sample or batch seeds the order of the images, their augmentation and the randomness in the model
(dropout, mixup). So an interrupted training resumes exactly, and the number of workers or processes makes no difference,
except for the rounding of sums in another order (and for batch normalisation, which uses each process's own batch unless
it is synchronised).
"""

from __future__ import annotations

import logging
import math
import signal
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import timm
import torch
from tqdm import tqdm

from synthdiv.classifiers.checkpoint import write_classifier
from synthdiv.classifiers.prediction import load_batches, predict
from synthdiv.classifiers.recipes import Recipe, build_transform, count_steps, resolve_data
from synthdiv.classifiers.training.learner import Learner
from synthdiv.classifiers.training.log import ROWS, is_finished, write_log
from synthdiv.classifiers.training.processes import Process, join_processes
from synthdiv.classifiers.training.sampler import TrainingSampler
from synthdiv.classifiers.training_set import Part, TrainingSet, gather_training_set
from synthdiv.core.devices import describe_use
from synthdiv.core.errors import StudyError
from synthdiv.core.files import replace_atomically
from synthdiv.core.fingerprints import make_digest
from synthdiv.core.hub import explain_refusal
from synthdiv.core.jobs import report_work, start_job, stop_job
from synthdiv.core.manifests import hash_file
from synthdiv.images.index import digest_images, locate_images
from synthdiv.images.subsets import gather_images
from synthdiv.images.torch_dataset import ImageDataset, SampledImages
from synthdiv.plan.parts import EVALUATION_KEYS

logger = logging.getLogger(__name__)

TRAINING_VERSION = 1
"""Increase this to train all classifiers again: when the training code itself changes the weights."""
MONITOR_TIMES = 5
"""Evaluations on the monitored set during a training."""
AGREE_EVERY = 10
"""Steps after which several processes agree on whether to write a checkpoint."""


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
    folder : str
        Where its weights, its log and the checkpoint lie from which it resumes if it was interrupted.
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
    folder: str
    checkpoint_minutes: float
    devices: Sequence[torch.device]
    workers: int

    @property
    def model(self) -> Path:
        """The file of the weights."""
        return Path(self.folder, "model.safetensors")

    @property
    def log(self) -> Path:
        """The file of the log."""
        return Path(self.folder, "log.parquet")

    @property
    def checkpoint(self) -> Path:
        """The file of the last checkpoint."""
        return Path(self.folder, "checkpoint.pt")


class _Interruption:
    """Put SIGTERM off: the current step is finished and written, as a checkpoint or as the result, before the end."""

    def __init__(self) -> None:
        self.requested = False

    def __enter__(self) -> _Interruption:
        self.before = signal.signal(signal.SIGTERM, self._note)
        return self

    def _note(self, number: int, frame: object) -> None:
        self.requested = True

    def __exit__(self, kind: type[BaseException] | None, *exception: object) -> None:
        signal.signal(signal.SIGTERM, self.before)
        if self.requested and kind is None:
            stop_job(signal.SIGTERM)


def train(training: Training) -> None:
    """Train a classifier, or resume its training, and write its weights and its log, unless they are there already.

    Called in each process of a distributed training, with the environment variables that torchrun sets.

    Raises
    ------
    StudyError
        If the images, the recipe or the initial weights are invalid, or the loss is no longer finite.
    """
    images = gather_training_set(
        training.parts, training.class_keys, exclude_flags=training.exclude_flags, seed=training.study_seed
    )
    monitored = None
    if training.monitored:
        monitored = gather_images(training.monitored, "evaluation", exclude_flags=training.exclude_flags)
    identity = _identify(training, images, monitored)
    if is_finished(training.log, identity=identity, weights=training.model):
        logger.info("%s is trained already; to train it again, delete it first", training.model)
        return
    with join_processes(training.devices) as process, _Interruption() as interruption:
        _Trainer(training, images, monitored, identity, process).run(interruption)


def train_in_process(training: Training) -> None:
    """Run :func:`train` in one process of a distributed training, with a log and one-sentence errors."""
    start_job(None)
    try:
        train(training)
    except StudyError as error:
        logger.error("error: %s", error)
        raise SystemExit(1) from None


def _identify(training: Training, images: TrainingSet, monitored: pa.Table | None) -> str:
    """Return a digest of what decides the weights and the log."""
    recipe = dict(training.recipe)
    if monitored is None:
        recipe = {key: value for key, value in recipe.items() if key not in EVALUATION_KEYS}
    starts = [path for path in (training.initial, recipe["pretrained"]) if isinstance(path, str)]
    return make_digest(
        {
            "version": TRAINING_VERSION,
            "recipe": recipe,
            "class_keys": list(training.class_keys),
            "images": [images.digest, images.sizes, images.weights],
            "monitored": None if monitored is None else digest_images(monitored),
            "seed": training.seed,
            "initial": [hash_file(path) for path in starts],
        }
    )


def _describe(training: Training, sizes: list[int], steps: int) -> dict[str, Any]:
    """Return the metadata of the weights."""
    recipe, n_train = training.recipe, sum(sizes)
    return {
        "class_keys": list(training.class_keys),
        "model": recipe["model"],
        "model_options": dict(recipe["model_options"]),
        "n_train": n_train,
        "parts": [[part.set, size] for part, size in zip(training.parts, sizes, strict=True)],
        "seed": training.seed,
        "steps": steps,
        "epochs": steps * recipe["batch_size"] / n_train,
        "held_fixed": "steps" if "steps" in recipe else "epochs",
        "timm": timm.__version__,
        "torch": torch.__version__,
    }


class _Trainer:
    def __init__(
        self,
        training: Training,
        images: TrainingSet,
        monitored: pa.Table | None,
        identity: str,
        process: Process,
    ) -> None:
        self.training, self.set, self.identity, self.process = training, images, identity, process
        self.recipe = recipe = training.recipe
        self.sampler = TrainingSampler(images.sizes, images.weights, training.seed)
        self.steps = count_steps(recipe, self.sampler.length)
        n_classes, initial = len(training.class_keys), training.initial
        self.learner = Learner(recipe, n_classes, self.steps, seed=training.seed, initial=initial, process=process)
        self.monitored = None
        if monitored is not None:  # the process's share
            shared = monitored.take(list(range(process.rank, len(monitored), process.world)))
            transform = build_transform(recipe, self.learner.model, is_training=False)
            self.monitored = ImageDataset(locate_images(shared), transform, keep=True)
        self.elapsed = 0.0
        self.rows: list[dict[str, float | None]] = []
        self.logged = (0, 0.0)

    def run(self, interruption: _Interruption) -> None:
        self._resume()
        learner, size = self.learner, self.recipe["batch_size"]
        rounds = self.sampler.iterate_batches(
            learner.step * size, self.steps * size, learner.device_batch, first=self.process.rank, every=self.process.world
        )
        transform = build_transform(self.recipe, learner.model, is_training=True)
        images = ImageDataset(self.set.rows, transform, keep=True)
        batches = load_batches(
            SampledImages(images, self.training.seed),
            learner.data,
            self.process.device,
            workers=self.training.workers,
            batches=rounds,
        )
        every = max(1, self.steps // ROWS)
        times = MONITOR_TIMES if self.monitored is not None else 0
        monitor_steps = {math.ceil(self.steps * (n + 1) / times) for n in range(times)}
        learner.model.train()
        start, saved = time.monotonic() - self.elapsed, time.monotonic()
        quiet, name = self.process.rank > 0, f"train seed {self.training.seed}"
        with tqdm(total=self.steps, initial=learner.step, unit="step", desc=name, mininterval=10, disable=quiet) as progress:
            while learner.step < self.steps:
                with explain_refusal(f"the model {self.recipe['model']} cannot be trained with its recipe"):
                    learner.update(batches)
                progress.update()
                self.elapsed = time.monotonic() - start
                last = learner.step == self.steps
                if learner.step % every == 0 or last or learner.step in monitor_steps:
                    self._log(self._evaluate_monitored() if learner.step in monitor_steps else None)
                due = time.monotonic() - saved >= 60 * self.training.checkpoint_minutes
                due, stopped = self._agree(due, interruption.requested)
                if (due or stopped) and not last:
                    self._check_loss()
                    self._save_checkpoint()
                    saved = time.monotonic()
                if stopped and not last:
                    logger.info("stopped after step %d of %d", learner.step, self.steps)
                    stop_job(signal.SIGTERM)
        self._check_loss()
        if self.process.rank == 0:
            self._finish()

    def _agree(self, *flags: bool) -> list[bool]:
        """Return whether any process sets each flag; several processes agree every ``AGREE_EVERY`` steps."""
        if self.process.world > 1 and self.learner.step % AGREE_EVERY and self.training.checkpoint_minutes > 0:
            return [False] * len(flags)
        return self.process.ask(*flags)

    def _evaluate_monitored(self) -> float:
        """Return the top-1 accuracy on the monitored set; the processes share its images."""
        assert self.monitored is not None
        model = self.learner.final.eval()
        data = resolve_data(self.recipe, model, is_training=False)
        batch, workers, device = 2 * self.learner.device_batch, self.training.workers, self.process.device
        (found,) = predict([model], self.monitored, self.recipe, data, device, batch_size=batch, workers=workers)
        self.learner.model.train()
        correct = int((found.classes[:, 0] == self.monitored.rows["class_id"]).sum())
        counts = self.process.sum(torch.tensor([correct, len(self.monitored)], device=device, dtype=torch.float64))
        return float(counts[0] / counts[1])

    def _log(self, monitored: float | None) -> None:
        learner = self.learner
        loss, hits = learner.take_sums()
        step, elapsed = self.logged
        self.logged = (learner.step, self.elapsed)
        images = (learner.step - step) * self.recipe["batch_size"]
        crops = images * learner.n_crops
        self._check_loss()
        self.rows.append(
            {
                "step": learner.step,
                "epoch": learner.step * self.recipe["batch_size"] / self.sampler.length,
                "learning_rate": learner.optimizer.param_groups[0]["lr"],
                "loss": loss / crops,
                "train_top1": None if learner.mixup is not None else hits / crops,
                "monitored_top1": monitored,
                "images_per_s": images / (self.elapsed - elapsed),
                "elapsed_s": self.elapsed,
            }
        )

    def _check_loss(self) -> None:
        try:
            self.learner.check_loss()
        except StudyError as error:
            kept = self.training.checkpoint
            raise StudyError(f"{error} The last good checkpoint is kept: {kept}." if kept.exists() else str(error)) from None

    def _save_checkpoint(self) -> None:
        if self.process.rank > 0:
            return
        state = {"identity": self.identity, "elapsed": self.elapsed, "rows": self.rows, "logged": self.logged}
        with replace_atomically(self.training.checkpoint) as temporary:
            torch.save(state | {"learner": self.learner.copy_state()}, temporary)

    def _resume(self) -> None:
        path = self.training.checkpoint
        if not path.exists():
            return
        try:
            state = torch.load(path, map_location=self.process.device, weights_only=True)
            identity = state["identity"]
        except Exception as error:
            raise StudyError(f"the checkpoint {path} cannot be read ({error}): delete it to train from the start") from error
        if identity != self.identity:
            logger.info("the checkpoint is of another recipe or other images; training from the start")
            return
        self.learner.restore_state(state["learner"])
        self.elapsed, self.rows, self.logged = state["elapsed"], state["rows"], state["logged"]
        logger.info("resuming from the checkpoint of step %d of %d", self.learner.step, self.steps)

    def _finish(self) -> None:
        training = self.training
        write_classifier(training.model, self.learner.final, _describe(training, self.set.sizes, self.steps))
        write_log(training.log, self.rows, identity=self.identity, weights=training.model)
        training.checkpoint.unlink(missing_ok=True)
        report_work(self.steps * self.recipe["batch_size"], self.elapsed, **describe_use(self.process.device))
