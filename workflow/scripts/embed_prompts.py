"""Embed the prompts of a shard's classes.

Inputs: the prompt sources (through the config); the encoder's files, if it is a folder.
Outputs: table, an embedding table; the prompt of a class with one prompt is in both splits.
"""

from types import SimpleNamespace

import torch

from synthdiv.core.devices import claim_device
from synthdiv.core.fingerprints import SPLITS
from synthdiv.core.jobs import run_as_job
from synthdiv.embeddings.open_clip_encoder import OpenClipEncoder
from synthdiv.embeddings.table import write_embeddings
from synthdiv.plan.generation import list_shards
from synthdiv.plan.loading import load_study


@run_as_job
def main(smk: SimpleNamespace) -> None:
    """Embed the shard's prompts."""
    study = load_study(smk.config)
    dataset = study.datasets[smk.wildcards.dataset]
    places = [
        (class_id, split, index)
        for class_id in list_shards(study)[smk.wildcards.shard].class_ids
        for split in SPLITS
        for index in range(dataset.images_per_class[split] if dataset.per_image else 1)
    ]
    encoder_spec = smk.params.recipe["encoder"]
    with claim_device(study.config["device"]) as device:
        features = OpenClipEncoder(encoder_spec, device).embed_prompts([dataset.prompt(*place) for place in places])
    class_ids, splits, indices = zip(*places, strict=True)
    metadata = {"encoder": encoder_spec, "open_clip": OpenClipEncoder.version, "torch": torch.__version__}
    write_embeddings(smk.output.table, class_ids, splits, indices, *features, metadata)


if __name__ == "__main__":
    main()
