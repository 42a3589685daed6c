"""Trainings on images whose mean colour is their class, with a network without batch normalisation unless stated."""

import os
import signal
import subprocess
import sys
import textwrap
from dataclasses import replace
from pathlib import Path

import polars as pl
import pytest
import torch
from conftest import make_image_set, make_recipe
from safetensors.torch import load_file

from synthdiv.classifiers.checkpoint import load_weights, read_metadata, write_classifier
from synthdiv.classifiers.recipes import build_model
from synthdiv.classifiers.training import train as module
from synthdiv.classifiers.training.learner import Learner
from synthdiv.classifiers.training.processes import Process
from synthdiv.classifiers.training.sampler import TrainingSampler
from synthdiv.classifiers.training.train import Training, train
from synthdiv.classifiers.training_set import Part, gather_training_set
from synthdiv.core.devices import one_thread
from synthdiv.core.errors import StudyError
from synthdiv.images.archive import read_bytes
from synthdiv.images.flags import decode_image
from synthdiv.images.index import read_index, write_index
from synthdiv.images.torch_dataset import seed_randomness

CPU = torch.device("cpu")
KEYS = ["red", "green", "blue"]


@pytest.fixture(scope="module")
def index(tmp_path_factory):
    return make_image_set(tmp_path_factory.mktemp("images"), "colours", train=10)


@pytest.fixture
def training(index, tmp_path):
    return Training(
        recipe=make_recipe(),
        class_keys=KEYS,
        parts=[Part("Colours-IM", [index])],
        seed=3,
        study_seed=0,
        exclude_flags=[],
        initial=None,
        monitored=[],
        folder=str(tmp_path),
        checkpoint_minutes=10,
        devices=[CPU],
        workers=0,
    )


def weights(training):
    train(training)
    return load_file(training.model)


def differences(one, two):
    return max(float((one[name].float() - two[name].float()).abs().max()) for name in one)


def elsewhere(training, tmp_path, **changes):
    return replace(training, folder=str(tmp_path / "elsewhere"), **changes)


def test_a_training_learns_and_writes_its_log_and_metadata(training, index):
    train(replace(training, recipe=make_recipe(steps=40), monitored=[str(index)]))
    log = pl.read_parquet(training.log)
    assert log["step"].to_list() == list(range(1, 41))
    assert log["loss"][0] == pytest.approx(1.0986, abs=0.3)
    assert log["loss"][-1] < 0.4
    assert log["epoch"][-1] == pytest.approx(40 * 8 / 30)
    assert log.drop_nulls("monitored_top1")["step"].to_list() == [8, 16, 24, 32, 40]
    assert log["monitored_top1"][-1] > 0.8
    assert log["learning_rate"][0] == 0.05
    metadata = read_metadata(training.model)
    assert (metadata["n_train"], metadata["steps"], metadata["held_fixed"]) == (30, 40, "steps")
    assert (metadata["class_keys"], metadata["parts"], metadata["seed"]) == (KEYS, [["Colours-IM", 30]], 3)
    assert not Path(training.checkpoint).exists()


CROPS = {"multi_crop": {"global": {"number": 2}, "local": {"number": 3, "size": 16}}}
AUGMENTATIONS = pytest.mark.parametrize("augmentation", [{}, CROPS], ids=["plain", "multi-crop"])


@AUGMENTATIONS
def test_the_weights_depend_on_the_seed_and_not_on_workers(training, tmp_path, augmentation):
    training = replace(training, recipe=make_recipe(**augmentation))
    first = weights(training)
    assert differences(first, weights(elsewhere(training, tmp_path, workers=2))) == 0
    assert differences(first, weights(elsewhere(training, tmp_path, seed=4))) > 1e-3


@AUGMENTATIONS
def test_accumulated_gradients_match_the_whole_batch(training, tmp_path, augmentation):
    whole = weights(replace(training, recipe=make_recipe(**augmentation)))
    parts = weights(elsewhere(training, tmp_path, recipe=make_recipe(device_batch_size=2, **augmentation)))
    assert differences(whole, parts) < 1e-4  # floating-point noise grows from step to step, and depends on the threads


