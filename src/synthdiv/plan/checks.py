"""Check that the parts of a study's config fit each other, before any model is loaded.

The Snakefile imports this in every job, so it imports nothing heavy.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from synthdiv.config.problems import ConfigError, Keys, Problem, about, check_name, locate_problems, raise_problems
from synthdiv.config.recipe_checks import check_recipe, list_training_keys
from synthdiv.config.rungs import check_ladder, count_rung_images, find_classifier
from synthdiv.config.study_config import StudyConfig
from synthdiv.config.training import ClassifierEntry, Recipe
from synthdiv.core.errors import StudyError
from synthdiv.core.fingerprints import SELECTION, format_scale
from synthdiv.core.hub import check_path, check_pipeline
from synthdiv.plan.classifiers import list_evaluations, list_parts, list_selection_sets
from synthdiv.plan.experiments import list_queries, list_references
from synthdiv.plan.generation import find_captions, list_guidance_scales
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
from synthdiv.plan.study import Study
from synthdiv.plan.transfer import find_transfer_files, find_transfer_root, list_transfer_sets
from synthdiv.plan.user_sources import check_characters, check_images, list_files_of_models
from synthdiv.prompts.class_tables import ClassRow

Problems = Iterator[Problem]
EXAMPLE_GENERATOR = (
    "name one, such as generators: {sd15: {model: stable-diffusion-v1-5/stable-diffusion-v1-5, variant: fp16, steps: 50, "
    "width: 512, height: 512}}"
)
EXAMPLE_ENCODER = "name one, such as encoders: {clip: {model: ViT-L-14-quickgelu, pretrained: openai}}"

ONLY_TRAINING = ("seeds", "init_from", "swap", "monitor", "seeds_per_job", "processes", "checkpoint_minutes")
"""Keys of a classifier, beside its recipe, that have an effect on training alone."""


def check_names(config: StudyConfig, classes: Sequence[ClassRow]) -> None:
    """Check that every name in a config is that of something.

    Raises
    ------
    ConfigError
        About all names that nothing has.
    """
    raise_problems(_check_names(config, classes))


def check_study(study: Study) -> None:
    """Check that all parts of a study, whose names are known, fit each other.

    Raises
    ------
    ConfigError
        About all that is wrong.
    """
    raise_problems(_check_parts(study))


def _check_name(name: str | None, among: Iterable[str], where: Keys, what: str) -> Problems:
    if name is not None:
        yield from check_name(name, among, where, what)


def _check_path(name: str | None, where: Keys, check: Callable[[str], None] = check_path) -> Problems:
    if name is not None:
        try:
            check(name)
        except StudyError as error:
            yield Problem(where, str(error))


def _check_list(names: Iterable[str] | None, among: Iterable[str], where: Keys, what: str) -> Problems:
    for n, name in enumerate(names or ()):
        yield from _check_name(name, among, (*where, n), what)


def _check_classes(keys: Iterable[str], classes: Sequence[ClassRow], where: Sequence[Keys]) -> Problems:
    known = [row.key for row in classes]
    for key, place in zip(keys, where, strict=True):
        named = [row.key for row in classes if row.name == key and key not in known]
        if named:
            yield Problem(place, f"write the key of this class, {' or '.join(named)}", repr(key))
        else:
            yield from _check_name(key, known, place, "class with the key")


def _check_names(config: StudyConfig, classes: Sequence[ClassRow]) -> Problems:
    sets = config.sets
    trained = {**sets, **config.mixtures}
    for name, dataset in config.datasets.items():
        yield from _check_name(dataset.base, config.datasets, ("datasets", name, "base"), "dataset")
        yield from _check_name(dataset.generator, config.generators, ("datasets", name, "generator"), "generator")
    for name, probe in config.prompt_probes.items():
        where: Keys = ("prompt_probes", name)
        yield from _check_name(probe.generator, config.generators, (*where, "generator"), "generator")
        yield from _check_name(probe.reference, sets, (*where, "reference"), "set")
        yield from _check_classes([probe.class_key], classes, [(*where, "class")])
    for name, entry in sets.items():
        yield from _check_name(entry.dataset, config.datasets, ("sets", name, "dataset"), "dataset")
    yield from _check_list(config.experiments.references, sets, ("experiments", "references"), "set")
    yield from _check_list(config.experiments.queries, sets, ("experiments", "queries"), "set")
    yield from _check_list(config.contact_sheets.sets, sets, ("contact_sheets", "sets"), "set")
    yield from _check_list(config.set_metrics.references, sets, ("set_metrics", "references"), "set")
    yield from _check_name(config.review.set, sets, ("review", "set"), "set")
    yield from _check_name(config.review.classifier, config.classifiers, ("review", "classifier"), "classifier")
    for name, mixture in config.mixtures.items():
        for n, part in enumerate(mixture.parts):
            where = ("mixtures", name, "parts", n)
            yield from _check_name(part.set, sets, (*where, "set"), "set")
            keys = part.classes or []
            yield from _check_classes(keys, classes, [(*where, "classes", i) for i in range(len(keys))])
    for name, classifier in config.classifiers.items():
        where = ("classifiers", name)
        yield from _check_list(classifier.evaluate, sets, (*where, "evaluate"), "set")
        yield from _check_name(classifier.monitor, sets, (*where, "monitor"), "set")
        yield from _check_list(classifier.train, trained, (*where, "train"), "set or mixture")
        yield from _check_list(classifier.swap, sets, (*where, "swap"), "set")
        source = classifier.init_from
        if source is not None:
            where = (*where, "init_from")
            yield from _check_name(source.classifier, config.classifiers, (*where, "classifier"), "classifier")
            among = config.classifiers[source.classifier].train if source.classifier in config.classifiers else None
            if among is not None:
                yield from _check_name(source.train, among, (*where, "train"), "training set of that classifier")
    for name, predictions in config.predictions.items():
        yield from _check_list(predictions.evaluate, sets, ("predictions", name, "evaluate"), "set")
        yield from _check_list(predictions.train, trained, ("predictions", name, "train"), "set or mixture")
    if config.features is not None:
        yield from _check_name(config.features.set, sets, ("features", "set"), "set")
    if config.ladder is not None:
        yield from _check_name(config.ladder.set, sets, ("ladder", "set"), "set")
        yield from _check_name(config.ladder.natural, trained, ("ladder", "natural"), "set or mixture")
        yield from _check_name(config.ladder.classifier, config.classifiers, ("ladder", "classifier"), "classifier")


def _check_parts(study: Study) -> Problems:
    yield from _check_generators(study)
    yield from _check_sets(study)
    yield from _check_matrix(study)
    yield from _check_encoders(study)
    yield from _check_prompt_probes(study)
    yield from _check_review(study)
    yield from _check_mixtures(study)
    yield from _check_predictions(study)
    for name, entry in study.config.classifiers.items():
        yield from _check_classifier(study, name, entry)
    yield from _check_features(study)
    yield from _check_ladder(study)


def _check_matrix(study: Study) -> Problems:
    for role, listed in (("references", list_references(study)), ("queries", list_queries(study))):
        for n, name in enumerate(listed):
            if is_evaluation_only(study, name):
                message = f"{name!r} has no training split, so it only evaluates classifiers"
                yield Problem(("experiments", role, n), message)


def _check_generators(study: Study) -> Problems:
    config = study.config
    for name in config.datasets:
        if name in RESERVED_NAMES:
            message = "this name is reserved for another folder of images; choose another"
            yield Problem(("datasets", name), message)
    generated = [("datasets", name) for name, entry in config.datasets.items() if entry.guidance_scales]
    generated += [("prompt_probes", name) for name in config.prompt_probes]
    if generated and not config.generators:
        yield Problem(generated[0], f"it must be generated, but the config has no generators: {EXAMPLE_GENERATOR}")
    for name, entry in config.datasets.items():
        written: dict[str, float] = {}
        for scale in entry.guidance_scales:
            other = written.setdefault(format_scale(scale), scale)
            if other != scale:
                yield Problem(
                    ("datasets", name, "guidance_scales"),
                    f"{other!r} and {scale!r} are both written {format_scale(scale)}, the name of their images: remove one",
                )
    for name, spec in config.generators.items():
        yield from _check_path(spec.model, ("generators", name, "model"), check_pipeline)
        yield from _check_path(spec.lora, ("generators", name, "lora"))
        yield from _check_path(spec.safety_checker, ("generators", name, "safety_checker"))
        if spec.revision is not None and Path(spec.model).is_dir():
            message = "it would have no effect, since the model is a folder: remove it"
            yield Problem(("generators", name, "revision"), message)
        scales = list_guidance_scales(study, name)
        if spec.negative_prompt and scales and max(scales) <= 1:
            message = "it would have no effect: at guidance scales of 1 and below, as all of this generator's are, there is "
            yield Problem(("generators", name, "negative_prompt"), message + "no guidance away from a prompt")


def _check_encoders(study: Study) -> Problems:
    embedded = [("sets", name) for name, entry in study.sets.items() if entry.embeddings is None]
    embedded += [("prompt_probes", name) for name in study.config.prompt_probes]
    if embedded and not study.config.encoders:
        yield Problem(embedded[0], f"it must be embedded, but the config has no encoders: {EXAMPLE_ENCODER}")
    if USER_PROVIDED in study.config.encoders:
        message = "this name is reserved for user-provided embeddings; choose another"
        yield Problem(("encoders", USER_PROVIDED), message)
        return
    for name, spec in study.config.encoders.items():
        yield from _check_path(spec.model, ("encoders", name, "model"))
        yield from _check_path(spec.pretrained, ("encoders", name, "pretrained"))
    for name, spec in list_text_encoders(study).items():
        includes_weights = spec.model.startswith("hf-hub:") or Path(spec.model).is_dir()
        if spec.pretrained is not None and includes_weights:
            message = f"open_clip ignores it, since {spec.model} includes its weights: remove it"
            yield Problem(("encoders", name, "pretrained"), message)
        if spec.pretrained is None and not includes_weights:
            yield Problem(
                ("encoders", name),
                f"name the weights of {spec.model} in `pretrained` (such as openai, or a file): without them open_clip uses "
                "random weights",
            )
    first = list_encoders(study)[0]
    left_out = [name for name in list_embedded_sets(study) if name not in list_encoded_sets(study, first)]
    if left_out and study.config.encoders:
        yield Problem(
            ("encoders", first),
            f"it is a timm model, which embeds only images, but set {left_out[0]!r} is of kind prompt: put an open_clip "
            "model first",
        )


def _check_sets(study: Study) -> Problems:
    for name, entry in study.sets.items():
        where: Keys = ("sets", name)
        if entry.dataset is not None:
            yield from _check_scale(study, name)
        elif entry.guidance_scale is not None:
            yield Problem((*where, "guidance_scale"), "it only applies to sets with a dataset: remove it")
        if entry.images is not None:
            if entry.kind != "image":
                yield Problem((*where, "kind"), "the set has images: write image", repr(entry.kind))
            find_class_ids(study, name)
            read_natural_counts(study, name)
            yield from _check_selection(study, name)
        else:
            for key in ("images_per_class", "class_subset", "real_labels", "ignore_other_classes"):
                if key in entry.model_fields_set:
                    yield Problem((*where, key), "it only applies to sets with images of their own: remove it")
        if entry.class_subset is not None and not is_evaluation_only(study, name):
            message = "a set with a class_subset can only evaluate: remove its training split"
            yield Problem((*where, "class_subset"), message)


def _check_selection(study: Study, name: str) -> Problems:
    entry = study.sets[name]
    if name not in list_selection_sets(study):
        given = [("images", entry.images), ("images_per_class", entry.images_per_class)]
        for key in (key for key, part in given if part is not None and part.selection is not None):
            yield Problem(
                ("sets", name, key, "selection"),
                "nothing is chosen by this set: it has an effect if a classifier is trained on several sets without natural "
                "images, and if this is the first natural set on which it is evaluated. Remove it",
            )


def _check_scale(study: Study, name: str) -> Problems:
    entry, dataset = study.sets[name], study.find_dataset(name)
    where, scales = ("sets", name, "guidance_scale"), study.config.datasets[dataset].guidance_scales
    if entry.kind == "prompt":
        if entry.guidance_scale is not None:
            yield Problem(where, "a set of kind prompt takes none: remove it")
    elif not scales:
        message = f"dataset {dataset!r} is not generated: list guidance scales in its guidance_scales"
        yield Problem(("sets", name, "dataset"), message)
    elif entry.guidance_scale not in scales:
        generated = f"dataset {dataset!r} is generated at {', '.join(map(format_scale, scales))}"
        if entry.guidance_scale is None:
            yield Problem(("sets", name), f"the key guidance_scale is missing; {generated}")
        else:
            message = f"{generated}; write one of these, or add it to its guidance_scales"
            yield Problem(where, message, f"{entry.guidance_scale:g}")


def _check_prompt_probes(study: Study) -> Problems:
    for name, entry in study.config.prompt_probes.items():
        if entry.reference not in list_image_sets(study):
            message = "it is not an image set with a training split, so it gives no class centroids"
            yield Problem(("prompt_probes", name, "reference"), message, repr(entry.reference))


def _check_review(study: Study) -> Problems:
    reviewed = study.config.review.set
    if reviewed is not None and reviewed not in list_reviewable(study):
        among = ", ".join(list_reviewable(study)) or "none"
        message = f"it is not a generated set with one prompt per class; there are {among}"
        yield Problem(("review", "set"), message, repr(reviewed))


def _check_mixtures(study: Study) -> Problems:
    for name, mixture in study.config.mixtures.items():
        if name in study.sets:
            yield Problem(("mixtures", name), "a set already has this name: choose another")
        for n, part in enumerate(mixture.parts):
            yield from _check_trains(study, part.set, ("mixtures", name, "parts", n, "set"))


def _check_predictions(study: Study) -> Problems:
    for name, entry in study.config.predictions.items():
        where: Keys = ("predictions", name)
        if name in study.config.classifiers:
            yield Problem(where, "a classifier already has this name: choose another")
        if not entry.file.endswith((".csv", ".parquet")):
            yield Problem((*where, "file"), "it must be a .csv or .parquet table", repr(entry.file))
        for n, training in enumerate(entry.train):
            if training not in study.mixtures:
                yield from _check_trains(study, training, (*where, "train", n))


def _check_images(study: Study, name: str, where: Keys, verb: str) -> Problems:
    entry = study.sets[name]
    if entry.kind != "image" or entry.embeddings is not None:
        there = "prompts" if entry.embeddings is None else "embeddings"
        yield Problem(where, f"classifiers {verb} images, and set {name!r} has none, but {there}")


def _check_trains(study: Study, name: str, where: Keys) -> Problems:
    yield from _check_images(study, name, where, "need")
    if is_evaluation_only(study, name):
        yield Problem(where, f"set {name!r} has no training split")


def _check_classifier(study: Study, name: str, entry: ClassifierEntry) -> Problems:
    recipe, where = study.recipes[name], ("classifiers", name)
    for n, listed in enumerate(entry.evaluate):
        yield from _check_images(study, listed, (*where, "evaluate", n), "are evaluated on")
    if entry.monitor is not None:
        yield from _check_images(study, entry.monitor, (*where, "monitor"), "are evaluated on")
    for problem in _check_recipe(recipe, entry):
        if isinstance(entry.recipe, str):
            yield replace(problem, file=entry.recipe)
        else:
            yield replace(problem, path=(*where, "recipe", *problem.path))
    if not entry.train:
        if recipe.pretrained and entry.trained_on is not None:
            yield from (replace(one, path=(*where, *one.path)) for one in _check_untrained(recipe, entry))
            return
        yield Problem(
            where,
            "it has nothing to train on: list sets in `train`, or give `pretrained` in its recipe and name the weights' "
            "training set in `trained_on`",
        )
        return
    if entry.trained_on is not None:
        message = "it is for pretrained weights, but `train` has sets to train on: remove one of the two"
        yield Problem((*where, "trained_on"), message)
    for n, training in enumerate(entry.train):
        if training not in study.mixtures:
            yield from _check_trains(study, training, (*where, "train", n))
    yield from _check_initial(study, name)
    if entry.sample_per_seed:
        yield from (replace(one, path=(*where, *one.path)) for one in _check_samples(study, name))


def _check_samples(study: Study, name: str) -> Problems:
    """Check that the training sets of a classifier can have other images for each seed; the paths start in its entry."""
    entry, where = study.config.classifiers[name], ("sample_per_seed",)
    if len(entry.seeds) == 1:
        yield Problem(where, "it would have no effect with one seed: give several, or remove it")
        return
    if entry.swap or (study.config.ladder is not None and find_classifier(study.config) == name):
        message = (
            "swap checks and the ladder compare training sets of the same images: use another classifier for one of the two"
        )
        yield Problem(where, message)
        return
    source = entry.init_from
    if source is not None and not study.config.classifiers[source.classifier].sample_per_seed:
        message = f"all seeds of {source.classifier}, whose weights are the first, have the same images: set it there, too"
        yield Problem(where, message)
    for n, training in enumerate(entry.train):
        parts = list_parts(study, training)
        twice = next((part.set for part in parts if sum(other.set == part.set for other in parts) > 1), None)
        if twice is not None:
            message = f"with sample_per_seed, each part must be of another set; {twice} is there twice"
            yield Problem(("train", n), message, repr(training))
        for part in parts:
            if part.images_per_class is None:
                message = "with sample_per_seed, it must be a mixture whose parts have images_per_class"
                yield Problem(("train", n), message, repr(training))
            elif (count := _count_images(study, part.set)) is not None and count < len(entry.seeds) * part.images_per_class:
                needed = f"{len(entry.seeds)} seeds with {part.images_per_class} images per class each"
                message = f"{needed} need {len(entry.seeds) * part.images_per_class} of {part.set}, which has {count}"
                yield Problem(("train", n), message, repr(training))


def _count_images(study: Study, set_name: str) -> int | None:
    """Return the number of images of each class in the training split of a set; None if only the images tell."""
    entry = study.sets[set_name]
    if entry.dataset is not None:
        return study.datasets[study.find_dataset(set_name)].images_per_class["train"]
    count = entry.images_per_class.train
    return count if isinstance(count, int) else None


def _check_recipe(recipe: Recipe, entry: ClassifierEntry) -> Problems:
    """Check a classifier's recipe; the paths start in the recipe."""
    yield from _check_path(recipe.model, ("model",))
    if isinstance(recipe.pretrained, str) and not Path(recipe.pretrained).is_file():
        where = f"relative paths start at the working directory, {Path.cwd()}"
        yield Problem(("pretrained",), f"the weights file {recipe.pretrained} does not exist ({where})")
    if not entry.train:
        return
    yield from check_recipe(recipe, entry.processes)
    if recipe.pretrained and entry.init_from is not None:
        message = "it would have no effect with init_from, which replaces all weights: remove one of the two"
        yield Problem(("pretrained",), message)


