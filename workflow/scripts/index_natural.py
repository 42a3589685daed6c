"""Index natural images, each split, and decode each once for its flags.

Inputs: the class folders, tars, Parquet or IDX files; the class table.
Outputs: index, a table with a row an image.
"""

import time
from types import SimpleNamespace

from synthdiv.image_index import write_index
from synthdiv.jobs import report_work, start_job
from synthdiv.natural import find_images, index_images
from synthdiv.study import Study


def main(smk: SimpleNamespace) -> None:
    """Index the splits."""
    start_job(smk.log[0])
    study = Study(smk.config)
    name, counts = smk.wildcards.set, smk.params.recipe["images_per_class"]
    rows, start = [], time.monotonic()
    for split in study.splits_of(name):
        rows += index_images(
            find_images(study.natural_files(name, split), study.classes),
            study.classes,
            set_name=name,
            split=split,
            count=counts.get(split),
            seed=study.seed,
            archive=study.config["archive"],
            on_undecodable=study.config["on_undecodable"],
            threads=smk.threads,
            class_ids=study.class_ids_of(name),
        )
    report_work(len(rows), time.monotonic() - start)
    write_index(smk.output.index, rows, {"set": name})


if __name__ == "__main__":
    main(snakemake)  # noqa: F821
