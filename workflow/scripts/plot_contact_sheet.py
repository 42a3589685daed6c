"""Lay out images of every set side by side: a row a class, a column a set.

Inputs: indices, of the sheet's sets.
Outputs: figure, a PNG.
"""

from itertools import islice
from types import SimpleNamespace

from synthdiv.figures import draw_contact_sheet, save_figure, spread_evenly
from synthdiv.image_index import read_index, select_images
from synthdiv.jobs import start_job
from synthdiv.study import Study


def main(smk: SimpleNamespace) -> None:
    """Gather the first training images of each class and set, and lay them out."""
    start_job(smk.log[0])
    study = Study(smk.config)
    layout = smk.params.sheet
    class_ids = spread_evenly(len(study.classes), layout["classes"])
    columns = {}
    indices = iter(smk.input.indices)
    for name, n_indices in layout["columns"]:
        paths = list(islice(indices, n_indices))
        chosen = [select_images(read_index(path), class_ids=class_ids, split="train", exclude_flags=[]) for path in paths]
        columns[name] = [row for table in chosen for row in table.to_pylist()]
    names = [study.classes[class_id].name for class_id in class_ids]
    save_figure(draw_contact_sheet(columns, class_ids, names, layout["images"]), smk.output.figure)


if __name__ == "__main__":
    main(snakemake)  # noqa: F821
