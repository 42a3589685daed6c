"""What a study would do, as text: its parts, what is done, what would run, its cost, and detectable differences."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import polars as pl

from synthdiv.operations.detectable import HEADING, describe_detectable
from synthdiv.operations.embedding_costs import WIDTH, tabulate_embedding_classifiers
from synthdiv.operations.generation_progress import GenerationProgress
from synthdiv.operations.grid import (
    describe_sources,
    tabulate_classifiers,
    tabulate_embeddings,
    tabulate_experiments,
    tabulate_generation,
    tabulate_rungs,
    tabulate_tests,
)
from synthdiv.operations.inputs import Inputs
from synthdiv.operations.rates import Rates
from synthdiv.operations.snakemake_plan import SnakemakePlan
from synthdiv.plan.generation import list_shards
from synthdiv.plan.study import Study
from synthdiv.report.text_tables import render_table


def describe_grid(study: Study, results: Path, planned: SnakemakePlan, inputs: Inputs) -> str:
    """Return the experiment grid: tables of everything that a study does, with hours and gigabytes.

    Parameters
    ----------
    study : Study
    results : Path
        The study's folder of results; it may not exist yet.
    planned : SnakemakePlan
        What Snakemake would run; a file that exists and that it would not write is done.
    inputs : Inputs
        The user's own images and vectors.
    """
    return "\n".join(_list_parts(study, results, planned, inputs))


def _list_parts(study: Study, results: Path, planned: SnakemakePlan, inputs: Inputs) -> Iterator[str]:
    progress, rates = GenerationProgress(study, results, planned), Rates(study, results)
    embeddings = tabulate_embeddings(study, results, rates, planned, inputs)
    classifiers = tabulate_classifiers(study, results, rates, planned, inputs)
    generates = bool(progress.runs)
    shards = f", {len(next(iter(list_shards(study).values())).class_ids):,} a shard" if generates or len(embeddings) else ""
    yield f"\nStudy {study.name}: {len(study.classes):,} classes{shards}\n"
    natural = describe_sources(study, results, planned)
    if natural:
        yield _list_lines("Natural images", natural)
    if inputs.lines:
        yield _list_lines("What was found of your own", inputs.lines)
    if generates:
        runs = tabulate_generation(study, progress, rates)
        yield f"Generated images\n{render_table(runs)}"
        total = runs.select(pl.col("images", "done", "reused", "to_generate", "new_files", "new_GB", "hours").sum())
        yield f"{render_table(total)}  in all\n"
        yield _list_lines("Images to generate, and why", progress.list_reasons() or ["nothing: all images exist"])
    rungs = tabulate_rungs(study, results, rates, planned)
    if len(rungs):
        yield f"Images of the ladder\n{render_table(rungs)}\n"
    if len(embeddings):
        yield f"Embeddings of images\n{render_table(embeddings)}\n"
    experiments = render_table(tabulate_experiments(study, results, planned))
    yield f"Experiments (reference x query, numbered; ✓ is done)\n{experiments}\n"
    on_embeddings = render_table(tabulate_embedding_classifiers(study, results, planned, inputs))
    yield f"Classifiers on embeddings (core hours are a guess, for vectors of {WIDTH} values)\n{on_embeddings}\n"
    if len(classifiers):
        yield f"Classifiers\n{render_table(classifiers)}\n"
    tests = tabulate_tests(study, results, rates, inputs)
    if len(tests):
        yield f"Tests of suspected causes that were not made (see tables/suspicions.csv)\n{render_table(tests)}\n"
    detectable = describe_detectable(study, results, planned, inputs)
    if detectable:
        yield _list_lines(HEADING, detectable)
    if generates or len(embeddings) or len(classifiers):
        yield rates.describe()
    if planned.jobs:
        heading = f"\nJobs to run, and why ({len(planned.jobs):,} in all)"
        yield _list_lines(heading, planned.list_reasons()).rstrip("\n")


def _list_lines(heading: str, lines: list[str]) -> str:
    return f"{heading}\n" + "".join(f"  {line}\n" for line in lines)
