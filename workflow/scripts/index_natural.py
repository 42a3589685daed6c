"""Index natural images, each split, and decode each once for its flags.

Inputs: the class folders, or a folder and its labels, tars, Parquet or IDX files; the class table.
Outputs: index, one row per image; counts, a CSV of the numbers of images, one row per class.
"""

import time
from types import SimpleNamespace

from synthdiv.core.jobs import report_work, run_as_job
from synthdiv.images.natural_index import choose_images, write_splits
from synthdiv.images.readers.sources import find_images
from synthdiv.plan.loading import load_study
from synthdiv.plan.sets import find_class_ids, find_natural_files, list_splits


@run_as_job
def main(smk: SimpleNamespace) -> None:
    """Index the splits."""
    study, start = load_study(smk.config), time.monotonic()
    name, counts = smk.wildcards.set, smk.params.recipe["images_per_class"]
    splits = {}
    for split in list_splits(study, name):
        found = find_images(
            find_natural_files(study, name, split),
            study.classes,
            threads=smk.threads,
            ignore_others=study.sets[name]["ignore_other_classes"],
        )
        chosen = choose_images(
            found,
            study.classes,
            set_name=name,
            split=split,
            counts=counts.get(split),
            seed=study.seed,
            class_ids=find_class_ids(study, name),
        )
        splits[split] = found, chosen
    number = write_splits(
        splits,
        study.classes,
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
