"""The jobs of images.smk: generators, generated images, and natural ones.

The Snakefile imports this in every job, so it imports nothing heavy.
"""

from __future__ import annotations

from typing import Any

from synthdiv.config.rungs import (
    CAPTIONS,
    CHANGED,
    NO_GUIDANCE,
    PROMPTS,
    Rung,
    count_rung_images,
    find_ladder_dataset,
    find_ladder_generator,
    find_natural_part,
    get_ladder,
    list_made_rungs,
)
from synthdiv.core.fingerprints import RECIPE_VERSION, SELECTION, format_scale
from synthdiv.core.job import Job
from synthdiv.images.image_source import ImageSource
from synthdiv.jobs.files import find_indices, find_set_indices
from synthdiv.jobs.prompts import count_images, describe_classes, describe_prompts, describe_run, list_source_files
from synthdiv.jobs.rules import Wildcards, once_if, plans
from synthdiv.plan.classifiers import list_selection_sets
from synthdiv.plan.generation import (
    find_captions,
    find_generator,
    find_owner,
    find_run,
    list_generation_runs,
    list_guidance_scales,
    list_shards,
)
from synthdiv.plan.parts import LADDER, GenerationRun, Shard
from synthdiv.plan.review import list_reviewable
from synthdiv.plan.sets import find_class_ids, find_natural_files, list_own_sets, list_splits, read_natural_counts
from synthdiv.plan.study import Study
from synthdiv.plan.transfer import (
    find_transfer_files,
    find_transfer_root,
    find_transfer_table,
    list_transfer_sets,
    read_transfer_classes,
)
from synthdiv.plan.user_sources import list_files_of_models
from synthdiv.prompts.captions import CaptionSource
from synthdiv.prompts.class_columns import ClassColumns
from synthdiv.prompts.sources import Counts, DatasetPrompts, ProbePrompts


class FingerprintGenerator(Job):
    """A generator, to be identified and tried.

    Attributes
    ----------
    generator : dict
        The config's entry.
    guided : bool
        Whether it generates at a guidance scale above 1.
    """

    generator: dict[str, Any]
    guided: bool


class GenerationJob(Job):
    """What decides generated images, whatever they are generated from.

    Attributes
    ----------
    guidance_scale : float
    generator : dict
        The config's entry of the generator; its weights are known by their fingerprint, an input.
    image_format, noise, seed, archive
        As in the config.
    recipe_version : int
        The version of the code that generates.
    """

    guidance_scale: float
    generator: dict[str, Any]
    image_format: dict[str, Any]
    noise: str
    seed: int
    archive: str
    recipe_version: int


class GenerateImages(GenerationJob):
    """The images of some classes of a dataset, of a review or of a prompt probe.

    Attributes
    ----------
    prompts : Prompts
        Their prompts.
    images_per_class : Counts
        How many of each split.
    """

    prompts: DatasetPrompts | ProbePrompts
    images_per_class: Counts


class GenerateRung(GenerationJob):
    """The images of some classes of a rung of the ladder.

    Attributes
    ----------
    rung : str
        The name of its training set.
    kind : str
    strength : float or None
        Of image-to-image generation.
    classes : ClassColumns
        The keys of the classes.
    first, stop : int
        The classes, as a range of class_ids.
    images_per_class : int
    subset : int or None
        How many of the natural images of each class are used; None for all.
    exclude_flags : tuple of str
        Natural images with these flags are left out.
    prompts : DatasetPrompts or None
        The prompts of the set where the ladder ends, if the rung uses them.
    captions : CaptionSource or None
        The captions, if the rung uses them.
    """

    rung: str
    kind: str
    strength: float | None
    classes: ClassColumns
    first: int
    stop: int
    images_per_class: int
    subset: int | None
    exclude_flags: tuple[str, ...]
    prompts: DatasetPrompts | None
    captions: CaptionSource | None

    @property
    def class_ids(self) -> range:
        """The classes."""
        return range(self.first, self.stop)


class IndexImages(Job):
    """The images of a natural set or of a transfer set.

    Attributes
    ----------
    name : str
        The set.
    source : ImageSource
        Where its images are.
    on_undecodable, seed, archive
        As in the config.
    """

    name: str
    source: ImageSource
    on_undecodable: str
    seed: int
    archive: str


