"""Make the images of a rung of the ladder: from natural images, from their captions, or from a set's prompts."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import islice, zip_longest
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image, ImageOps

from synthdiv.config.rungs import AUTOENCODED, CAPTIONS, CHANGED, FROM_IMAGES, PROMPTS, RESIZED
from synthdiv.core.devices import one_thread
from synthdiv.core.errors import StudyError
from synthdiv.core.fingerprints import BLOCK_SIZE, derive_seed, make_digest, name_block, name_image
from synthdiv.generation.generator import Generator, Start, encode_images, pad, to_pixels, upcast_autoencoder
from synthdiv.generation.shards import (
    Block,
    GeneratePlaces,
    GenerationCounts,
    family_name,
    list_texts,
    make_recipe,
    write_shard,
)
from synthdiv.images.archive import locate_block
from synthdiv.images.index import load_image
from synthdiv.images.subsets import gather_images
from synthdiv.jobs.images import GenerateRung
from synthdiv.prompts.captions import Captions
from synthdiv.prompts.class_tables import ClassRow
from synthdiv.prompts.datasets import Dataset

Rows = Mapping[int, Sequence[Mapping[str, Any]]]
"""The natural images of each class, as rows of an index."""


def read_rows(job: GenerateRung, indices: Iterable[Path | str], classes: Sequence[ClassRow]) -> Rows:
    """Return the natural images of each class that are trained on at the ladder's start.

    Raises
    ------
    StudyError
        If a class has fewer than the rung has images.
    """
    table = gather_images(
        indices,
        "train",
        exclude_flags=job.exclude_flags,
        images_per_class=job.subset,
        class_ids=job.class_ids,
        seed=job.seed,
    )
    rows: dict[int, list[dict[str, Any]]] = {class_id: [] for class_id in job.class_ids}
    for row in table.to_pylist():
        rows[row["class_id"]].append(row)
    for class_id, own in rows.items():
        if len(own) < job.images_per_class:
            raise StudyError(
                f"the ladder starts at {len(own)} natural images of the class {classes[class_id].key!r}, and its other end "
                f"has {job.images_per_class}: use fewer there (images_per_class), or check which images are flagged"
            )
    return rows


def iter_rung_blocks(
    job: GenerateRung,
    classes: Sequence[ClassRow],
    fingerprint: Mapping[str, Any],
    *,
    rows: Rows | None,
    captions: Captions | None,
    dataset: Dataset | None,
) -> Iterator[Block]:
    """Yield the blocks of a rung: image i of a class is made from its natural image i, and from its noise i for training.

    Parameters
    ----------
    job : GenerateRung
        What to make.
    classes : sequence of ClassRow
    fingerprint : mapping
        The generator's fingerprint.
    rows : mapping of class_id to rows of an index, or None
        The natural images; needed for all rungs but that of a set's prompts.
    captions : Captions or None
        Their captions.
    dataset : Dataset or None
        The prompts of the set where the ladder ends; needed without captions.
    """
    recipe = make_recipe(job.generator, fingerprint, job.image_format)
    family = family_name(fingerprint)
    if job.kind == RESIZED:  # no model is used
        recipe = {key: recipe[key] for key in ("recipe_version", "image_format", "quality", "width", "height")}
        family = RESIZED
    digest, numbers = make_digest(recipe), range(job.images_per_class)
    for class_id in job.class_ids:
        key, prompts, seeds = classes[class_id].key, list[str](), list[int]()
        natural = [] if rows is None else rows[class_id][: job.images_per_class]
        if job.kind in (CHANGED, CAPTIONS, PROMPTS):
            prompts = _list_prompts(class_id, numbers, natural, captions, dataset)
            seeds = [derive_seed(job.seed, key, "train", n, noise=job.noise) for n in numbers]
        sources = natural if job.kind in FROM_IMAGES else []
        names = [_name_image(job, digest, *one) for one in zip_longest(prompts, seeds, sources)]
        for start in range(0, len(numbers), BLOCK_SIZE):
            part = slice(start, start + BLOCK_SIZE)
            yield Block(
                class_id,
                key,
                "train",
                indices=numbers[part],
                noises=numbers[part],
                prompts=prompts[part],
                seeds=seeds[part],
                names=names[part],
                path=locate_block(job.archive, family, name_block(names[part])),
                sources=sources[part],
                strength=job.strength,
            )


def _list_prompts(
    class_id: int,
    numbers: Iterable[int],
    natural: Sequence[Mapping[str, Any]],
    captions: Captions | None,
    dataset: Dataset | None,
) -> list[str]:
    if captions is not None:
        return [captions.find(row) for row in natural]
    assert dataset is not None
    return [dataset.prompt(class_id, "train", n) for n in numbers]


def _name_image(
    job: GenerateRung, recipe_digest: str, prompt: str | None, seed: int | None, source: Mapping[str, Any] | None
) -> str:
    own = None if source is None else source["digest"].hex()
    if prompt is None or seed is None:
        return make_digest({"recipe": recipe_digest, "source": own, "kind": job.kind})
    start = {} if own is None or job.strength is None else {"source": own, "strength": job.strength}
    return name_image(recipe_digest, job.guidance_scale, prompt, seed, **start)


def fit_image(image: Image.Image, width: int, height: int) -> Image.Image:
    """Return an image in another size; what does not fit its shape is cut off equally on both sides."""
    return ImageOps.fit(image, (width, height), Image.Resampling.LANCZOS)


def reconstruct_images(generator: Generator, images: Iterable[Image.Image]) -> Iterator[Image.Image]:
    """Encode images with a generator's autoencoder, and decode the mode of what it says of their latents.

    Batches are padded, and a CPU uses one thread, as in :meth:`synthdiv.generation.generator.Generator.generate_images`.

    Parameters
    ----------
    generator : Generator
    images : iterable of PIL.Image.Image
        In the generator's size.
    """
    size, remaining = generator.spec["batch_size"], iter(images)
    while batch := list(islice(remaining, size)):
        for pixels in _reconstruct_batch(generator, pad(batch, size))[: len(batch)]:
            yield Image.fromarray(pixels)


@torch.inference_mode()
def _reconstruct_batch(generator: Generator, images: list[Image.Image]) -> np.ndarray:
    pipeline = generator.pipeline
    with one_thread(), upcast_autoencoder(pipeline) as vae:
        decoded = vae.decode(encode_images(pipeline, images)).sample
        return to_pixels(pipeline.image_processor.postprocess(decoded, output_type="pt"))


def make_images(job: GenerateRung, generator: Generator | None) -> GeneratePlaces:
    """Return the function that makes a rung's images, given as a block and a number in it; resizing needs no generator."""
    width, height = job.generator["width"], job.generator["height"]

    def make(places: Sequence[tuple[Block, int]]) -> Iterator[Image.Image]:
        natural = (fit_image(load_image(block.sources[n]), width, height) for block, n in places if block.sources)
        if generator is None:
            return natural
        if job.kind == AUTOENCODED:
            return reconstruct_images(generator, natural)
        start = None if job.strength is None else Start(natural, job.strength)
        return generator.generate_images(*list_texts(places), job.guidance_scale, start)

    return make