def _check_untrained(recipe: Recipe, entry: ClassifierEntry) -> Problems:
    """Refuse what has an effect on training alone; a recipe's file may also be that of a classifier that is trained."""
    keys: list[Keys] = [(key,) for key in ONLY_TRAINING if key in entry.model_fields_set]
    if isinstance(entry.recipe, Recipe):
        keys += [("recipe", key) for key in list_training_keys(recipe)]
    for key in keys:
        message = "it would have no effect, since the classifier is not trained: remove it, or list sets in `train`"
        yield Problem(key, message)


def _check_initial(study: Study, name: str) -> Problems:
    classifiers, seen = study.config.classifiers, [name]
    where: Keys = ("classifiers", name, "init_from")
    while (source := classifiers[seen[-1]].init_from) is not None:
        if source.classifier in seen:
            yield Problem(where, f"{' -> '.join([*seen, source.classifier])} is circular")
            return
        seen.append(source.classifier)
        lacking = [seed for seed in classifiers[name].seeds if seed not in classifiers[source.classifier].seeds]
        if lacking:
            yield Problem(where, f"{source.classifier} is not trained with seed {lacking[0]}")
            return


def _check_ladder(study: Study) -> Problems:
    problems, captions = list(check_ladder(study.config)), find_captions(study)
    yield from problems
    if captions is None or problems:
        return
    for row in study.classes:
        given, needed = captions.count(row.class_id), count_rung_images(study.config)
        if given < needed:
            message = f"the table has {given} captions of the class {row.key!r}, and each rung has {needed} images of it"
            yield Problem(("ladder", "captions"), message, repr(captions.path))
            return