class TabulateNaturalImages(Job):
    """The natural sets, and the classes.

    Attributes
    ----------
    sets : tuple of str
    classes : ClassColumns
        Their names.
    """

    sets: tuple[str, ...]
    classes: ClassColumns


class CountFlags(Job):
    """The flags that exclude an image."""

    exclude_flags: tuple[str, ...]


def list_generators(study: Study) -> list[Wildcards]:
    """List the generators."""
    return [{"generator": name} for name in study.config.generators]


def list_generator_files(study: Study, generator: str) -> list[str]:
    """List a generator's files, if it is a folder: changed weights make another generator."""
    spec = study.config.generators[generator]
    return list_files_of_models(spec.model, spec.lora)


def list_checker_files(study: Study, **names: str) -> list[str]:
    """List the safety checker's files, if it is a folder: changed weights flag other images."""
    run, _ = find_run(study, names)
    return list_files_of_models(study.config.generators[find_generator(study, run.dataset, run.split)].safety_checker)


@plans(list_generators)
def fingerprint_generator(study: Study, generator: str) -> FingerprintGenerator:
    """Plan the fingerprint of a generator."""
    return FingerprintGenerator(
        generator=study.config.generators[generator].to_dict(),
        guided=any(scale > 1 for scale in list_guidance_scales(study, generator)),
    )


def count_gpus(study: Study) -> int:
    """Return the number of GPUs of a job that uses one, or 0 if the study runs on the CPU."""
    return 0 if study.config.device == "cpu" else 1


def count_generation_threads(study: Study) -> int:
    """Return 4 threads on a GPU, three of them to encode and write images; on the CPU, one, so that jobs run in parallel."""
    return 1 if study.config.device == "cpu" else 4


def list_generation(study: Study) -> list[Wildcards]:
    """List the shards of all generation runs."""
    return [
        {"dataset": run.dataset, "scale": format_scale(run.guidance_scale), "shard": shard}
        for run in list_generation_runs(study)
        for shard in list_shards(study)
    ]


def find_fingerprint(study: Study, **names: str) -> str:
    """Return the fingerprint of the generator of a dataset, of a reviewed set or of a prompt probe."""
    run, _ = find_run(study, names)
    return f"<results>/generators/{find_generator(study, run.dataset, run.split)}.json"


def list_owner_indices(study: Study, dataset: str, scale: str, shard: str) -> list[str]:
    """List the indices of datasets that generate some of a shard's classes, so that no block is generated twice."""
    run, part = find_run(study, {"dataset": dataset, "scale": scale, "shard": shard})
    owners = {find_owner(study, run, class_id) for class_id in part.class_ids}
    return sorted(f"<results>/images/{owner.collection}/{shard}.parquet" for owner in owners - {run})


@plans(list_generation)
def generate_images(study: Study, dataset: str, scale: str, shard: str) -> GenerateImages:
    """Plan the images of a shard of a dataset."""
    return plan_generation(study, *find_run(study, {"dataset": dataset, "scale": scale, "shard": shard}))


def list_reviews(study: Study) -> list[Wildcards]:
    """List the shards of all sets that can be reviewed."""
    return [{"set_name": name, "shard": shard} for name in list_reviewable(study) for shard in list_shards(study)]


@plans(list_reviews)
def generate_review(study: Study, set_name: str, shard: str) -> GenerateImages:
    """Plan the images of a shard of a review."""
    return plan_generation(study, *find_run(study, {"set_name": set_name, "shard": shard}))


def list_prompt_probes(study: Study) -> list[Wildcards]:
    """List the prompt probes."""
    return [{"probe": name} for name in study.prompt_probes]


@plans(list_prompt_probes)
def generate_prompt_probe(study: Study, probe: str) -> GenerateImages:
    """Plan the images of a prompt probe."""
    return plan_generation(study, *find_run(study, {"probe": probe}))


def plan_generation(study: Study, run: GenerationRun, shard: Shard) -> GenerateImages:
    """Plan the images of a shard of any generation run."""
    return GenerateImages(
        prompts=describe_run(study, run, shard),
        images_per_class=count_images(study, run),
        **describe_generation(study, find_generator(study, run.dataset, run.split), run.guidance_scale),
    )