def write_rung(
    job: GenerateRung,
    class_table: str,
    fingerprint: Mapping[str, Any],
    indices: Sequence[Path | str],
    path: Path | str,
    *,
    load_generator: Callable[[], Generator],
    writers: int = 1,
    load_checker: Callable[[], Callable[[list[Image.Image]], list[bool]]] | None = None,
) -> GenerationCounts:
    """Make the missing images of a shard of a rung and write its index.

    Otherwise as :func:`synthdiv.generation.shards.generate_shard`.

    Parameters
    ----------
    job : GenerateRung
        What to make.
    class_table : str
        The study's class table.
    fingerprint : mapping
        The generator's fingerprint.
    indices : sequence of Path or str
        The index of the natural images, for rungs that need them.
    path : Path or str
        The index table to write.
    load_generator : callable
        Loads the generator.
    writers, load_checker
        As in :func:`synthdiv.generation.shards.generate_shard`.
    """
    classes = job.classes.read(class_table)
    blocks = list(
        iter_rung_blocks(
            job,
            classes,
            fingerprint,
            rows=read_rows(job, indices, classes) if indices else None,
            captions=None if job.captions is None else job.captions.read(classes, job.class_ids),
            dataset=None if job.prompts is None else job.prompts.read(class_table),
        )
    )
    described = {"set": job.rung, "kind": job.kind, "strength": job.strength, "images_per_class": job.images_per_class}

    def load() -> GeneratePlaces:
        return make_images(job, None if job.kind == RESIZED else load_generator())

    return write_shard(job, blocks, fingerprint, path, described, load, writers=writers, load_checker=load_checker)