def test_every_crop_has_its_images_label_and_the_same_weight(training):
    """One step of plain gradient descent at rate 1, against the mean of the losses of single crops."""
    descent = {"opt": "momentum", "lr": 1.0, "momentum": 0.0, "weight_decay": 0.0}
    recipe = make_recipe(steps=1, optimizer=descent, schedule={"sched": "none"}, **CROPS)
    training = replace(training, recipe=recipe)
    trained = weights(training)

    learner = Learner(recipe, len(KEYS), 1, seed=training.seed, initial=None, process=Process(0, 1, CPU))
    mean, std = (torch.tensor(learner.data[name]).view(1, 3, 1, 1) for name in ("mean", "std"))
    model, losses, hits = learner.model.train(), [], []
    images = gather_training_set(training.parts, KEYS, exclude_flags=[], seed=0)
    (batch,) = TrainingSampler(images.sizes, images.weights, training.seed).iterate_batches(0, 8, 8)
    for number, n in batch:
        rows = images.rows
        image = decode_image(read_bytes(str(rows["file"][n]), int(rows["offset"][n]), int(rows["size"][n])))
        seed_randomness(training.seed, number)
        for group in learner.multi_crop.crop(image):
            for crop in group:
                logits = model((torch.from_numpy(crop)[None] / 255 - mean) / std)
                label = torch.tensor([int(rows["class_id"][n])])
                losses.append(torch.nn.functional.cross_entropy(logits, label))
                hits.append(int(logits.argmax()) == int(label))
    assert len(losses) == 8 * (2 + 3)
    loss = torch.stack(losses).mean()
    loss.backward()
    expected = {name: value.detach() - value.grad for name, value in model.named_parameters()}
    assert differences(expected, {name: value.detach() for name, value in model.named_parameters()}) > 1e-2
    assert differences(expected, trained) < 1e-5
    (row,) = pl.read_parquet(training.log).rows(named=True)
    assert row["loss"] == pytest.approx(loss.item(), abs=1e-5)
    assert row["train_top1"] == pytest.approx(sum(hits) / 40, abs=1e-6)


def test_the_moving_average_is_saved(training, tmp_path):
    constant = {"schedule": {"sched": "none"}}
    first = weights(replace(training, recipe=make_recipe(steps=1, **constant)))
    second = weights(elsewhere(training, tmp_path, recipe=make_recipe(steps=2, **constant)))
    averaged = weights(replace(training, recipe=make_recipe(steps=2, ema_decay=0.75, **constant)))
    expected = {name: 0.75 * first[name] + 0.25 * second[name] for name in first}
    assert differences(first, second) > 1e-3
    assert differences(averaged, expected) < 1e-6


OPTIONS = [
    {},
    {"model_options": {"channels": [8, 8, 8, 16], "stem_width": 8, "drop_rate": 0.3}},  # batch normalisation and dropout
    {"ema_decay": 0.9, "augmentation": {"auto_augment": "rand-m9-n2", "re_prob": 0.5}, "mixup": {"mixup_alpha": 0.4}},
    {"precision": "bf16", "clip_grad": 0.5, "optimizer": {"opt": "adamw", "lr": 0.002, "weight_decay": 0.05}},
    CROPS
    | {"model_options": {"channels": [8, 8, 8, 16], "stem_width": 8, "drop_rate": 0.3}, "ema_decay": 0.9}
    | {"augmentation": {"re_prob": 0.5}, "mixup": {"mixup_alpha": 0.4}},
]


