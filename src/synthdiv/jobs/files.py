"""The paths of images, embeddings and results tables, as rules read and write them.

The Snakefile imports this in every job, so it imports nothing heavy.
"""

from __future__ import annotations

from pathlib import Path

from synthdiv.catalog.tables import TABLES
from synthdiv.config.rungs import list_made_rungs
from synthdiv.core.job import Job
from synthdiv.jobs.rules import Wildcards, find_rule, plans
from synthdiv.plan.generation import list_generation_runs, list_shards
from synthdiv.plan.parts import LADDER, USER_PROVIDED
from synthdiv.plan.review import list_reviewable
from synthdiv.plan.sets import find_collection, list_encoded_sets, list_encoders
from synthdiv.plan.study import Study


class WriteManifest(Job):
    """A manifest, which its inputs decide."""


def list_manifests(study: Study) -> list[Wildcards]:
    """List the folders that have a manifest."""
    return [{"folder": name} for name in list_folders(study)]


@plans(list_manifests)
def write_manifest(study: Study, folder: str) -> WriteManifest:
    """Plan the manifest of a folder."""
    return WriteManifest()


def find_manifest(study: Study, folder: str) -> str:
    """Return the file that represents all tables of a folder: their manifest, or the only table."""
    shards = list_shards(study)
    name = "manifest.json" if len(shards) > 1 else f"{next(iter(shards))}.parquet"
    return f"<results>/{folder}/{name}"


def list_tables(study: Study, folder: str) -> list[str]:
    """List the tables of a folder that has one per shard."""
    return [f"<results>/{folder}/{shard}.parquet" for shard in list_shards(study)]


def list_folders(study: Study) -> list[str]:
    """List the folders that have one table per shard, if there are several shards."""
    if len(list_shards(study)) == 1:
        return []
    generated = [f"images/{run.collection}" for run in list_generation_runs(study)]
    generated += [f"images/{LADDER}/{name}" for name in list_made_rungs(study.config)]
    first = list_encoders(study)[0]
    datasets = {name: study.sets[name].dataset for name in list_reviewable(study)}
    reviewed = [f"images/review/{name}" for name in datasets]
    reviewed += [f"embeddings/{first}/review/{name}" for name in datasets]
    reviewed += [f"embeddings/{first}/prompts/{name}" for name in datasets.values()]
    embedded = [
        f"embeddings/{encoder}/{find_collection(study, name)}"
        for encoder in study.config.encoders
        for name in list_encoded_sets(study, encoder)
    ]
    return list(dict.fromkeys(generated + embedded + reviewed))


def list_collections(study: Study) -> list[str]:
    """List the collections of images and prompts that the sets consist of."""
    return list(dict.fromkeys(find_collection(study, name) for name in study.sets))


def list_image_collections(study: Study) -> list[str]:
    """List the collections of images with one embedding table per shard: those of the sets, and those of reviews."""
    others = ("prompts/", f"{USER_PROVIDED}/")
    return [name for name in list_collections(study) if not name.startswith(others)] + [
        f"review/{name}" for name in list_reviewable(study)
    ]


def find_index(study: Study, collection: str, shard: str) -> str:
    """Return the index of a shard's images; a natural set has one index for all shards."""
    if collection.startswith("natural/"):
        return find_indices(study, collection)
    return f"<results>/images/{collection}/{shard}.parquet"


def find_indices(study: Study, collection: str) -> str:
    """Return the file that represents all indices of a collection."""
    if collection.startswith("natural/"):
        return f"<results>/images/{collection}.parquet"
    return find_manifest(study, f"images/{collection}")


def find_set_indices(study: Study, set_name: str) -> str:
    """Return the file that represents all indices of a set."""
    return find_indices(study, find_collection(study, set_name))


def find_embeddings(study: Study, encoder: str, set_name: str) -> str:
    """Return the file that represents all embedding tables of a set."""
    collection = find_collection(study, set_name)
    if collection.startswith(f"{USER_PROVIDED}/"):
        return f"<results>/embeddings/{collection}.parquet"
    return find_manifest(study, f"embeddings/{encoder}/{collection}")


def find_set_embeddings(study: Study, set_name: str, encoder: str | None = None) -> str:
    """Return the file that represents a set's embeddings, by the first encoder if none is given."""
    return find_embeddings(study, encoder or list_encoders(study)[0], set_name)


def find_reference_embeddings(study: Study, encoder: str, reference: str) -> str:
    """Return the file that represents a reference set's embeddings."""
    return find_embeddings(study, encoder, reference)


def has_result(study: Study, name: str) -> bool:
    """Return whether a study has a results table: whether the rule that writes it has a job."""
    return bool(find_rule(TABLES[name].rule).list_wildcards(study))


def find_results(study: Study, *files: str) -> list[str]:
    """Return the paths of those of some files of results tables that a study has."""
    return [f"<results>/tables/{file}" for file in files if has_result(study, Path(file).stem)]


def list_results(study: Study, *rules: str) -> list[str]:
    """List the results tables that a study has of some rules, each once."""
    return find_results(study, *(f"{name}.{one.files[0]}" for name, one in TABLES.items() if one.rule in rules))
