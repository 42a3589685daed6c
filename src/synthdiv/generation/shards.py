"""Generate a shard of a dataset: find existing blocks, extend or generate the others, and write the shard's index."""

from __future__ import annotations

import io
import json
import logging
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

from PIL import Image
from tqdm import tqdm

from synthdiv.core.fingerprints import BLOCK_SIZE, RECIPE_VERSION, derive_seed, make_digest, name_block, name_image
from synthdiv.core.provenance.versions import GENERATION, read_versions
from synthdiv.core.tables import read_metadata
from synthdiv.generation.block_lists import write_block_list
from synthdiv.images.archive import StoredImage, locate_block, mark_use, name_member, read_block, write_block
from synthdiv.images.flags import decode_image, flag_image, measure_image
from synthdiv.images.index import read_index, write_index
from synthdiv.jobs.images import GenerateImages, GenerationJob
from synthdiv.prompts.datasets import Dataset

logger = logging.getLogger(__name__)

Generate = Callable[[Sequence[str], Sequence[int], float], Iterator[Image.Image]]
GeneratePlaces = Callable[[Sequence[tuple["Block", int]]], Iterator[Image.Image]]
EXTENSIONS = {"png": "png", "jpeg": "jpg", "webp": "webp"}
# keys of a generator's entry that the fingerprint covers already, or that do not change an image
NOT_IN_RECIPE = {"model", "revision", "scheduler", "scheduler_options", "lora", "lora_scale", "safety_checker"}


@dataclass(frozen=True)
class Block:
    """Images that are, or will be, stored in one file: the identity of each, and the file's path.

    Images that are made from others have these as ``sources``, rows of an index, and ``strength`` if noise is added to them.
    Those that no model generates have no prompts and no seeds.
    """

    class_id: int
    key: str
    split: str
    indices: range
    noises: range
    prompts: Sequence[str]
    seeds: Sequence[int]
    names: list[str]
    path: Path
    sources: Sequence[Mapping[str, Any]] = ()
    strength: float | None = None

    def get_text(self, n: int) -> dict[str, Any]:
        """Return the prompt and the seed of an image, None if it has none."""
        return {"prompt": self.prompts[n], "seed": self.seeds[n]} if self.prompts else {"prompt": None, "seed": None}


@dataclass(frozen=True)
class GenerationCounts:
    """Numbers of images that a call of :func:`generate_shard` generated, copied and found."""

    generated: int
    copied: int
    found: int


def make_recipe(spec: Mapping[str, Any], fingerprint: Mapping[str, Any], image_format: Mapping[str, Any]) -> dict[str, Any]:
    """Return everything that determines an image's bytes besides its prompt, its seed and the guidance scale."""
    return {
        "recipe_version": RECIPE_VERSION,
        "fingerprint": fingerprint["digest"],
        "image_format": image_format["format"],
        "quality": None if image_format["format"] == "png" else image_format["quality"],
        **{key: value for key, value in spec.items() if key not in NOT_IN_RECIPE},
    }


def iter_blocks(
    job: GenerateImages, dataset: Dataset, class_ids: Iterable[int], fingerprint: Mapping[str, Any]
) -> Iterator[Block]:
    """Yield the blocks of some classes, in order.

    If a class needs fewer images than fill a block, and a longer existing block begins with them, that block is used.

    Parameters
    ----------
    job : GenerateImages
        What to generate.
    dataset : Dataset
        Its prompts.
    class_ids : iterable of int
        The classes.
    fingerprint : mapping
        The generator's fingerprint.
    """
    recipe_digest = make_digest(make_recipe(job.generator, fingerprint, job.image_format))

    def describe(class_id: int, split: str, indices: range, noises: range) -> tuple[list[str], list[int], list[str]]:
        key = dataset.classes[class_id].key
        prompts = [dataset.prompt(class_id, split, index) for index in indices]
        seeds = [derive_seed(job.seed, key, split, n, noise=job.noise) for n in noises]
        names = [
            name_image(recipe_digest, job.guidance_scale, prompt, seed) for prompt, seed in zip(prompts, seeds, strict=True)
        ]
        return prompts, seeds, names

    def locate(names: list[str]) -> Path:
        return locate_block(job.archive, family_name(fingerprint), name_block(names))

    for class_id in class_ids:
        for split, numbers in dataset.list_runs():
            for start in range(0, len(numbers), BLOCK_SIZE):
                indices = numbers[start : start + BLOCK_SIZE]
                noises = range(start, start + len(indices))
                prompts, seeds, names = describe(class_id, split, indices, noises)
                path = locate(names)
                if len(names) < BLOCK_SIZE and dataset.endless and not path.exists():
                    more = range(noises.stop, start + BLOCK_SIZE)
                    _, _, further = describe(class_id, split, more, more)
                    longer = (locate(names + further[:n]) for n in range(1, len(further) + 1))
                    path = next((candidate for candidate in longer if candidate.exists()), path)
                key = dataset.classes[class_id].key
                yield Block(class_id, key, split, indices, noises, prompts, seeds, names, path)


