"""Index the images of a natural set or of a transfer set, and decode each once.

Inputs: files, the images' files or folders.
Outputs: index, one row per image; counts, a CSV of the numbers of images by class.
"""

import time
from pathlib import Path

from synthdiv.core.jobs import Script, announce, find_class_table, report_work, run_as_job
from synthdiv.images.natural_index import summarise_images, write_splits
from synthdiv.images.splits import find_splits
from synthdiv.jobs.images import IndexImages


@run_as_job(IndexImages)
def main(job: IndexImages, smk: Script) -> None:
    """Find the images of each split and index them."""
    start = time.monotonic()
    # keeps the results of decoding for the next run
    checked = Path(smk.output.index).with_suffix(".checked")
    classes, splits = find_splits(
        job.source,
        name=job.name,
        class_table=find_class_table(smk),
        digits=checked / "digits.parquet",
        seed=job.seed,
        threads=smk.threads,
    )
    number = write_splits(
        splits,
        classes,
        name=job.name,
        index=smk.output.index,
        counts=smk.output.counts,
        archive=job.archive,
        checked=checked,
        on_undecodable=job.on_undecodable,
        threads=smk.threads,
    )
    for split, (found, chosen, left_out) in splits.items():
        announce(summarise_images(job.name, split, found, chosen, left_out))
    report_work(number, time.monotonic() - start)


if __name__ == "__main__":
    main()
