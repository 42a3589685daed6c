"""What is generated of a study already, and why the rest would be."""

from __future__ import annotations

from collections import Counter
from collections.abc import Container, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import polars as pl

from synthdiv.core.fingerprints import make_digest
from synthdiv.core.tables import read_metadata
from synthdiv.generation.fingerprint import read_fingerprint
from synthdiv.generation.shards import count_generated
from synthdiv.jobs.images import plan_generation
from synthdiv.plan.generation import (
    find_generator,
    find_owner,
    find_prompts,
    find_run,
    list_generation_runs,
    list_run_indices,
)
from synthdiv.plan.parts import GenerationRun
from synthdiv.plan.study import Study

EDITED = "prompt edited"
CHANGED = "the generator's files have changed, and perhaps its images"
SHOWN = 12
"""Maximum number of edited classes that are named."""


@dataclass(frozen=True)
class ClassState:
    """The state of one class of a generation run, in images."""

    total: int
    done: int
    reused_from: str | None
    reason: str | None


class GenerationProgress:
    """A study's generation runs, compared with the contents of its results and of the archive.

    Parameters
    ----------
    study : Study
        The study.
    results : Path or str
        Its folder of results.
    planned : container of str
        Files that Snakemake would write again.
    """

    def __init__(self, study: Study, results: Path | str, planned: Container[str] = ()) -> None:
        self.study = study
        self.results = Path(results)
        self.planned = planned

    @cached_property
    def fingerprints(self) -> dict[str, dict[str, Any]]:
        """Fingerprints of the generators that already have one."""
        paths = {name: self.results / "generators" / f"{name}.json" for name in self.study.config.generators}
        return {name: read_fingerprint(path) for name, path in paths.items() if path.exists()}

    @cached_property
    def changed_generators(self) -> set[str]:
        """Generators whose fingerprint Snakemake would write again, so that it is unknown which images are theirs."""
        return {name for name in self.fingerprints if str(self.results / "generators" / f"{name}.json") in self.planned}

    @cached_property
    def runs(self) -> list[GenerationRun]:
        """Generation runs of sets and of prompt probes."""
        return list_generation_runs(self.study) + [
            find_run(self.study, {"probe": name})[0] for name in self.study.prompt_probes
        ]

    @cached_property
    def states(self) -> dict[GenerationRun, list[ClassState]]:
        """State of every class, by generation run."""
        return {run: self._compare(run) for run in self.runs}

    def list_reasons(self) -> list[str]:
        """List what would be generated and why: one line per generation run and reason, with edited prompts by name."""
        lines = []
        for run, states in self.states.items():
            reasons = Counter(state.reason for state in states if state.reason and not state.reused_from)
            edited = [reason for reason in reasons if reason.startswith(EDITED)]
            for reason, count in reasons.items():
                if not reason.startswith(EDITED):
                    lines.append(f"{run.collection}: {count:,} classes {reason}")
            lines += [f"{run.collection}: {reason}" for reason in edited[:SHOWN]]
            if len(edited) > SHOWN:
                lines.append(f"{run.collection}: and {len(edited) - SHOWN} more edited prompts")
        return lines

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
                elif fingerprint is not None and reason != CHANGED:
                    done = count_generated(job, dataset, class_id, fingerprint)
                states.append(ClassState(total, done, reused, reason if done < total else None))
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
        if generator in self.changed_generators:
            return CHANGED
        if str(path) in self.planned:
            return "not in the archive, and the job runs again"
        return None

    def _show_edit(self, run: GenerationRun, class_id: int, path: Path) -> str:
        dataset = find_prompts(self.study, run)
        if dataset.per_image:
            return ""
        rows = pl.scan_parquet(path).filter(pl.col("class_id") == class_id).select("prompt").head(1).collect()
        before = rows.item() if len(rows) else ""
        return f": {before!r} is now {dataset.class_texts[class_id]!r}"
