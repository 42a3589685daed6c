"""Plot images of the classes with the largest shortfall, next to natural images.

Inputs: causes, a table of the diagnosis; indices of the diagnosed sets with images and of the natural set.
Outputs: figure, a PNG.
"""

from types import SimpleNamespace
from typing import Any

import polars as pl

from synthdiv.core.jobs import run_as_job
from synthdiv.core.manifests import read_manifest
from synthdiv.core.tables import read_table
from synthdiv.images.index import read_index, select_images
from synthdiv.report.diagnosis_figures import choose_evidence, plot_evidence
from synthdiv.report.figures import save_figure

ROWS = 16


@run_as_job
def main(smk: SimpleNamespace) -> None:
    """Choose the classes, find their images, and save the figure."""
    *shown, natural = smk.params.sets
    indices = dict(zip(smk.params.sets, smk.input.indices, strict=True))
    causes = read_table(smk.input.causes)
    chosen = choose_evidence(causes.filter(pl.col("set").is_in(shown)), ROWS)
    class_ids = chosen["class_id"].unique().to_list()
    rows = {name: find_rows(indices[name], class_ids) for name in {*chosen["set"], natural}}
    cells = []
    for row in chosen.iter_rows(named=True):
        wanted = [int(index) for index in row["evidence"].split()]
        generated = {one["index"]: one for one in rows[row["set"]][row["class_id"]]}
        cells.append(([generated[index] for index in wanted], rows[natural][row["class_id"]][: len(wanted)]))
    save_figure(plot_evidence(chosen, cells), smk.output.figure)


def find_rows(manifest: str, class_ids: list[int]) -> dict[int, list[dict[str, Any]]]:
    """Find the training rows of some classes, in the order of the index."""
    found: dict[int, list[dict[str, Any]]] = {class_id: [] for class_id in class_ids}
    for path in read_manifest(manifest):
        for row in select_images(read_index(path), class_ids=class_ids, split="train", exclude_flags=[]).to_pylist():
            found[row["class_id"]].append(row)
    return found


if __name__ == "__main__":
    main()
