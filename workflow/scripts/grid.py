"""Print the experiment grid: the study's parts, what is done, what would be generated, the cost, and detectable differences.

Inputs: none; the config, its existing results, and which of them Snakemake would write again.
Outputs: none.
"""

from collections.abc import Sequence
from pathlib import Path

import polars as pl

from synthdiv.core.errors import StudyError
from synthdiv.core.jobs import Script, announce, run_as_command
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
)
from synthdiv.operations.rates import Rates
from synthdiv.operations.snakemake_plan import list_planned_files
from synthdiv.operations.text_tables import render_table
from synthdiv.plan.generation import list_shards
from synthdiv.plan.loading import load_study


@run_as_command
def main(smk: Script) -> None:
    """Print the grid."""
    study = load_study(smk.config)
    results = Path("results", study.name)
    planned, problem = ask_snakemake(smk.params.folder, smk.params.options)
    progress, rates = GenerationProgress(study, results, planned), Rates(study, results)
    embeddings = tabulate_embeddings(study, results, rates, planned)
    classifiers = tabulate_classifiers(study, results, rates, planned)
    generates = bool(progress.runs)
    shards = f", {len(next(iter(list_shards(study).values())).class_ids):,} a shard" if generates or len(embeddings) else ""
    announce(f"\nStudy {study.name}: {len(study.classes):,} classes{shards}\n")
    natural = describe_sources(study, results, planned)
    if natural:
        announce("Natural images\n" + "".join(f"  {line}\n" for line in natural))
    if generates:
        runs = tabulate_generation(study, progress, rates)
        announce(f"Generated images\n{render_table(runs)}")
        total = runs.select(pl.col("images", "done", "reused", "to_generate", "new_files", "new_GB", "hours").sum())
        announce(f"{render_table(total)}  in all\n")
        reasons = progress.list_reasons() or ["nothing: all images exist"]
        announce("Images to generate, and why\n" + "".join(f"  {line}\n" for line in reasons))
    rungs = tabulate_rungs(study, results, rates, planned)
    if len(rungs):
        announce(f"Images of the ladder\n{render_table(rungs)}\n")
    if len(embeddings):
        announce(f"Embeddings of images\n{render_table(embeddings)}\n")
    experiments = render_table(tabulate_experiments(study, results, planned))
    announce(f"Experiments (reference x query, numbered; ✓ is done)\n{experiments}\n")
    on_embeddings = tabulate_embedding_classifiers(study, results, planned)
    announce(
        f"Classifiers on embeddings (core hours are a guess, for vectors of {WIDTH} values)\n{render_table(on_embeddings)}\n"
    )
    if len(classifiers):
        announce(f"Classifiers\n{render_table(classifiers)}\n")
    detectable = describe_detectable(study, results, planned)
    if detectable:
        announce(f"{HEADING}\n" + "".join(f"  {line}\n" for line in detectable))
    if generates or len(embeddings) or len(classifiers):
        announce(rates.describe())
    if problem:
        announce(
            "Snakemake cannot plan this study yet, so results of before an edit may count as done:\n"
            + "".join(f"  {line}\n" for line in problem.splitlines())
        )


def ask_snakemake(folder: str, options: Sequence[str]) -> tuple[frozenset[str], str | None]:
    """Return the files that Snakemake would write, or none and the reason why it cannot say so yet."""
    try:
        return list_planned_files(folder, options), None
    except StudyError as error:
        return frozenset(), str(error)


if __name__ == "__main__":
    main()