def describe_generation(study: Study, generator: str, guidance_scale: float) -> dict[str, Any]:
    """Return the values of a :class:`GenerationJob`."""
    config = study.config
    return {
        "guidance_scale": guidance_scale,
        "generator": config.generators[generator].to_dict(),
        "image_format": config.image_format.to_dict(),
        "noise": config.noise,
        "seed": study.seed,
        "archive": config.archive,
        "recipe_version": RECIPE_VERSION,
    }


def list_rung_jobs(study: Study) -> list[Wildcards]:
    """List the shards of the rungs whose images only the ladder needs."""
    return [{"rung": name, "shard": shard} for name in list_made_rungs(study.config) for shard in list_shards(study)]


def find_ladder_fingerprint(study: Study) -> str:
    """Return the fingerprint of the generator of the rungs."""
    name, _ = find_ladder_generator(study.config)
    return f"<results>/generators/{name}.json"


def list_ladder_checker_files(study: Study) -> list[str]:
    """List the safety checker's files, if it is a folder: changed weights flag other images."""
    _, spec = find_ladder_generator(study.config)
    return list_files_of_models(spec.safety_checker)


def list_rung_sources(study: Study, rung: str) -> list[str]:
    """List the text files from which a rung's prompts are made."""
    one, captions = list_made_rungs(study.config)[rung], get_ladder(study.config).captions
    files = list_source_files(study, [find_ladder_dataset(study.config)]) if _uses_prompts(study, one) else []
    return files + ([captions] if captions is not None and _uses_captions(study, one) else [])


def _uses_captions(study: Study, rung: Rung) -> bool:
    return rung.kind in (CHANGED, CAPTIONS) and get_ladder(study.config).captions is not None


def _uses_prompts(study: Study, rung: Rung) -> bool:
    return rung.kind == PROMPTS or (rung.kind == CHANGED and get_ladder(study.config).captions is None)


def list_natural_indices(study: Study, rung: str) -> list[str]:
    """List the index of the natural images from which, or from whose captions, a rung is made."""
    is_needed = list_made_rungs(study.config)[rung].needs_natural
    return [find_set_indices(study, find_natural_part(study.config).set)] if is_needed else []


def list_rung_owners(study: Study, rung: str, shard: str) -> list[str]:
    """List the index of the same images, if a set has them too, so that no block is generated twice."""
    run = GenerationRun(find_ladder_dataset(study.config), NO_GUIDANCE)
    is_same = list_made_rungs(study.config)[rung].kind == PROMPTS and run in list_generation_runs(study)
    return [f"<results>/images/{run.collection}/{shard}.parquet"] if is_same else []


@plans(list_rung_jobs)
def generate_rung(study: Study, rung: str, shard: str) -> GenerateRung:
    """Plan the images of a shard of a rung."""
    one, part = list_made_rungs(study.config)[rung], list_shards(study)[shard]
    captions = find_captions(study) if _uses_captions(study, one) else None
    dataset, (generator, _) = find_ladder_dataset(study.config), find_ladder_generator(study.config)
    return GenerateRung(
        rung=rung,
        kind=one.kind,
        strength=one.strength,
        classes=describe_classes(study, "key"),
        first=part.class_ids.start,
        stop=part.class_ids.stop,
        images_per_class=count_rung_images(study.config),
        subset=find_natural_part(study.config).images_per_class,
        exclude_flags=list_excluded(study),
        prompts=describe_prompts(study, dataset, part) if _uses_prompts(study, one) else None,
        captions=None if captions is None else CaptionSource.describe(captions, part.class_ids),
        **describe_generation(study, generator, NO_GUIDANCE),
    )


def list_transfer(study: Study) -> list[Wildcards]:
    """List the transfer sets."""
    return [{"transfer_set": name} for name in list_transfer_sets(study)]


def list_indexed(study: Study) -> list[Wildcards]:
    """List the natural sets, their selection splits and the transfer sets, as paths of their indices."""
    of_kinds = {
        "natural": list_own_sets(study),
        SELECTION: list_selection_sets(study),
        "transfer": list_transfer_sets(study),
    }
    return [{"indexed": f"{kind}/{name}"} for kind, names in of_kinds.items() for name in names]


