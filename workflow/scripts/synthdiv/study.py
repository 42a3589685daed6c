"""A study: a checked config, and everything that the workflow's rules ask about it.

Read by the Snakefile in every job, so it imports nothing heavy.
"""

from __future__ import annotations

import itertools
import os
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from typing import Any

from synthdiv.classes import ClassRow, read_classes
from synthdiv.config import check_config, check_known, read_schema
from synthdiv.errors import StudyError
from synthdiv.identity import PROBE, RECIPE_VERSION, REVIEW, SPLITS, format_scale, make_digest
from synthdiv.prompts import Dataset, build_datasets, build_probe
from synthdiv.sources import describe_images, find_embeddings, read_class_subset, read_counts
from synthdiv.study_checks import check_study
from synthdiv.study_parts import (
    BROUGHT,
    EVALUATION_KEYS,
    ClassifierRun,
    Drawing,
    Experiment,
    Judge,
    Shard,
    SweepFigure,
)
from synthdiv.sweeps import find_sweep_figures, find_sweeps
from synthdiv.yaml_files import read_yaml


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
        self.probes: dict[str, Dataset] = {
            name: build_probe(name, entry, self.classes, self.seed) for name, entry in self.config["probes"].items()
        }
        self.sets: dict[str, dict[str, Any]] = self.config["sets"]
        self.mixtures: dict[str, list[dict[str, Any]]] = {
            name: one["parts"] for name, one in self.config["mixtures"].items()
        }
        self.recipes: dict[str, dict[str, Any]] = {name: self._read_recipe(name) for name in self.config["classifiers"]}
        check_study(self)

    def _read_recipe(self, name: str) -> dict[str, Any]:
        given, where = self.config["classifiers"][name]["recipe"], f"config: classifiers.{name}.recipe"
        if isinstance(given, str):
            given, where = read_yaml(given, f"recipe ({where})"), given
            if not isinstance(given, dict):
                raise StudyError(f"{where} must be a mapping, such as `model: resnet50`; it is {given!r}")
        return check_config(given, read_schema()["$defs"]["recipe"], name=where)

    def find_classes(self, keys: Sequence[str], where: str = "classes") -> list[int]:
        """The class_ids of keys.

        Raises
        ------
        StudyError
            If there is no class of a key.
        """
        class_ids = {row.key: row.class_id for row in self.classes}
        for key in keys:
            check_known(key, class_ids, where, "class")
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
            for name in self.embedded_sets
            if (first if "embeddings" in self.sets[name] else self.sets[name]["kind"] == "image" or reads_prompts)
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

    @cached_property
    def embedded_sets(self) -> list[str]:
        """The sets that are embedded: all but those that only evaluate."""
        return [name for name in self.sets if not self.only_evaluates(name)]

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
        return read_class_subset(subset, self.classes, self.config["classes"], f"config: sets.{set_name}.class_subset")

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
                counts[split] = given if isinstance(given, int) else read_counts(given, self.classes, where)
        return counts

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
        return describe_images(self.sets[set_name]["images"][split], keys, where)

    def embedding_files(self, set_name: str) -> list[str]:
        """The files of a set whose embeddings the user brings."""
        return find_embeddings(self.sets[set_name]["embeddings"], f"config: sets.{set_name}.embeddings")

    def image_sets(self, encoder: str | None = None) -> list[str]:
        """The sets of images (that an encoder embeds), in the order of the config."""
        names = self.sets_of(encoder) if encoder else self.embedded_sets
        return [name for name in names if self.sets[name]["kind"] == "image"]

    def sheet_sets(self) -> list[str]:
        """The columns of the contact sheet."""
        default = [name for name in self.image_sets() if "embeddings" not in self.sets[name]]
        return self.config["contact_sheets"].get("sets", default)

    def prompt_sets_of(self, dataset: str) -> list[str]:
        """The prompt sets of a dataset."""
        return [name for name, entry in self.sets.items() if entry["kind"] == "prompt" and entry.get("dataset") == dataset]

    # What is compared

    @cached_property
    def references(self) -> list[str]:
        """The matrix's reference sets: the config's, or all that have a training split."""
        return self.config["experiments"].get("references", self.embedded_sets)

    @cached_property
    def queries(self) -> list[str]:
        """The matrix's query sets: the config's, or all that have a training split."""
        return self.config["experiments"].get("queries", self.embedded_sets)

    @cached_property
    def experiments(self) -> list[Experiment]:
        """The matrix, numbered as Table 6: for each query, each reference."""
        pairs = itertools.product(self.queries, self.references)
        return [Experiment(number, reference, query) for number, (query, reference) in enumerate(pairs, start=1)]

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

    # What is followed along the guidance scale

    @cached_property
    def sweeps(self) -> dict[str, dict[float, str]]:
        """The datasets that have image sets at several guidance scales: the (first) set of each scale, in rising order."""
        return find_sweeps(self)

    @cached_property
    def sweep_figures(self) -> list[SweepFigure]:
        """Every figure of every swept set that the study has what it needs for, and the natural set's beside them."""
        return find_sweep_figures(self)

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
        return {key: value for key, value in sorted(self.recipes[classifier].items()) if key not in EVALUATION_KEYS}

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
        return read_classes(path)

    def transfer_files(self, name: str) -> dict[str, dict[str, list[str]]]:
        """The source of each split of a transfer set of images, as :meth:`natural_files` describes it; of others none.

        Raises
        ------
        StudyError
            If there is nothing at a path, or its form is not recognised.
        """
        keys = [row.key for row in self.transfer_classes(name) or []]
        return {
            split: describe_images(source, keys, f"config: transfer.sets.{name}.images.{split}")
            for split, source in self.transfer_sets[name].get("images", {}).items()
        }

    @cached_property
    def feature_set(self) -> str | None:
        """The natural set whose images' features are measured; None where none are."""
        if "features" not in self.config:
            return None
        return self.config["features"].get("set", self.natural_images)