@pytest.mark.parametrize("changes", OPTIONS)
def test_an_interrupted_training_ends_like_an_uninterrupted_one(training, tmp_path, monkeypatch, changes):
    """Interrupted by an error in the middle of the second epoch, with a checkpoint after each step."""
    recipe = make_recipe(steps=10, **changes)
    monkeypatch.setattr(module, "ROWS", 3)
    other = elsewhere(training, tmp_path, recipe=recipe)
    uninterrupted = weights(other)
    interrupted = replace(training, recipe=recipe, checkpoint_minutes=0)
    update = Learner.update

    def fail(self, batches):
        if self.step == 5:
            raise KeyboardInterrupt
        update(self, batches)

    monkeypatch.setattr(Learner, "update", fail)
    with pytest.raises(KeyboardInterrupt):
        train(interrupted)
    assert torch.load(interrupted.checkpoint, weights_only=True)["learner"]["step"] == 5
    monkeypatch.setattr(Learner, "update", update)
    assert differences(weights(interrupted), uninterrupted) == 0
    ours, theirs = pl.read_parquet(interrupted.log), pl.read_parquet(other.log)
    assert ours["step"].to_list() == [3, 6, 9, 10]
    measured = ["step", "epoch", "learning_rate", "loss", "train_top1"]
    assert ours.select(measured).equals(theirs.select(measured))


SCRIPT = """
import logging, os, pickle, signal, sys
from synthdiv.classifiers.training.learner import Learner
from synthdiv.classifiers.training.train import train
trainings = pickle.load(open(sys.argv[1], "rb"))
logging.basicConfig(level="INFO")
update = Learner.update
def stop(self, batches):
    if self.step == 7:
        os.kill(os.getpid(), getattr(signal, sys.argv[2]))
    update(self, batches)
if len(sys.argv) > 2:
    Learner.update = stop
for training in trainings:
    train(training)
"""


def run_script(trainings, tmp_path, *arguments):
    import pickle

    (tmp_path / "training.pickle").write_bytes(pickle.dumps(trainings))
    (tmp_path / "script.py").write_text(textwrap.dedent(SCRIPT))
    command = [sys.executable, str(tmp_path / "script.py"), str(tmp_path / "training.pickle"), *arguments]
    # on one thread, like the training it is compared with: a sum's last digit depends on the number of threads
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=False)


def test_a_killed_training_resumes_from_its_checkpoint(training, tmp_path):
    """kill -9 in the middle of an epoch (steps of 8 images, 30 an epoch); tolerance 1e-6."""
    killed = replace(training, checkpoint_minutes=0)
    done = run_script([killed], tmp_path, "SIGKILL")
    assert done.returncode == -signal.SIGKILL, done.stderr
    assert torch.load(killed.checkpoint, weights_only=True)["learner"]["step"] == 7
    assert not Path(killed.model).exists()
    done = run_script([killed], tmp_path)
    assert done.returncode == 0, done.stderr
    resumed = load_file(killed.model)
    with one_thread():
        uninterrupted = weights(elsewhere(training, tmp_path))
    assert differences(resumed, uninterrupted) <= 1e-6


def test_a_run_after_a_kill_repeats_no_finished_seed(training, tmp_path):
    """Three seeds in one process, which is killed in the third; then again."""
    trainings = [
        replace(training, seed=seed, folder=str(tmp_path / f"seed{seed}"), checkpoint_minutes=0) for seed in (1, 2, 3)
    ]
    assert run_script(trainings[:2], tmp_path).returncode == 0
    finished = [path for one in trainings[:2] for path in (one.model, one.log)]
    before = [(path.read_bytes(), path.stat().st_mtime_ns) for path in finished]
    assert run_script(trainings, tmp_path, "SIGKILL").returncode == -signal.SIGKILL
    done = run_script(trainings, tmp_path)
    assert done.returncode == 0, done.stderr
    assert done.stderr.count("is trained already") == 2
    assert "resuming from the checkpoint of step 7 of 12" in done.stderr
    assert [(path.read_bytes(), path.stat().st_mtime_ns) for path in finished] == before
    with one_thread():  # alone in its process, and not interrupted
        assert differences(load_file(trainings[2].model), weights(elsewhere(training, tmp_path, seed=3))) <= 1e-6


