"""The prompts that a job uses: where they come from, and what they were when the job was planned.

The Snakefile imports this in every job, so it imports nothing heavy.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import replace

from synthdiv.config.generation import ProbeBuilder, PromptBuilder
from synthdiv.core.errors import StudyError
from synthdiv.core.fingerprints import SPLITS, make_digest
from synthdiv.core.job import Part
from synthdiv.prompts.class_tables import ClassRow, read_classes
from synthdiv.prompts.datasets import Dataset, build_datasets, build_prompt_probe

Counts = tuple[tuple[str, int], ...]
"""Images per class of each split, in the order in which they are generated."""


class Prompts(Part):
    """The prompts of some classes.

    Attributes
    ----------
    name : str
        The dataset or the prompt probe.
    first, stop : int
        The classes, as a range of class_ids.
    digest : str
        The digest of what their prompts depend on.
    """

    name: str
    first: int
    stop: int
    digest: str

    @property
    def class_ids(self) -> range:
        """The classes."""
        return range(self.first, self.stop)

    def read(self, class_table: str, images_per_class: Iterable[tuple[str, int]] | None = None) -> Dataset:
        """Read the prompts from their files.

        Parameters
        ----------
        class_table : str
            The study's class table.
        images_per_class : iterable of (str, int), optional
            The numbers of images of each split; default is one, or those of a prompt probe.

        Raises
        ------
        StudyError
            If a file was edited after the job was planned.
        """
        dataset = self._build(read_classes(class_table))
        if digest_prompts(dataset, self.class_ids) != self.digest:
            raise StudyError(f"the prompts of {self.name} were edited after this run was planned; start snakemake again")
        return dataset if images_per_class is None else replace(dataset, images_per_class=dict(images_per_class))

    def _build(self, classes: list[ClassRow]) -> Dataset:
        raise NotImplementedError


class DatasetPrompts(Prompts):
    """The prompts of some classes of a dataset.

    Attributes
    ----------
    entries : dict of str to PromptBuilder
        The entry of the dataset and of each dataset that it is based on.
    seed : int or None
        The study's seed, if a grammar uses it.
    """

    entries: dict[str, PromptBuilder]
    seed: int | None

    def _build(self, classes: list[ClassRow]) -> Dataset:
        one = dict.fromkeys(self.entries, dict.fromkeys(SPLITS, 1))
        return build_datasets(self.entries, classes, seed=self.seed or 0, images_per_class=one)[self.name]


class ProbePrompts(Prompts):
    """The prompts of a prompt probe.

    Attributes
    ----------
    entry : ProbeBuilder
        Its entry.
    """

    entry: ProbeBuilder

    def _build(self, classes: list[ClassRow]) -> Dataset:
        return build_prompt_probe(self.name, self.entry, classes, 0)


def digest_prompts(dataset: Dataset, class_ids: Collection[int]) -> str:
    """Return the digest of what the prompts of some classes depend on."""
    rows = [row for row in dataset.classes if row.class_id in class_ids]
    return make_digest([[row.key, dataset.describe_class(row.class_id)] for row in rows])
