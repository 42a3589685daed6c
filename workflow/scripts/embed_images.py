"""Embed the images of a shard's classes, of a prompt probe or of a transfer set.

Inputs: index, any index table; the encoder's files, if it is a folder.
Outputs: table, an embedding table.
"""

import time

import torch

from synthdiv.core.devices import claim_device, describe_use
from synthdiv.core.jobs import Script, report_work, run_as_job
from synthdiv.embeddings.loading import load_encoder
from synthdiv.embeddings.table import write_embeddings
from synthdiv.images.index import check_archive, locate_images, read_index, select_images
from synthdiv.jobs.embeddings import EmbedImages


@run_as_job(EmbedImages)
def main(job: EmbedImages, smk: Script) -> None:
    """Embed the images and write the table."""
    class_ids = None if job.classes is None else range(*job.classes)
    rows = select_images(read_index(smk.input.index), class_ids=class_ids, exclude_flags=job.exclude_flags)
    check_archive(rows, smk.input.index)
    with claim_device(smk.resources.device) as device:
        workers = smk.threads if device.type == "cuda" else 0
        encoder = load_encoder(job.encoder, device)
        start = time.monotonic()
        features = encoder.embed_images(locate_images(rows), workers=workers)
        report_work(len(rows), time.monotonic() - start, **describe_use(device))
    write_embeddings(
        smk.output.table,
        rows["class_id"].to_pylist(),
        rows["split"].to_pylist(),
        rows["index"].to_pylist(),
        *features,
        {"encoder": job.encoder, job.encoder["library"]: encoder.version, "torch": torch.__version__},
    )


if __name__ == "__main__":
    main()