def _check_features(study: Study) -> Problems:
    if list_transfer_sets(study) and not list_evaluations(study) and not study.config.encoders:
        yield Problem(("transfer",), "there is no classifier and no encoder whose features could be used")
    if study.config.features is None:
        return
    if not list_evaluations(study):
        yield Problem(("features",), "there is no classifier whose features could be measured")
    name = study.config.features.set or find_natural_images(study)
    if name is None:
        yield Problem(("features",), "there is no set of natural images with a training split; name one in `set`")
    elif study.sets[name].images is None:
        yield Problem(("features", "set"), "it is not a set of natural images (`images`)", repr(name))


def check_sources(study: Study, files: Iterable[str] = (), given: Any = None) -> None:
    """Check that the user-provided images and embeddings exist, and that Snakemake takes the names of models' files.

    Parameters
    ----------
    study : Study
    files : iterable of str
        The files of its config, so that messages can name file and line.
    given : mapping, optional
        The config as given.

    Raises
    ------
    StudyError
        If a file or a class's folder is missing or empty, or the name of a file has brackets.
    """
    with locate_problems(list(files), given):
        _check_sources(study)


def _list_models(study: Study) -> Iterator[tuple[Keys, Any]]:
    """List the keys of the config that name models, with what they name."""
    entries: dict[Keys, Any] = {("generators", name): entry for name, entry in study.config.generators.items()}
    entries |= {("encoders", name): entry for name, entry in study.config.encoders.items()}
    entries |= {("classifiers", name, "recipe"): recipe for name, recipe in study.recipes.items()}
    for where, entry in entries.items():
        for key in ("model", "lora", "safety_checker", "pretrained"):
            if key in type(entry).model_fields:
                yield (*where, key), getattr(entry, key)


def _check_sources(study: Study) -> None:
    for name, predictions in study.config.predictions.items():
        with about(("predictions", name, "file")):
            check_characters(predictions.file)
            if not os.path.exists(predictions.file):
                raise StudyError(f"{predictions.file} does not exist")
    for where, model in _list_models(study):
        with about(where):
            check_characters(*list_files_of_models(model))
    for name, transfer_set in list_transfer_sets(study).items():
        if transfer_set.torchvision is not None:
            find_transfer_root(study, name)
        for split, described in find_transfer_files(study, name).items():
            with about(("transfer", "sets", name, "images", split)):
                check_images(described)
    for name, entry in study.sets.items():
        if entry.embeddings is not None:
            for path in find_embedding_files(study, name):
                if not os.path.exists(path):
                    raise ConfigError([Problem(("sets", name, "embeddings"), f"{path} does not exist")])
        if entry.images is not None:
            own = [] if entry.images.selection is None else [SELECTION]
            for split in list_splits(study, name) + own:
                with about(("sets", name, "images", split)):
                    check_images(find_natural_files(study, name, split))
