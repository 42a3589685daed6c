"""A study: a checked config, and everything that the workflow's rules ask about it.

Read by the Snakefile in every job, so it imports nothing heavy.
"""

from __future__ import annotations

import copy
import difflib
import glob
import importlib.util
import os
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import jsonschema
import yaml

from synthdiv.classes import ClassRow, read_classes, read_csv_rows
from synthdiv.errors import StudyError
from synthdiv.identity import PROBE, RECIPE_VERSION, REVIEW, SPLITS, format_scale, make_digest
from synthdiv.prompts import Dataset, build_datasets, build_probe
from synthdiv.transfer_sets import find_root, name_classes

BROUGHT = "brought"
"""Stands for the encoder of the embedding tables that users bring."""
SCHEMA = Path(__file__).parents[2] / "schemas" / "config.schema.yaml"


def read_schema() -> dict:
    """The schema of a study's config."""
    return yaml.safe_load(SCHEMA.read_text(encoding="utf-8"))


def check_config(
    config: Mapping[str, Any], schema: Mapping[str, Any] | None = None, *, name: str = "config"
) -> dict[str, Any]:
    """Check a config (or a part of one that ``schema`` is of, with a ``name`` for messages) and fill in its defaults.

    Raises
    ------
    StudyError
        One sentence about the first thing that is wrong: the key, the value, and what is expected.
    """
    schema = schema or read_schema()
    filled = copy.deepcopy(dict(config))
    _fill_defaults(filled, schema, schema)
    errors = sorted(
        jsonschema.Draft202012Validator(schema).iter_errors(filled), key=lambda error: list(map(str, error.path))
    )
    if errors:
        raise StudyError(_explain(errors[0], name))
    return filled


def _fill_defaults(value: Any, schema: Mapping, root: Mapping) -> None:
    if "$ref" in schema:
        schema = root["$defs"][schema["$ref"].rsplit("/", 1)[1]]
    if not isinstance(value, dict):
        return
    for key, part in schema.get("properties", {}).items():
        if key not in value and "default" in part:
            value[key] = copy.deepcopy(part["default"])
        if key in value:
            _fill_defaults(value[key], part, root)
    others = schema.get("additionalProperties")
    if isinstance(others, Mapping):
        for key in value.keys() - schema.get("properties", {}).keys():
            _fill_defaults(value[key], others, root)


def _explain(error: jsonschema.ValidationError, name: str) -> str:
    path = ".".join(map(str, error.absolute_path))
    where = f"{name}: {path}" if path else name
    if error.validator == "additionalProperties":
        known = list(error.schema.get("properties", {}))
        unknown = next(key for key in error.instance if key not in known)
        close = difflib.get_close_matches(str(unknown), known, n=1)
        hint = f"did you mean {close[0]!r}?" if close else f"the keys here are {', '.join(known)}."
        full = f"{path}.{unknown}" if path else unknown
        return f"unknown config key {full}: {hint}" if name == "config" else f"{name}: unknown key {full}: {hint}"
    if error.validator == "required":
        missing = [key for key in error.validator_value if key not in error.instance]
        return f"{where} needs the key {', '.join(missing)}"
    if error.validator == "oneOf" and path.startswith("sets.") and path.count(".") == 1:
        given = [key for key in ("images", "dataset", "embeddings") if key in error.instance]
        return f"{where} needs exactly one of images, dataset, embeddings; it has {', '.join(given) or 'none'}"
    if error.validator == "oneOf" and path.startswith("transfer.sets."):
        given = [key for key in ("torchvision", "root", "images", "sklearn") if key in error.instance]
        has = " and ".join(given) or "none"
        return f"{where} needs one source, torchvision with its root, images, or sklearn; it has {has}"
    if error.validator == "enum":
        return f"{where} is {error.instance!r}; it must be one of {', '.join(map(str, error.validator_value))}"
    return f"{where}: {error.message}"


@dataclass(frozen=True)
class Shard:
    """A run of classes that one job does."""

    name: str
    class_ids: range


@dataclass(frozen=True)
class Drawing:
    """What is drawn: a dataset at a guidance scale, for sets or, as a split of its own, for a review; or a probe."""

    dataset: str
    guidance_scale: float
    split: str | None = None

    @property
    def collection(self) -> str:
        """Where a probe, or what is drawn for sets, lies under images/ and embeddings/<encoder>/."""
        return f"probes/{self.dataset}" if self.split == PROBE else f"{self.dataset}/g{format_scale(self.guidance_scale)}"


@dataclass(frozen=True)
class Experiment:
    """One row of the matrix."""

    number: int
    reference: str
    query: str


@dataclass(frozen=True)
class ClassifierRun:
    """A training: a classifier on one training set, with one seed."""

    classifier: str
    training: str
    seed: int

    @property
    def folder(self) -> str:
        """Its place under classifiers/."""
        return f"{self.classifier}/{self.training}/seed{self.seed}"


@dataclass(frozen=True)
class SweepFigure:
    """One figure at one guidance scale of a sweep: what it is of, and which sets it is between."""

    figure: str
    dataset: str
    guidance_scale: float | None
    """None for the natural set, which stands beside the sweep."""
    set: str
    reference: str | None = None
    """Whose training split the centroids or the classifier are from."""
    query: str | None = None
    """Whose evaluation split is classified."""
    classifier: str | None = None


@dataclass(frozen=True)
class Judge:
    """Who says what a review's images show: a trained classifier, or the class centroids of an encoder's embeddings.

    Attributes
    ----------
    kind : {"classifier", "centroids"}
    name : str
        The classifier or the encoder.
    reference : str or None
        What the classifier was trained on, or the set that the centroids are of; None for the reviewed prompts.
    """

    kind: str
    name: str
    reference: str | None

    def __str__(self) -> str:
        if self.kind == "classifier":
            return f"the classifier {self.name}, trained on {self.reference}"
        return f"class centroids of {self.reference or 'the prompts'} ({self.name})"


