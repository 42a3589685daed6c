"""Embed the images of a shard's classes, of a prompt probe or of a transfer set.

Inputs: index, any index table; the encoder's files, if it is a folder.
Outputs: table, an embedding table.
"""

import time
from types import SimpleNamespace

import torch

from synthdiv.core.devices import claim_device, describe_use
from synthdiv.core.jobs import report_work, run_as_job
from synthdiv.embeddings.loading import load_encoder
from synthdiv.embeddings.table import write_embeddings
from synthdiv.images.index import check_archive, locate_images, read_index, select_images
from synthdiv.plan.generation import list_shards
from synthdiv.plan.loading import load_study


@run_as_job
def main(smk: SimpleNamespace) -> None:
    """Embed the images and write the table."""
    study = load_study(smk.config)
    recipe = smk.params.recipe
    shard = list_shards(study).get(smk.wildcards.get("shard"))
    class_ids = shard.class_ids if shard is not None else None
    rows = select_images(read_index(smk.input.index), class_ids=class_ids, exclude_flags=recipe["exclude_flags"])
    check_archive(rows, smk.input.index)
    with claim_device(study.config["device"]) as device:
        workers = smk.threads if device.type == "cuda" else 0
        encoder = load_encoder(recipe["encoder"], device)
        start = time.monotonic()
        features = encoder.embed_images(locate_images(rows), workers=workers)
        report_work(len(rows), time.monotonic() - start, **describe_use(device))
    write_embeddings(
        smk.output.table,
        rows["class_id"].to_pylist(),
        rows["split"].to_pylist(),
        rows["index"].to_pylist(),
        *features,
        {"encoder": recipe["encoder"], recipe["encoder"]["library"]: encoder.version, "torch": torch.__version__},
    )


if __name__ == "__main__":
    main()
