"""Index a transfer set, each split, and decode each image once.

Inputs: the files of torchvision's set, or the class folders or files of user-provided images; none for scikit-learn's set.
Outputs: index, one row per image; counts, a CSV of the numbers of images, one row per class.
"""

import time
from types import SimpleNamespace

from synthdiv.core.jobs import report_work, run_as_job
from synthdiv.images.natural_index import choose_images, write_splits
from synthdiv.images.transfer_index import find_transfer_images
from synthdiv.plan.loading import load_study
from synthdiv.plan.transfer import find_transfer_files, list_transfer_sets, read_transfer_classes


@run_as_job
def main(smk: SimpleNamespace) -> None:
    """List the splits and index them."""
    study, name, start = load_study(smk.config), smk.wildcards.transfer_set, time.monotonic()
    classes, images = find_transfer_images(
        list_transfer_sets(study)[name],
        name=name,
        files=find_transfer_files(study, name),
        classes=read_transfer_classes(study, name),
        digits=f"{smk.params.checked}/digits.parquet",
        seed=study.seed,
        threads=smk.threads,
    )
    splits = {}
    for split, found in images.items():
        # every class has training images; a class of one image is in no other split
        class_ids = None if split == "train" else sorted({image.class_id for image in found})
        chosen = choose_images(found, classes, set_name=name, split=split, counts=None, seed=study.seed, class_ids=class_ids)
        splits[split] = found, chosen
    number = write_splits(
        splits,
        classes,
        name=name,
        index=smk.output.index,
        counts=smk.output.counts,
        archive=study.config["archive"],
        checked=smk.params.checked,
        on_undecodable=study.config["on_undecodable"],
        threads=smk.threads,
    )
    report_work(number, time.monotonic() - start)


if __name__ == "__main__":
    main()
