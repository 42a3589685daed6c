"""Datasets: the prompt of each image.

A builder makes a dataset from the class table: ``lemmas`` (the synset description, the paper's Synset), ``template`` (any
text with columns of the class table, the prompt forms of "Fake it till you make it"), ``overrides`` (another dataset with
the prompts of some classes replaced, the paper's Disamb), ``grammar`` (one prompt per image, the paper's PromptAug) and
``table`` (the user's own prompts, per class or per image).
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from synthdiv.config.generation import NEEDED, DatasetEntry, ProbeBuilder, PromptBuilder
from synthdiv.config.problems import ConfigError, Problem, about, check_name, raise_problems
from synthdiv.core.errors import StudyError
from synthdiv.core.fingerprints import PROBE, SPLITS
from synthdiv.prompts.class_tables import ClassRow, read_csv_rows
from synthdiv.prompts.grammar import Grammar

FIELDS = ("name", "lemmas", "definition", "hypernym")
"""Columns of the class table that a template may use."""


@dataclass
class Dataset:
    """The prompts of a dataset.

    Attributes
    ----------
    name : str
        Its key in the config.
    class_texts : list of str
        One prompt per class, by class_id; the base of a grammar or of overrides.
    images_per_class : mapping of split to int
        How many images are generated.
    grammar : Grammar or None
        Makes one prompt per image from the class's prompt.
    unique : bool
        Whether no two images of a class may share a prompt of the grammar.
    images : mapping of (class_id, split, index) to str, or None
        The prompts of a per-image table.
    repeat : int or None
        The number of images after which the noise starts over; None if it never does.
    """

    name: str
    classes: list[ClassRow]
    seed: int
    class_texts: list[str]
    images_per_class: Mapping[str, int]
    grammar: Grammar | None = None
    unique: bool = True
    images: Mapping[tuple[int, str, int], str] | None = None
    repeat: int | None = None
    _per_class: dict[int, dict] = field(default_factory=dict, repr=False)

    @property
    def per_image(self) -> bool:
        """Whether every image has its own prompt."""
        return self.grammar is not None or self.images is not None

    @property
    def endless(self) -> bool:
        """Whether it has prompts for more images than are requested."""
        return self.images is None

    def prompt(self, class_id: int, split: str, index: int) -> str:
        """Return the prompt of one image."""
        if self.images is not None:
            return self.images[class_id, split, index]
        text = self.class_texts[class_id]
        if self.grammar is None:
            return text
        key = self.classes[class_id].key
        return self.grammar.prompt(seed=self.seed, class_key=key, class_text=text, split=split, index=index)

    def vary_prompt(self, class_id: int, split: str, index: int, *, most: int) -> dict[str, dict[str, str]]:
        """Vary an image's prompt: replace each modifier's value by its other values, one modifier at a time.

        Parameters
        ----------
        class_id : int
        split : str
        index : int
            The image's class, split and index.
        most : int
            Maximum number of other values of a modifier; of more, each image uses its own seeded subset.

        Returns
        -------
        dict of modifier to dict of value to prompt
            The image's own value first, with its own prompt; then values with a different prompt, in the grammar's order.

        Raises
        ------
        ValueError
            If the dataset has no grammar.
        """
        if self.grammar is None:
            raise ValueError(f"dataset {self.name!r} has no grammar, so its prompts have no modifiers")
        text, key = self.class_texts[class_id], self.classes[class_id].key
        own = self.grammar.choose(seed=self.seed, class_key=key, split=split, index=index)
        prompt = self.grammar.render(own, text)
        varied: dict[str, dict[str, str]] = {}
        for name, given in self.grammar.modifiers.items():
            values = _choose_values(given, own[name], most, f"values {self.seed} {key} {split} {index} {name}")
            others = {value: self.grammar.render(own | {name: value}, text) for value in values}
            varied[name] = {own[name]: prompt} | {value: other for value, other in others.items() if other != prompt}
        return varied

    def list_runs(self) -> list[tuple[str, range]]:
        """List a class's images in ranges that each start at noise 0, as (split, indices)."""
        return [
            (split, range(start, min(start + (self.repeat or count), count)))
            for split, count in self.images_per_class.items()
            for start in range(0, count, self.repeat or count)
        ]

    def list_places(self) -> list[tuple[int, str, int]]:
        """List the places of its prompts as (class_id, split, index); with one prompt per class, the split is empty.

        Of prompts that repeat within a class, where the dataset allows it, only the first place is listed.
        """
        if not self.per_image:
            return [(row.class_id, "", 0) for row in self.classes]
        if self.grammar is not None and not self.unique:
            return [place for row in self.classes for place in self._list_first(row.class_id)]
        owners = range(len(self.classes)) if self.images is None else sorted({class_id for class_id, _, _ in self.images})
        return [
            (class_id, split, index)
            for class_id in owners
            for split, run in self.list_runs()
            for index in (run[:1] if self.repeat else run)
        ]

    def _list_first(self, class_id: int) -> list[tuple[int, str, int]]:
        """List the first place of each prompt of a class; after as many images as there are prompts, none is new."""
        assert self.grammar is not None
        places: dict[str, tuple[int, str, int]] = {}
        for split, count in self.images_per_class.items():
            for index in range(min(count, len(self.grammar.templates))):
                places.setdefault(self.prompt(class_id, split, index), (class_id, split, index))
        return list(places.values())

    def describe_class(self, class_id: int) -> dict[str, Any]:
        """Return what the class's prompts depend on, JSON-serialisable: equal for two datasets with the same prompts."""
        if self.images is not None:
            if not self._per_class:
                for (owner, split, index), text in sorted(self.images.items()):
                    self._per_class.setdefault(owner, {}).setdefault(split, {})[index] = text
            return {"images": self._per_class.get(class_id, {})}
        described: dict[str, Any] = {"text": self.class_texts[class_id]}
        if self.grammar is not None:
            described |= {"grammar": self.grammar.describe(), "seed": self.seed}
        return described


