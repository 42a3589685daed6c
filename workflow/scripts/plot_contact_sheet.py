"""Plot images of every set side by side: one row per class, one column per set.

Inputs: indices of the contact sheet's sets.
Outputs: figure, a PNG.
"""

from types import SimpleNamespace

from synthdiv.core.jobs import run_as_job
from synthdiv.core.manifests import read_manifest
from synthdiv.images.index import read_index, select_images
from synthdiv.plan.loading import load_study
from synthdiv.report.figures import draw_contact_sheet, save_figure, spread_evenly


@run_as_job
def main(smk: SimpleNamespace) -> None:
    """Gather the first training images of each class and set, and save the contact sheet."""
    study = load_study(smk.config)
    layout = smk.params.sheet
    class_ids = spread_evenly(len(study.classes), layout["classes"])
    columns = {}
    for name, manifest in zip(layout["columns"], smk.input.indices, strict=True):
        indices = map(read_index, read_manifest(manifest))
        chosen = [select_images(index, class_ids=class_ids, split="train", exclude_flags=[]) for index in indices]
        columns[name] = [row for table in chosen for row in table.to_pylist()]
    names = [study.classes[class_id].name for class_id in class_ids]
    save_figure(draw_contact_sheet(columns, class_ids, names, layout["images"]), smk.output.figure)


if __name__ == "__main__":
    main()