def count_generated(job: GenerateImages, dataset: Dataset, class_id: int, fingerprint: Mapping[str, Any]) -> int:
    """Count the images of a class in the archive: 0 if its first block is missing, since that is generated first.

    The prompts of a prompt probe are edited one by one, so every block is looked up.
    """
    blocks = iter_blocks(job, dataset, [class_id], fingerprint)
    first = next(blocks)
    if not first.path.exists() and dataset.repeat is None:
        return 0
    return sum(len(block.indices) for block in (first, *blocks) if block.path.exists())


def family_name(fingerprint: Mapping[str, Any]) -> str:
    """Return the archive's folder for a generator: readable, and the same for everybody who uses the same weights."""
    return f"{fingerprint['pipeline']}-{fingerprint['digest'][:12]}"


def read_shorter_block(block: Block) -> list[StoredImage]:
    """Return the images of the longest block whose images are the first ones of this block, if there is any."""
    for length in range(len(block.names) - 1, 0, -1):
        path = block.path.parents[1] / (name := name_block(block.names[:length]))[:2] / f"{name}.tar"
        if path.exists():
            return read_block(path)
    return []


def encode_image(image: Image.Image, image_format: Mapping[str, Any]) -> bytes:
    """Encode an image in the config's ``image_format``."""
    buffer = io.BytesIO()
    options = {} if image_format["format"] == "png" else {"quality": image_format["quality"]}
    image.save(buffer, format=image_format["format"], **options)
    return buffer.getvalue()


def fill_block(job: GenerationJob, block: Block, copied: Sequence[StoredImage], images: Sequence[Image.Image]) -> None:
    """Write one block: first the images that are copied from a shorter one, then the new ones.

    A block that another job has written meanwhile is left alone: an index may refer to its images by their offsets.
    """
    if block.path.exists():
        return
    image_format, versions = job.image_format, read_versions(GENERATION)
    encoded = [(image.read(), image.metadata) for image in copied]
    for n, image in enumerate(images, start=len(copied)):
        metadata = {
            "name": block.names[n],
            "class_key": block.key,
            "split": block.split,
            "index": block.noises[n],
            **block.get_text(n),
            "guidance_scale": job.guidance_scale,
            "versions": versions,
            **measure_image(image),
            **({"source": block.sources[n]["digest"].hex(), "strength": block.strength} if block.sources else {}),
        }
        encoded.append((encode_image(image, image_format), metadata))
    extension = EXTENSIONS[image_format["format"]]
    members = [
        (name_member(block.key, block.split, index), extension, data, metadata)
        for index, (data, metadata) in zip(block.noises, encoded, strict=True)
    ]
    write_block(block.path, members)


def generate_blocks(
    job: GenerationJob,
    blocks: Sequence[Block],
    shorter: Sequence[Sequence[StoredImage]],
    generate: GeneratePlaces,
    *,
    writers: int = 1,
) -> int:
    """Generate blocks in order, each after the images of a shorter one, and write each as soon as it is full.

    The images of all blocks form one stream, so that only the very last batch is padded. Threads encode and write full
    blocks while the next images are generated; at most ``writers`` blocks wait.

    Returns
    -------
    int
        The number of generated images.
    """
    new = [(block, n) for block, copied in zip(blocks, shorter, strict=True) for n in range(len(copied), len(block.names))]
    images = generate(new)
    writing: deque[Future[None]] = deque()
    with tqdm(total=len(new), unit="image", mininterval=2) as progress, ThreadPoolExecutor(writers) as pool:
        for block, copied in zip(blocks, shorter, strict=True):
            generated = list(islice(images, len(block.names) - len(copied)))
            progress.update(len(generated))
            if len(writing) == writers:
                writing.popleft().result()
            writing.append(pool.submit(fill_block, job, block, copied, generated))
        for future in writing:
            future.result()
    return len(new)


def generate_shard(
    job: GenerateImages,
    dataset: Dataset,
    fingerprint: Mapping[str, Any],
    path: Path | str,
    *,
    load_generate: Callable[[], Generate],
    writers: int = 1,
    load_checker: Callable[[], Callable[[list[Image.Image]], list[bool]]] | None = None,
) -> GenerationCounts:
    """Generate the missing images of a shard and write its index.

    Every finished block is kept, whatever happens to the job: a second call finds it. The list of the blocks says that they
    are in use, and so are shorter ones until their images are copied.

    Parameters
    ----------
    job : GenerateImages
        What to generate.
    dataset : Dataset
        Its prompts, as read.
    fingerprint : mapping
        The generator's fingerprint, from :func:`synthdiv.generation.generator.fingerprint_generator`.
    path : Path or str
        The index table to write; the list of its blocks lies beside it.
    load_generate : callable
        Loads the model and returns its generation function; called only if a block is missing.
    writers : int
        Number of threads that encode and write blocks while the next are generated.
    load_checker : callable, optional
        Loads a safety checker; given if the config names one.

    Returns
    -------
    GenerationCounts
        Numbers of images generated, copied from a shorter block, and found.
    """

    def load() -> GeneratePlaces:
        generate = load_generate()
        return lambda new: generate(*list_texts(new), job.guidance_scale)

    described = {
        "dataset": job.prompts.name,
        "images_per_class": dict(job.images_per_class),
        "prompts": {dataset.classes[n].key: make_digest(dataset.describe_class(n)) for n in job.prompts.class_ids},
    }
    blocks = list(iter_blocks(job, dataset, job.prompts.class_ids, fingerprint))
    return write_shard(job, blocks, fingerprint, path, described, load, writers=writers, load_checker=load_checker)


