"""Print the experiment grid: the study's parts, what is done, the images to generate and why, and the cost.

Inputs: none; the config and its existing results.
Outputs: none.
"""

from pathlib import Path

import polars as pl

from synthdiv.core.jobs import Script, announce, run_as_command
from synthdiv.operations.grid import Grid, describe_sources, render_table
from synthdiv.plan.generation import list_shards
from synthdiv.plan.loading import load_study


@run_as_command
def main(smk: Script) -> None:
    """Print the grid."""
    study = load_study(smk.config)
    grid = Grid(study, Path("results", study.name))
    embeddings, classifiers = grid.tabulate_embeddings(), grid.tabulate_classifiers()
    shards = f", {len(next(iter(list_shards(study).values())).class_ids):,} a shard" if grid.runs or len(embeddings) else ""
    announce(f"\nStudy {study.name}: {len(study.classes):,} classes{shards}\n")
    natural = describe_sources(study, Path("results", study.name))
    if natural:
        announce("Natural images\n" + "".join(f"  {line}\n" for line in natural))
    if grid.runs:
        runs = grid.tabulate_generation()
        announce(f"Generated images\n{render_table(runs)}")
        total = runs.select(pl.col("images", "done", "reused", "to_generate", "new_files", "new_GB", "hours").sum())
        announce(f"{render_table(total)}  in all\n")
        reasons = grid.list_reasons() or ["nothing: all images exist"]
        announce("Images to generate, and why\n" + "".join(f"  {line}\n" for line in reasons))
    if len(embeddings):
        announce(f"Embeddings of images\n{render_table(embeddings)}\n")
    announce(f"Experiments (reference x query, numbered; ✓ is done)\n{render_table(grid.tabulate_experiments())}\n")
    if len(classifiers):
        announce(f"Classifiers\n{render_table(classifiers)}\n")
    if grid.runs or len(embeddings) or len(classifiers):
        announce(grid.describe_cost())


if __name__ == "__main__":
    main()
