"""Make the thumbnails of a set.

Inputs: indices, the set's.
Outputs: thumbnails, one row per image, with a digest of its file.
"""

import time

import pyarrow as pa

from synthdiv.core.jobs import Script, report_work, run_as_job
from synthdiv.core.manifests import read_manifest
from synthdiv.images.index import check_archive, read_index, select_images
from synthdiv.images.thumbnails import write_thumbnails
from synthdiv.jobs.metrics import ShrinkImages


@run_as_job(ShrinkImages)
def main(job: ShrinkImages, smk: Script) -> None:
    """Read the images and write the thumbnails."""
    tables = [read_index(path) for path in read_manifest(smk.input.indices)]
    images = select_images(pa.concat_tables(tables), exclude_flags=job.exclude_flags)
    check_archive(images, smk.input.indices)
    start = time.monotonic()
    write_thumbnails(smk.output.thumbnails, images, smk.threads)
    report_work(len(images), time.monotonic() - start)


if __name__ == "__main__":
    main()
