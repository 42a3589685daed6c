"""The experiment grid: a study's parts, what is done, what would be generated and why, and what it costs."""

from __future__ import annotations

import glob
import json
import math
import os
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path
from typing import Any

import polars as pl

from synthdiv.config.sets import SetEntry
from synthdiv.config.training import Recipe, TransferSet
from synthdiv.core.fingerprints import BLOCK_SIZE, SPLITS, format_scale, make_digest
from synthdiv.generation.shards import count_generated
from synthdiv.images.index import read_metadata
from synthdiv.images.transfer_sets import locate_parts
from synthdiv.jobs.images import plan_generation
from synthdiv.plan.classifiers import list_evaluations, list_parts, list_training_runs
from synthdiv.plan.experiments import list_encoder_experiments
from synthdiv.plan.generation import (
    find_generator,
    find_owner,
    find_prompts,
    find_run,
    list_generation_runs,
    list_run_indices,
    list_shards,
)
from synthdiv.plan.parts import USER_PROVIDED, GenerationRun
from synthdiv.plan.sets import find_collection, list_encoders, list_image_sets
from synthdiv.plan.study import Study
from synthdiv.plan.transfer import list_transfer_sets

GUESSED_BYTES = {"png": 1.6, "jpeg": 0.4, "webp": 0.3}
"""Bytes of an image file per pixel, while no image is generated yet."""
GUESSED_SECONDS = 0.75
"""To generate 512 x 512 pixels in 50 steps with a model of the size of Stable Diffusion v1.5 on an A100."""
GUESSED_RATES = {"encoders": 500.0, "classifiers": 600.0}
"""Images per second and GPU: embedding with CLIP ViT-L/14, training ResNet-RS-152."""
EDITED = "prompt edited"
SHOWN = 12
"""Maximum number of edited classes that are named."""


@dataclass(frozen=True)
class ClassState:
    """The state of one class of a generation run, in images."""

    run: GenerationRun
    class_id: int
    total: int
    done: int
    reused_from: str | None
    reason: str | None