def _choose_values(values: list[str], own: str, most: int, seed: str) -> list[str]:
    """Choose at most ``most`` values besides the image's own; return all chosen in their original order."""
    others = [value for value in values if value != own]
    ranked = sorted(others, key=lambda value: hashlib.sha256(f"{seed} {value}".encode()).digest())
    chosen = {own, *ranked[:most]}
    return [value for value in values if value in chosen]


def build_datasets(
    entries: Mapping[str, PromptBuilder],
    classes: list[ClassRow],
    *,
    seed: int,
    images_per_class: Mapping[str, Mapping[str, int]],
) -> dict[str, Dataset]:
    """Build datasets.

    Parameters
    ----------
    entries : mapping of str to PromptBuilder
        Their entries in the config.
    classes : list of ClassRow
        The study's classes.
    seed : int
        The study's seed (it decides which prompts of a grammar are used).
    images_per_class : mapping of str to mapping of split to int
        Images per class of each dataset.

    Raises
    ------
    StudyError
        If a base is circular or has one prompt per image, an override names no class, a prompt is missing or empty, or a
        grammar has fewer prompts than a class has images.
    """
    built: dict[str, Dataset] = {}

    def build(name: str, asked_by: tuple[str, ...]) -> Dataset:
        if name in built:
            return built[name]
        entry = entries[name]
        if name in asked_by:
            circle = " -> ".join([*asked_by, name])
            raise ConfigError([Problem(("datasets", name, "base"), f"the dataset is based on itself: {circle}")])
        base = build(entry.base, (*asked_by, name)) if entry.base is not None else None
        if base is not None and base.per_image:
            message = f"{base.name!r} has one prompt per image; a base has one per class"
            raise ConfigError([Problem(("datasets", name, "base"), message)])
        with about(("datasets", name, *NEEDED[entry.builder][-1:])):
            dataset = BUILDERS[entry.builder](name, entry, base, classes, seed, images_per_class[name])
            _check_enough(dataset)
        built[name] = dataset
        return dataset

    for name in entries:
        build(name, ())
    return built


