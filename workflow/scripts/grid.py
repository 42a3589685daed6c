"""Print the experiment grid: what the study is made of, what is done, what would be drawn and why, what it costs.

Inputs: none; the config, and whatever of its results is there.
Outputs: none.
"""

from types import SimpleNamespace

import polars as pl

from synthdiv.grid import Grid, render_table
from synthdiv.jobs import start_job, tell
from synthdiv.study import Study


def main(smk: SimpleNamespace) -> None:
    """Print."""
    start_job(smk.log[0])
    study = Study(smk.config)
    grid = Grid(study, smk.params.results)
    embeddings, classifiers = grid.tabulate_embeddings(), grid.tabulate_classifiers()
    shards = f", {len(next(iter(study.shards.values())).class_ids):,} a shard" if grid.drawings or len(embeddings) else ""
    tell(f"\nStudy {study.name}: {len(study.classes):,} classes{shards}\n")
    natural = grid.describe_natural()
    if natural:
        tell("Natural images\n" + "".join(f"  {line}\n" for line in natural))
    if grid.drawings:
        drawings = grid.tabulate_drawings()
        tell(f"Drawn images\n{render_table(drawings)}")
        total = drawings.select(pl.col("images", "done", "reused", "to_draw", "new_files", "new_GB", "hours").sum())
        tell(f"{render_table(total)}  in all\n")
        reasons = grid.list_reasons() or ["nothing: all images are there"]
        tell("What would be drawn, and why\n" + "".join(f"  {line}\n" for line in reasons))
    if len(embeddings):
        tell(f"Embeddings of images\n{render_table(embeddings)}\n")
    tell(f"Experiments (reference x query, numbered; ✓ is done)\n{render_table(grid.tabulate_experiments())}\n")
    if len(classifiers):
        tell(f"Classifiers\n{render_table(classifiers)}\n")
    if grid.drawings or len(embeddings) or len(classifiers):
        tell(grid.describe_cost())


if __name__ == "__main__":
    main(snakemake)  # noqa: F821
