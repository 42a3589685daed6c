"""Index natural images, each split, and decode each once for its flags.

Inputs: the class folders, or a folder and its labels, tars, Parquet or IDX files; the class table.
Outputs: index, a table with a row an image; counts, a CSV of what was found, a row a class.
"""

import time
from itertools import chain
from types import SimpleNamespace

import polars as pl

from synthdiv.image_index import write_index
from synthdiv.jobs import report_work, start_job
from synthdiv.natural import find_images
from synthdiv.natural_index import choose_images, count_images, index_images
from synthdiv.study import Study
from synthdiv.tables import write_table


def main(smk: SimpleNamespace) -> None:
    """Index the splits."""
    start_job(smk.log[0])
    study, start = Study(smk.config), time.monotonic()
    name, counts = smk.wildcards.set, smk.params.recipe["images_per_class"]
    lists, rows = {}, []
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
        images = index_images(
            chosen,
            study.classes,
            split=split,
            archive=study.config["archive"],
            checked=f"{smk.params.checked}/{split}",
            on_undecodable=study.config["on_undecodable"],
            threads=smk.threads,
        )
        lists[split] = found, chosen
        rows.append(images)
    number = write_index(smk.output.index, chain.from_iterable(rows), {"set": name})
    report_work(number, time.monotonic() - start)
    index = pl.read_parquet(smk.output.index, columns=["class_id", "split", "index", "flags"])
    tables = [count_images(found, chosen, index, study.classes, split) for split, (found, chosen) in lists.items()]
    write_table(pl.concat(tables), smk.output.counts)


if __name__ == "__main__":
    main(snakemake)  # noqa: F821
