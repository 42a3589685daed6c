"""Lay out images of the classes that fall furthest short, beside natural ones.

Inputs: causes, the diagnosis's table; indices, of the diagnosed sets that have images, and of the natural one.
Outputs: figure, a PNG.
"""

from types import SimpleNamespace
from typing import Any

import polars as pl

from synthdiv.diagnosis_figures import choose_evidence, plot_evidence
from synthdiv.figures import save_figure
from synthdiv.image_index import read_index, select_images
from synthdiv.jobs import start_job
from synthdiv.listings import read_listing
from synthdiv.tables import read_table

ROWS = 16


def main(smk: SimpleNamespace) -> None:
    """Choose the classes, find their images, and lay them out."""
    start_job(smk.log[0])
    *shown, natural = smk.params.sets
    indices = dict(zip(smk.params.sets, smk.input.indices, strict=True))
    causes = read_table(smk.input.causes)
    chosen = choose_evidence(causes.filter(pl.col("set").is_in(shown)), ROWS)
    cells = []
    for row in chosen.iter_rows(named=True):
        wanted = [int(index) for index in row["evidence"].split()]
        drawn = {one["index"]: one for one in find_rows(indices[row["set"]], row["class_id"])}
        others = find_rows(indices[natural], row["class_id"])
        cells.append(([drawn[index] for index in wanted], others[: len(wanted)]))
    save_figure(plot_evidence(chosen, cells), smk.output.figure)


def find_rows(listing: str, class_id: int) -> list[dict[str, Any]]:
    """The training rows of a class."""
    tables = map(read_index, read_listing(listing))
    chosen = [select_images(table, class_ids=[class_id], split="train", exclude_flags=[]) for table in tables]
    return [row for table in chosen for row in table.to_pylist()]


if __name__ == "__main__":
    main(snakemake)  # noqa: F821
