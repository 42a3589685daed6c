"""Test the checks of a recipe: a key that would have no effect beside the others is named."""

import pytest

from synthdiv.config.problems import ConfigError, raise_problems
from synthdiv.config.recipe_checks import check_recipe, list_training_keys
from synthdiv.config.training import Recipe


def check(**keys):
    raise_problems(check_recipe(Recipe.model_validate({"model": "resnet18", "steps": 100} | keys), processes=1))


REFUSED = {
    "no learning rate": (
        {"optimizer": {"opt": "sgd", "lr": 0.0}},
        "optimizer.lr is 0.0: no weight would change; write a number above 0",
    ),
    "a schedule that needs a metric": (
        {"schedule": {"sched": "plateau"}},
        "schedule.sched is 'plateau': it waits for a metric that training does not measure; write another, such as cosine",
    ),
    "a warm-up without a schedule": (
        {"schedule": {"sched": "none"}, "warmup": 0.1},
        "warmup: it would have no effect with the schedule none: remove it, or write constant as the schedule",
    ),
    "a warm-up of less than a step": (
        {"warmup": 0.001},
        "warmup is 0.001: it would have no effect, since this share of 100 steps is less than one; write more, or remove it",
    ),
    "the length of the schedule": (
        {"schedule": {"sched": "cosine", "num_epochs": 30}},
        "schedule.num_epochs: the recipe's epochs or steps determine it: remove it",
    ),
    "the length of the warm-up": (
        {"schedule": {"warmup_epochs": 30}},
        "schedule.warmup_epochs: the recipe's warmup determines it: remove it",
    ),
    "the units of the schedule": (
        {"schedule": {"step_on_epochs": False, "updates_per_epoch": 1}},
        "the config has 2 mistakes:\n  config: schedule.step_on_epochs: the workflow determines it: remove it\n"
        "  config: schedule.updates_per_epoch: the workflow determines it: remove it",
    ),
    "the number of outputs": (
        {"model_options": {"num_classes": 10}},
        "model_options.num_classes: the study's classes determine it: remove it",
    ),
    "the number of classes of mixup": (
        {"mixup": {"num_classes": 10}},
        "mixup.num_classes: the study's classes determine it: remove it",
    ),
    "the smoothing of mixup": (
        {"mixup": {"label_smoothing": 0.1}},
        "mixup.label_smoothing: the recipe's label_smoothing determines it: remove it",
    ),
    "mixup of no image": (
        {"mixup": {"mixup_alpha": 0.2, "prob": 0}},
        "mixup.prob is 0: no image would be mixed; write a number above 0, or remove mixup",
    ),
    "neither mixup nor CutMix": (
        {"mixup": {"mixup_alpha": 0.0}},
        "mixup: no image would be mixed: give mixup_alpha or cutmix_alpha above 0, or remove mixup",
    ),
    "an unknown mode of mixup": (
        {"mixup": {"mode": "pairs"}},
        "mixup.mode is 'pairs': timm would take it for batch; write one of batch, pair, elem",
    ),
    "random interpolation of crops": (
        {"interpolation": "random", "multi_crop": {}},
        "interpolation is 'random': it would have no effect with multi_crop: remove one of the two",
    ),
    "random interpolation without augmentation": (
        {"interpolation": "random", "augmentation": {"no_aug": True}},
        "interpolation is 'random': it would have no effect with augmentation.no_aug: remove one of the two",
    ),
    "an interpolation that another replaces": (
        {"interpolation": "random", "augmentation": {"interpolation": "bicubic"}},
        "interpolation is 'random': it would have no effect with augmentation.interpolation: remove one of the two",
    ),
    "the size of no local crops": (
        {"multi_crop": {"local": {"number": 0, "size": 32}}},
        "multi_crop.local.size: it would have no effect, since there are no local crops: remove it",
    ),
    "the width of no blur": (
        {"multi_crop": {"global": {"blur": 0.0}, "local": {"blur": 0.0}, "blur_sigma": [1.0, 2.0]}},
        "multi_crop.blur_sigma: it would have no effect, since no crop is blurred: remove it",
    ),
    "the width of the blur of no crops": (
        {"multi_crop": {"global": {"blur": 0.0}, "local": {"number": 0}, "blur_sigma": [1.0, 2.0]}},
        "multi_crop.blur_sigma: it would have no effect, since no crop is blurred: remove it",
    ),
    "the strength of no jitter": (
        {"multi_crop": {"color_jitter_probability": 0.0, "color_jitter": [0.1, 0.1, 0.1, 0.1]}},
        "multi_crop.color_jitter: it would have no effect, since color_jitter_probability is 0: remove it",
    ),
    "the probability of a jitter that changes nothing": (
        {"multi_crop": {"color_jitter_probability": 0.5, "color_jitter": [0.0, 0.0, 0.0, 0.0]}},
        "multi_crop.color_jitter_probability: it would have no effect, since color_jitter changes nothing: remove it",
    ),
}


@pytest.mark.parametrize(("keys", "message"), REFUSED.values(), ids=REFUSED)
def test_a_key_without_effect_is_refused(keys, message):
    with pytest.raises(ConfigError) as caught:
        check(**keys)
    assert str(caught.value).removeprefix("config: ") == message


@pytest.mark.parametrize(
    "keys",
    [
        {},
        {"optimizer": {"opt": "adamw"}},
        {"schedule": {"sched": "none"}},
        {"schedule": {"sched": "constant"}, "warmup": 0.1},
        {"mixup": {"cutmix_minmax": [0.2, 0.8], "mixup_alpha": 0.0}},
        {"mixup": {"mixup_alpha": 0.0, "cutmix_alpha": 1.0, "mode": "elem", "prob": 0.5}},
        {"interpolation": "random", "augmentation": {"hflip": 0.1}},
        {"interpolation": "bilinear", "multi_crop": {}},
        {"multi_crop": {"local": {"number": 0}}},
        {"multi_crop": {"global": {"blur": 0.0}, "blur_sigma": [1.0, 2.0]}},
        {"multi_crop": {"color_jitter_probability": 0.0}},
    ],
)
def test_keys_with_an_effect_are_accepted(keys):
    check(**keys)


def test_keys_of_training_are_those_that_evaluation_does_not_read():
    keys = {"steps": 1, "optimizer": {"lr": 0.1}, "device_batch_size": 2, "precision": "fp16"}
    assert list_training_keys(Recipe.model_validate({"model": "resnet18", "crop_pct": 1.0} | keys)) == ["optimizer", "steps"]