def build_prompt_probe(name: str, entry: ProbeBuilder, classes: list[ClassRow], seed: int) -> Dataset:
    """Build a prompt probe: prompts for one class with equally many images; image i of each starts from the same noise.

    Parameters
    ----------
    name : str
        Its key in the config's ``prompt_probes``.
    entry : ProbeBuilder
        Its entry in the config.
    classes : list of ClassRow
        The study's classes.
    seed : int
        The study's seed.

    Returns
    -------
    Dataset
        Image i of prompt n (from 0) has the index n x images + i.

    Raises
    ------
    StudyError
        If there is no such class, or a prompt is empty or appears twice.
    """
    class_ids = {row.key: row.class_id for row in classes}
    raise_problems(check_name(entry.class_key, class_ids, ("prompt_probes", name, "class"), "class with the key"))
    texts, count = [text.strip() for text in entry.prompts], entry.images
    for n, text in enumerate(texts):
        if not text:
            raise ConfigError([Problem(("prompt_probes", name, "prompts", n), "the prompt is empty")])
        if text in texts[:n]:
            raise ConfigError([Problem(("prompt_probes", name, "prompts", n), "an earlier prompt is the same", repr(text))])
    class_id = class_ids[entry.class_key]
    images = {(class_id, PROBE, n * count + i): text for n, text in enumerate(texts) for i in range(count)}
    names = [row.name for row in classes]
    return Dataset(name, classes, seed, names, {PROBE: len(images)}, images=images, repeat=count)


def _build_lemmas(
    name: str, entry: PromptBuilder, base: Dataset | None, classes: list[ClassRow], seed: int, counts: Mapping[str, int]
) -> Dataset:
    template = PromptBuilder(builder="template", template="{lemmas}")
    return _build_template(name, template, base, classes, seed, counts)


def _build_template(
    name: str, entry: PromptBuilder, base: Dataset | None, classes: list[ClassRow], seed: int, counts: Mapping[str, int]
) -> Dataset:
    template = entry.template
    assert template is not None
    slots = re.findall(r"{([^{}]*)}", template)
    unknown = next((slot for slot in slots if slot not in FIELDS), None)
    if unknown is not None or not slots:
        given = f"{{{unknown}}}" if slots else "no slot"
        raise StudyError(f"the template {template!r} has {given}; it takes {{{'}, {'.join(FIELDS)}}}")
    for row in classes:
        missing = next((slot for slot in slots if not getattr(row, slot)), None)
        if missing is not None:
            raise StudyError(f"class {row.key!r} has no {missing} in the class table")
    texts = [re.sub(r"{(\w+)}", lambda found: getattr(row, found[1]), template) for row in classes]  # noqa: B023
    return Dataset(name, classes, seed, texts, counts)


def _build_overrides(
    name: str, entry: PromptBuilder, base: Dataset | None, classes: list[ClassRow], seed: int, counts: Mapping[str, int]
) -> Dataset:
    assert base is not None
    path = entry.overrides
    assert path is not None
    ids = {row.key: row.class_id for row in classes}
    texts = list(base.class_texts)
    lines: dict[str, int] = {}
    for number, row in read_csv_rows(path, required=("key", "prompt"), what="prompt overrides"):
        key, prompt = row["key"].strip(), row["prompt"].strip()
        if key not in ids:
            raise StudyError(f"prompt overrides {path}, line {number}: there is no class with the key {key!r}")
        if key in lines:
            raise StudyError(f"prompt overrides {path}: the key {key!r} appears on lines {lines[key]} and {number}")
        if not prompt:
            raise StudyError(f"prompt overrides {path}, line {number}: the prompt of {key!r} is empty")
        lines[key] = number
        texts[ids[key]] = prompt
    return Dataset(name, classes, seed, texts, counts)


