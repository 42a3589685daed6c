"""Test the trial of a recipe: what would fail or have no effect in a training is an error before it."""

import pytest
import torch
import yaml
from conftest import make_recipe
from workplace import REPOSITORY

from synthdiv.classifiers.training.learner import Learner
from synthdiv.classifiers.trial import try_recipe
from synthdiv.config.training import Recipe
from synthdiv.core.errors import StudyError

CPU = torch.device("cpu")
KEYS = ["shirt", "coat", "bag"]
SGD = {"opt": "sgd", "lr": 0.05, "momentum": 0.9, "weight_decay": 0.0001}


def attempt(*, trained=True, processes=1, **changes):
    return try_recipe(make_recipe(**changes), KEYS, trained=trained, processes=processes, device=CPU)


def test_a_recipe_is_tried_with_the_batch_of_one_process():
    assert attempt(batch_size=8)["batch"] == 8
    assert attempt(batch_size=8, processes=2)["batch"] == 4
    assert attempt(batch_size=8, device_batch_size=2)["batch"] == 2


REFUSED = {
    "batch normalisation of one image": (
        {"batch_size": 1, "model_options": {}},
        "the model test_resnet cannot be trained with its recipe: Expected more than 1 value per channel",
    ),
    "mixup of an odd batch": (
        {"batch_size": 3, "mixup": {"mixup_alpha": 0.2}},
        "the model test_resnet cannot be trained with its recipe: Batch size should be even when using this",
    ),
    "an option that mixup does not have": (
        {"mixup": {"foo": 1}},
        "the model test_resnet cannot be trained with its recipe: Mixup.__init__() got an unexpected keyword argument 'foo'",
    ),
    "an unknown augmentation": (
        {"augmentation": {"colour_jitter": 0.4}},
        "timm refuses the recipe's augmentation",
    ),
    "missing weights": ({"pretrained": "nowhere.safetensors"}, "timm could not build the classifier 'test_resnet'"),
    "a momentum that Adam does not have": (
        {"optimizer": {"opt": "adamw", "lr": 0.001, "momentum": 0.95}},
        "the recipe of the model test_resnet: optimizer.momentum had no effect with opt: 'adamw', lr: 0.001; remove it",
    ),
    "timm's own momentum, which Adam does not have": (
        {"optimizer": {"opt": "adamw", "lr": 0.001, "momentum": 0.9}},
        "optimizer.momentum had no effect with opt: 'adamw', lr: 0.001; remove it",
    ),
    "timm's own rate of decay in a schedule without one": (
        {"schedule": {"sched": "cosine", "decay_rate": 0.1}},
        "schedule.decay_rate had no effect with sched: 'cosine'; remove it",
    ),
    "a word for another schedule": (
        {"schedule": {"sched": "cosine", "plateau_mode": "max"}},
        "schedule.plateau_mode had no effect",
    ),
    "jitter that auto-augmentation replaces": (
        {"augmentation": {"auto_augment": "rand-m9", "color_jitter": 0.3}},
        "augmentation.color_jitter had no effect with auto_augment: 'rand-m9'; remove it",
    ),
    "a flip without augmentation": (
        {"augmentation": {"no_aug": True, "hflip": 0.5, "scale": [0.5, 1.0]}},
        "augmentation.hflip and augmentation.scale had no effect with no_aug: true; remove them",
    ),
    "a crop of evaluation": ({"augmentation": {"crop_pct": 0.9}}, "augmentation.crop_pct had no effect"),
    "means that only auto-augmentation reads": (
        {"augmentation": {"mean": [0.5, 0.5, 0.5]}},
        "augmentation.mean had no effect",
    ),
    "a probability of jitter without jitter": (
        {"augmentation": {"color_jitter": None, "color_jitter_prob": 0.5}},
        "augmentation.color_jitter_prob had no effect",
    ),
    "a mode of erasing without erasing": (
        {"augmentation": {"re_mode": "pixel", "re_count": 2}},
        "augmentation.re_mode and augmentation.re_count had no effect; remove them",
    ),
    "a count of erasing without erasing, of crops": (
        {"augmentation": {"re_prob": 0.0, "re_count": 1}, "multi_crop": {"local": {"number": 2, "size": 16}}},
        "augmentation.re_count had no effect with re_prob: 0.0; remove it",
    ),
    "a switch between mixup and nothing": (
        {"mixup": {"mixup_alpha": 0.2, "switch_prob": 0.5}},
        "mixup.switch_prob had no effect with mixup_alpha: 0.2; remove it",
    ),
    "a CutMix that is never used": (
        {"mixup": {"mixup_alpha": 0.2, "cutmix_alpha": 0.7, "switch_prob": 0.0}},
        "mixup.cutmix_alpha had no effect",
    ),
    "an area of CutMix that another replaces": (
        {"mixup": {"cutmix_alpha": 0.7, "cutmix_minmax": [0.2, 0.8]}},
        "mixup.cutmix_alpha had no effect",
    ),
    "a correction of CutMix without it": (
        {"mixup": {"mixup_alpha": 0.2, "correct_lam": False}},
        "mixup.correct_lam had no effect",
    ),
    "a rate of warm-up without warm-up": (
        {"schedule": {"sched": "cosine", "warmup_lr": 0.001}},
        "schedule.warmup_lr had no effect",
    ),
    "milestones of another schedule": (
        {"schedule": {"sched": "cosine", "decay_milestones": [3, 6]}},
        "schedule.decay_milestones had no effect",
    ),
}


