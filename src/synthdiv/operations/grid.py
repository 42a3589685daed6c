"""The experiment grid: tables of a study's parts, with what is done and what the rest costs.

A result is done if it exists and Snakemake would not write it again: ``planned`` has the files that it would write.
"""

from __future__ import annotations

import glob
import math
import os
from collections.abc import Container
from functools import partial
from pathlib import Path
from typing import Any

import polars as pl

from synthdiv.catalog.writing import list_text_columns
from synthdiv.config.rungs import (
    AUTOENCODED,
    NO_GUIDANCE,
    RESIZED,
    count_rung_images,
    find_ladder_dataset,
    list_ladder_trainings,
    list_made_rungs,
)
from synthdiv.config.sets import SetEntry
from synthdiv.config.training import Recipe, TransferSet
from synthdiv.core.fingerprints import BLOCK_SIZE, SPLITS, format_scale
from synthdiv.core.tables import read_table
from synthdiv.images.transfer_sets import locate_parts
from synthdiv.jobs.classifiers import list_evaluated_weights
from synthdiv.operations.generation_progress import GenerationProgress
from synthdiv.operations.inputs import Inputs
from synthdiv.operations.rates import Rates
from synthdiv.plan.classifiers import list_evaluations, list_parts, split_seeds
from synthdiv.plan.experiments import list_encoder_experiments
from synthdiv.plan.generation import find_generator, find_prompts, list_run_indices, list_shards
from synthdiv.plan.parts import LADDER, USER_PROVIDED, GenerationRun, TrainingRun
from synthdiv.plan.sets import find_collection, list_encoders, list_image_sets
from synthdiv.plan.study import Study
from synthdiv.plan.transfer import list_transfer_sets

UNREAD = Inputs()
"""What is known of the user's own images and vectors before they are read."""


def tabulate_generation(study: Study, progress: GenerationProgress, rates: Rates) -> pl.DataFrame:
    """One row per generation run: images planned, done, reused and to generate, files, gigabytes and hours."""
    rows = []
    for run, states in progress.states.items():
        generator = find_generator(study, run.dataset, run.split)
        reused = sum(state.total for state in states if state.reused_from)
        to_generate = sum(state.total - state.done for state in states if not state.reused_from)
        blocks = sum(math.ceil(len(indices) / BLOCK_SIZE) for _, indices in find_prompts(study, run).list_runs())
        rows.append(
            {
                "dataset": run.dataset if run.split is None else run.collection,
                "guidance_scale": format_scale(run.guidance_scale),
                "generator": generator,
                "shards": len(list_run_indices(study, run)),
                "images": sum(state.total for state in states),
                "done": sum(state.done for state in states),
                "reused": reused,
                "to_generate": to_generate,
                "new_files": blocks * sum(1 for state in states if state.done < state.total and not state.reused_from),
                "new_GB": round(to_generate * rates.bytes_per_image(generator) / 1e9, 1),
                "hours": round(to_generate * rates.seconds_per_image(run) / 3600, 1),
            }
        )
    return pl.DataFrame(rows)


def tabulate_rungs(study: Study, results: Path, rates: Rates, planned: Container[str]) -> pl.DataFrame:
    """One row per rung of the ladder whose images only it needs: images, shards, those done, and hours of the others.

    Image-to-image generation takes the part of the denoising steps that its strength says.
    """
    rows, shards = [], list_shards(study)
    for name, rung in list_made_rungs(study.config).items():
        folder, images = results / "images" / LADDER / name, len(study.classes) * count_rung_images(study.config)
        done = sum(is_done(folder / f"{shard}.parquet", planned) for shard in shards)
        seconds = rates.seconds_per_image(GenerationRun(find_ladder_dataset(study.config), NO_GUIDANCE))
        share = 0.0 if rung.kind in (RESIZED, AUTOENCODED) else rung.strength or 1.0
        left = 1 - done / len(shards)
        rows.append([name, images, len(shards), done, round(images * left * share * seconds / 3600, 1)])
    schema = {"rung": pl.String, "images": pl.Int64, "shards": pl.Int64, "done": pl.Int64, "hours": pl.Float64}
    return pl.DataFrame(rows, schema=schema, orient="row")