def test_sigterm_in_the_last_step_of_a_seed_starts_no_other_seed(training, tmp_path):
    recipe = make_recipe(steps=8)
    trainings = [replace(training, recipe=recipe, seed=seed, folder=str(tmp_path / f"seed{seed}")) for seed in (1, 2)]
    done = run_script(trainings, tmp_path, "SIGTERM")  # in step 8
    assert done.returncode == 128 + signal.SIGTERM, done.stderr
    assert [Path(one.folder).exists() for one in trainings] == [True, False]
    assert (trainings[0].model.exists(), trainings[0].checkpoint.exists()) == (True, False)


def test_what_decides_the_weights_trains_again(training, tmp_path, index):
    """And whatever has happened to the weights, but not what decides only evaluations."""
    train(training)

    def is_repeated(**changes):
        before = training.model.stat().st_mtime_ns
        train(replace(training, **changes))
        repeated = training.model.stat().st_mtime_ns != before
        train(training)
        return repeated

    assert not is_repeated()
    assert not is_repeated(recipe=make_recipe(crop_pct=0.9), workers=2, checkpoint_minutes=0)
    assert is_repeated(recipe=make_recipe(label_smoothing=0.2))
    assert is_repeated(seed=4)
    assert is_repeated(class_keys=["red", "green", "violet"])
    assert is_repeated(monitored=[str(index)])
    changed = tmp_path / "changed.parquet"
    rows = read_index(index).to_pylist()
    (tmp_path / "elsewhere.tar").write_bytes(Path(rows[3]["file"]).read_bytes())
    write_index(changed, [*rows[:3], rows[3] | {"file": str(tmp_path / "elsewhere.tar")}, *rows[4:]], {})
    assert not is_repeated(parts=[Part("Colours-IM", [changed])])
    other = {name: rows[4][name] for name in ("file", "offset", "size", "digest")}
    write_index(changed, [*rows[:3], rows[3] | other, *rows[4:]], {})
    assert is_repeated(parts=[Part("Colours-IM", [changed])])
    damaged = bytearray(training.model.read_bytes())
    damaged[-1] ^= 1
    training.model.write_bytes(damaged)
    assert is_repeated()


def test_sigterm_finishes_the_step_and_writes_a_checkpoint(training, tmp_path):
    done = run_script([training], tmp_path, "SIGTERM")
    assert done.returncode == 128 + signal.SIGTERM, done.stderr
    assert torch.load(training.checkpoint, weights_only=True)["learner"]["step"] == 8
    assert not Path(training.model).exists()


@pytest.fixture
def unfinished(training, monkeypatch):
    """Leave the last checkpoint of a training, from which another can resume."""

    def stop(self):
        raise KeyboardInterrupt

    def leave(training):
        with monkeypatch.context() as patch:
            patch.setattr(module._Trainer, "_finish", stop)
            with pytest.raises(KeyboardInterrupt):
                train(replace(training, checkpoint_minutes=0))
        assert Path(training.checkpoint).exists()

    return leave


def test_a_checkpoint_of_another_recipe_is_not_resumed(training, unfinished, caplog):
    unfinished(training)
    other = replace(training, recipe=make_recipe(label_smoothing=0.2))
    with caplog.at_level("INFO"):
        train(other)
    assert "of another recipe or other images; training from the start" in caplog.text
    assert len(pl.read_parquet(other.log)) == 12


def test_a_checkpoint_with_other_initial_weights_is_not_resumed(training, unfinished, tmp_path, caplog):
    path = tmp_path / "start.pth"
    for seed in (1, 2):
        torch.manual_seed(seed)
        torch.save(build_model(make_recipe(), len(KEYS)).state_dict(), path)
        started = replace(training, recipe=make_recipe(pretrained=str(path)))
        if seed == 1:
            unfinished(started)
    with caplog.at_level("INFO"):
        train(started)
    assert "training from the start" in caplog.text


def test_evaluation_settings_do_not_restart_a_training(training, unfinished, caplog):
    unfinished(training)
    with caplog.at_level("INFO"):
        train(replace(training, recipe=make_recipe(evaluation_size=40, crop_pct=0.9)))
    assert "resuming from the checkpoint" in caplog.text