def _build_grammar(
    name: str, entry: PromptBuilder, base: Dataset | None, classes: list[ClassRow], seed: int, counts: Mapping[str, int]
) -> Dataset:
    assert base is not None
    assert entry.grammar is not None
    unique = not isinstance(entry, DatasetEntry) or entry.unique
    return Dataset(name, classes, seed, base.class_texts, counts, grammar=Grammar(entry.grammar), unique=unique)


def _build_table(
    name: str, entry: PromptBuilder, base: Dataset | None, classes: list[ClassRow], seed: int, counts: Mapping[str, int]
) -> Dataset:
    assert entry.table is not None
    path = Path(entry.table)
    rows = _read_table(path)
    by_key, by_id = {row.key: row.class_id for row in classes}, {str(row.class_id): row.class_id for row in classes}
    per_image = bool(rows) and "index" in rows[0] and "split" in rows[0]
    prompts: dict[tuple[int, str, int], str] = {}
    for number, row in enumerate(rows, start=1):
        where = f"prompt table {path}, row {number}"
        names, value = (by_key, row["key"]) if "key" in row else (by_id, row["class_id"])
        if value not in names:
            raise StudyError(f"{where}: there is no class {value!r}")
        text = row["prompt"].strip()
        if not text:
            raise StudyError(f"{where}: the prompt is empty")
        split, index = (row["split"], row["index"]) if per_image else ("train", "0")
        if split not in SPLITS or not index.isdecimal():
            raise StudyError(f"{where}: split {split!r} must be train or evaluation, and index {index!r} a number from 0")
        at = (names[value], split, int(index))
        if at in prompts:
            hint = "" if per_image else "; for one prompt per image, add the columns split and index"
            raise StudyError(f"{where}: a second prompt for class {value!r}, {split} {index}{hint}")
        prompts[at] = text
    if per_image:
        return Dataset(name, classes, seed, [row.name for row in classes], counts, images=prompts)
    for one in classes:
        if (one.class_id, "train", 0) not in prompts:
            raise StudyError(f"prompt table {path} has no prompt for class {one.key!r}")
    return Dataset(name, classes, seed, [prompts[row.class_id, "train", 0] for row in classes], counts)


def _read_table(path: Path) -> list[dict[str, str]]:
    if path.suffix == ".parquet":
        import pyarrow as pa
        import pyarrow.parquet as pq

        if not path.exists():
            raise StudyError(f"the prompt table {path} does not exist")
        try:
            table = pq.ParquetFile(path, page_checksum_verification=True).read().to_pylist()
        except (pa.ArrowException, OSError, ValueError) as error:
            raise StudyError(f"the prompt table {path} is not a readable Parquet file: {error}") from None
        rows = [{k: "" if v is None else str(v) for k, v in row.items()} for row in table]
    else:
        rows = [row for _, row in read_csv_rows(path, required=("prompt",), what="prompt table")]
    if not rows or "prompt" not in rows[0] or not {"key", "class_id"} & set(rows[0]):
        raise StudyError(f"the prompt table {path} needs the columns prompt, and key or class_id")
    return rows


BUILDERS = {
    "lemmas": _build_lemmas,
    "template": _build_template,
    "overrides": _build_overrides,
    "grammar": _build_grammar,
    "table": _build_table,
}


def _check_enough(dataset: Dataset) -> None:
    total = sum(dataset.images_per_class.values())
    if dataset.grammar is not None and dataset.unique and len(dataset.grammar.templates) < total:
        raise StudyError(
            f"the dataset needs {total} different prompts per class, but the grammar {dataset.grammar.path} has "
            f"{len(dataset.grammar.templates)}: add values to it, lower images_per_class, or let prompts repeat "
            "(`unique: false`)"
        )
    if dataset.images is not None:
        for row in dataset.classes:
            for split, count in dataset.images_per_class.items():
                for index in range(count):
                    if (row.class_id, split, index) not in dataset.images:
                        raise StudyError(
                            f"the table has no prompt for class {row.key!r}, {split} {index}; "
                            f"images_per_class asks for {count}"
                        )