class Study:
    """A study's config with its class table and prompts read and everything cross-checked.

    Parameters
    ----------
    config : mapping
        The config as given.

    Raises
    ------
    StudyError
        If anything in it cannot work, before any model is loaded.
    """

    def __init__(self, config: Mapping[str, Any]) -> None:
        self.config = check_config(config)
        self.name: str = self.config["study"]
        self.seed: int = self.config["seed"]
        self.classes: list[ClassRow] = read_classes(self.config["classes"])
        self.datasets: dict[str, Dataset] = build_datasets(
            self.config["datasets"], self.classes, seed=self.seed, images_per_class=self.config["images_per_class"]
        )
        self.sets: dict[str, dict[str, Any]] = self.config["sets"]
        self._check_generators()
        self._check_sets()
        names = [name for name in self.sets if not self.only_evaluates(name)]
        experiments = self.config["experiments"]
        self.references: list[str] = experiments.get("references", names)
        self.queries: list[str] = experiments.get("queries", names)
        for role, listed in (("references", self.references), ("queries", self.queries)):
            for name in listed:
                self._known(name, self.sets, f"experiments.{role}", "set")
                if name not in names:
                    raise StudyError(
                        f"config: experiments.{role}: {name!r} has no training split, so it only evaluates classifiers"
                    )
        for name in self.config["contact_sheets"].get("sets", []):
            self._known(name, self.sets, "contact_sheets.sets", "set")
        for name in self.config["set_metrics"].get("references", []):
            self._known(name, self.sets, "set_metrics.references", "set")
        self._check_encoders()
        self.probes: dict[str, Dataset] = {}
        for name, entry in self.config["probes"].items():
            self._check_probe(name)
            self.probes[name] = build_probe(name, entry, self.classes, self.seed)
        self._check_review()
        self.mixtures: dict[str, list[dict[str, Any]]] = {
            name: one["parts"] for name, one in self.config["mixtures"].items()
        }
        self.recipes: dict[str, dict[str, Any]] = {}
        self._check_mixtures()
        for name in self.config["classifiers"]:
            self.recipes[name] = self._read_recipe(name)
            self._check_classifier(name)
        for name, cure in self.config["cures"].items():
            self._check_cure(f"config: cures.{name}", cure)
        self._check_features()

    def _known(self, name: str, among: Mapping, where: str, what: str) -> None:
        if name not in among:
            close = difflib.get_close_matches(name, list(among), n=1)
            hint = f"did you mean {close[0]!r}?" if close else f"there are {', '.join(among) or 'none'}."
            raise StudyError(f"config: {where}: there is no {what} {name!r}; {hint}")

    def _check_generators(self) -> None:
        drawn = [(f"datasets.{name}", entry) for name, entry in self.config["datasets"].items()]
        drawn += [(f"probes.{name}", entry) for name, entry in self.config["probes"].items()]
        for where, entry in drawn:
            if "generator" in entry:
                self._known(entry["generator"], self.config["generators"], f"{where}.generator", "generator")
            elif not self.config["generators"] and entry.get("guidance_scales", True):
                raise StudyError(f"config: {where} is to be drawn, but the config has no generators")
        for name, generator in self.config["generators"].items():
            model = generator["model"]
            looks_like_path = model.startswith((".", "/", "resources/")) or model.count("/") != 1
            if looks_like_path and not Path(model).is_dir() and "/" in model:
                raise StudyError(f"config: generators.{name}.model: the folder {model} does not exist")

    def _check_encoders(self) -> None:
        if BROUGHT in self.config["encoders"]:
            raise StudyError(
                f"config: encoders.{BROUGHT}: this name stands for the embeddings that you bring; choose another"
            )
        for name, spec in self.text_encoders().items():
            brings_its_own = spec["model"].startswith("hf-hub:") or Path(spec["model"]).is_dir()
            if spec["pretrained"] is None and not brings_its_own:
                raise StudyError(
                    f"config: encoders.{name}: name the weights of {spec['model']} in `pretrained` (such as openai, or a "
                    "file): without them open_clip starts from random ones"
                )
        embedded = [name for name in self.sets if not self.only_evaluates(name)]
        left_out = [name for name in embedded if name not in self.sets_of(self.encoders[0])]
        if left_out:
            raise StudyError(
                f"config: encoders.{self.encoders[0]} is a timm model, which embeds images alone, but set {left_out[0]!r} "
                "is of kind prompt: put an open_clip model first"
            )

    def _check_sets(self) -> None:
        for name, entry in self.sets.items():
            where = f"sets.{name}"
            if "dataset" in entry:
                self._known(entry["dataset"], self.datasets, f"{where}.dataset", "dataset")
                scales = self.config["datasets"][entry["dataset"]]["guidance_scales"]
                if entry["kind"] == "image" and entry.get("guidance_scale") not in scales:
                    raise StudyError(
                        f"config: {where}.guidance_scale is {entry.get('guidance_scale')}; dataset {entry['dataset']!r} "
                        f"is drawn at {', '.join(map(format_scale, scales)) or 'none'}: add it to its guidance_scales"
                    )
                if entry["kind"] == "prompt" and "guidance_scale" in entry:
                    raise StudyError(f"config: {where} is of kind prompt and takes no guidance_scale")
            elif "guidance_scale" in entry:
                raise StudyError(f"config: {where} has a guidance_scale but no dataset")
            if "images" in entry:
                if entry["kind"] != "image":
                    raise StudyError(f"config: {where} has images, so its kind must be image, not {entry['kind']}")
                self.class_ids_of(name)
                self.natural_counts(name)
            else:
                for key in ("images_per_class", "class_subset", "real_labels", "ignore_other_classes"):
                    if entry.get(key):
                        raise StudyError(f"config: {where}.{key} only applies to sets with images of their own")
            if "class_subset" in entry and not self.only_evaluates(name):
                raise StudyError(
                    f"config: {where} has a class_subset, so it can only evaluate: take its training split away"
                )
            if "embeddings" not in entry and not self.config["encoders"]:
                raise StudyError(f"config: {where} must be embedded, but the config has no encoders")

    def _check_probe(self, name: str) -> None:
        entry, where = self.config["probes"][name], f"probes.{name}"
        self._known(entry["class"], {row.key: row for row in self.classes}, f"{where}.class", "class with the key")
        self._known(entry["reference"], self.sets, f"{where}.reference", "set")
        if entry["reference"] not in self.image_sets():
            raise StudyError(
                f"config: {where}.reference: {entry['reference']!r} is no set of images with a training split, whose class "
                "centroids could judge"
            )
        if not self.config["encoders"]:
            raise StudyError(f"config: {where} must be embedded, but the config has no encoders")

    def _check_review(self) -> None:
        review = self.config["review"]
        if "classifier" in review:
            self._known(review["classifier"], self.config["classifiers"], "review.classifier", "classifier")
        if "set" in review:
            self._known(review["set"], self.sets, "review.set", "set")
            if review["set"] not in self.reviewable:
                raise StudyError(
                    f"config: review.set: {review['set']!r} is no drawn set with one prompt a class; "
                    f"there are {', '.join(self.reviewable) or 'none'}"
                )

    def check_sources(self) -> None:
        """Make sure that the images and embeddings that the user brings are there.

        Raises
        ------
        StudyError
            If a file or a class's folder is missing or empty.
        """
        for name in self.transfer_sets:
            self._check_transfer_source(name)
        for name, entry in self.sets.items():
            if "embeddings" in entry:
                for path in self.embedding_files(name):
                    if not os.path.exists(path):
                        raise StudyError(f"config: sets.{name}.embeddings: {path} does not exist")
            if "images" in entry:
                for split in self.splits_of(name):
                    source = self.natural_files(name, split)
                    for folder in source["paths"] if source["form"] == ["folder"] else []:
                        self._check_folder(folder, f"config: sets.{name}.images.{split}")

    @staticmethod
    def _check_folder(folder: str, where: str) -> None:
        if not os.path.isdir(folder):
            raise StudyError(f"{where}: there is no folder {folder}, which the class of that key needs")
        with os.scandir(folder) as entries:
            if not any(not entry.name.startswith(".") for entry in entries):
                raise StudyError(f"{where}: the folder {folder} holds no image")

    def _check_transfer_source(self, name: str) -> None:
        where = f"transfer.sets.{name}"
        if "torchvision" in self.transfer_sets[name]:
            find_root(self.transfer_sets[name], where)
        for split, source in self.transfer_files(name).items():
            for folder in source["paths"] if source["form"] == ["folder"] else []:
                self._check_folder(folder, f"config: {where}.images.{split}")

    def _check_features(self) -> None:
        if self.transfer_sets and not self.evaluations and not self.config["encoders"]:
            raise StudyError("config: transfer: there is no classifier and no encoder whose features could be taken")
        if "features" not in self.config:
            return
        if not self.evaluations:
            raise StudyError("config: features: there is no classifier whose features could be measured")
        name = self.config["features"].get("set", self.natural_images)
        if name is None:
            raise StudyError("config: features: there is no set of natural images with a training split; name one in `set`")
        self._known(name, self.sets, "features.set", "set")
        if "images" not in self.sets[name]:
            raise StudyError(f"config: features.set: {name!r} is no set of natural images (`images`)")

    def _check_mixtures(self) -> None:
        for name, parts in self.mixtures.items():
            if name in self.sets:
                raise StudyError(f"config: mixtures.{name}: a set has this name already")
            for part in parts:
                self._check_trains(part["set"], f"mixtures.{name}")
                self.find_classes(part.get("classes", []), f"mixtures.{name}")

    def _check_images(self, name: str, where: str, verb: str) -> None:
        self._known(name, self.sets, where, "set")
        entry = self.sets[name]
        if entry["kind"] != "image" or "embeddings" in entry:
            there = "embeddings" if "embeddings" in entry else "prompts"
            raise StudyError(f"config: {where}: classifiers {verb} images, and set {name!r} has none, but {there}")

    def _check_trains(self, name: str, where: str) -> None:
        self._check_images(name, where, "need")
        if self.only_evaluates(name):
            raise StudyError(f"config: {where}: set {name!r} has no training split")

    def _read_recipe(self, name: str) -> dict[str, Any]:
        given, where = self.config["classifiers"][name]["recipe"], f"config: classifiers.{name}.recipe"
        if isinstance(given, str):
            try:
                with open(given, encoding="utf-8") as file:
                    given, where = yaml.safe_load(file), given
            except (OSError, yaml.YAMLError) as error:
                raise StudyError(f"{where}: {given} cannot be read: {error}") from None
        return check_config(given, read_schema()["$defs"]["recipe"], name=where)

    def _check_classifier(self, name: str) -> None:
        entry, recipe, where = self.config["classifiers"][name], self.recipes[name], f"classifiers.{name}"
        for listed in entry["evaluate"] + ([entry["follow"]] if "follow" in entry else []):
            self._check_images(listed, where, "are tried on")
        if isinstance(recipe["pretrained"], str) and not Path(recipe["pretrained"]).is_file():
            raise StudyError(f"config: {where}.recipe.pretrained: the weights file {recipe['pretrained']} does not exist")
        if not entry["train"]:
            if not recipe["pretrained"] or "trained_on" not in entry:
                raise StudyError(
                    f"config: {where} has nothing to train on: list sets in `train`, or say `pretrained` in its recipe and "
                    "name what the weights were trained on in `trained_on`"
                )
            return
        if "trained_on" in entry:
            raise StudyError(f"config: {where} has both train and trained_on: the second is for weights that come trained")
        for training in entry["train"]:
            if training not in self.mixtures:
                self._known(training, {**self.sets, **self.mixtures}, f"{where}.train", "set or mixture")
                self._check_trains(training, f"{where}.train")
        if ("epochs" in recipe) == ("steps" in recipe):
            raise StudyError(f"config: {where}.recipe needs exactly one of epochs and steps: what is the same for every set")
        processes, together = entry["processes"], recipe["device_batch_size"] or recipe["batch_size"] // entry["processes"]
        if together == 0 or recipe["batch_size"] % (processes * together):
            raise StudyError(
                f"config: {where}: batch_size {recipe['batch_size']} is no multiple of {processes} processes x "
                f"{together} images (device_batch_size)"
            )
        self._check_multi_crop(f"config: {where}.recipe", recipe)
        if "init_from" in entry:
            self._check_initial(name)

    def _check_multi_crop(self, where: str, recipe: Mapping[str, Any]) -> None:
        spec = recipe["multi_crop"]
        if spec is None:
            return
        # random erasing is done on batches, whatever is in them
        unused = [key for key in recipe["augmentation"] if not key.startswith("re_")]
        if unused:
            raise StudyError(
                f"{where}: multi_crop takes the place of timm's augmentation, which says {unused[0]} here: take one of the "
                "two away (random erasing, re_prob and the like, may stay)"
            )
        ranges = {
            "global.scale": spec["global"]["scale"],
            "local.scale": spec["local"]["scale"],
            "blur_sigma": spec["blur_sigma"],
        }
        for key, (smallest, largest) in ranges.items():
            if smallest > largest:
                raise StudyError(f"{where}.multi_crop.{key} is [{smallest}, {largest}]: the smaller number stands first")

    def _check_initial(self, name: str) -> None:
        where, seen = f"classifiers.{name}.init_from", [name]
        while "init_from" in self.config["classifiers"][seen[-1]]:
            source = self.config["classifiers"][seen[-1]]["init_from"]
            self._known(source["classifier"], self.config["classifiers"], where, "classifier")
            other = self.config["classifiers"][source["classifier"]]
            self._known(source["train"], dict.fromkeys(other["train"]), where, "training set of that classifier")
            if source["classifier"] in seen:
                raise StudyError(f"config: {where}: {' -> '.join([*seen, source['classifier']])} is a circle")
            seen.append(source["classifier"])
            lacking = [seed for seed in self.config["classifiers"][name]["seeds"] if seed not in other["seeds"]]
            if lacking:
                raise StudyError(f"config: {where}: {source['classifier']} is not trained with seed {lacking[0]}")

    def _check_cure(self, where: str, cure: Mapping[str, str]) -> None:
        trained: list[str] = next((one["train"] for one in self.config["classifiers"].values() if one["train"]), [])
        for role in ("base", "diagnosed", "others"):
            if cure[role] not in trained:
                among = ", ".join(trained) or "nothing"
                raise StudyError(f"{where}.{role}: the first classifier is not trained on {cure[role]!r}, but on {among}")
        first, second = (len(self.cured_classes(cure["base"], cure[role])) for role in ("diagnosed", "others"))
        if first != second or not first:
            raise StudyError(
                f"{where}: {cure['diagnosed']} has {first} classes of other sets than {cure['base']}, {cure['others']} has "
                f"{second}; both must have as many, given as `classes` of a mixture's part"
            )

    def find_classes(self, keys: Sequence[str], where: str = "classes") -> list[int]:
        """The class_ids of keys.

        Raises
        ------
        StudyError
            If there is no class of a key.
        """
        class_ids = {row.key: row.class_id for row in self.classes}
        for key in keys:
            self._known(key, class_ids, where, "class")
        return [class_ids[key] for key in keys]

    def cured_classes(self, base: str, training: str) -> list[int]:
        """The classes of a mixture that come from other sets than the base, where its parts name them."""
        parts = [part for part in self.mixtures.get(training, []) if part["set"] != base]
        return sorted({class_id for part in parts for class_id in self.find_classes(part.get("classes", []))})

    # What is drawn

    @cached_property
    def drawings(self) -> list[Drawing]:
        """Every dataset at every guidance scale, in the order of the config."""
        return [
            Drawing(name, float(scale))
            for name, dataset in self.config["datasets"].items()
            for scale in dataset["guidance_scales"]
        ]

    @cached_property
    def shards(self) -> dict[str, Shard]:
        """The shards of the classes, by name."""
        step, count = self._classes_per_shard, len(self.classes)
        width = len(str(count - 1))
        shards = {}
        for start in range(0, count, step):
            ids = range(start, min(start + step, count))
            name = f"c{ids[0]:0{width}}-{ids[-1]:0{width}}"
            shards[name] = Shard(name, ids)
        return shards

    @property
    def _classes_per_shard(self) -> int:
        if "shard_by_time" not in self.config:
            return self.config["classes_per_shard"]
        timing = self.config["shard_by_time"]
        most = max((sum(dataset.images_per_class.values()) for dataset in self.datasets.values()), default=1)
        return max(1, int(60 * timing["minutes"] / (timing["seconds_per_image"] * most)))

    def generator_of(self, dataset: str, split: str | None = None) -> str:
        """The name of the generator that draws a dataset, or, in the split of probes, a probe."""
        entry = self.config["probes" if split == PROBE else "datasets"][dataset]
        return entry.get("generator") or next(iter(self.config["generators"]))

    def indices_of(self, drawing: Drawing) -> dict[str, Shard]:
        """The indices of a drawing for sets, or of a probe, from images/ on, and the classes of each."""
        if drawing.split == PROBE:
            _, shard = self.find_drawing({"probe": drawing.dataset})
            return {f"{drawing.collection}.parquet": shard}
        return {f"{drawing.collection}/{name}.parquet": shard for name, shard in self.shards.items()}

    def prompts_of(self, drawing: Drawing) -> Dataset:
        """The prompts of a drawing, and how many images it has of each class and split."""
        if drawing.split == PROBE:
            return self.probes[drawing.dataset]
        dataset = self.datasets[drawing.dataset]
        if drawing.split == REVIEW:
            return replace(dataset, images_per_class={REVIEW: self.config["review"]["images"]})
        return dataset

    def find_drawing(self, names: Mapping[str, str]) -> tuple[Drawing, Shard]:
        """What a job draws, and of which classes, by the names that its rule's wildcards give.

        Parameters
        ----------
        names : mapping
            ``probe``; ``set`` and ``shard`` of a review; or ``dataset``, ``scale`` and ``shard``.
        """
        if "probe" in names:
            name = names["probe"]
            entry = self.config["probes"][name]
            (class_id,) = [row.class_id for row in self.classes if row.key == entry["class"]]
            return Drawing(name, float(entry["guidance_scale"]), PROBE), Shard(name, range(class_id, class_id + 1))
        shard = self.shards[names["shard"]]
        if "set" in names:
            entry = self.sets[names["set"]]
            return Drawing(entry["dataset"], float(entry["guidance_scale"]), REVIEW), shard
        return self.drawing(names["dataset"], names["scale"]), shard

    def drawing(self, dataset: str, scale: str) -> Drawing:
        """The drawing of a dataset and a guidance scale in its text form.

        Raises
        ------
        StudyError
            If the dataset is not drawn at that scale.
        """
        for drawing in self.drawings:
            if drawing.dataset == dataset and format_scale(drawing.guidance_scale) == scale:
                return drawing
        raise StudyError(f"dataset {dataset!r} is not drawn at guidance scale {scale}: add it to its guidance_scales")

    @cached_property
    def _owners(self) -> dict[tuple[str, float, int, str], Drawing]:
        """The drawing that holds most of a class's images, or the first, by (generator, scale, class_id, prompts)."""
        owners: dict[tuple[str, float, int, str], Drawing] = {}
        by_size = sorted(self.drawings, key=lambda one: -sum(self.datasets[one.dataset].images_per_class.values()))
        for drawing in by_size:
            for row in self.classes:
                owners.setdefault(self._owner_key(drawing, row.class_id), drawing)
        return owners

    def _owner_key(self, drawing: Drawing, class_id: int) -> tuple[str, float, int, str]:
        prompts = make_digest(self.datasets[drawing.dataset].describe_class(class_id))
        return self.generator_of(drawing.dataset), drawing.guidance_scale, class_id, prompts

    def owner_of(self, drawing: Drawing, class_id: int) -> Drawing:
        """Who draws a class of a drawing: itself, or another with the same images (the one of most, the first of equals).

        What is drawn in a split of its own belongs to itself.
        """
        if drawing.split is not None:
            return drawing
        return self._owners[self._owner_key(drawing, class_id)]

    def draw_recipe(self, drawing: Drawing, shard: Shard) -> dict[str, Any]:
        """What decides the images of a shard, apart from the generator's fingerprint: small, key-sorted, JSON-able."""
        generator, dataset = self.generator_of(drawing.dataset, drawing.split), self.prompts_of(drawing)
        recipe = {
            "recipe_version": RECIPE_VERSION,
            "generator": {key: value for key, value in self.config["generators"][generator].items() if key != "model"},
            "image_format": self.config["image_format"],
            "guidance_scale": drawing.guidance_scale,
            "images_per_class": dataset.images_per_class,
            "noise": self.config["noise"],
            "seed": self.seed,
            "archive": self.config["archive"],
            "prompts": self._digest_prompts(dataset, shard.class_ids),
        }
        return dict(sorted(recipe.items()))

    def prompt_recipe(self, dataset: str, shard: Shard | None) -> dict[str, Any]:
        """What the prompts of a dataset, or of a shard of it, depend on: small, key-sorted, JSON-able."""
        class_ids = shard.class_ids if shard is not None else range(len(self.classes))
        prompts = self.datasets[dataset]
        return {
            "images_per_class": prompts.images_per_class if prompts.per_image else None,
            "prompts": self._digest_prompts(prompts, class_ids),
        }

    def _digest_prompts(self, dataset: Dataset, class_ids: range) -> str:
        return make_digest([[self.classes[n].key, dataset.describe_class(n)] for n in class_ids])

    # Where images and embeddings come from

    @cached_property
    def encoders(self) -> list[str]:
        """The encoders' names; the first is the one that the main tables are about. "brought" where there is none."""
        return list(self.config["encoders"]) or [BROUGHT]

    def text_encoders(self) -> dict[str, dict[str, Any]]:
        """The encoders that embed prompts too."""
        return {name: spec for name, spec in self.config["encoders"].items() if spec["library"] == "open_clip"}

    def features_of(self, encoder: str) -> str:
        """What the distances between clouds see of an encoder's vectors: "unit" or "raw"."""
        spec = self.config["encoders"].get(encoder, {"library": "open_clip"})
        return spec.get("features", "raw" if spec["library"] == "timm" else "unit")

    def sets_of(self, encoder: str) -> list[str]:
        """The sets that have embeddings by an encoder: brought ones by the first alone, prompts by open_clip's alone."""
        first, reads_prompts = encoder == self.encoders[0], encoder in self.text_encoders()
        return [
            name
            for name, entry in self.sets.items()
            if not self.only_evaluates(name)
            and (first if "embeddings" in entry else entry["kind"] == "image" or reads_prompts)
        ]

    def collection_of(self, set_name: str) -> str:
        """Where a set's embeddings lie: "<dataset>/g<scale>", "natural/<set>", "prompts/<dataset>" or "brought/<set>"."""
        entry = self.sets[set_name]
        if "embeddings" in entry:
            return f"{BROUGHT}/{set_name}"
        if "images" in entry:
            return f"natural/{set_name}"
        if entry["kind"] == "prompt":
            return f"prompts/{entry['dataset']}"
        return Drawing(entry["dataset"], float(entry["guidance_scale"])).collection

    def splits_of(self, set_name: str) -> list[str]:
        """The splits of a natural set."""
        return [split for split in SPLITS if split in self.sets[set_name]["images"]]

    def only_evaluates(self, set_name: str) -> bool:
        """Whether a set has no training split: it takes part in no table but the classifiers'."""
        entry = self.sets[set_name]
        return "images" in entry and "train" not in entry["images"]

    def class_ids_of(self, set_name: str) -> list[int] | None:
        """The classes that a set holds where it does not hold all; None for all.

        Raises
        ------
        StudyError
            If the subset cannot be read, or names a class that the study has not.
        """
        subset = self.sets[set_name].get("class_subset")
        if subset is None:
            return None
        where = f"config: sets.{set_name}.class_subset"
        path = find_timm_subset(subset) if subset in TIMM_SUBSETS else Path(subset)
        try:
            keys = path.read_text(encoding="utf-8").split()
        except (OSError, UnicodeDecodeError) as error:
            raise StudyError(f"{where}: {subset} is neither {' nor '.join(TIMM_SUBSETS)} nor a file: {error}") from None
        class_ids = {row.key: row.class_id for row in self.classes}
        own = sorted(class_ids[key] for key in keys if key in class_ids)
        if not own or (subset not in TIMM_SUBSETS and len(own) < len(keys)):
            unknown = next((key for key in keys if key not in class_ids), None)
            raise StudyError(f"{where}: {subset} names the class {unknown!r}, which {self.config['classes']} has not")
        return own

    def natural_counts(self, set_name: str) -> dict[str, int | dict[str, int]]:
        """How many images a class are taken, for each split that is not taken whole: a number, or one by class key.

        Raises
        ------
        StudyError
            If a table of counts cannot be read, or names no class.
        """
        counts: dict[str, int | dict[str, int]] = {}
        for split, given in sorted(self.sets[set_name].get("images_per_class", {}).items()):
            if given != "all":
                where = f"sets.{set_name}.images_per_class.{split}"
                counts[split] = given if isinstance(given, int) else self._read_counts(given, where)
        return counts

    def _read_counts(self, path: str, where: str) -> dict[str, int]:
        keys, counts = {row.key for row in self.classes}, {}
        for number, row in read_csv_rows(path, required=("key", "images"), what=f"table of counts ({where})"):
            key, images = row["key"].strip(), row["images"].strip()
            if key not in keys:
                raise StudyError(f"{path}, line {number}: there is no class with the key {key!r}")
            if not images.isdecimal() or int(images) < 1:
                raise StudyError(f"{path}, line {number}: images is {images!r}; it must be a number from 1 on")
            counts[key] = int(images)
        return dict(sorted(counts.items()))

    def natural_files(self, set_name: str, split: str) -> dict[str, list[str]]:
        """The source of one split of a natural set: ``form`` ([name]), ``paths``, class ``keys`` of folders, ``labels``.

        Raises
        ------
        StudyError
            If there is nothing at the path, or the form is not recognised.
        """
        class_ids = self.class_ids_of(set_name)
        keys = [row.key for row in self.classes if class_ids is None or row.class_id in class_ids]
        where = f"config: sets.{set_name}.images.{split}"
        return self._describe_images(self.sets[set_name]["images"][split], keys, where)

    @staticmethod
    def _describe_images(source: str | Mapping[str, str], keys: list[str], where: str) -> dict[str, list[str]]:
        path, labels = (source, None) if isinstance(source, str) else (source["path"], source.get("labels"))
        if os.path.isdir(path) and labels:
            if not os.path.isfile(labels):
                raise StudyError(f"{where}.labels: the file {labels} does not exist")
            return {"form": ["flat"], "paths": [path], "labels": [labels]}
        if os.path.isdir(path):
            folders = {key: key for key in keys}
            if not isinstance(source, str) and "folders" in source:
                folders = {row.key: str(row.class_id) for row in read_classes(source["folders"])}
                unknown = next((key for key in keys if key not in folders), None)
                if unknown is not None:
                    raise StudyError(f"{where}.folders: {source['folders']} has no class with the key {unknown!r}")
            return {"form": ["folder"], "paths": [os.path.join(path, folders[key]) for key in keys], "keys": keys}
        paths = sorted(glob.glob(path)) if glob.has_magic(path) else [path]
        missing = next((path for path in paths if not os.path.exists(path)), None if paths else path)
        if missing is not None:
            raise StudyError(f"{where}: {missing} does not exist")
        if all(path.endswith(".tar") for path in paths):
            return {"form": ["tar"], "paths": paths}
        if all(path.endswith(".parquet") for path in paths):
            return {"form": ["parquet"], "paths": paths}
        if len(paths) == 1 and re.search(r"ubyte(\.gz)?$", path):
            labels = labels or path.replace("images", "labels").replace("idx3", "idx1")
            if labels == path or not os.path.exists(labels):
                raise StudyError(f"{where}: {path} needs its labels; {labels} does not exist (name it with `labels:`)")
            return {"form": ["idx"], "paths": paths, "labels": [labels]}
        raise StudyError(f"{where}: {path} is no folder, .tar, .parquet or IDX (…-ubyte, …-ubyte.gz) file")

    def embedding_files(self, set_name: str) -> list[str]:
        """The files of a set whose embeddings the user brings."""
        source = self.sets[set_name]["embeddings"]
        sources = [source] if isinstance(source, str) else [source[split] for split in SPLITS]
        files: list[str] = []
        for path in sources:
            found = sorted(glob.glob(path)) if glob.has_magic(path) else [path]
            if not found:
                raise StudyError(f"config: sets.{set_name}.embeddings: nothing matches {path}")
            files += found
            files += [os.path.splitext(path)[0] + ".csv" for path in found if path.endswith(".npy")]
        return files

    def image_sets(self, encoder: str | None = None) -> list[str]:
        """The sets of images (that an encoder embeds), in the order of the config."""
        names = self.sets_of(encoder) if encoder else [name for name in self.sets if not self.only_evaluates(name)]
        return [name for name in names if self.sets[name]["kind"] == "image"]

    def sheet_sets(self) -> list[str]:
        """The columns of the contact sheet."""
        default = [name for name in self.image_sets() if "embeddings" not in self.sets[name]]
        return self.config["contact_sheets"].get("sets", default)

    # What is compared

    @cached_property
    def experiments(self) -> list[Experiment]:
        """The matrix, numbered as Table 6: for each query, each reference."""
        return list(self._number_experiments())

    def experiments_of(self, encoder: str) -> list[Experiment]:
        """The rows of the matrix between sets that an encoder embeds, with the numbers of the whole."""
        sets = set(self.sets_of(encoder))
        return [one for one in self.experiments if {one.reference, one.query} <= sets]

    def comparisons_of(self, encoder: str) -> list[tuple[str, str]]:
        """Each set that the set metrics compare with each of their references, as (reference, set)."""
        sets = self.sets_of(encoder)
        return [
            (reference, name)
            for reference in self.metric_references
            if reference in sets
            for name in sets
            if name != reference
        ]

    @cached_property
    def metric_references(self) -> list[str]:
        """What the set metrics compare with: the config's, or the first image set, or the first set."""
        given = self.config["set_metrics"].get("references")
        return given if given is not None else (self.image_sets() or list(self.sets))[:1]

    @cached_property
    def natural_images(self) -> str | None:
        """The first set of natural images that has a training split."""
        return next((name for name in self.image_sets() if "images" in self.sets[name]), None)

    @cached_property
    def natural(self) -> str | None:
        """What others are held against: natural images, or the first reference of images whose embeddings were brought."""
        brought = [name for name in self.metric_references if "embeddings" in self.sets[name]]
        return self.natural_images or next((name for name in brought if self.sets[name]["kind"] == "image"), None)

    @cached_property
    def diagnosed(self) -> list[str]:
        """The sets whose classes get a cause: images that are not natural ones, where there are natural ones."""
        if self.natural is None:
            return []
        names = self.image_sets(self.encoders[0])
        return [name for name in names if name != self.natural and "images" not in self.sets[name]]

    @cached_property
    def judges(self) -> list[str]:
        """The sets whose class centroids split the error: the prompts, and the natural images."""
        prompts = [name for name in self.sets_of(self.encoders[0]) if self.sets[name]["kind"] == "prompt"]
        return prompts + ([self.natural] if self.natural is not None else [])

    def _number_experiments(self) -> Iterator[Experiment]:
        number = 0
        for query in self.queries:
            for reference in self.references:
                number += 1
                yield Experiment(number, reference, query)

    # What is followed along the guidance scale

    @cached_property
    def sweeps(self) -> dict[str, dict[float, str]]:
        """The datasets that have image sets at several guidance scales: the (first) set of each scale, in rising order."""
        drawn: dict[str, dict[float, str]] = {}
        for name, entry in self.sets.items():
            if entry["kind"] == "image" and "dataset" in entry:
                drawn.setdefault(entry["dataset"], {}).setdefault(float(entry["guidance_scale"]), name)
        return {dataset: dict(sorted(sets.items())) for dataset, sets in drawn.items() if len(sets) > 1}

    def _prompt_set_of(self, dataset: str) -> str | None:
        """The prompt set of a dataset, or else the first prompt set."""
        prompts = [name for name, entry in self.sets.items() if entry["kind"] == "prompt"]
        own = [name for name in prompts if self.sets[name].get("dataset") == dataset]
        return next(iter(own + prompts), None)

    @cached_property
    def sweep_figures(self) -> list[SweepFigure]:
        """Every figure of every swept set that the study has what it needs for, and the natural set's beside them."""
        natural = self.natural
        found: list[SweepFigure] = []
        for dataset, sets in self.sweeps.items():
            prompts = self._prompt_set_of(dataset)
            trained = Counter(classifier for classifier, training in self.evaluations if training in sets.values())
            for scale, name in [*sets.items(), *([(None, natural)] if natural else [])]:
                at = (dataset, scale, name)
                found.append(SweepFigure("centroid_distance", *at))
                if prompts is not None:
                    found.append(SweepFigure("prompt_accuracy", *at, reference=prompts, query=name))
                found.append(SweepFigure("own_centroid_accuracy", *at, reference=name, query=name))
                if natural is not None:
                    found.append(SweepFigure("natural_query_accuracy", *at, reference=name, query=natural))
                    found.append(SweepFigure("natural_reference_accuracy", *at, reference=natural, query=name))
                for classifier, training in self.evaluations:
                    if training == name and trained[classifier] > 1:
                        tried = self.config["classifiers"][classifier]["evaluate"][0]
                        found.append(SweepFigure("trained_accuracy", *at, training, tried, classifier))
        return found

    # What reaches the images

    @cached_property
    def grammar_sets(self) -> list[str]:
        """The image sets that a grammar's prompts drew, where the first encoder reads prompts too."""
        if self.encoders[0] not in self.text_encoders():
            return []
        datasets = self.config["datasets"]
        return [name for name in self.image_sets() if datasets.get(self.sets[name].get("dataset"), {}).get("grammar")]

    # What is reviewed

    @cached_property
    def reviewable(self) -> list[str]:
        """The drawn sets with one prompt a class, in the order of the config."""
        drawn = [name for name, entry in self.sets.items() if entry["kind"] == "image" and "dataset" in entry]
        return [name for name in drawn if not self.datasets[self.sets[name]["dataset"]].per_image]

    @cached_property
    def reviewed(self) -> str:
        """The set that a review is of: the config's, or the first that can be.

        Raises
        ------
        StudyError
            If there is none.
        """
        if not self.reviewable:
            raise StudyError("there is nothing to review: the config has no drawn set with one prompt a class")
        return self.config["review"].get("set", self.reviewable[0])

    @cached_property
    def judge(self) -> Judge:
        """Who judges a review: the config's classifier, the first that is trained on the first natural set, or an encoder.

        Raises
        ------
        StudyError
            If there is none.
        """
        natural = self.natural_images
        chosen = self.config["review"].get("classifier")
        for classifier, training in self.evaluations:
            if classifier == chosen or (chosen is None and training == natural):
                return Judge("classifier", classifier, training)
        encoder = self.encoders[0]
        if encoder not in (self.config["encoders"] if natural else self.text_encoders()):
            raise StudyError(
                "nothing can judge a review: the config has no classifier that is trained on natural images, and no first "
                "encoder that reads prompts"
            )
        return Judge("centroids", encoder, natural)

    def plan_review(self) -> tuple[str, Judge]:
        """The set that target ``review`` is about, and who judges its images.

        Raises
        ------
        StudyError
            If there is no such set, or nobody to judge.
        """
        return self.reviewed, self.judge

    def overrides_of(self, dataset: str) -> str | None:
        """The CSV of overrides that a review of a dataset would add to: its own, or the first one on top of it."""
        configs = self.config["datasets"]
        entries = [configs[dataset], *(entry for entry in configs.values() if entry.get("base") == dataset)]
        return next((entry["overrides"] for entry in entries if "overrides" in entry), None)

    # What is trained

    @cached_property
    def runs(self) -> list[ClassifierRun]:
        """Every classifier on every training set with every seed, in the order of the config."""
        return [
            ClassifierRun(name, training, seed)
            for name, entry in self.config["classifiers"].items()
            for training in entry["train"]
            for seed in entry["seeds"]
        ]

    @cached_property
    def evaluations(self) -> list[tuple[str, str]]:
        """Every classifier with each set that it was trained on, here or before it came."""
        return [
            (name, training)
            for name, entry in self.config["classifiers"].items()
            for training in entry["train"] or [entry["trained_on"]]
        ]

    def parts_of(self, training: str) -> list[dict[str, Any]]:
        """What a training set is put together from: ``set``, ``images_per_class`` and ``weight``, of each part."""
        parts = self.mixtures.get(training, [{"set": training}])
        return [{"images_per_class": None, "weight": None} | part for part in parts]

    def training_recipe(self, classifier: str) -> dict[str, Any]:
        """What of a recipe decides the weights, key-sorted."""
        return {
            key: value
            for key, value in sorted(self.recipes[classifier].items())
            if key not in ("evaluation_size", "crop_pct")
        }

    # What is done with features

    @property
    def transfer_sets(self) -> dict[str, dict[str, Any]]:
        """The sets that frozen features are transferred to."""
        return self.config["transfer"]["sets"]

    def transfer_classes(self, name: str) -> list[ClassRow] | None:
        """The classes of a transfer set of images: its table's, or its training split's folders; None for a library's set.

        Raises
        ------
        StudyError
            If they have neither a table nor folders.
        """
        entry = self.transfer_sets[name]
        if "images" not in entry:
            return None
        if "classes" in entry:
            return read_classes(entry["classes"])
        path, where = entry["images"]["train"], f"config: transfer.sets.{name}"
        if not isinstance(path, str) or not os.path.isdir(path):
            raise StudyError(
                f"{where}.images.train: {path if isinstance(path, str) else path['path']} is no folder with a folder per "
                f"class; for any other form name a class table in {where.removeprefix('config: ')}.classes"
            )
        with os.scandir(path) as entries:
            return name_classes(sorted(one.name for one in entries if one.is_dir() and not one.name.startswith(".")))

    def transfer_files(self, name: str) -> dict[str, dict[str, list[str]]]:
        """The source of each split of a transfer set of images, as :meth:`natural_files` describes it; of others none.

        Raises
        ------
        StudyError
            If there is nothing at a path, or its form is not recognised.
        """
        keys = [row.key for row in self.transfer_classes(name) or []]
        return {
            split: self._describe_images(source, keys, f"config: transfer.sets.{name}.images.{split}")
            for split, source in self.transfer_sets[name].get("images", {}).items()
        }

    @cached_property
    def feature_set(self) -> str | None:
        """The natural set whose images' features are measured; None where none are."""
        if "features" not in self.config:
            return None
        return self.config["features"].get("set", self.natural_images)


TIMM_SUBSETS = ("imagenet-a", "imagenet-r")


def find_timm_subset(name: str) -> Path:
    """The file of class keys that timm packages; timm itself, which imports torch, is not imported."""
    found = importlib.util.find_spec("timm")
    assert found is not None
    assert found.submodule_search_locations is not None
    return Path(found.submodule_search_locations[0]) / "data" / "_info" / f"{name.replace('-', '_')}_synsets.txt"
