"""Embed the prompts of a shard's classes.

Inputs: the prompt sources (through the job); the encoder's files, if it is a folder.
Outputs: table, an embedding table; the prompt of a class with one prompt is in both splits.
"""

import torch

from synthdiv.core.devices import claim_device
from synthdiv.core.fingerprints import SPLITS
from synthdiv.core.jobs import Script, find_class_table, run_as_job
from synthdiv.embeddings.open_clip_encoder import OpenClipEncoder
from synthdiv.embeddings.table import write_embeddings
from synthdiv.jobs.embeddings import EmbedPrompts


@run_as_job(EmbedPrompts)
def main(job: EmbedPrompts, smk: Script) -> None:
    """Embed the shard's prompts."""
    dataset = job.prompts.read(find_class_table(smk), job.images_per_class)
    places = [
        (class_id, split, index)
        for class_id in job.prompts.class_ids
        for split in SPLITS
        for index in range(dataset.images_per_class[split] if dataset.per_image else 1)
    ]
    with claim_device(smk.resources.device) as device:
        features = OpenClipEncoder(job.encoder, device).embed_prompts([dataset.prompt(*place) for place in places])
    class_ids, splits, indices = zip(*places, strict=True)
    metadata = {"encoder": job.encoder, "open_clip": OpenClipEncoder.version, "torch": torch.__version__}
    write_embeddings(smk.output.table, class_ids, splits, indices, *features, metadata)


if __name__ == "__main__":
    main()
