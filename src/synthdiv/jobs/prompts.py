"""The jobs of prompts.smk: prompts as tables, their checks, prompt probes, and the adherence of images to prompts.

The Snakefile imports this in every job, so it imports nothing heavy.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from synthdiv.config.generation import ProbeBuilder
from synthdiv.core.fingerprints import PROBE
from synthdiv.core.job import Job, Part
from synthdiv.jobs.files import find_embeddings
from synthdiv.jobs.rules import Wildcards, once_if, plans
from synthdiv.plan.generation import find_generator, find_prompts
from synthdiv.plan.parts import GenerationRun, Shard
from synthdiv.plan.sets import describe_encoder, list_encoders, list_grammar_sets, list_text_encoders
from synthdiv.plan.study import Study
from synthdiv.prompts.class_columns import ClassColumns
from synthdiv.prompts.sources import Counts, DatasetPrompts, ProbePrompts, digest_prompts


class ListedPrompts(Part):
    """All prompts of a dataset or prompt probe.

    Attributes
    ----------
    prompts : Prompts
    images_per_class : Counts or None
        The numbers of images, if every image has its own prompt.
    unique : bool
        Whether no two images of a class may share a prompt of the grammar.
    """

    prompts: DatasetPrompts | ProbePrompts
    images_per_class: Counts | None
    unique: bool


class WritePrompts(Job):
    """The prompts of a dataset, and the classes' names."""

    listed: ListedPrompts
    classes: ClassColumns


class CheckPrompts(Job):
    """Every prompt, and the tokenizers that it passes through.

    Attributes
    ----------
    listed : tuple of (ListedPrompts, str or None)
        The prompts of each dataset and prompt probe, with its generator.
    generators : dict
        Where the pipeline of each generator is.
    encoders : dict
        The model of each encoder of texts.
    classes : ClassColumns
    """

    listed: tuple[tuple[ListedPrompts, str | None], ...]
    generators: dict[str, dict[str, Any]]
    encoders: dict[str, dict[str, Any]]
    classes: ClassColumns


class MeasureAdherence(Job):
    """The images of a set that are compared with variants of their prompts.

    Attributes
    ----------
    prompts : DatasetPrompts
    encoder : dict
        The config's entry of the encoder.
    images_per_class : int
        How many images are compared.
    seed : int
        The study's seed, which chooses them.
    """

    prompts: DatasetPrompts
    encoder: dict[str, Any]
    images_per_class: int
    seed: int


class TabulateAdherence(Job):
    """The sets whose adherence is tabulated, and the classes' names."""

    sets: tuple[str, ...]
    classes: ClassColumns


class ScoredProbe(Part):
    """A prompt probe: its prompts, the number of images of each, and the set whose centroids classify them."""

    probe: str
    prompts: tuple[str, ...]
    images: int
    reference: str


class ScorePromptProbes(Job):
    """The prompt probes, and the classes."""

    prompt_probes: tuple[ScoredProbe, ...]
    classes: ClassColumns


def describe_classes(study: Study, *columns: str) -> ClassColumns:
    """Describe columns of the study's class table."""
    return ClassColumns.describe(None, study.classes, *columns)


def list_source_files(study: Study, names: Iterable[str]) -> list[str]:
    """List the text files from which the prompts of some datasets are made, besides the class table."""
    files = []
    for name in _list_bases(study, names):
        entry = study.config.datasets[name]
        files += [path for path in (entry.overrides, entry.grammar, entry.table) if path is not None]
    return list(dict.fromkeys(files))


def list_sources(study: Study, dataset: str) -> list[str]:
    """List the text files of a dataset's prompts, as :func:`list_source_files`."""
    return list_source_files(study, [dataset])


def list_set_sources(study: Study, set_name: str) -> list[str]:
    """List the text files of a set's prompts, as :func:`list_source_files`."""
    return list_source_files(study, [study.find_dataset(set_name)])


def list_all_sources(study: Study) -> list[str]:
    """List the text files of all prompts, as :func:`list_source_files`."""
    return list_source_files(study, study.datasets)


def _list_bases(study: Study, names: Iterable[str]) -> list[str]:
    """List datasets and all that they are based on."""
    found: dict[str, None] = {}
    for name in names:
        one: str | None = name
        while one is not None:
            found[one] = None
            one = study.config.datasets[one].base
    return list(found)


def describe_prompts(study: Study, dataset: str, shard: Shard | None = None) -> DatasetPrompts:
    """Describe the prompts of a dataset, or of a shard of it."""
    prompts = study.datasets[dataset]
    class_ids = shard.class_ids if shard is not None else range(len(study.classes))
    entries = {name: study.config.datasets[name] for name in _list_bases(study, [dataset])}
    return DatasetPrompts(
        name=dataset,
        first=class_ids.start,
        stop=class_ids.stop,
        digest=digest_prompts(prompts, class_ids),
        entries={name: one.get_builder() for name, one in entries.items()},
        seed=study.seed if prompts.grammar is not None else None,
    )


