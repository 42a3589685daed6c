"""Check that the keys of a recipe fit each other, and that none is without effect beside the others.

What only timm knows, such as the options that an optimizer ignores, is checked by the trial of a recipe.

The Snakefile imports this in every job, so it imports nothing heavy.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from synthdiv.config.problems import Keys, Problem, show
from synthdiv.config.training import MultiCrop, Recipe

Problems = Iterator[Problem]
DETERMINED = {
    "schedule": {
        "num_epochs": "the recipe's epochs or steps determine",
        "warmup_epochs": "the recipe's warmup determines",
        "step_on_epochs": "the workflow determines",
        "updates_per_epoch": "the workflow determines",
    },
    "mixup": {
        "num_classes": "the study's classes determine",
        "label_smoothing": "the recipe's label_smoothing determines",
    },
    "model_options": {"num_classes": "the study's classes determine"},
}
"""Arguments of timm's functions that a recipe cannot set, and what determines them."""
MIXUP_MODES = ("batch", "pair", "elem")
NOT_ONLY_TRAINING = frozenset(
    (
        "model",
        "model_options",
        "pretrained",
        "image_size",
        "evaluation_size",
        "crop_pct",
        "interpolation",
        "device_batch_size",
        "precision",
        "channels_last",
    )
)
"""Keys of a recipe that have an effect without training."""


def list_training_keys(recipe: Recipe) -> list[str]:
    """List the given keys of a recipe that have an effect on training alone, sorted."""
    return sorted(recipe.model_fields_set - NOT_ONLY_TRAINING)


def check_recipe(recipe: Recipe, processes: int) -> Problems:
    """Yield what is wrong in a recipe that a classifier is trained with; the paths start in the recipe.

    Parameters
    ----------
    recipe : Recipe
    processes : int
        How many processes train it.
    """
    if (recipe.epochs is None) == (recipe.steps is None):
        has = "neither" if recipe.epochs is None else "both"
        yield Problem((), f"a recipe needs one of epochs and steps, the one that is equal for every set; this has {has}")
    unit = processes * (recipe.device_batch_size or 1)
    if recipe.batch_size % unit:
        factors = "the number of processes" + (" x device_batch_size" if recipe.device_batch_size else "")
        yield Problem(("batch_size",), f"write a multiple of {unit}, {factors}", str(recipe.batch_size))
    for key, determined in DETERMINED.items():
        for name, what in determined.items():
            if name in getattr(recipe, key):
                yield Problem((key, name), f"{what} it: remove it")
    yield from _check_rates(recipe)
    yield from _check_mixup(recipe)
    yield from _check_interpolation(recipe)
    if recipe.multi_crop is not None:
        yield from _check_multi_crop(recipe, recipe.multi_crop)


def _check_rates(recipe: Recipe) -> Problems:
    rate, schedule = recipe.optimizer.get("lr"), recipe.schedule.get("sched")
    if _is_none(rate):
        yield Problem(("optimizer", "lr"), "no weight would change; write a number above 0", show(rate))
    if schedule == "plateau":
        message = "it waits for a metric that training does not measure; write another, such as cosine"
        yield Problem(("schedule", "sched"), message, show(schedule))
    if schedule == "none" and recipe.warmup:
        message = "it would have no effect with the schedule none: remove it, or write constant as the schedule"
        yield Problem(("warmup",), message)
    elif recipe.warmup and recipe.steps is not None and round(recipe.warmup * recipe.steps) == 0:
        reason = f"this share of {recipe.steps} steps is less than one"
        yield Problem(("warmup",), f"it would have no effect, since {reason}; write more, or remove it", show(recipe.warmup))


def _check_mixup(recipe: Recipe) -> Problems:
    given = recipe.mixup
    if _is_none(given.get("prob")):
        message = "no image would be mixed; write a number above 0, or remove mixup"
        yield Problem(("mixup", "prob"), message, show(given["prob"]))
    if _is_none(given.get("mixup_alpha")) and not given.get("cutmix_alpha") and given.get("cutmix_minmax") is None:
        message = "no image would be mixed: give mixup_alpha or cutmix_alpha above 0, or remove mixup"
        yield Problem(("mixup",), message)
    if given.get("mode", MIXUP_MODES[0]) not in MIXUP_MODES:
        message = f"timm would take it for {MIXUP_MODES[0]}; write one of {', '.join(MIXUP_MODES)}"
        yield Problem(("mixup", "mode"), message, show(given["mode"]))


def _is_none(value: object) -> bool:
    """Return whether a value is a number that is not above 0."""
    return isinstance(value, int | float) and value <= 0


def _check_interpolation(recipe: Recipe) -> Problems:
    """Refuse random interpolation, an augmentation, where training resizes in another way."""
    if recipe.interpolation != "random":
        return
    others = ["multi_crop"] if recipe.multi_crop is not None else []
    others += [f"augmentation.{key}" for key in ("no_aug", "interpolation") if recipe.augmentation.get(key)]
    if others:
        message = f"it would have no effect with {others[0]}: remove one of the two"
        yield Problem(("interpolation",), message, show(recipe.interpolation))


def _check_multi_crop(recipe: Recipe, spec: MultiCrop) -> Problems:
    # random erasing is applied to batches, independently of the crops
    unused = [key for key in recipe.augmentation if not key.startswith("re_")]
    if unused:
        yield Problem(
            ("augmentation", unused[0]),
            "multi_crop replaces timm's augmentation: remove one (random erasing, re_prob and the like, may stay)",
        )
    ranges: dict[Keys, Sequence[float]] = {
        ("global", "scale"): spec.global_.scale,
        ("local", "scale"): spec.local.scale,
        ("blur_sigma",): spec.blur_sigma,
    }
    for key, (smallest, largest) in ranges.items():
        if smallest > largest:
            yield Problem(("multi_crop", *key), "give the smaller number first", f"[{smallest:g}, {largest:g}]")
    for key, reason in _list_idle(spec):
        yield Problem(("multi_crop", *key), f"it would have no effect, since {reason}: remove it")


def _list_idle(spec: MultiCrop) -> Iterator[tuple[Keys, str]]:
    """Yield the given keys of ``multi_crop`` that change no crop, and why."""
    if not spec.local.number:
        yield from ((("local", key), "there are no local crops") for key in sorted(spec.local.model_fields_set - {"number"}))
    if "blur_sigma" in spec.model_fields_set and not any(kind.blur for kind in (spec.global_, spec.local) if kind.number):
        yield ("blur_sigma",), "no crop is blurred"
    if {"color_jitter", "color_jitter_probability"} <= spec.model_fields_set:
        if not spec.color_jitter_probability and any(spec.color_jitter):
            yield ("color_jitter",), "color_jitter_probability is 0"
        if spec.color_jitter_probability and not any(spec.color_jitter):
            yield ("color_jitter_probability",), "color_jitter changes nothing"