def list_indexed_files(study: Study, indexed: str) -> list[str]:
    """List the files of a set, or its class folders, whose modification times show additions."""
    kind, _, name = indexed.partition("/")
    if kind != "transfer":
        return [path for _, files in _describe_own(study, kind, name).files for path in files.list_files()]
    entry = list_transfer_sets(study)[name]
    paths = find_transfer_root(study, name) if entry.torchvision is not None else []
    paths += [entry.classes] if entry.classes is not None else []
    return paths + [path for files in find_transfer_files(study, name).values() for path in files.list_files()]


@plans(list_indexed)
def index_images(study: Study, indexed: str) -> IndexImages:
    """Plan the index of a natural set, of its selection split or of a transfer set."""
    kind, _, name = indexed.partition("/")
    return IndexImages(
        name=name,
        source=_describe_transfer(study, name) if kind == "transfer" else _describe_own(study, kind, name),
        on_undecodable=study.config.on_undecodable,
        seed=study.seed,
        archive=study.config.archive,
    )


def _describe_own(study: Study, kind: str, name: str) -> ImageSource:
    """Describe a natural set, or its selection split: files of its own, or a part of the training split."""
    images, subset, counts = study.sets[name].images, find_class_ids(study, name), read_natural_counts(study, name)
    selected = study.sets[name].images_per_class.selection
    assert images is not None
    splits, held_out = list_splits(study, name), None
    if kind == SELECTION:
        splits = ["train"] if images.selection is None else [SELECTION]
    counts = {split: count for split, count in counts.items() if split in splits}
    # a subset of as many images of each class leaves others unused
    if images.selection is None and (kind == SELECTION or not isinstance(counts.get("train"), int)):
        held_out = (selected or "default") if name in list_selection_sets(study) else None
    return ImageSource(
        files=tuple((split, find_natural_files(study, name, split)) for split in splits),
        classes=describe_classes(study, "key"),
        class_ids=None if subset is None else tuple(subset),
        ignore_other_classes=study.sets[name].ignore_other_classes,
        images_per_class=counts,
        held_out=held_out,
        is_held_out=held_out is not None and kind == SELECTION,
    )


def _describe_transfer(study: Study, name: str) -> ImageSource:
    entry, rows = list_transfer_sets(study)[name], read_transfer_classes(study, name)
    classes = None if rows is None else ClassColumns.describe(find_transfer_table(study, name), rows, "key")
    return ImageSource(
        library=entry.describe_library(),
        files=tuple(find_transfer_files(study, name).items()),
        classes=classes,
        makes_evaluation=True,
    )


def list_natural_counts(study: Study) -> list[str]:
    """List the image counts of the natural sets, and of their selection splits."""
    return [f"<results>/images/{indexed}.csv" for indexed in _list_natural_indexed(study)]


def _list_natural_indexed(study: Study) -> list[str]:
    return [one["indexed"] for one in list_indexed(study) if not one["indexed"].startswith("transfer/")]


@plans(once_if(list_own_sets))
def tabulate_natural_images(study: Study) -> TabulateNaturalImages:
    """Plan the table of the files found in the natural sets."""
    sets = tuple(indexed.partition("/")[2] for indexed in _list_natural_indexed(study))
    return TabulateNaturalImages(sets=sets, classes=describe_classes(study, "name"))


def list_all_indices(study: Study) -> list[str]:
    """List the files that represent all indices of the study but those of transfer sets and reviews."""
    generated = [run.collection for run in list_generation_runs(study)]
    generated += [f"{LADDER}/{name}" for name in list_made_rungs(study.config)]
    own = [f"<results>/images/{indexed}.parquet" for indexed in _list_natural_indexed(study)]
    return [find_indices(study, name) for name in generated] + own + list_probe_indices(study)


def list_probe_indices(study: Study) -> list[str]:
    """List the indices of the prompt probes."""
    return [f"<results>/images/prompt_probes/{name}.parquet" for name in study.prompt_probes]


@plans(once_if(list_all_indices))
def count_flags(study: Study) -> CountFlags:
    """Plan the table of flagged images."""
    return CountFlags(exclude_flags=list_excluded(study))


def list_excluded(study: Study) -> tuple[str, ...]:
    """Return the flags that exclude an image, in alphabetical order."""
    return tuple(sorted(study.config.exclude_flags))