def tabulate_embeddings(
    study: Study, results: Path, rates: Rates, planned: Container[str], inputs: Inputs = UNREAD
) -> pl.DataFrame:
    """One row per encoder and image set: tables done, images, and hours of the remaining work."""
    rows = []
    for encoder in study.config.encoders:
        rate = rates.images_per_second("encoders", encoder)
        for collection in dict.fromkeys(map(partial(find_collection, study), list_image_sets(study, encoder))):
            if collection.startswith(f"{USER_PROVIDED}/"):
                continue
            folder = results / "embeddings" / encoder / collection
            done = sum(is_done(folder / f"{name}.parquet", planned) for name in list_shards(study))
            images = count_images(study, results, collection, SPLITS, inputs)
            left = 1 - done / len(list_shards(study))
            hours = None if images is None else round(images * left / rate / 3600, 1)
            rows.append([encoder, collection, len(list_shards(study)), done, images, hours])
    schema = {
        "encoder": pl.String,
        "images_of": pl.String,
        "tables": pl.Int64,
        "done": pl.Int64,
        "images": pl.Int64,
        "hours": pl.Float64,
    }
    return pl.DataFrame(rows, schema=schema, orient="row")


def tabulate_experiments(study: Study, results: Path, planned: Container[str]) -> pl.DataFrame:
    """The matrix, one row per reference and one column per query: each experiment's number, with a ✓ if it is done."""
    encoder = list_encoders(study)[0]
    cells: dict[str, dict[str, str]] = {}
    for one in list_encoder_experiments(study, encoder):
        done = is_done(results / "experiments" / encoder / one.reference / f"{one.query}.parquet", planned)
        cells.setdefault(one.reference, {})[one.query] = f"{one.number}{' ✓' if done else ''}"
    return pl.DataFrame([{"reference": reference} | row for reference, row in cells.items()])


def tabulate_classifiers(
    study: Study, results: Path, rates: Rates, planned: Container[str], inputs: Inputs = UNREAD
) -> pl.DataFrame:
    """One row per classifier and training set: trainings, those done, evaluation sets, hours of the remaining work."""
    rows = []
    for name, training in list_evaluations(study) + list_ladder_trainings(study.config):
        entry, recipe = study.config.classifiers[name], study.recipes[name]
        runs = [TrainingRun(name, training, seed) for seed in (entry.seeds if entry.train else ())]
        stale = _find_stale_seeds(study, results, name, training, planned)
        finished = [one for one in runs if one.seed not in stale]
        done = sum((results / "classifiers" / one.folder / "model.safetensors").exists() for one in finished)
        images = _count_trained(study, results, training, recipe, inputs) if runs else 0
        rate = rates.images_per_second("classifiers", name)
        hours = None if images is None else round(images * (len(runs) - done) / rate / 3600, 1)
        rows.append([name, training, len(runs), done, len(entry.evaluate), hours])
    schema = {
        "classifier": pl.String,
        "trained_on": pl.String,
        "trainings": pl.Int64,
        "done": pl.Int64,
        "evaluated_on_sets": pl.Int64,
        "hours": pl.Float64,
    }
    return pl.DataFrame(rows, schema=schema, orient="row")


def tabulate_tests(study: Study, results: Path, rates: Rates, inputs: Inputs = UNREAD) -> pl.DataFrame:
    """One row per test that suspicions.csv proposes: its images, trainings with all seeds, and hours; cheapest first."""
    path = results / "tables" / "suspicions.csv"
    rows: dict[tuple[str, str], list[Any]] = {}
    types = list_text_columns("suspicions") | {"n_images": pl.Int64}  # a CSV does not say the type of an empty column
    for row in read_table(path, types).filter(pl.col("n_images") > 0).iter_rows(named=True) if path.exists() else ():
        name, images = row["set"], row["n_images"]
        entry = study.sets.get(name)
        if row["tested_by"] is not None or entry is None or entry.dataset is None:
            continue
        run = GenerationRun(study.find_dataset(name), study.find_scale(name))
        seconds, trainings = images * rates.seconds_per_image(run), 0
        for classifier, one in study.config.classifiers.items():
            if name in one.train:
                trained = _count_trained(study, results, name, study.recipes[classifier], inputs) or 0
                seconds += len(one.seeds) * trained / rates.images_per_second("classifiers", classifier)
                trainings += len(one.seeds)
        rows.setdefault((name, row["test"]), [name, row["cause"], row["test"], images, trainings, round(seconds / 3600, 1)])
    schema = {
        **dict.fromkeys(("set", "suspected", "test"), pl.String),
        **dict.fromkeys(("images", "trainings"), pl.Int64),
        "hours": pl.Float64,
    }
    return pl.DataFrame(list(rows.values()), schema=schema, orient="row").sort("hours", maintain_order=True)


