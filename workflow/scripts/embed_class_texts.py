"""Embed texts that say each class: its prompts in every dataset, other wordings, and kinds of picture.

Inputs: the prompt sources (through the config); the encoder's files, where it is a folder.
Outputs: table, a row a text.
"""

from types import SimpleNamespace

import numpy as np
import torch

from synthdiv.class_texts import list_texts
from synthdiv.devices import claim_device
from synthdiv.evidence import Texts, write_texts
from synthdiv.jobs import start_job
from synthdiv.open_clip_encoder import OpenClipEncoder
from synthdiv.study import Study


def main(smk: SimpleNamespace) -> None:
    """List the texts, embed them and write."""
    start_job(smk.log[0])
    torch.set_num_threads(smk.threads)
    study = Study(smk.config)
    drawn = {drawing.dataset: study.datasets[drawing.dataset] for drawing in study.drawings}
    class_ids, kinds, texts = zip(*list_texts(study.classes, drawn), strict=True)
    with claim_device(study.config["device"]) as device:
        vectors = OpenClipEncoder(smk.params.recipe["encoder"], device).embed_prompts(texts).vectors
    write_texts(Texts(np.array(class_ids), list(kinds), list(texts), vectors), smk.output.table)


if __name__ == "__main__":
    main(snakemake)  # noqa: F821
