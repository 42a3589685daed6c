"""The jobs of embeddings.smk: vectors of images and prompts, and user-provided ones.

The Snakefile imports this in every job, so it imports nothing heavy.
"""

from __future__ import annotations

from typing import Any

from synthdiv.core.job import Job
from synthdiv.jobs.files import find_embeddings, find_index, list_image_collections
from synthdiv.jobs.images import list_excluded, list_prompt_probes, list_transfer
from synthdiv.jobs.prompts import count_own_images, describe_classes, describe_prompts
from synthdiv.jobs.rules import Wildcards, plans
from synthdiv.plan.generation import list_shards
from synthdiv.plan.sets import (
    describe_encoder,
    find_embedding_files,
    list_encoded_sets,
    list_encoders,
    list_text_encoders,
)
from synthdiv.plan.study import Study
from synthdiv.plan.user_sources import list_files_of_models
from synthdiv.prompts.class_columns import ClassColumns
from synthdiv.prompts.sources import Counts, DatasetPrompts


class TryEncoder(Job):
    """A trial of an encoder, as the config describes it."""

    encoder: dict[str, Any]


class EmbedImages(Job):
    """The images of an index that are embedded, and the encoder.

    Attributes
    ----------
    encoder : dict
        The config's entry of the encoder.
    classes : (int, int) or None
        The images' classes, as a range of class_ids; None for all.
    exclude_flags : tuple of str
        Images with these flags are left out.
    """

    encoder: dict[str, Any]
    classes: tuple[int, int] | None
    exclude_flags: tuple[str, ...]


class EmbedPrompts(Job):
    """The prompts that are embedded, and the encoder.

    Attributes
    ----------
    encoder : dict
        The config's entry of the encoder.
    prompts : DatasetPrompts
    images_per_class : Counts or None
        The numbers of images, if every image has its own prompt.
    """

    encoder: dict[str, Any]
    prompts: DatasetPrompts
    images_per_class: Counts | None


class ImportEmbeddings(Job):
    """The embedding tables of a set.

    Attributes
    ----------
    set_name : str
    source : str or dict of split to str
        A path or a pattern, for both splits or for each.
    classes : ClassColumns
    """

    set_name: str
    source: str | dict[str, str]
    classes: ClassColumns


def list_encoder_files(study: Study, encoder: str) -> list[str]:
    """List an encoder's files, if its model or weights are files: changed weights make another encoder."""
    spec = study.config.encoders[encoder]
    return list_files_of_models(spec.model, spec.pretrained)


def list_tried_encoders(study: Study) -> list[Wildcards]:
    """List the encoders."""
    return [{"encoder": name} for name in study.config.encoders]


@plans(list_tried_encoders)
def try_encoder(study: Study, encoder: str) -> TryEncoder:
    """Plan the trial of an encoder."""
    return TryEncoder(encoder=describe_encoder(study, encoder))


def count_embedding_threads(study: Study) -> int:
    """Return 4 threads per GPU to read and decode images; on the CPU, one per job, so that jobs run in parallel."""
    return 1 if study.config.device == "cpu" else 4


def list_embedded(study: Study) -> list[Wildcards]:
    """List the shards of all collections of images, with each encoder that embeds them; reviews only with the first."""
    first = list_encoders(study)[0]
    return [
        {"encoder": encoder, "collection": collection, "shard": shard}
        for encoder in study.config.encoders
        for collection in list_image_collections(study)
        for shard in list_shards(study)
        if encoder == first or not collection.startswith("review/")
    ]


def find_embedded_index(study: Study, collection: str, shard: str) -> str:
    """Return the index of the embedded images."""
    return find_index(study, collection, shard)


@plans(list_embedded)
def embed_images(study: Study, encoder: str, collection: str, shard: str) -> EmbedImages:
    """Plan the embeddings of a shard of images."""
    class_ids = list_shards(study)[shard].class_ids
    return EmbedImages(
        encoder=describe_encoder(study, encoder),
        classes=(class_ids.start, class_ids.stop),
        exclude_flags=list_excluded(study),
    )


def list_embedded_probes(study: Study) -> list[Wildcards]:
    """List the prompt probes, with the first encoder."""
    return [{"encoder": list_encoders(study)[0], **one} for one in list_prompt_probes(study)]


@plans(list_embedded_probes)
def embed_prompt_probe(study: Study, encoder: str, probe: str) -> EmbedImages:
    """Plan the embeddings of a prompt probe's images."""
    return EmbedImages(encoder=describe_encoder(study, encoder), classes=None, exclude_flags=list_excluded(study))


def list_embedded_transfer(study: Study) -> list[Wildcards]:
    """List the transfer sets, with each encoder."""
    return [{"encoder": encoder, **one} for encoder in study.config.encoders for one in list_transfer(study)]


@plans(list_embedded_transfer)
def embed_transfer(study: Study, encoder: str, transfer_set: str) -> EmbedImages:
    """Plan the embeddings of a transfer set: of all images that decode, since it is a benchmark."""
    return EmbedImages(encoder=describe_encoder(study, encoder), classes=None, exclude_flags=())


def list_embedded_prompts(study: Study) -> list[Wildcards]:
    """List the shards of all datasets, with each encoder of texts."""
    return [
        {"encoder": encoder, "dataset": dataset, "shard": shard}
        for encoder in list_text_encoders(study)
        for dataset in study.datasets
        for shard in list_shards(study)
    ]


@plans(list_embedded_prompts)
def embed_prompts(study: Study, encoder: str, dataset: str, shard: str) -> EmbedPrompts:
    """Plan the embeddings of a shard of prompts."""
    return EmbedPrompts(
        encoder=describe_encoder(study, encoder),
        prompts=describe_prompts(study, dataset, list_shards(study)[shard]),
        images_per_class=count_own_images(study, dataset),
    )


def list_imported(study: Study) -> list[Wildcards]:
    """List the sets with user-provided embeddings."""
    return [{"set_name": name} for name, entry in study.sets.items() if entry.embeddings is not None]


def list_imported_files(study: Study, set_name: str) -> list[str]:
    """List the embedding tables of a set with user-provided embeddings."""
    return find_embedding_files(study, set_name)


@plans(list_imported)
def import_embeddings(study: Study, set_name: str) -> ImportEmbeddings:
    """Plan the import of a set's embedding tables."""
    given = study.sets[set_name].embeddings
    assert given is not None
    source = given if isinstance(given, str) else given.to_dict()
    return ImportEmbeddings(set_name=set_name, source=source, classes=describe_classes(study, "key"))


def list_probe_embeddings(study: Study) -> list[str]:
    """List the embeddings of the prompt probes by the first encoder."""
    folder = f"<results>/embeddings/{list_encoders(study)[0]}/prompt_probes"
    return [f"{folder}/{name}.parquet" for name in study.prompt_probes]


def list_all_embeddings(study: Study) -> list[str]:
    """List the files that represent all embeddings of the study."""
    paths = [
        find_embeddings(study, encoder, name)
        for encoder in list_encoders(study)
        for name in list_encoded_sets(study, encoder)
    ]
    return list(dict.fromkeys(paths)) + list_probe_embeddings(study)
