"""Index natural images, each split, and decode each once for its flags.

Inputs: the class folders, or a folder and its labels, tars, Parquet or IDX files; the class table.
Outputs: index, a table with a row an image; counts, a CSV of what was found, a row a class.
"""

import time
from types import SimpleNamespace

from synthdiv.jobs import report_work, start_job
from synthdiv.natural import find_images
from synthdiv.natural_index import choose_images, write_splits
from synthdiv.study import Study


def main(smk: SimpleNamespace) -> None:
    """Index the splits."""
    start_job(smk.log[0])
    study, start = Study(smk.config), time.monotonic()
    name, counts = smk.wildcards.set, smk.params.recipe["images_per_class"]
    splits = {}
    for split in study.splits_of(name):
        found = find_images(
            study.natural_files(name, split),
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
            class_ids=study.class_ids_of(name),
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
    main(snakemake)  # noqa: F821