class Grid:
    """A study's grid, compared with the contents of its results and of the archive.

    Parameters
    ----------
    study : Study
        The study.
    results : Path or str
        Its folder of results.
    """

    def __init__(self, study: Study, results: Path | str) -> None:
        self.study = study
        self.results = Path(results)

    @cached_property
    def calibration(self) -> dict[str, Any]:
        """Measurements of target ``calibrate``; empty if it was not run."""
        path = self.results / "calibration.json"
        return json.loads(path.read_text()) if path.exists() else {}

    @cached_property
    def fingerprints(self) -> dict[str, dict[str, Any]]:
        """Fingerprints of the generators that already have one."""
        paths = {name: self.results / "generators" / f"{name}.json" for name in self.study.config.generators}
        return {name: json.loads(path.read_text()) for name, path in paths.items() if path.exists()}

    @cached_property
    def runs(self) -> list[GenerationRun]:
        """Generation runs of sets and of prompt probes."""
        return list_generation_runs(self.study) + [
            find_run(self.study, {"probe": name})[0] for name in self.study.prompt_probes
        ]

    @cached_property
    def states(self) -> list[ClassState]:
        """State of every class of every generation run."""
        return [state for run in self.runs for state in self._compare(run)]

    def _compare(self, run: GenerationRun) -> list[ClassState]:
        study = self.study
        dataset, generator = find_prompts(study, run), find_generator(study, run.dataset, run.split)
        total, fingerprint = sum(dataset.images_per_class.values()), self.fingerprints.get(generator)
        states = []
        for index, shard in list_run_indices(study, run).items():
            job = plan_generation(study, run, shard)
            path = self.results / "images" / index
            metadata = read_metadata(path) if path.exists() else None
            for class_id in shard.class_ids:
                reason = self._find_reason(run, class_id, metadata, path)
                owner, done, reused = find_owner(study, run, class_id), 0, None
                if reason is None:
                    done = total
                elif owner != run:
                    reused = owner.collection
                elif fingerprint is not None:
                    done = count_generated(job, dataset, class_id, fingerprint)
                states.append(ClassState(run, class_id, total, done, reused, reason if done < total else None))
        return states

    def _find_reason(self, run: GenerationRun, class_id: int, metadata: Mapping[str, Any] | None, path: Path) -> str | None:
        """Return why a class of a generation run would be generated; None if its index is valid."""
        study = self.study
        dataset, generator = find_prompts(study, run), find_generator(study, run.dataset, run.split)
        key = study.classes[class_id].key
        if metadata is None or key not in metadata["prompts"]:
            return "not generated yet"
        fingerprint = self.fingerprints.get(generator, {"digest": metadata["fingerprint"]})["digest"]
        spec, image_format = study.config.generators[generator].to_dict(), study.config.image_format.to_dict()
        if [spec, fingerprint, image_format] != [metadata["generator"], metadata["fingerprint"], metadata["image_format"]]:
            return "another generator or image format"
        if [study.seed, study.config.noise] != [metadata["seed"], metadata["noise"]]:
            return "another seed or noise"
        if metadata["prompts"][key] != make_digest(dataset.describe_class(class_id)):
            return f"{EDITED}: {key} {study.classes[class_id].name}{self._show_edit(run, class_id, path)}"
        if dict(dataset.images_per_class) != metadata["images_per_class"]:
            return "another number of images"
        return None

    def _show_edit(self, run: GenerationRun, class_id: int, path: Path) -> str:
        dataset = find_prompts(self.study, run)
        if dataset.per_image:
            return ""
        rows = pl.scan_parquet(path).filter(pl.col("class_id") == class_id).select("prompt").head(1).collect()
        before = rows.item() if len(rows) else ""
        return f": {before!r} is now {dataset.class_texts[class_id]!r}"

    # Tables

    def tabulate_generation(self) -> pl.DataFrame:
        """One row per generation run: images planned, done, reused and to generate, files, gigabytes and hours."""
        rows = []
        for run in self.runs:
            own = [state for state in self.states if state.run == run]
            generator = find_generator(self.study, run.dataset, run.split)
            reused = sum(state.total for state in own if state.reused_from)
            to_generate = sum(state.total - state.done for state in own if not state.reused_from)
            blocks = sum(math.ceil(len(indices) / BLOCK_SIZE) for _, indices in find_prompts(self.study, run).list_runs())
            rows.append(
                {
                    "dataset": run.dataset if run.split is None else run.collection,
                    "guidance_scale": format_scale(run.guidance_scale),
                    "generator": generator,
                    "shards": len(list_run_indices(self.study, run)),
                    "images": sum(state.total for state in own),
                    "done": sum(state.done for state in own),
                    "reused": reused,
                    "to_generate": to_generate,
                    "new_files": blocks * sum(1 for state in own if state.done < state.total and not state.reused_from),
                    "new_GB": round(to_generate * self.bytes_per_image(generator) / 1e9, 1),
                    "hours": round(to_generate * self.seconds_per_image(run) / 3600, 1),
                }
            )
        return pl.DataFrame(rows)

    def seconds_per_image(self, run: GenerationRun) -> float:
        """Return the time to generate an image on one GPU: without guidance a step has one prediction, not two."""
        generator, guided = find_generator(self.study, run.dataset, run.split), run.guidance_scale > 1
        measured = self.calibration.get("generators", {}).get(generator)
        if measured:
            return 1 / measured["images_per_s" if guided else "images_per_s_unguided"]
        spec = self.study.config.generators[generator]
        guessed = GUESSED_SECONDS if guided else GUESSED_SECONDS / 2
        return guessed * spec.width * spec.height / 512**2 * spec.steps / 50

    def bytes_per_image(self, generator: str) -> float:
        """Return the size of an image file: the mean of generated ones, or a guess."""
        for run in list_generation_runs(self.study):
            if find_generator(self.study, run.dataset) == generator:
                paths = sorted((self.results / "images" / run.collection).glob("*.parquet"))[:1]
                for path in paths:
                    return pl.read_parquet(path, columns=["size"])["size"].mean()  # type: ignore[return-value]
        spec = self.study.config.generators[generator]
        return GUESSED_BYTES[self.study.config.image_format.format] * spec.width * spec.height

    def list_reasons(self) -> list[str]:
        """List what would be generated and why: one line per generation run and reason, with edited prompts by name."""
        lines = []
        for run in self.runs:
            own = [state for state in self.states if state.run == run and not state.reused_from]
            reasons = Counter(state.reason for state in own if state.reason)
            edited = [reason for reason in reasons if reason.startswith(EDITED)]
            for reason, count in reasons.items():
                if not reason.startswith(EDITED):
                    lines.append(f"{run.collection}: {count:,} classes {reason}")
            lines += [f"{run.collection}: {reason}" for reason in edited[:SHOWN]]
            if len(edited) > SHOWN:
                lines.append(f"{run.collection}: and {len(edited) - SHOWN} more edited prompts")
        return lines

    def tabulate_embeddings(self) -> pl.DataFrame:
        """One row per encoder and image set: tables done, images, and hours of the remaining work."""
        rows = []
        for encoder in self.study.config.encoders:
            rate = self.calibration.get("encoders", {}).get(encoder, {}).get("images_per_s", GUESSED_RATES["encoders"])
            for collection in dict.fromkeys(map(partial(find_collection, self.study), list_image_sets(self.study, encoder))):
                if collection.startswith(f"{USER_PROVIDED}/"):
                    continue
                folder = self.results / "embeddings" / encoder / collection
                done = sum((folder / f"{name}.parquet").exists() for name in list_shards(self.study))
                images = self._count_images(collection, SPLITS)
                left = 1 - done / len(list_shards(self.study))
                hours = None if images is None else round(images * left / rate / 3600, 1)
                rows.append([encoder, collection, len(list_shards(self.study)), done, images, hours])
        schema = {
            "encoder": pl.String,
            "images_of": pl.String,
            "tables": pl.Int64,
            "done": pl.Int64,
            "images": pl.Int64,
            "hours": pl.Float64,
        }
        return pl.DataFrame(rows, schema=schema, orient="row")

    def tabulate_experiments(self) -> pl.DataFrame:
        """The matrix, one row per reference and one column per query: each experiment's number, with a ✓ if it is done."""
        encoder = list_encoders(self.study)[0]
        cells: dict[str, dict[str, str]] = {}
        for one in list_encoder_experiments(self.study, encoder):
            done = (self.results / "experiments" / encoder / one.reference / f"{one.query}.parquet").exists()
            cells.setdefault(one.reference, {})[one.query] = f"{one.number}{' ✓' if done else ''}"
        return pl.DataFrame([{"reference": reference} | row for reference, row in cells.items()])

    def tabulate_classifiers(self) -> pl.DataFrame:
        """One row per classifier and training set: trainings, those done, evaluation sets, hours of the remaining work."""
        rows = []
        for name, training in list_evaluations(self.study):
            entry, recipe = self.study.config.classifiers[name], self.study.recipes[name]
            runs = [one for one in list_training_runs(self.study) if (one.classifier, one.training) == (name, training)]
            done = sum((self.results / "classifiers" / one.folder / "model.safetensors").exists() for one in runs)
            images = self._count_trained(training, recipe) if runs else 0
            rate = self.calibration.get("classifiers", {}).get(name, {}).get("images_per_s", GUESSED_RATES["classifiers"])
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

    def _count_trained(self, training: str, recipe: Recipe) -> float | None:
        """Count the images of one training, each as often as it is used; None if that is not known yet."""
        if recipe.steps is not None:
            return recipe.steps * recipe.batch_size
        assert recipe.epochs is not None
        count, total = len(self.study.classes), 0.0
        for part in list_parts(self.study, training):
            images = self._count_images(find_collection(self.study, part.set), ["train"])
            if part.images_per_class is not None:
                images = count * part.images_per_class
            if images is None:
                return None
            total += images * len(part.classes or self.study.classes) / count
        return recipe.epochs * total

    def _count_images(self, collection: str, splits: Sequence[str]) -> int | None:
        """Count a collection's images in some splits; None for natural images that are not indexed yet."""
        if not collection.startswith("natural/"):
            counts = self.study.datasets[collection.split("/")[0]].images_per_class
            return len(self.study.classes) * sum(counts[split] for split in splits)
        index = self.results / "images" / f"{collection}.parquet"
        if not index.exists():
            return None
        rows = pl.scan_parquet(index).filter(pl.col("split").is_in(splits))
        return rows.select(pl.len()).collect().item()

    def describe_cost(self) -> str:
        """Return a sentence on the source of the hours."""
        if self.calibration:
            return f"Hours are for one device, as measured on {self.calibration['device']} (target calibrate)."
        return (
            "Hours are a GUESS, for one A100: measure your device with target calibrate. Gigabytes are a guess until "
            "images are generated."
        )


def describe_sources(study: Study, results: Path | str) -> list[str]:
    """Return one line per natural or transfer set and split: its location, and whether it is there and indexed."""
    lines = []
    entries: list[tuple[str, str, SetEntry | TransferSet]] = [("natural", *one) for one in study.sets.items()]
    entries += [("transfer", *one) for one in list_transfer_sets(study).items()]
    for kind, name, entry in entries:
        indexed = Path(results, "images", kind, f"{name}.parquet").exists()
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


def render_table(table: pl.DataFrame) -> str:
    """Return a whole table as text, with "?" for numbers that are not known yet."""
    columns = []
    for name, values in table.to_dict(as_series=False).items():
        numeric = table[name].dtype.is_numeric()
        form = ",.1f" if table[name].dtype.is_float() else "," if numeric else ""
        cells = [name.replace("_", " "), *("?" if value is None else format(value, form) for value in values)]
        width = max(map(len, cells))
        columns.append([cell.rjust(width) if numeric else cell.ljust(width) for cell in cells])
    return "\n".join("  " + "  ".join(row).rstrip() for row in zip(*columns, strict=True))