def describe_probe(study: Study, probe: str) -> ProbePrompts:
    """Describe the prompts of a prompt probe."""
    entry, dataset = study.config.prompt_probes[probe], study.prompt_probes[probe]
    (class_id,) = study.find_classes([entry.class_key])
    return ProbePrompts(
        name=probe,
        first=class_id,
        stop=class_id + 1,
        digest=digest_prompts(dataset, [class_id]),
        entry=ProbeBuilder(class_key=entry.class_key, prompts=entry.prompts, images=entry.images),
    )


def describe_run(study: Study, run: GenerationRun, shard: Shard) -> DatasetPrompts | ProbePrompts:
    """Describe the prompts of a shard of a generation run."""
    return describe_probe(study, run.dataset) if run.split == PROBE else describe_prompts(study, run.dataset, shard)


def count_images(study: Study, run: GenerationRun) -> Counts:
    """Return the images per class of each split of a generation run."""
    return tuple(find_prompts(study, run).images_per_class.items())


def count_own_images(study: Study, dataset: str) -> Counts | None:
    """Return the images per class of each split of a dataset, if every image has its own prompt."""
    prompts = study.datasets[dataset]
    return tuple(prompts.images_per_class.items()) if prompts.per_image else None


def list_datasets(study: Study) -> list[Wildcards]:
    """List the datasets."""
    return [{"dataset": name} for name in study.datasets]


def _list_prompts(study: Study, dataset: str) -> ListedPrompts:
    return ListedPrompts(
        prompts=describe_prompts(study, dataset),
        images_per_class=count_own_images(study, dataset),
        unique=study.datasets[dataset].unique,
    )


@plans(list_datasets)
def write_prompts(study: Study, dataset: str) -> WritePrompts:
    """Plan the table of a dataset's prompts."""
    return WritePrompts(listed=_list_prompts(study, dataset), classes=describe_classes(study, "name"))


@plans(once_if(lambda study: study.datasets or study.prompt_probes))
def check_prompts(study: Study) -> CheckPrompts:
    """Plan the check of all prompts."""
    datasets = study.config.datasets
    listed: list[tuple[ListedPrompts, str | None]] = [
        (_list_prompts(study, name), find_generator(study, name) if datasets[name].guidance_scales else None)
        for name in study.datasets
    ]
    for name in study.prompt_probes:
        prompts = ListedPrompts(prompts=describe_probe(study, name), images_per_class=None, unique=True)
        listed.append((prompts, find_generator(study, name, PROBE)))
    return CheckPrompts(
        listed=tuple(listed),
        generators={
            name: {"model": spec.model, "revision": spec.revision, "variant": spec.variant}
            for name, spec in study.config.generators.items()
        },
        encoders={name: {"model": spec.model} for name, spec in list_text_encoders(study).items()},
        classes=describe_classes(study, "name"),
    )


def list_adherence(study: Study) -> list[Wildcards]:
    """List the sets whose adherence is measured, with the first encoder."""
    return [{"encoder": list_encoders(study)[0], "set_name": name} for name in list_grammar_sets(study)]


@plans(list_adherence)
def measure_adherence(study: Study, encoder: str, set_name: str) -> MeasureAdherence:
    """Plan the adherence of a set."""
    dataset = study.find_dataset(set_name)
    return MeasureAdherence(
        prompts=describe_prompts(study, dataset),
        encoder=describe_encoder(study, encoder),
        images_per_class=study.config.adherence.images_per_class,
        seed=study.seed,
    )


def list_adherence_tables(study: Study) -> list[str]:
    """List the measured adherence of each set."""
    return [f"<results>/adherence/{one['encoder']}/{one['set_name']}.parquet" for one in list_adherence(study)]


@plans(once_if(list_grammar_sets))
def tabulate_adherence(study: Study) -> TabulateAdherence:
    """Plan the table of adherence."""
    return TabulateAdherence(sets=tuple(list_grammar_sets(study)), classes=describe_classes(study, "name"))


def describe_probes(study: Study) -> tuple[ScoredProbe, ...]:
    """Describe each prompt probe."""
    return tuple(
        ScoredProbe(probe=name, prompts=tuple(entry.prompts), images=entry.images, reference=entry.reference)
        for name, entry in study.config.prompt_probes.items()
    )


def list_probe_references(study: Study) -> list[str]:
    """List the file that represents the embeddings of each probe's reference."""
    first = list_encoders(study)[0]
    return [find_embeddings(study, first, one.reference) for one in study.config.prompt_probes.values()]


@plans(once_if(describe_probes))
def score_prompt_probes(study: Study) -> ScorePromptProbes:
    """Plan the table of prompt probes."""
    return ScorePromptProbes(prompt_probes=describe_probes(study), classes=describe_classes(study, "key", "name"))
