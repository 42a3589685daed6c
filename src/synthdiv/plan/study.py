"""A study: its config, with its class table, prompts and recipes.

The Snakefile imports this in every job, so it imports nothing heavy.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from synthdiv.config.sets import SetEntry
from synthdiv.config.study_config import StudyConfig
from synthdiv.config.training import MixturePart, Recipe
from synthdiv.prompts.class_tables import ClassRow
from synthdiv.prompts.datasets import Dataset


@dataclass(frozen=True, eq=False)
class Study:
    """A study's checked config, with what its files contain.

    Attributes
    ----------
    config : StudyConfig
    classes : list of ClassRow
    datasets : dict of str to Dataset
        The prompts of each dataset.
    prompt_probes : dict of str to Dataset
        The prompts of each prompt probe.
    recipes : dict of str to Recipe
        The recipe of each classifier.
    """

    config: StudyConfig
    classes: list[ClassRow]
    datasets: dict[str, Dataset]
    prompt_probes: dict[str, Dataset]
    recipes: dict[str, Recipe]

    @property
    def name(self) -> str:
        """The study's name."""
        return self.config.study

    @property
    def seed(self) -> int:
        """The study's seed."""
        return self.config.seed

    @property
    def sets(self) -> dict[str, SetEntry]:
        """The entries of the sets."""
        return self.config.sets

    @property
    def mixtures(self) -> dict[str, list[MixturePart]]:
        """The parts of each mixture."""
        return {name: one.parts for name, one in self.config.mixtures.items()}

    def find_dataset(self, set_name: str) -> str:
        """Return the dataset of a set of generated images or of prompts."""
        dataset = self.sets[set_name].dataset
        assert dataset is not None
        return dataset

    def find_scale(self, set_name: str) -> float:
        """Return the guidance scale of a set of generated images."""
        scale = self.sets[set_name].guidance_scale
        assert scale is not None
        return scale

    def find_classes(self, keys: Sequence[str]) -> list[int]:
        """Return the class_ids of keys."""
        class_ids = {row.key: row.class_id for row in self.classes}
        return [class_ids[key] for key in keys]
