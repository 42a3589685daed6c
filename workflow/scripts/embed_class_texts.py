"""Embed the texts of each class: its prompts in every dataset, other wordings, and kinds of picture.

Inputs: the prompt sources (through the config); the encoder's files, if it is a folder.
Outputs: table, one row per text.
"""

from types import SimpleNamespace

import numpy as np

from synthdiv.core.devices import claim_device
from synthdiv.core.jobs import run_as_job
from synthdiv.diagnosis.evidence import Texts, write_texts
from synthdiv.embeddings.open_clip_encoder import OpenClipEncoder
from synthdiv.plan.generation import list_generation_runs
from synthdiv.plan.loading import load_study
from synthdiv.prompts.class_texts import list_texts


@run_as_job
def main(smk: SimpleNamespace) -> None:
    """List the texts, embed them and write the table."""
    study = load_study(smk.config)
    generated = {run.dataset: study.datasets[run.dataset] for run in list_generation_runs(study)}
    class_ids, kinds, texts = zip(*list_texts(study.classes, generated), strict=True)
    with claim_device(study.config["device"]) as device:
        vectors = OpenClipEncoder(smk.params.recipe["encoder"], device).embed_prompts(texts).vectors
    write_texts(Texts(np.array(class_ids), list(kinds), list(texts), vectors), smk.output.table)


if __name__ == "__main__":
    main()
