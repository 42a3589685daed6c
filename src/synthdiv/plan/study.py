"""A study: its config, validated, with its class table and prompts.

The Snakefile imports this in every job, so it imports nothing heavy.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from synthdiv.config.loading import check_config, check_known, read_schema
from synthdiv.core.errors import StudyError
from synthdiv.core.yaml_files import read_yaml
from synthdiv.prompts.class_tables import ClassRow, read_classes
from synthdiv.prompts.datasets import Dataset, build_datasets, build_prompt_probe


class Study:
    """A study's validated config, with its class table, prompts and recipes.

    Parameters
    ----------
    config : mapping
        The config as given.

    Raises
    ------
    StudyError
        If any of them is invalid; no model is loaded for this.
    """

    def __init__(self, config: Mapping[str, Any]) -> None:
        self.config = check_config(config)
        self.name: str = self.config["study"]
        self.seed: int = self.config["seed"]
        self.classes: list[ClassRow] = read_classes(self.config["classes"])
        self.datasets: dict[str, Dataset] = build_datasets(
            self.config["datasets"], self.classes, seed=self.seed, images_per_class=self.config["images_per_class"]
        )
        self.prompt_probes: dict[str, Dataset] = {
            name: build_prompt_probe(name, entry, self.classes, self.seed)
            for name, entry in self.config["prompt_probes"].items()
        }
        self.sets: dict[str, dict[str, Any]] = self.config["sets"]
        self.mixtures: dict[str, list[dict[str, Any]]] = {
            name: one["parts"] for name, one in self.config["mixtures"].items()
        }
        self.recipes: dict[str, dict[str, Any]] = {name: self._read_recipe(name) for name in self.config["classifiers"]}

    def _read_recipe(self, name: str) -> dict[str, Any]:
        given, where = self.config["classifiers"][name]["recipe"], f"config: classifiers.{name}.recipe"
        if isinstance(given, str):
            given, where = read_yaml(given, f"recipe ({where})"), given
            if not isinstance(given, dict):
                raise StudyError(f"{where} must be a mapping, such as `model: resnet50`; it is {given!r}")
        return check_config(given, read_schema()["$defs"]["recipe"], name=where)

    def find_classes(self, keys: Sequence[str], where: str = "classes") -> list[int]:
        """Return the class_ids of keys.

        Raises
        ------
        StudyError
            If there is no class with a key.
        """
        class_ids = {row.key: row.class_id for row in self.classes}
        for key in keys:
            check_known(key, class_ids, where, "class")
        return [class_ids[key] for key in keys]