@pytest.mark.parametrize(("changes", "message"), REFUSED.values(), ids=REFUSED)
def test_what_a_training_would_refuse_or_ignore_is_refused(changes, message):
    with pytest.raises(StudyError) as caught:
        attempt(**changes)
    assert message in str(caught.value)


def test_a_batch_that_does_not_fit_into_the_gpu_is_a_sentence(monkeypatch):
    """A GPU that is too small cannot exist here, so its error is raised by hand."""

    def run_out(*arguments):
        raise torch.OutOfMemoryError("CUDA out of memory")

    monkeypatch.setattr(Learner, "update", run_out)
    with pytest.raises(StudyError, match=r"cannot be trained with 8 images at once: cpu has too little memory; set the"):
        attempt(batch_size=8)


ACCEPTED = {
    "defaults": {"optimizer": {**SGD, "momentum": 0.9}, "schedule": {"sched": "cosine", "min_lr": 0.0}},
    "an optimizer's own defaults": {"optimizer": {"opt": "adamw", "lr": 0.001, "betas": [0.9, 0.999], "eps": 1e-8}},
    "layers with rates of their own": {"optimizer": {**SGD, "layer_decay": 0.7}},
    "a warm-up": {"warmup": 0.5, "schedule": {"sched": "cosine", "warmup_lr": 0.001, "min_lr": 0.0001}},
    "steps down after more updates than a short training has": {
        "epochs": 1000.0,
        "schedule": {"sched": "multistep", "decay_milestones": [150_000, 300_000], "decay_rate": 0.2},
    },
    "a short warm-up of many epochs": {
        "epochs": 300.0,
        "warmup": 0.0004,
        "schedule": {"sched": "cosine", "warmup_lr": 0.001},
    },
    "images that are resized in various ways": {"interpolation": "random"},
    "steps down": {"schedule": {"sched": "multistep", "decay_milestones": [3, 6], "decay_rate": 0.5}},
    "crops and mixup": {"multi_crop": {"local": {"number": 2, "size": 16}}, "mixup": {"mixup_alpha": 0.2}},
    "a schedule's own defaults": {"schedule": {"sched": "cosine", "k_decay": 1.0, "noise": None}},
    "a word that is the default": {"schedule": {"sched": "rsqrt", "decay_fn": "linear"}, "warmup": 0.5},
    "an augmentation's own defaults": {
        "augmentation": {"hflip": 0.5, "scale": [0.08, 1.0], "train_crop_mode": "rrc", "re_prob": 0.1, "re_mode": "const"}
    },
    "augmentation without jitter": {"augmentation": {"color_jitter": None, "vflip": 0.1}},
    "means that auto-augmentation fills with": {"augmentation": {"auto_augment": "rand-m9", "mean": [0.2, 0.2, 0.2]}},
    "both kinds of mixup": {"mixup": {"mixup_alpha": 0.2, "cutmix_alpha": 1.0, "switch_prob": 0.5, "correct_lam": True}},
    "CutMix alone": {"mixup": {"mixup_alpha": 0.0, "cutmix_minmax": [0.2, 0.8], "mode": "pair", "prob": 1.0}},
    "a moving average": {"ema_decay": 0.9, "label_smoothing": 0.1, "augmentation": {"re_prob": 0.5}},
}


@pytest.mark.parametrize("changes", ACCEPTED.values(), ids=ACCEPTED)
def test_what_has_an_effect_is_accepted(changes):
    assert attempt(**changes)["parameters"] > 0


def test_pretrained_weights_are_tried_as_they_are():
    with pytest.raises(StudyError, match="has 1000 outputs, but the study has 3 classes"):
        attempt(trained=False, model_options={})
    assert attempt(trained=False, model_options={"num_classes": 3})["batch"] == 2


@pytest.mark.parametrize("path", sorted(REPOSITORY.glob("resources/recipes/*.yaml")), ids=lambda path: path.stem)
def test_the_recipes_of_the_papers_have_no_idle_option(path):
    changes = {"image_size": 64, "evaluation_size": 64, "batch_size": 2, "device_batch_size": None, "precision": "fp32"}
    recipe = Recipe.model_validate(yaml.safe_load(path.read_text()) | changes).to_dict()
    assert try_recipe(recipe, KEYS, trained=True, processes=1, device=CPU)["batch"] == 2