def list_texts(places: Sequence[tuple[Block, int]]) -> tuple[list[str], list[int]]:
    """Return the prompts and the seeds of images, given as a block and a number in it."""
    return [block.prompts[n] for block, n in places], [block.seeds[n] for block, n in places]


def write_shard(
    job: GenerationJob,
    blocks: Sequence[Block],
    fingerprint: Mapping[str, Any],
    path: Path | str,
    described: Mapping[str, Any],
    load: Callable[[], GeneratePlaces],
    *,
    writers: int,
    load_checker: Callable[[], Callable[[list[Image.Image]], list[bool]]] | None,
) -> GenerationCounts:
    """Generate the missing blocks of a shard and write its index; otherwise as :func:`generate_shard`.

    Parameters
    ----------
    described : mapping
        What the index says of the images beside their generator.
    load : callable
        Loads the model and returns a function that generates images, given as a block and a number in it.
    """
    mark_use(job.archive)
    # with shared noise, classes with the same prompt share their blocks
    missing = list({block.path: block for block in blocks if not block.path.exists()}.values())
    shorter = [read_shorter_block(block) for block in missing]
    write_block_list([*(block.path for block in blocks), *(image.file for images in shorter for image in images)], path)
    copied = sum(map(len, shorter))
    found = sum(len(block.indices) for block in blocks) - sum(len(block.indices) for block in missing)
    logger.info("%d blocks, %d of them missing; %d images found in the archive", len(blocks), len(missing), found)
    generated = generate_blocks(job, missing, shorter, load(), writers=writers) if missing else 0
    check = load_checker() if load_checker is not None else None
    rows = [row for block in blocks for row in _index_block(block, check)]
    versions = _list_distinct(row.pop("versions") for row in rows)
    if len(versions) > 1:
        logger.warning("the images were generated with different software: %s", "; ".join(map(json.dumps, versions)))
    metadata = {
        "guidance_scale": job.guidance_scale,
        "generator": job.generator,
        "fingerprint": fingerprint["digest"],
        "guidance": fingerprint["guidance"],
        "image_format": job.image_format,
        "noise": job.noise,
        "seed": job.seed,
        "versions": versions,
        **described,
    }
    write_index(path, rows, metadata)
    write_block_list((block.path for block in blocks), path)
    logger.info("generated %d images, copied %d, found %d", generated, copied, found)
    return GenerationCounts(generated, copied, found)


def _index_block(block: Block, check: Callable[[list[Image.Image]], list[bool]] | None) -> list[dict[str, Any]]:
    stored = read_block(block.path)
    flags = [flag_image(image.metadata) for image in stored]
    if check is not None:
        decoded = [decode_image(image.read()) for image in stored]
        for listed, unsafe in zip(flags, check(decoded), strict=True):
            listed += ["nsfw"] if unsafe else []
    return [
        {
            "class_id": block.class_id,
            "split": block.split,
            "index": index,
            **block.get_text(n),
            "file": stored[n].file,
            "offset": stored[n].offset,
            "size": stored[n].size,
            "digest": stored[n].digest,
            "flags": flags[n],
            "versions": stored[n].metadata.get("versions"),
        }
        for n, index in enumerate(block.indices)
    ]


def _list_distinct(versions: Iterable[dict[str, str] | None]) -> list[dict[str, str] | None]:
    """List the versions of packages that generated some images; None for images that do not say so."""
    return [json.loads(text) for text in sorted({json.dumps(one, sort_keys=True) for one in versions})]


def regenerate_image(
    path: Path | str, class_id: int, split: str, index: int, *, load_generate: Callable[[Mapping], Generate]
) -> bytes:
    """Regenerate one image of an index from its row alone, with the same bytes as in the archive.

    Parameters
    ----------
    path : Path or str
        An index that :func:`generate_shard` wrote.
    class_id, split, index
        The image.
    load_generate : callable
        From the generator's config entry to its generation function.
    """
    metadata = read_metadata(path)
    row = next(
        row
        for row in read_index(path).to_pylist()
        if (row["class_id"], row["split"], row["index"]) == (class_id, split, index)
    )
    generate = load_generate(metadata["generator"])
    image = next(generate([row["prompt"]], [row["seed"]], metadata["guidance_scale"]))
    return encode_image(image, metadata["image_format"])
