"""Check that the parts of a study's config fit each other, before any model is loaded.

The Snakefile imports this in every job, so it imports nothing heavy.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from synthdiv.config.loading import check_known
from synthdiv.core.errors import StudyError
from synthdiv.core.fingerprints import format_scale
from synthdiv.images.transfer_sets import find_root
from synthdiv.plan.classifiers import find_treated_classes, list_evaluations
from synthdiv.plan.experiments import list_queries, list_references
from synthdiv.plan.parts import RESERVED_NAMES, USER_PROVIDED
from synthdiv.plan.review import list_reviewable
from synthdiv.plan.sets import (
    find_class_ids,
    find_embedding_files,
    find_natural_files,
    find_natural_images,
    is_evaluation_only,
    list_embedded_sets,
    list_encoded_sets,
    list_encoders,
    list_image_sets,
    list_splits,
    list_text_encoders,
    read_natural_counts,
)
from synthdiv.plan.transfer import find_transfer_files, list_transfer_sets
from synthdiv.plan.user_sources import check_images

if TYPE_CHECKING:
    from synthdiv.plan.study import Study

EXAMPLE_GENERATOR = (
    "name one, such as generators: {sd15: {model: stable-diffusion-v1-5/stable-diffusion-v1-5, variant: fp16, steps: 50, "
    "width: 512, height: 512}}"
)
EXAMPLE_ENCODER = "name one, such as encoders: {clip: {model: ViT-L-14-quickgelu, pretrained: openai}}"


def check_study(study: Study) -> None:
    """Check that all parts of a study fit each other.

    Raises
    ------
    StudyError
        One sentence about the first error.
    """
    _check_generators(study)
    _check_sets(study)
    _check_matrix(study)
    _check_encoders(study)
    for name in study.config["prompt_probes"]:
        _check_prompt_probe(study, name)
    _check_review(study)
    _check_mixtures(study)
    for name in study.config["classifiers"]:
        _check_classifier(study, name)
    for name, intervention in study.config["interventions"].items():
        _check_intervention(study, f"config: interventions.{name}", intervention)
    _check_features(study)


def _check_matrix(study: Study) -> None:
    for role, listed in (("references", list_references(study)), ("queries", list_queries(study))):
        for name in listed:
            check_known(name, study.sets, f"experiments.{role}", "set")
            if is_evaluation_only(study, name):
                raise StudyError(
                    f"config: experiments.{role}: {name!r} has no training split, so it only evaluates classifiers"
                )
    for name in study.config["contact_sheets"].get("sets", []):
        check_known(name, study.sets, "contact_sheets.sets", "set")
    for name in study.config["set_metrics"].get("references", []):
        check_known(name, study.sets, "set_metrics.references", "set")


def _check_generators(study: Study) -> None:
    for name in study.config["datasets"]:
        if name in RESERVED_NAMES:
            raise StudyError(f"config: datasets.{name}: this name is reserved for another folder of images; choose another")
    generated = [(f"datasets.{name}", entry) for name, entry in study.config["datasets"].items()]
    generated += [(f"prompt_probes.{name}", entry) for name, entry in study.config["prompt_probes"].items()]
    for where, entry in generated:
        if "generator" in entry:
            check_known(entry["generator"], study.config["generators"], f"{where}.generator", "generator")
        elif not study.config["generators"] and entry.get("guidance_scales", True):
            raise StudyError(f"config: {where} must be generated, but the config has no generators: {EXAMPLE_GENERATOR}")
        written: dict[str, float] = {}
        for scale in entry.get("guidance_scales", []):
            other = written.setdefault(format_scale(scale), scale)
            if other != scale:
                raise StudyError(
                    f"config: {where}.guidance_scales: {other!r} and {scale!r} are both written {format_scale(scale)}, "
                    "the name of their images: remove one"
                )
    for name, generator in study.config["generators"].items():
        model = generator["model"]
        looks_like_path = model.startswith((".", "/", "resources/")) or model.count("/") != 1
        if looks_like_path and not Path(model).is_dir() and "/" in model:
            raise StudyError(f"config: generators.{name}.model: the folder {model} does not exist")


def _check_encoders(study: Study) -> None:
    if USER_PROVIDED in study.config["encoders"]:
        raise StudyError(
            f"config: encoders.{USER_PROVIDED}: this name is reserved for user-provided embeddings; choose another"
        )
    for name, spec in list_text_encoders(study).items():
        includes_weights = spec["model"].startswith("hf-hub:") or Path(spec["model"]).is_dir()
        if spec["pretrained"] is None and not includes_weights:
            raise StudyError(
                f"config: encoders.{name}: name the weights of {spec['model']} in `pretrained` (such as openai, or a "
                "file): without them open_clip uses random weights"
            )
    left_out = [name for name in list_embedded_sets(study) if name not in list_encoded_sets(study, list_encoders(study)[0])]
    if left_out:
        first = list_encoders(study)[0]
        raise StudyError(
            f"config: encoders.{first} is a timm model, which embeds only images, but set {left_out[0]!r} "
            "is of kind prompt: put an open_clip model first"
        )


def _check_sets(study: Study) -> None:
    for name, entry in study.sets.items():
        where = f"sets.{name}"
        if "dataset" in entry:
            check_known(entry["dataset"], study.datasets, f"{where}.dataset", "dataset")
            scales = study.config["datasets"][entry["dataset"]]["guidance_scales"]
            if entry["kind"] == "image" and entry.get("guidance_scale") not in scales:
                raise StudyError(
                    f"config: {where}.guidance_scale is {entry.get('guidance_scale')}; dataset {entry['dataset']!r} "
                    f"is generated at {', '.join(map(format_scale, scales)) or 'none'}: add it to its guidance_scales"
                )
            if entry["kind"] == "prompt" and "guidance_scale" in entry:
                raise StudyError(f"config: {where} is of kind prompt and takes no guidance_scale")
        elif "guidance_scale" in entry:
            raise StudyError(f"config: {where} has a guidance_scale but no dataset")
        if "images" in entry:
            if entry["kind"] != "image":
                raise StudyError(f"config: {where} has images, so its kind must be image, not {entry['kind']}")
            find_class_ids(study, name)
            read_natural_counts(study, name)
        else:
            for key in ("images_per_class", "class_subset", "real_labels", "ignore_other_classes"):
                if entry.get(key):
                    raise StudyError(f"config: {where}.{key} only applies to sets with images of their own")
        if "class_subset" in entry and not is_evaluation_only(study, name):
            raise StudyError(f"config: {where} has a class_subset, so it can only evaluate: remove its training split")
        if "embeddings" not in entry and not study.config["encoders"]:
            raise StudyError(f"config: {where} must be embedded, but the config has no encoders: {EXAMPLE_ENCODER}")


def _check_prompt_probe(study: Study, name: str) -> None:
    entry, where = study.config["prompt_probes"][name], f"prompt_probes.{name}"
    check_known(entry["reference"], study.sets, f"{where}.reference", "set")
    if entry["reference"] not in list_image_sets(study):
        raise StudyError(
            f"config: {where}.reference: {entry['reference']!r} is not an image set with a training split, so it gives no "
            "class centroids"
        )
    if not study.config["encoders"]:
        raise StudyError(f"config: {where} must be embedded, but the config has no encoders: {EXAMPLE_ENCODER}")


def _check_review(study: Study) -> None:
    review = study.config["review"]
    if "classifier" in review:
        check_known(review["classifier"], study.config["classifiers"], "review.classifier", "classifier")
    if "set" in review:
        check_known(review["set"], study.sets, "review.set", "set")
        if review["set"] not in list_reviewable(study):
            raise StudyError(
                f"config: review.set: {review['set']!r} is not a generated set with one prompt per class; "
                f"there are {', '.join(list_reviewable(study)) or 'none'}"
            )


def _check_mixtures(study: Study) -> None:
    for name, parts in study.mixtures.items():
        if name in study.sets:
            raise StudyError(f"config: mixtures.{name}: a set already has this name")
        for part in parts:
            _check_trains(study, part["set"], f"mixtures.{name}")
            study.find_classes(part.get("classes", []), f"mixtures.{name}")


def _check_images(study: Study, name: str, where: str, verb: str) -> None:
    check_known(name, study.sets, where, "set")
    entry = study.sets[name]
    if entry["kind"] != "image" or "embeddings" in entry:
        there = "embeddings" if "embeddings" in entry else "prompts"
        raise StudyError(f"config: {where}: classifiers {verb} images, and set {name!r} has none, but {there}")


def _check_trains(study: Study, name: str, where: str) -> None:
    _check_images(study, name, where, "need")
    if is_evaluation_only(study, name):
        raise StudyError(f"config: {where}: set {name!r} has no training split")


def _check_classifier(study: Study, name: str) -> None:
    entry, recipe, where = study.config["classifiers"][name], study.recipes[name], f"classifiers.{name}"
    for listed in entry["evaluate"] + ([entry["monitor"]] if "monitor" in entry else []):
        _check_images(study, listed, where, "are evaluated on")
    if isinstance(recipe["pretrained"], str) and not Path(recipe["pretrained"]).is_file():
        raise StudyError(f"config: {where}.recipe.pretrained: the weights file {recipe['pretrained']} does not exist")
    if not entry["train"]:
        if not recipe["pretrained"] or "trained_on" not in entry:
            raise StudyError(
                f"config: {where} has nothing to train on: list sets in `train`, or give `pretrained` in its recipe and "
                "name the weights' training set in `trained_on`"
            )
        return
    if "trained_on" in entry:
        raise StudyError(f"config: {where} has both train and trained_on: the second is for pretrained weights")
    for training in entry["train"]:
        if training not in study.mixtures:
            check_known(training, {**study.sets, **study.mixtures}, f"{where}.train", "set or mixture")
            _check_trains(study, training, f"{where}.train")
    if ("epochs" in recipe) == ("steps" in recipe):
        raise StudyError(
            f"config: {where}.recipe needs exactly one of epochs and steps: the one that is equal for every set"
        )
    processes, together = entry["processes"], recipe["device_batch_size"] or recipe["batch_size"] // entry["processes"]
    if together == 0 or recipe["batch_size"] % (processes * together):
        raise StudyError(
            f"config: {where}: batch_size {recipe['batch_size']} is not a multiple of {processes} processes x "
            f"{together} images (device_batch_size)"
        )
    _check_multi_crop(f"config: {where}.recipe", recipe)
    if "init_from" in entry:
        _check_initial(study, name)


def _check_multi_crop(where: str, recipe: Mapping[str, Any]) -> None:
    spec = recipe["multi_crop"]
    if spec is None:
        return
    # random erasing is applied to batches, independently of the crops
    unused = [key for key in recipe["augmentation"] if not key.startswith("re_")]
    if unused:
        raise StudyError(
            f"{where}: multi_crop replaces timm's augmentation, but augmentation has {unused[0]}: remove one of the two "
            "(random erasing, re_prob and the like, may stay)"
        )
    ranges = {
        "global.scale": spec["global"]["scale"],
        "local.scale": spec["local"]["scale"],
        "blur_sigma": spec["blur_sigma"],
    }
    for key, (smallest, largest) in ranges.items():
        if smallest > largest:
            raise StudyError(f"{where}.multi_crop.{key} is [{smallest}, {largest}]: give the smaller number first")


def _check_initial(study: Study, name: str) -> None:
    where, seen = f"classifiers.{name}.init_from", [name]
    while "init_from" in study.config["classifiers"][seen[-1]]:
        source = study.config["classifiers"][seen[-1]]["init_from"]
        check_known(source["classifier"], study.config["classifiers"], where, "classifier")
        other = study.config["classifiers"][source["classifier"]]
        check_known(source["train"], dict.fromkeys(other["train"]), where, "training set of that classifier")
        if source["classifier"] in seen:
            raise StudyError(f"config: {where}: {' -> '.join([*seen, source['classifier']])} is circular")
        seen.append(source["classifier"])
        lacking = [seed for seed in study.config["classifiers"][name]["seeds"] if seed not in other["seeds"]]
        if lacking:
            raise StudyError(f"config: {where}: {source['classifier']} is not trained with seed {lacking[0]}")


def _check_intervention(study: Study, where: str, intervention: Mapping[str, str]) -> None:
    trained: list[str] = next((one["train"] for one in study.config["classifiers"].values() if one["train"]), [])
    for role in ("base", "diagnosed", "others"):
        if intervention[role] not in trained:
            among = ", ".join(trained) or "nothing"
            raise StudyError(
                f"{where}.{role}: the first classifier is not trained on {intervention[role]!r}, but on {among}"
            )
    first, second = (
        len(find_treated_classes(study, intervention["base"], intervention[role])) for role in ("diagnosed", "others")
    )
    if first != second or not first:
        raise StudyError(
            f"{where}: {intervention['diagnosed']} has {first} classes of other sets than {intervention['base']}, "
            f"{intervention['others']} has {second}; both need the same number, listed as `classes` of a mixture's part"
        )


def _check_features(study: Study) -> None:
    if list_transfer_sets(study) and not list_evaluations(study) and not study.config["encoders"]:
        raise StudyError("config: transfer: there is no classifier and no encoder whose features could be used")
    if "features" not in study.config:
        return
    if not list_evaluations(study):
        raise StudyError("config: features: there is no classifier whose features could be measured")
    name = study.config["features"].get("set", find_natural_images(study))
    if name is None:
        raise StudyError("config: features: there is no set of natural images with a training split; name one in `set`")
    check_known(name, study.sets, "features.set", "set")
    if "images" not in study.sets[name]:
        raise StudyError(f"config: features.set: {name!r} is not a set of natural images (`images`)")


def check_sources(study: Study) -> None:
    """Check that the user-provided images and embeddings exist.

    Raises
    ------
    StudyError
        If a file or a class's folder is missing or empty.
    """
    for name, entry in list_transfer_sets(study).items():
        if "torchvision" in entry:
            find_root(entry, f"transfer.sets.{name}")
        for split, described in find_transfer_files(study, name).items():
            check_images(described, f"config: transfer.sets.{name}.images.{split}")
    for name, entry in study.sets.items():
        if "embeddings" in entry:
            for path in find_embedding_files(study, name):
                if not os.path.exists(path):
                    raise StudyError(f"config: sets.{name}.embeddings: {path} does not exist")
        if "images" in entry:
            for split in list_splits(study, name):
                check_images(find_natural_files(study, name, split), f"config: sets.{name}.images.{split}")
