"""The jobs of ladder.smk: the images of the rungs between natural and generated images, and what each step costs.

The Snakefile imports this in every job, so it imports nothing heavy.
"""

from __future__ import annotations

from synthdiv.core.job import Job, Part
from synthdiv.jobs.files import find_set_indices
from synthdiv.jobs.images import GenerationJob, describe_generation, list_excluded
from synthdiv.jobs.prompts import describe_classes, describe_prompts, list_source_files
from synthdiv.jobs.rules import Wildcards, once_if, plans
from synthdiv.plan.classifiers import list_parts
from synthdiv.plan.generation import list_generation_runs, list_shards
from synthdiv.plan.ladder import (
    CAPTIONS,
    CHANGED,
    NO_GUIDANCE,
    PROMPTS,
    Rung,
    count_rung_images,
    find_captions,
    find_classifier,
    find_ladder_generator,
    find_start,
    get_ladder,
    list_made_rungs,
    list_rungs,
)
from synthdiv.plan.parts import GenerationRun
from synthdiv.plan.study import Study
from synthdiv.plan.user_sources import list_files_of_models
from synthdiv.prompts.captions import CaptionSource
from synthdiv.prompts.class_columns import ClassColumns
from synthdiv.prompts.sources import DatasetPrompts


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


class LadderStep(Part):
    """A rung, and what is not as on the rung before."""

    training: str
    changes: str


class TabulateLadder(Job):
    """The rungs of the ladder, from natural to generated images; the inputs are the predictions of each.

    Attributes
    ----------
    classifier : str
    rungs : tuple of LadderStep
    """

    classifier: str
    rungs: tuple[LadderStep, ...]


def list_rung_jobs(study: Study) -> list[Wildcards]:
    """List the shards of the rungs whose images only the ladder needs."""
    return [{"rung": name, "shard": shard} for name in list_made_rungs(study) for shard in list_shards(study)]


def find_ladder_fingerprint(study: Study) -> str:
    """Return the fingerprint of the generator of the rungs."""
    name, _ = find_ladder_generator(study)
    return f"<results>/generators/{name}.json"


def list_ladder_checker_files(study: Study) -> list[str]:
    """List the safety checker's files, if it is a folder: changed weights flag other images."""
    _, spec = find_ladder_generator(study)
    return list_files_of_models(spec.safety_checker)


def list_rung_sources(study: Study, rung: str) -> list[str]:
    """List the text files from which a rung's prompts are made."""
    one, captions = list_made_rungs(study)[rung], get_ladder(study).captions
    files = list_source_files(study, [study.find_dataset(get_ladder(study).set)]) if _uses_prompts(study, one) else []
    return files + ([captions] if captions is not None and _uses_captions(study, one) else [])


def _uses_captions(study: Study, rung: Rung) -> bool:
    return rung.kind in (CHANGED, CAPTIONS) and get_ladder(study).captions is not None


def _uses_prompts(study: Study, rung: Rung) -> bool:
    return rung.kind == PROMPTS or (rung.kind == CHANGED and get_ladder(study).captions is None)


def list_natural_indices(study: Study, rung: str) -> list[str]:
    """List the index of the natural images from which, or from whose captions, a rung is made."""
    start = find_start(study)
    if start is None or not list_made_rungs(study)[rung].needs_natural:
        return []
    return [find_set_indices(study, part.set) for part in list_parts(study, start)]


def list_rung_owners(study: Study, rung: str, shard: str) -> list[str]:
    """List the index of the same images, if a set has them too, so that no block is generated twice."""
    run = GenerationRun(study.find_dataset(get_ladder(study).set), NO_GUIDANCE)
    is_same = list_made_rungs(study)[rung].kind == PROMPTS and run in list_generation_runs(study)
    return [f"<results>/images/{run.collection}/{shard}.parquet"] if is_same else []


@plans(list_rung_jobs)
def generate_rung(study: Study, rung: str, shard: str) -> GenerateRung:
    """Plan the images of a shard of a rung."""
    one, part, start = list_made_rungs(study)[rung], list_shards(study)[shard], find_start(study)
    assert start is not None
    (natural,), captions = list_parts(study, start), find_captions(study) if _uses_captions(study, one) else None
    dataset, (generator, _) = study.find_dataset(get_ladder(study).set), find_ladder_generator(study)
    return GenerateRung(
        rung=rung,
        kind=one.kind,
        strength=one.strength,
        classes=describe_classes(study, "key"),
        first=part.class_ids.start,
        stop=part.class_ids.stop,
        images_per_class=count_rung_images(study),
        subset=natural.images_per_class,
        exclude_flags=list_excluded(study),
        prompts=describe_prompts(study, dataset, part) if _uses_prompts(study, one) else None,
        captions=None if captions is None else CaptionSource.describe(captions, part.class_ids),
        **describe_generation(study, generator, NO_GUIDANCE),
    )


def list_ladder_predictions(study: Study) -> list[str]:
    """List the predictions of the classifiers of each rung."""
    return [f"<results>/evaluations/{find_classifier(study)}/{rung.training}.parquet" for rung in list_rungs(study)]


@plans(once_if(list_rungs))
def tabulate_ladder(study: Study) -> TabulateLadder:
    """Plan the table of the ladder."""
    rungs = tuple(LadderStep(training=rung.training, changes=rung.changes) for rung in list_rungs(study))
    return TabulateLadder(classifier=find_classifier(study), rungs=rungs)