def test_error_names_a_checkpoint_that_cannot_be_read(training):
    Path(training.checkpoint).write_bytes(b"half a file")
    with pytest.raises(StudyError, match=r"checkpoint.pt cannot be read .*delete it to train from the start"):
        train(training)


def test_a_non_finite_loss_stops_the_training_and_keeps_the_last_good_checkpoint(training, monkeypatch):
    update = Learner.update

    def spoil(self, batches):
        if self.step == 6:
            with torch.no_grad():
                next(self.model.parameters()).fill_(torch.nan)
        update(self, batches)

    monkeypatch.setattr(Learner, "update", spoil)
    with pytest.raises(StudyError, match=r"no longer finite at step 7 of 12: lower .*last good checkpoint is kept"):
        train(replace(training, checkpoint_minutes=0))
    state = torch.load(training.checkpoint, weights_only=True)["learner"]
    assert state["step"] == 6
    assert all(torch.isfinite(value).all() for value in state["model"].values())
    assert not Path(training.model).exists()


def test_a_recipe_that_torch_refuses_is_a_sentence(training, caplog):
    """Batch normalisation needs two values of each channel."""
    options = {"channels": [8, 8, 8, 16], "stem_width": 8, "norm_layer": "batchnorm2d"}
    recipe = make_recipe(batch_size=1, image_size=32, model_options=options | {"output_stride": 32})
    sentence = r"the model test_resnet cannot be trained with its recipe: Expected more than 1 value per channel"
    with pytest.raises(StudyError, match=sentence):
        train(replace(training, recipe=recipe))
    assert "Traceback" in caplog.text


def test_a_training_starts_from_another_classifiers_weights(training, tmp_path):
    train(training)
    frozen = make_recipe(optimizer={"opt": "sgd", "lr": 0.0, "weight_decay": 0.0}, steps=1)
    second = elsewhere(training, tmp_path, initial=str(training.model), recipe=frozen, seed=9)
    assert differences(weights(second), load_file(training.model)) == 0


def test_weights_of_another_model_or_class_count_are_refused(training, tmp_path):
    path = tmp_path / "other.safetensors"
    metadata = {"model": "test_resnet", "class_keys": ["one", "two"]}
    write_classifier(path, build_model(make_recipe(), 2), metadata)
    with pytest.raises(StudyError, match=r"other.safetensors do not fit: they are for test_resnet with 2 classes \(.*fc"):
        train(replace(training, initial=str(path)))
    with pytest.raises(StudyError, match=r"other.safetensors do not fit"):
        load_weights(build_model(make_recipe(model="test_vit", model_options={"img_size": 32}), 2), path)
    path.write_bytes(b"nothing of the kind")
    with pytest.raises(StudyError, match=r"not a classifier that this workflow trained"):
        read_metadata(path)


def test_two_processes_match_the_gradients_of_one(training, tmp_path):
    """DDP over gloo on the CPU, the same micro-batches, crops of two sizes; plain descent, so weights show gradients."""
    from torch.distributed.launcher.api import LaunchConfig, elastic_launch

    descent = {"opt": "momentum", "lr": 1.0, "momentum": 0.0, "weight_decay": 0.0}
    recipe = make_recipe(device_batch_size=2, steps=3, optimizer=descent, **CROPS)
    one = weights(replace(training, recipe=recipe))
    two = elsewhere(training, tmp_path, recipe=recipe, devices=[CPU, CPU])
    config = LaunchConfig(min_nodes=1, max_nodes=1, nproc_per_node=2, rdzv_backend="c10d", rdzv_endpoint="localhost:0")
    elastic_launch(config, module.train_in_process)(two)
    assert differences(load_file(two.model), one) < 1e-5
    ours, theirs = pl.read_parquet(training.log), pl.read_parquet(two.log)
    assert ours["loss"].to_list() == pytest.approx(theirs["loss"].to_list(), abs=1e-5)
    assert ours["train_top1"].to_list() == theirs["train_top1"].to_list()
