"""What is generated: shards, generation runs, which run generates an image, and what determines the image.

The Snakefile imports this in every job, so it imports nothing heavy.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import cache

from synthdiv.config.problems import about
from synthdiv.core.errors import StudyError
from synthdiv.core.fingerprints import PROBE, REVIEW, format_scale, make_digest
from synthdiv.plan.parts import GenerationRun, Shard
from synthdiv.plan.study import Study
from synthdiv.prompts.captions import Captions, read_captions
from synthdiv.prompts.datasets import Dataset


@cache
def list_generation_runs(study: Study) -> list[GenerationRun]:
    """List every dataset at every guidance scale, in the order of the config."""
    return [
        GenerationRun(name, float(scale))
        for name, dataset in study.config.datasets.items()
        for scale in dataset.guidance_scales
    ]


def list_guidance_scales(study: Study, generator: str) -> list[float]:
    """List the guidance scales at which a generator generates images of datasets and of prompt probes."""
    probes = [GenerationRun(name, probe.guidance_scale, PROBE) for name, probe in study.config.prompt_probes.items()]
    runs = [*list_generation_runs(study), *probes]
    return [run.guidance_scale for run in runs if find_generator(study, run.dataset, run.split) == generator]


@cache
def list_shards(study: Study) -> dict[str, Shard]:
    """List the shards of the classes, by name."""
    step, count = _count_classes_per_shard(study), len(study.classes)
    width = len(str(count - 1))
    shards = {}
    for start in range(0, count, step):
        ids = range(start, min(start + step, count))
        name = f"c{ids[0]:0{width}}-{ids[-1]:0{width}}"
        shards[name] = Shard(name, ids)
    return shards


def _count_classes_per_shard(study: Study) -> int:
    if study.config.shard_by_time is None:
        return study.config.classes_per_shard
    timing = study.config.shard_by_time
    most = max((sum(dataset.images_per_class.values()) for dataset in study.datasets.values()), default=1)
    return max(1, int(60 * timing.minutes / (timing.seconds_per_image * most)))


def find_generator(study: Study, dataset: str, split: str | None = None) -> str:
    """Return the name of the generator of a dataset, or, in the split of prompt probes, of a prompt probe."""
    entry = study.config.prompt_probes[dataset] if split == PROBE else study.config.datasets[dataset]
    return entry.generator or next(iter(study.config.generators))


def list_run_indices(study: Study, run: GenerationRun) -> dict[str, Shard]:
    """List the indices of a generation run for sets, or of a prompt probe, relative to images/, with their classes."""
    if run.split == PROBE:
        _, shard = find_run(study, {"probe": run.dataset})
        return {f"{run.collection}.parquet": shard}
    return {f"{run.collection}/{name}.parquet": shard for name, shard in list_shards(study).items()}


def find_prompts(study: Study, run: GenerationRun) -> Dataset:
    """Return the prompts of a generation run, and how many images it has of each class and split."""
    if run.split == PROBE:
        return study.prompt_probes[run.dataset]
    dataset = study.datasets[run.dataset]
    if run.split == REVIEW:
        return replace(dataset, images_per_class={REVIEW: study.config.review.images})
    return dataset


def find_run(study: Study, names: Mapping[str, str]) -> tuple[GenerationRun, Shard]:
    """Find what a job generates, and of which classes, from the wildcards of its rule.

    Parameters
    ----------
    names : mapping
        ``probe``; ``set_name`` and ``shard`` of a review; or ``dataset``, ``scale`` and ``shard``.
    """
    if "probe" in names:
        name = names["probe"]
        entry = study.config.prompt_probes[name]
        (class_id,) = [row.class_id for row in study.classes if row.key == entry.class_key]
        return GenerationRun(name, entry.guidance_scale, PROBE), Shard(name, range(class_id, class_id + 1))
    shard = list_shards(study)[names["shard"]]
    if "set_name" in names:
        name = names["set_name"]
        return GenerationRun(study.find_dataset(name), study.find_scale(name), REVIEW), shard
    return get_run(study, names["dataset"], names["scale"]), shard


@cache
def find_captions(study: Study) -> Captions | None:
    """Read the captions of the natural images where the ladder starts, if there are any."""
    ladder = study.config.ladder
    if ladder is None or ladder.captions is None:
        return None
    with about(("ladder", "captions")):
        return read_captions(ladder.captions, study.classes)


def get_run(study: Study, dataset: str, scale: str) -> GenerationRun:
    """Return the generation run of a dataset and a guidance scale in its text form.

    Raises
    ------
    StudyError
        If the dataset is not generated at that scale.
    """
    for run in list_generation_runs(study):
        if run.dataset == dataset and format_scale(run.guidance_scale) == scale:
            return run
    raise StudyError(f"dataset {dataset!r} is not generated at guidance scale {scale}: add it to its guidance_scales")


@cache
def _list_owners(study: Study) -> dict[tuple[str, float, int, str], GenerationRun]:
    """Find the run with the most images of a class, or the first of equals, by (generator, scale, class_id, prompts)."""
    owners: dict[tuple[str, float, int, str], GenerationRun] = {}
    by_size = sorted(
        list_generation_runs(study), key=lambda one: -sum(study.datasets[one.dataset].images_per_class.values())
    )
    for run in by_size:
        for row in study.classes:
            owners.setdefault(_make_owner_key(study, run, row.class_id), run)
    return owners


def _make_owner_key(study: Study, run: GenerationRun, class_id: int) -> tuple[str, float, int, str]:
    prompts = make_digest(study.datasets[run.dataset].describe_class(class_id))
    return find_generator(study, run.dataset), run.guidance_scale, class_id, prompts


def find_owner(study: Study, run: GenerationRun, class_id: int) -> GenerationRun:
    """Return the run that generates a class of a run: itself, or the largest with the same images (the first of equals).

    Runs of separate splits (prompt probes, reviews) generate their own images.
    """
    if run.split is not None:
        return run
    return _list_owners(study)[_make_owner_key(study, run, class_id)]
