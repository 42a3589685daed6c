"""Embed the prompts of a shard's classes.

Inputs: the prompt sources (through the config); the encoder's files, where it is a folder.
Outputs: table, an embedding table; where a class has one prompt, it stands in both splits.
"""

from types import SimpleNamespace

import torch

from synthdiv.devices import claim_device
from synthdiv.embeddings import write_embeddings
from synthdiv.identity import SPLITS
from synthdiv.jobs import start_job
from synthdiv.open_clip_encoder import OpenClipEncoder
from synthdiv.study import Study


def main(smk: SimpleNamespace) -> None:
    """Embed the shard's prompts."""
    start_job(smk.log[0])
    torch.set_num_threads(smk.threads)
    study = Study(smk.config)
    dataset = study.datasets[smk.wildcards.dataset]
    places = [
        (class_id, split, index)
        for class_id in study.shards[smk.wildcards.shard].class_ids
        for split in SPLITS
        for index in range(dataset.images_per_class[split] if dataset.per_image else 1)
    ]
    encoder_spec = smk.params.recipe["encoder"]
    with claim_device(study.config["device"]) as device:
        features = OpenClipEncoder(encoder_spec, device).embed_prompts([dataset.prompt(*place) for place in places])
    class_ids, splits, indices = zip(*places, strict=True)
    facts = {"encoder": encoder_spec, "open_clip": OpenClipEncoder.version, "torch": torch.__version__}
    write_embeddings(smk.output.table, class_ids, splits, indices, *features, facts)


if __name__ == "__main__":
    main(snakemake)  # noqa: F821