def _find_stale_seeds(
    study: Study, results: Path, classifier: str, training: str, planned: Container[str]
) -> frozenset[int]:
    """Find the seeds whose training job would run: a job writes its models into one manifest."""
    manifests = list_evaluated_weights(study, classifier, training)
    paths = [manifest.replace("<results>", str(results)) for manifest in manifests]
    jobs = zip(split_seeds(study, classifier), paths, strict=True) if paths else ()
    return frozenset(seed for seeds, path in jobs if path in planned for seed in seeds)


def is_done(path: Path, planned: Container[str]) -> bool:
    """Return whether a result exists and Snakemake would not write it again."""
    return path.exists() and str(path) not in planned


def _count_trained(study: Study, results: Path, training: str, recipe: Recipe, inputs: Inputs) -> float | None:
    """Count the images of one training, each as often as it is used; None if that is not known yet."""
    if recipe.steps is not None:
        return recipe.steps * recipe.batch_size
    assert recipe.epochs is not None
    count, total = len(study.classes), 0.0
    if training in list_made_rungs(study.config):
        return recipe.epochs * count * count_rung_images(study.config)
    for part in list_parts(study, training):
        images = count_images(study, results, find_collection(study, part.set), ("train",), inputs)
        if part.images_per_class is not None:
            images = count * part.images_per_class
        if images is None:
            return None
        total += images * len(part.classes or study.classes) / count
    return recipe.epochs * total


def count_images(
    study: Study, results: Path, collection: str, splits: tuple[str, ...], inputs: Inputs = UNREAD
) -> int | None:
    """Count a collection's images in some splits; None for images of the user's that are neither read nor indexed."""
    folder, _, name = collection.partition("/")
    if folder != "natural":
        counts = study.datasets[folder].images_per_class
        return len(study.classes) * sum(counts[split] for split in splits)
    found = inputs.count(name, splits)
    if found is not None:
        return found
    index = results / "images" / f"{collection}.parquet"
    if not index.exists():
        return None
    rows = pl.scan_parquet(index).filter(pl.col("split").is_in(splits))
    return rows.select(pl.len()).collect().item()


def describe_sources(study: Study, results: Path, planned: Container[str]) -> list[str]:
    """Return one line per natural or transfer set and split: its location, and whether it is there and indexed."""
    lines = []
    entries: list[tuple[str, str, SetEntry | TransferSet]] = [("natural", *one) for one in study.sets.items()]
    entries += [("transfer", *one) for one in list_transfer_sets(study).items()]
    for kind, name, entry in entries:
        indexed = is_done(results / "images" / kind / f"{name}.parquet", planned)
        for split, source in (entry.images.list_splits() if entry.images is not None else {}).items():
            path = source if isinstance(source, str) else source.path
            there = os.path.exists(path) or glob.has_magic(path)
            lines.append(f"{name}, {split}: {path} ({_describe_state(indexed, there)})")
        if isinstance(entry, TransferSet) and entry.torchvision is not None:
            there = all(map(os.path.exists, locate_parts(entry.describe_library())))
            place = f"torchvision's {entry.torchvision} in {entry.root}"
            lines.append(f"{name}: {place} ({_describe_state(indexed, there)})")
    return lines


def _describe_state(indexed: bool, there: bool) -> str:
    return "indexed" if indexed else "there" if there else "NOT THERE"
